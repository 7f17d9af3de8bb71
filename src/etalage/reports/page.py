"""The page: the numbers of a report, its figures and pictures in one HTML file.

The page needs nothing from outside: style, figures and pictures stand in it. Every number is an
element ``<data value="1234" data-of="totals.images">1,234</data>``: its exact value, and the place
where the JSON has the same. Pictures are decoded and encoded anew at 180 pixels, so nothing but
pixels gets in.
"""

import base64
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from etalage.catalogue.index import Index
from etalage.errors import ImageFormatError
from etalage.images.decode import decode_into, encode_jpeg
from etalage.reports import figures
from etalage.reports.categories import Point
from etalage.reports.copies import Frequency
from etalage.reports.drift import Share
from etalage.reports.jpegs import Tally
from etalage.reports.numbers import Bin

SIDE = 180
_QUALITY = 80
_DIGITS = {"decimal": 2, "fine": 3}
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))

Document = dict[str, Any]
_Row = TypeVar("_Row")


def render(document: Document, index: Index) -> str:
    """Return the HTML page of a report.

    Args:
        document: ``Report`` as a dictionary.
        index: where the pictures come from.
    """
    environment = Environment(
        loader=PackageLoader("etalage.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    pages = {
        "report": document,
        "number": lambda place, kind="whole": number(document, place, kind),
        "at": lambda place: look_up(document, place),
        "figures": draw(document),
        "picture": Pictures(index, sorted(set(picture_rows(document)))),
    }
    return environment.get_template("report.html").render(pages)


def look_up(document: Document, place: str) -> Any:  # noqa: ANN401  whatever stands there
    """Return what stands at a place like ``levels.0.names``."""
    here: Any = document
    for step in place.split("."):
        here = here[int(step)] if isinstance(here, list) else here[step]
    return here


def number(document: Document, place: str, kind: str) -> Markup:
    """Return a number of the document as a ``data`` element."""
    value = look_up(document, place)
    return Markup('<data value="{}" data-of="{}">{}</data>').format(
        value, place, text_of(value, kind)
    )


def text_of(value: float, kind: str) -> str:
    """Return a number for people.

    Args:
        value: the number.
        kind: "whole" 1,234; "share" 12.3 %; "decimal" 1.23; "fine" 1.234; "bytes" 1.2 MB;
            "plain" 1234.
    """
    if kind == "share":
        return _percent(value)
    if kind == "bytes":
        return _bytes(value)
    if kind == "plain":
        return str(value)
    if kind in _DIGITS:
        return f"{value:,.{_DIGITS[kind]}f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _percent(value: float) -> str:
    if 0 < value < 0.0005:
        return "< 0.1 %"
    return f"{100 * value:.1f} %"


def _bytes(value: float) -> str:
    for size, unit in _UNITS:
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


def draw(document: Document) -> dict[str, Markup]:
    """Draw the figures for which there are numbers."""
    return dict(_draw_categories(document)) | dict(_draw_images(document))


def _draw_categories(document: Document) -> Iterator[tuple[str, Markup]]:
    for level in document["category_bins"]:
        if bins := _made(Bin, level["bins"]):
            name = f"level{level['level']}"
            yield name, figures.histogram(name, bins, "products of a category", "categories")
    if document["concentration"]:
        points = _made(Point, document["concentration"]["curve"])
        x, y = "% of the categories, the largest first", "% of the products"
        yield "concentration", figures.cumulative("concentration", points, x, y)


def _draw_images(document: Document) -> Iterator[tuple[str, Markup]]:
    if points := _made(Frequency, document["copies"]["frequencies"]):
        yield "copies", figures.loglog("copies", points, "copies", "different images")
    if document["resellers"] and document["resellers"]["frequencies"]:
        points = _made(Frequency, document["resellers"]["frequencies"])
        yield "resellers", figures.loglog("resellers", points, "resellers", "different images")
    headers = document["headers"]
    if bins := _made(Bin, headers["byte_bins"]):
        yield "bytes", figures.histogram("bytes", bins, "bytes of an image", "images")
    if qualities := _made(Tally, headers["qualities"]):
        yield "quality", figures.columns("quality", qualities, "JPEG quality", "images")
    for at, found in enumerate(document["drift"]["properties"] if document["drift"] else []):
        sides = document["drift"]["here"], document["drift"]["there"]
        shares = _made(Share, found["shares"])
        yield f"drift{at}", figures.pairs(f"drift{at}", shares, *sides)


def _made(kind: type[_Row], rows: list[dict[str, Any]]) -> list[_Row]:
    return [kind(**row) for row in rows]


def picture_rows(document: Document) -> Iterator[int]:
    """Return the image rows that the page shows."""
    for example in document["examples"]:
        yield from example["rows"]
    for kind in document["suspects"]["kinds"]:
        yield from kind["rows"]
    for pair in document["conflicts"]["ranked"]:
        yield from pair["rows"]
    for shown in (*document["most_copied"], *document["suspects"]["blanks"]):
        yield shown["row"]


class Pictures:
    """Pictures of an index as ``img`` elements that hold their bytes."""

    def __init__(self, index: Index, rows: list[int]) -> None:
        images = index.images(np.array(rows, np.int64))
        self._sources = {row: source_of(data) for row, data in zip(rows, images, strict=True)}

    def __call__(self, row: int, alt: str) -> Markup:
        """Return the picture of an image row, or a note where it does not decode."""
        source = self._sources[row]
        if not source:
            return Markup('<span class="missing">{} does not decode</span>').format(alt)
        return Markup('<img src="{}" alt="{}" width="{}" height="{}">').format(
            Markup(source), escape(alt), SIDE, SIDE
        )


def source_of(data: bytes) -> str:
    """Return an image's bytes as a ``data:`` address, fitted to a square; empty if damaged."""
    pixels = np.empty((SIDE, SIDE, 3), np.uint8)
    try:
        decode_into(data, pixels)
    except ImageFormatError:
        return ""
    encoded = base64.b64encode(encode_jpeg(pixels, _QUALITY)).decode("ascii")
    return f"data:image/jpeg;base64,{encoded}"
