"""What of a catalogue's numbers is drawn, and which of its pictures are shown."""

from collections.abc import Iterator
from typing import Any, TypeVar

from markupsafe import Markup

from etalage.reports import figures
from etalage.reports.categories import Point
from etalage.reports.copies import Frequency
from etalage.reports.drift import Share
from etalage.reports.jpegs import Tally
from etalage.reports.numbers import Bin
from etalage.reports.page import Document

_Row = TypeVar("_Row")


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
