"""The page: the numbers of a report, its figures and pictures in one HTML file.

The page needs nothing from outside: style, figures and pictures stand in it. Every number is an
element ``<data value="1234" data-of="totals.images">1,234</data>``: its exact value, and the place
where the JSON has the same. Pictures are decoded and encoded anew at 180 pixels, so nothing but
pixels gets in.
"""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from etalage.catalogue.index import Index
from etalage.errors import ImageFormatError
from etalage.images.decode import decode_into, encode_jpeg

SIDE = 180
_QUALITY = 80
_DIGITS = {"decimal": 2, "fine": 3, "chance": 3}
_LEAST_CHANCE = 0.001
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))

Document = dict[str, Any]


class Pictures:
    """Pictures of an index as ``img`` elements that hold their bytes."""

    def __init__(self, index: Index, rows: Iterable[int]) -> None:
        rows = sorted(set(rows))
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


def render(
    template: str, document: Document, drawn: dict[str, Markup], pictures: Pictures | None = None
) -> str:
    """Return an HTML page.

    Args:
        template: its file; it extends ``frame.html``.
        document: the numbers, as a dictionary.
        drawn: the figures by name.
        pictures: those that the template shows, if it shows any.
    """
    environment = Environment(
        loader=PackageLoader("etalage.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    said = {
        "report": document,
        "number": lambda place, kind="whole": number(document, place, kind),
        "at": lambda place: look_up(document, place),
        "figures": drawn,
        "picture": pictures,
    }
    return environment.get_template(template).render(said)


def look_up(document: Document, place: str) -> Any:  # noqa: ANN401  whatever stands there
    """Return what stands at a place like ``levels.0.names``."""
    here: Any = document
    for step in place.split("."):
        here = here[int(step)] if isinstance(here, list) else here[step]
    return here


def number(document: Document, place: str, kind: str) -> Markup:
    """Return a number of the document as a ``data`` element; a dash where there is none."""
    value = look_up(document, place)
    if value is None:
        return Markup('<span class="quiet">–</span>')
    return Markup('<data value="{}" data-of="{}">{}</data>').format(
        value, place, text_of(value, kind)
    )


def text_of(value: float, kind: str) -> str:
    """Return a number for people.

    Args:
        value: the number.
        kind: "whole" 1,234; "share" 12.3 %; "decimal" 1.23; "fine" 1.234; "bytes" 1.2 MB;
            "plain" 1234; "chance" 0.012, at least 0.001.
    """
    if kind == "share":
        return _percent(value)
    if kind == "bytes":
        return _bytes(value)
    if kind == "plain":
        return str(value)
    if kind == "chance" and value < _LEAST_CHANCE:
        return f"< {_LEAST_CHANCE}"
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
