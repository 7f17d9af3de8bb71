"""Thresholds in few words: rows of a table, and what cannot be met."""

from etalage.selective.document import Group, Thresholds
from etalage.selective.rules import Rule

_SHOWN = 5
_LEVELS = {3: "leaf", 2: "level 2", 1: "level 1"}


def thresholds_table(made: Thresholds, limit: int = 60) -> list[tuple[str, ...]]:
    """Return a header and a row for each level of each group; of many groups the largest."""
    table: list[tuple[str, ...]] = [("group", "level", "from", "tested", "wrong", "bound")]
    for group in sorted(made.groups, key=lambda group: -group.products)[:limit]:
        for rule in group.rules:
            table.append((_name(group), _LEVELS[rule.level], *_cells(rule)))
    return table


def scores_line(made: Thresholds) -> str:
    """Return in one line which score each level goes by, and its area under the curve of risk."""
    parts = [
        f"{_LEVELS[level]} by {name} (AURC {made.areas[level][name]['aurc']:.4f})"
        for level, name in made.scores.items()
    ]
    return ", ".join(parts)


def _name(group: Group) -> str:
    return f"{group.name} (rest)" if group.rest and group.level else group.name


def _cells(rule: Rule) -> tuple[str, ...]:
    found = rule.found
    at = f"{found.threshold:.6g}" if found.threshold is not None else "none"
    bound = f"{100 * found.risk:.3g} %" if found.tested else "–"
    return at, f"{found.tested:,}", f"{found.errors:,}", bound


def unmet(made: Thresholds) -> list[str]:
    """Return a sentence for each group in which nothing can be answered, the largest first.

    It says the best that there is.
    """
    groups = sorted(made.groups, key=lambda group: -group.products)
    return [_unmet(made, group) for group in groups if not group.met]


def few(sentences: list[str]) -> list[str]:
    """Return the first sentences and how many are left out."""
    left = len(sentences) - _SHOWN
    return sentences if left <= 1 else [*sentences[:_SHOWN], f"{left:,} more groups"]


def _unmet(made: Thresholds, group: Group) -> str:
    tried = [rule for rule in group.rules if rule.found.best is not None]
    target = f"at most {100 * (1 - made.precision):.3g} % errors cannot be promised"
    if not made.audited:
        target = f"at most {100 * (1 - made.precision):.3g} % disagreement cannot be had"
    if not tried:
        return f"{_name(group)}: {target}: none of its {group.products:,} products could be tested"
    best = min(tried, key=lambda rule: rule.found.risk)
    return (
        f"{_name(group)}: {target} with {group.products:,} testing products: the best is at most "
        f"{100 * best.found.risk:.3g} % on {_LEVELS[best.level]} from {made.scores[best.level]} "
        f"{best.found.best:.6g} on ({best.found.errors:,} of {best.found.tested:,} wrong)"
    )
