"""The figures of a calibration; style and form are those of ``etalage.reports.figures``."""

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from etalage.reports.figures import MARK, MUTED, SECOND, canvas, cut, inline, label, short
from etalage.reports.page import Document

_Rows = list[dict[str, Any]]


def draw(document: Document) -> dict[str, Markup]:
    """Draw the figures for which there are numbers."""
    figures = {
        f"reliability_{when}": reliability(f"reliability_{when}", document[when]["bins"])
        for when in ("before", "after")
    }
    figures["error"] = errors("error", [document["before"], document["after"]])
    if document["coverage"]:
        aim = document["rule"]["coverage"]
        figures["coverage"] = coverage("coverage", document["coverage"], aim)
        figures["sizes"] = sizes("sizes", document["sizes"])
    return figures


def reliability(name: str, bins: _Rows) -> Markup:
    """Draw the share of right answers against the confidence, with intervals."""
    with canvas() as (figure, axes):
        axes.plot([0, 100], [0, 100], "--", color=MUTED, linewidth=1)
        at = [100 * one["confidence"] for one in bins]
        _points(axes, at, bins, "accuracy", MARK)
        axes.set_xlim(0, 102)
        axes.set_ylim(0, 102)
        label(axes, "% confidence", "% right")
        return inline(figure, name)


def _points(axes: Axes, at: list[float], rows: _Rows, key: str, colour: str) -> None:
    shares = [100 * row[key] for row in rows]
    below = [max(0.0, share - 100 * row["low"]) for share, row in zip(shares, rows, strict=True)]
    above = [max(0.0, 100 * row["high"] - share) for share, row in zip(shares, rows, strict=True)]
    axes.errorbar(
        at, shares, yerr=[below, above], fmt="o", color=colour, markersize=5, elinewidth=1.4
    )


def errors(name: str, figures: _Rows) -> Markup:
    """Draw the calibration errors with their intervals, and what perfect ones would show."""
    with canvas() as (figure, axes):
        measured = [(one["ece"], *one["ece_interval"]) for one in figures]
        perfect = [(one["ece_floor"], one["ece_floor"], one["ece_floor_high"]) for one in figures]
        for points, shift, colour, mark, name_of in (
            (measured, -0.1, MARK, "o", "measured"),
            (perfect, 0.1, SECOND, "s", "perfect probabilities"),
        ):
            middle, low, high = (100 * np.array(ends) for ends in zip(*points, strict=True))
            reach = [(middle - low).clip(min=0), (high - middle).clip(min=0)]
            at = np.arange(len(figures)) + shift
            axes.errorbar(at, middle, yerr=reach, fmt=mark, color=colour, label=name_of)
        axes.set_xticks([0, 1], ["before", "after"])
        axes.set_xlim(-0.6, 1.6)
        axes.set_ylim(bottom=0)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel("calibration error, points")
        figure.legend(loc="outside upper left", ncols=2, handlelength=1, borderaxespad=0)
        return inline(figure, name)


def coverage(name: str, rows: _Rows, aim: float) -> Markup:
    """Draw how often sets hold the truth, of all products and by branch; the aim is dashed."""
    rows = rows[:30]
    with canvas(height=1.0 + 0.24 * len(rows)) as (figure, axes):
        axes.axvline(100 * aim, color=MUTED, linewidth=1, linestyle="--")
        for place, row in enumerate(rows):
            share, low, high = (100 * row[key] for key in ("coverage", "low", "high"))
            reach = [[max(0.0, share - low)], [max(0.0, high - share)]]
            axes.errorbar(share, place, xerr=reach, fmt="o", color=MARK, markersize=5)
        axes.set_yticks(range(len(rows)), [cut(row["name"]) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(right=101)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("% of the products with the truth in their set")
        return inline(figure, name)


def sizes(name: str, rows: _Rows) -> Markup:
    """Draw how many sets hold so many categories."""
    with canvas() as (figure, axes):
        axes.bar([row["size"] for row in rows], [row["products"] for row in rows], color=MARK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.yaxis.set_major_formatter(FuncFormatter(short))
        axes.grid(visible=False, axis="x")
        label(axes, "categories in the set", "products")
        return inline(figure, name)
