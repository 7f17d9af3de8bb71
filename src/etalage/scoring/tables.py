"""A score as rows of text, to be shown in a terminal."""

from etalage.scoring.accuracy import Group, Interval
from etalage.scoring.comparison import Comparison
from etalage.scoring.score import Score

Rows = list[tuple[str, ...]]
_NAMES = ("level1", "level2", "level3", "top5")
_CONFUSIONS = 5


def score_table(result: Score) -> Rows:
    """Return a header and rows to show: levels downward; all products, then by images, across."""
    groups = [Group("all", result.products, result.accuracy), *result.by_images]
    table: Rows = [("", *(_title(group.name) for group in groups))]
    table.append(("products", *(f"{group.products:,}" for group in groups)))
    for name in _NAMES:
        shares = [getattr(group.accuracy, name) for group in groups]
        if any(share is not None for share in shares):
            table.append((name, *(f"{share:.4f}" for share in shares)))
    return table


def frequency_table(result: Score) -> Rows:
    """Return a header and rows to show: how frequent the category is, products, leaf accuracy."""
    return _group_table("products of the category", result.by_frequency)


def view_table(result: Score) -> Rows:
    """Return a header and rows: leaf accuracy by deciles, by known images, by conflicts."""
    named = [
        *((_decile(group), group) for group in result.by_decile),
        *((f"{group.name} image of training", group) for group in result.by_seen),
        *((f"label {group.name}".replace("free", "conflict-free"), group)
          for group in result.by_conflict),
    ]  # fmt: skip
    rows = [(name, f"{group.products:,}", f"{group.accuracy.level3:.4f}", _ends(group.interval))
            for name, group in named]  # fmt: skip
    return [("", "products", "level3", "95 % interval"), *rows]


def _decile(group: Group) -> str:
    about = group.about
    return f"decile {group.name}, categories of {about['least']:,} to {about['most']:,} products"


def macro_table(result: Score) -> Rows:
    """Return a header and rows: the means over categories, for each level there is."""
    table: Rows = [("", "categories", "balanced", "95 % interval", "precision", "F1")]
    for name, macro in result.macro.items():
        if macro is not None:
            mean = f"{macro.balanced_accuracy:.4f}", _ends(macro.interval)
            others = f"{macro.precision:.4f}", f"{macro.f1:.4f}"
            table.append((name, f"{macro.categories:,}", *mean, *others))
    return table


def confusion_table(result: Score) -> Rows:
    """Return a header and rows: the most expensive pairs of a right leaf and another answered."""
    table: Rows = [("right", "answered", "products", "distance", "cost")]
    for pair in result.confusions.ranked[:_CONFUSIONS]:
        numbers = (f"{number:,}" for number in (pair.products, pair.distance, pair.cost))
        table.append((pair.truth, pair.answer, *numbers))
    return table


def comparison_table(found: Comparison) -> Rows:
    """Return a header and rows: how two files of answers differ, for each figure both have."""
    table: Rows = [("", "difference", "95 % interval", "only first", "only second", "p")]
    for name, paired in found.levels.items():
        if paired is not None:
            counts = (f"{paired.only_first:,}", f"{paired.only_second:,}")
            ends = " to ".join(f"{end:+.4f}" for end in paired.interval)
            table.append((name, f"{paired.difference:+.4f}", ends, *counts, f"{paired.p:.2g}"))
    return table


def sentences(result: Score) -> list[str]:
    """Return what is to be said of a score beside its tables."""
    said = [interval_sentence(result)]
    if result.corrected is not None:
        noise, low, high = result.corrected.noise, *result.corrected.interval
        said.append(
            f"With {noise.rate:.2%} of the labels wrong ({noise.low:.2%} to {noise.high:.2%}), "
            f"{result.corrected.level3:.4f} of the leaves are right ({low:.4f} to {high:.4f}), "
            "if no wrong label equals a wrong answer."
        )
    if result.audited is not None:
        said.append(interval_sentence(result.audited))
    if result.comparison is not None:
        said.append(verdict(result.comparison))
    if result.missing or result.extra:
        said.append(f"{result.missing:,} products without an answer count as wrong.")
        said.append(f"{result.extra:,} answers to other products do not count.")
    return said


def interval_sentence(result: Score) -> str:
    """Say what the leaf accuracy is, between what it lies, and against which truth."""
    drawn = "products" if result.units is None else f"{result.units:,} duplicate groups"
    labels = "blind decisions" if result.truth["labels"] == "audited" else "the given labels"
    return (
        f"Agreement with {labels} of {result.products:,} products: leaf "
        f"{result.accuracy.level3:.4f}, {_ends(result.intervals['level3'])} at 95 % "
        f"({drawn})."
    )


def verdict(found: Comparison) -> str:
    """Say whether two files of answers really differ."""
    if not found.real:
        return f"No real difference to {found.against}: it may be chance."
    which = "better" if found.better == "first" else "worse"
    return f"Really {which} than {found.against}: by more than chance explains."


def _group_table(heading: str, groups: tuple[Group, ...]) -> Rows:
    table: Rows = [(heading, "products", "level3")]
    for group in groups:
        table.append((group.name, f"{group.products:,}", f"{group.accuracy.level3:.4f}"))
    return table


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"


def _title(name: str) -> str:
    if name in ("all", "unknown"):
        return name
    return f"{name} image" if name == "1" else f"{name} images"
