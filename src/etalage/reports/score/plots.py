"""The kinds of figures of a score; style and form are those of ``etalage.reports.figures``."""

from typing import Any

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from etalage.reports.figures import MARK, MUTED, SECOND, canvas, inline, label

_LEVELS = (("leaf", "level3", MARK, "o"), ("level 2", "level2", SECOND, "s"),
           ("level 1", "level1", MUTED, "^"))  # fmt: skip


def curve(name: str, top: list[dict[str, Any]]) -> Markup:
    """Draw the share of products whose leaf is among the first k answers, with its interval."""
    with canvas() as (figure, axes):
        k = [row["k"] for row in top]
        low, high = ([100 * row["interval"][end] for row in top] for end in (0, 1))
        axes.fill_between(k, low, high, color=MARK, alpha=0.2, linewidth=0)
        axes.plot(k, [100 * row["accuracy"] for row in top], color=MARK, marker="o", markersize=4)
        axes.set_xlim(0.5, max(k) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
        label(axes, "answers looked at", "% with the right leaf among them")
        return inline(figure, name)


def groups(name: str, rows: list[dict[str, Any]], key: str, x: str) -> Markup:
    """Draw the accuracy of groups on every level, of the leaf with its interval."""
    with canvas() as (figure, axes):
        for place, (title, level, colour, mark) in enumerate(_LEVELS):
            if rows[0][level] is None:
                continue
            at = [row + 0.16 * (place - 1) for row in range(len(rows))]
            shares = [100 * row[level] for row in rows]
            axes.plot(at, shares, mark, color=colour, markersize=5, label=title)
            if level == "level3":
                low, high = ([100 * row["interval"][end] for row in rows] for end in (0, 1))
                axes.vlines(at, low, high, color=colour, linewidth=1.4)
        axes.set_xticks(range(len(rows)), [str(row[key]) for row in rows])
        axes.set_xlim(-0.6, len(rows) - 0.4)
        axes.set_ylim(0, 102)
        axes.grid(visible=False, axis="x")
        label(axes, x, "% right")
        figure.legend(loc="outside upper left", ncols=3, handlelength=1, borderaxespad=0)
        return inline(figure, name)
