"""The kinds of figures of a training; style and form are those of ``etalage.reports.figures``."""

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from etalage.reports.figures import (
    INK,
    MARK,
    MUTED,
    PAGE,
    SECOND,
    canvas,
    cut,
    inline,
    label,
    short,
)
from etalage.reports.training.confidence import Column, Covered, Reliable
from etalage.reports.training.confusion import Matrix
from etalage.reports.training.groups import Group, Rate

COLOURS = (MARK, SECOND, MUTED)
_MARKS = ("o", "s", "^")
_FEW_POINTS = 40


@dataclass(frozen=True)
class Line:
    """One line of a figure; points without a number are left out."""

    name: str
    x: list[int]
    y: list[float]


def lines(name: str, drawn: list[Line], y: str, *, kept: int | None = None) -> Markup:
    """Draw numbers against the step; ``kept`` is the step whose weights were kept."""
    with canvas() as (figure, axes):
        for line, colour, mark in zip(drawn, COLOURS, _MARKS, strict=False):
            mark = mark if len(line.x) < _FEW_POINTS else ""
            axes.plot(
                line.x, line.y, color=colour, marker=mark, markersize=4, linewidth=1.6,
                label=line.name,
            )  # fmt: skip
        if kept is not None:
            axes.axvline(kept, color=INK, linewidth=1.2, linestyle=":", label="kept")
        label(axes, "step", y)
        _few_ticks(axes)
        if len(drawn) > 1 or kept is not None:
            figure.legend(loc="outside upper left", ncols=4, handlelength=1.4, borderaxespad=0)
        return inline(figure, name)


def _few_ticks(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(short))


def groups(name: str, drawn: list[Group], x: str) -> Markup:
    """Draw the accuracy of groups on every level, with its interval."""
    levels = [("leaf", "level3"), ("level 2", "level2"), ("level 1", "level1")]
    with canvas() as (figure, axes):
        for place, (title, level) in enumerate(levels):
            rates = [getattr(group, level) for group in drawn]
            if None in rates:
                continue
            at = [row + 0.16 * (place - 1) for row in range(len(rates))]
            _points(axes, at, rates, COLOURS[place], _MARKS[place], title)
        axes.set_xticks(range(len(drawn)), [group.name for group in drawn])
        axes.set_xlim(-0.6, len(drawn) - 0.4)
        axes.set_ylim(0, 102)
        axes.grid(visible=False, axis="x")
        label(axes, x, "% right")
        figure.legend(loc="outside upper left", ncols=3, handlelength=1, borderaxespad=0)
        return inline(figure, name)


def _points(
    axes: Axes, at: list[float], rates: list[Rate], colour: str, mark: str, title: str
) -> None:
    shares = [100 * rate.share for rate in rates]
    # An interval may end a rounding before the share itself.
    below = [max(0.0, 100 * (rate.share - rate.low)) for rate in rates]
    above = [max(0.0, 100 * (rate.high - rate.share)) for rate in rates]
    axes.errorbar(
        at, shares, yerr=[below, above], fmt=mark, color=colour, markersize=5, linewidth=0,
        elinewidth=1.4, label=title,
    )  # fmt: skip


def matrix(name: str, drawn: Matrix) -> Markup:
    """Draw the branches answered for products of each branch, as shares of its products."""
    side = len(drawn.names)
    with canvas(max(4.6, 2.5 + 0.24 * side), max(3.6, 1.9 + 0.24 * side)) as (figure, axes):
        for row, counts in enumerate(drawn.counts):
            held = sum(counts)
            for column, count in enumerate(counts):
                if count:
                    _cell(axes, row, column, count / held)
        names = [cut(text) for text in drawn.names]
        axes.set_xticks(range(side), names, rotation=60, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(side), names)
        axes.set_xlim(-0.5, side - 0.5)
        axes.set_ylim(side - 0.5, -0.5)
        axes.tick_params(length=0, labelsize=8)
        axes.grid(visible=False)
        axes.set_aspect("equal")
        label(axes, "answer", "given label")
        return inline(figure, name)


def _cell(axes: Axes, row: int, column: int, part: float) -> None:
    colour = MARK if row == column else SECOND
    # The root makes the few wrong ones visible beside the many right ones.
    square = Rectangle((column - 0.5, row - 0.5), 1, 1, color=colour, alpha=part**0.5, linewidth=0)
    axes.add_patch(square)


def reliability(name: str, drawn: list[Reliable]) -> Markup:
    """Draw the accuracy of answers against their confidence."""
    with canvas() as (figure, axes):
        axes.plot([0, 100], [0, 100], "--", color=MUTED, linewidth=1)
        at = [100 * each.confidence for each in drawn]
        _points(axes, at, [each.accuracy for each in drawn], MARK, "o", "")
        axes.plot(at, [100 * each.accuracy.share for each in drawn], color=MARK, linewidth=1)
        axes.set_xlim(0, 102)
        axes.set_ylim(0, 102)
        label(axes, "% confidence", "% right")
        return inline(figure, name)


def histogram(name: str, drawn: list[Column]) -> Markup:
    """Draw how many answers have which confidence, right ones below, wrong ones on top."""
    with canvas() as (figure, axes):
        left = [100 * each.low for each in drawn]
        right, wrong = [each.right for each in drawn], [each.wrong for each in drawn]
        width = 100 / len(drawn)
        style: dict[str, Any] = {"align": "edge", "edgecolor": PAGE, "linewidth": 0.8}
        axes.bar(left, right, width, color=MARK, label="right", **style)
        axes.bar(left, wrong, width, right, color=SECOND, label="wrong", **style)
        axes.set_xlim(0, 100)
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.yaxis.set_major_formatter(FuncFormatter(short))
        label(axes, "% confidence", "products")
        figure.legend(loc="outside upper left", ncols=2, handlelength=1, borderaxespad=0)
        return inline(figure, name)


def risk(name: str, drawn: list[Covered]) -> Markup:
    """Draw the share of wrong answers among the most confident ones."""
    with canvas() as (figure, axes):
        coverage = [100 * each.coverage for each in drawn]
        axes.plot(coverage, [100 * each.risk for each in drawn], color=MARK, linewidth=2)
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        label(axes, "% of the products answered", "% of these wrong")
        return inline(figure, name)
