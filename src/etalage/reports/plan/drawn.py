"""The figures of a plan: shares by level, hours, errors left, risk against coverage."""

from collections.abc import Iterator

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter

from etalage.reports.figures import (
    INK,
    MARK,
    MUTED,
    PAGE,
    RULE,
    SECOND,
    canvas,
    inline,
    label,
    short,
)
from etalage.selective.plan import Plan

_COLOURS = (MARK, SECOND, MUTED, INK)
_MARKS = ("o", "s", "^", "v")
_STACK = (("leaf", MARK, 1.0), ("level2", MARK, 0.6), ("level1", MARK, 0.3), ("reviews", RULE, 1.0))
_TITLES = {"leaf": "leaf", "level2": "level 2", "level1": "level 1", "reviews": "review"}
_LEVELS = {3: "leaf", 2: "level 2", 1: "level 1"}


def draw(made: Plan) -> dict[str, Markup]:
    """Draw the figures of a plan."""
    return dict(_figures(made))


def _figures(made: Plan) -> Iterator[tuple[str, Markup]]:
    yield "shares", _shares(made)
    yield "hours", _hours(made)
    yield "errors", _errors(made)
    yield "risk", _risk(made)


def _names(made: Plan) -> list[str]:
    return [f"{100 * target.precision:.4g} %" for target in made.targets]


def _shares(made: Plan) -> Markup:
    """Draw a bar for each precision: what is answered on which level, what is reviewed."""
    with canvas(height=1.1 + 0.42 * len(made.targets)) as (figure, axes):
        rows, left = range(len(made.targets)), [0.0] * len(made.targets)
        for name, colour, strength in _STACK:
            if name in ("level2", "level1") and len(made.curves) == 1:
                continue
            parts = [
                100 * getattr(target.total, name) / max(1, target.total.products)
                for target in made.targets
            ]
            axes.barh(
                list(rows), parts, 0.62, left, color=colour, alpha=strength, edgecolor=PAGE,
                linewidth=0.8, label=_TITLES[name],
            )  # fmt: skip
            left = [start + part for start, part in zip(left, parts, strict=True)]
        axes.set_yticks(list(rows), _names(made))
        axes.set_ylim(len(made.targets) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        label(axes, "% of the products", "precision")
        figure.legend(loc="outside upper left", ncols=4, handlelength=1, borderaxespad=0)
        return inline(figure, "shares")


def _hours(made: Plan) -> Markup:
    """Draw the hours of review against the precision, a line for each number of minutes."""
    with canvas() as (figure, axes):
        rows = range(len(made.targets))
        for place, minutes in enumerate(made.minutes):
            hours = [target.total.hours[place].hours for target in made.targets]
            style = place % len(_COLOURS)
            axes.plot(
                rows, hours, color=_COLOURS[style], marker=_MARKS[style], markersize=5,
                linewidth=1.6, label=f"{minutes:g} min",
            )  # fmt: skip
        axes.set_xticks(list(rows), _names(made))
        axes.set_xlim(-0.4, len(made.targets) - 0.6)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(short))
        label(axes, "precision", "hours of review")
        figure.legend(loc="outside upper left", ncols=4, handlelength=1.4, borderaxespad=0)
        return inline(figure, "hours")


def _errors(made: Plan) -> Markup:
    """Draw the errors left against the reviews, each precision a point with its interval."""
    with canvas() as (figure, axes):
        totals = [target.total for target in made.targets]
        below = [max(0.0, total.errors - total.errors_low) for total in totals]
        above = [max(0.0, total.errors_high - total.errors) for total in totals]
        axes.errorbar(
            [total.reviews for total in totals], [total.errors for total in totals],
            yerr=[below, above], fmt="o", color=MARK, markersize=5, elinewidth=1.4,
        )  # fmt: skip
        for name, total in zip(_names(made), totals, strict=True):
            axes.annotate(
                name,
                (total.reviews, total.errors),
                (6, 4),
                textcoords="offset points",
                fontsize=8.5,
            )
        axes.margins(x=0.18)
        axes.set_ylim(bottom=0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(short))
        axes.locator_params(axis="x", nbins=5)
        label(axes, "reviews", "wrong answers left")
        return inline(figure, "errors")


def _risk(made: Plan) -> Markup:
    """Draw the share of wrong answers among the surest, a line for each level."""
    with canvas() as (figure, axes):
        for course, colour in zip(made.curves, _COLOURS, strict=False):
            coverage = [100 * point.coverage for point in course.points]
            risk = [100 * point.risk for point in course.points]
            name = _LEVELS[course.level]
            axes.plot(coverage, risk, color=colour, linewidth=1.8, label=name)
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=0)
        label(axes, "% of the products answered", "% of these wrong")
        figure.legend(loc="outside upper left", ncols=3, handlelength=1.4, borderaxespad=0)
        return inline(figure, "risk")
