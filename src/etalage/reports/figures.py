"""Figures as SVG that stands inside an HTML page and follows its colour scheme.

Drawn by matplotlib with text left as text. Then colours that stand for a role become CSS variables
(``var(--ink)``), fonts become the page's, ids get the figure's name in front so that no two of a
page are equal, and what a page does not need (size, metadata, namespaces) goes. The same data give
the same bytes.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.typing import RcKeyType

from etalage.reports.categories import Point
from etalage.reports.copies import Frequency
from etalage.reports.drift import Share
from etalage.reports.jpegs import Tally
from etalage.reports.numbers import Bin

_NAMES = ("ink", "muted", "rule", "mark", "second", "page")
# Colours that stand for a role; no drawing uses them otherwise.
INK, MUTED, RULE, MARK, SECOND, PAGE = (f"#0a0b0{role}" for role in range(1, 7))
_ROLES = dict(zip((INK, MUTED, RULE, MARK, SECOND, PAGE), _NAMES, strict=True))

_STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "etalage",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_SIZE = (4.6, 3.1)
_LONGEST_NAME = 26
_TWO_DECADES = 100
_MANY_POINTS, _SMALL_POINT, _LARGE_POINT = 40, 3.2, 5.0


@contextmanager
def canvas(width: float = _SIZE[0], height: float = _SIZE[1]) -> Iterator[tuple[Figure, Axes]]:
    """Yield an empty figure of the reports' style; it must be finished within the block."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def short(number: float, _position: int | None = None) -> str:
    """Return a number as an axis shows it: 500, 2 k, 1.5 M."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"


def histogram(name: str, bins: list[Bin], x: str, y: str) -> Markup:
    """Draw how many values lie in each of some logarithmic bins."""
    with canvas() as (figure, axes):
        edges = [bin.low for bin in bins] + [bins[-1].high]
        counts = [bin.count for bin in bins]
        widths = [bin.high - bin.low for bin in bins]
        left = edges[:-1]
        axes.bar(left, counts, widths, align="edge", color=MARK, edgecolor=PAGE, linewidth=1)
        axes.set_xscale("log")
        axes.grid(visible=False, axis="x")
        axes.set_xlim(edges[0], edges[-1])
        label(axes, x, y)
        short_ticks(axes)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        if edges[-1] < _TWO_DECADES * edges[0]:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        return inline(figure, name)


def loglog(name: str, points: list[Frequency], x: str, y: str) -> Markup:
    """Draw how many (``images``) occur how often (``copies``) on two logarithmic axes."""
    with canvas() as (figure, axes):
        often, images = [point.copies for point in points], [point.images for point in points]
        size = _LARGE_POINT if len(points) < _MANY_POINTS else _SMALL_POINT
        axes.plot(often, images, "o", color=MARK, markersize=size, markeredgewidth=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(0.8, max(10, 1.6 * max(often)))
        axes.set_ylim(0.7, max(10, 2 * max(images)))
        label(axes, x, y)
        short_ticks(axes)
        return inline(figure, name)


def cumulative(name: str, points: list[Point], x: str, y: str) -> Markup:
    """Draw the share of products in the largest categories, and what an even spread would be."""
    with canvas() as (figure, axes):
        categories = [0.0, *(100 * point.categories for point in points)]
        products = [0.0, *(100 * point.products for point in points)]
        axes.plot([0, 100], [0, 100], "--", color=MUTED, linewidth=1)
        axes.plot(categories, products, color=MARK, linewidth=2)
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 102)
        label(axes, x, y)
        return inline(figure, name)


def columns(name: str, tallies: list[Tally], x: str, y: str) -> Markup:
    """Draw how many images have each value of a whole number."""
    with canvas() as (figure, axes):
        values = [int(tally.name) for tally in tallies]
        axes.bar(values, [tally.images for tally in tallies], 0.9, color=MARK)
        axes.set_xlim(min(values) - 2, max(values) + 2)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(short))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.grid(visible=False, axis="x")
        label(axes, x, y)
        return inline(figure, name)


def pairs(name: str, shares: list[Share], here: str, there: str) -> Markup:
    """Draw two distributions side by side, one bin below the other."""
    with canvas(height=0.9 + 0.26 * len(shares)) as (figure, axes):
        rows = range(len(shares))
        first, second = ([100 * getattr(s, side) for s in shares] for side in ("here", "there"))
        axes.barh([row - 0.2 for row in rows], first, 0.38, color=MARK, label=cut(here))
        axes.barh([row + 0.2 for row in rows], second, 0.38, color=SECOND, label=cut(there))
        axes.set_yticks(list(rows), [cut(share.name) for share in shares])
        axes.set_ylim(len(shares) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("%")
        figure.legend(loc="outside upper left", ncols=2, handlelength=1, borderaxespad=0)
        return inline(figure, name)


def cut(name: str) -> str:
    """Return a name short enough for an axis."""
    # A dollar sign would begin a formula.
    name = name.strip().replace("$", r"\$")
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def label(axes: Axes, x: str, y: str) -> None:
    """Name both axes."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def short_ticks(axes: Axes) -> None:
    """Let both axes show numbers as ``short`` writes them."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(short))
        axis.set_minor_locator(NullLocator())


_Replacement = str | Callable[[re.Match[str]], str]


def inline(figure: Figure, name: str) -> Markup:
    """Return the figure as an ``svg`` element to stand in a page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    changes: list[tuple[str, _Replacement]] = [
        (r"(?s)^.*?(?=<svg)", ""),
        (r"(?s)\s*<metadata>.*?</metadata>", ""),
        (r'\s(?:xmlns(?::xlink)?|version)="[^"]*"', ""),
        (r'(?<=<svg)([^>]*?) (?:height|width)="[^"]*"([^>]*?) (?:height|width)="[^"]*"', r"\1\2"),
        (r'\bid="', rf'id="{name}-'),
        (r"url\(#", f"url(#{name}-"),
        (r'xlink:href="#', f'href="#{name}-'),
        (r"font: ([\d.]+)px [^;\"]+", r"font-size: \1px"),
        ("|".join(_ROLES), lambda found: f"var(--{_ROLES[found[0]]})"),
    ]
    text = file.getvalue()
    for pattern, replacement in changes:
        text = re.sub(pattern, replacement, text)
    return Markup(text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1).strip())
