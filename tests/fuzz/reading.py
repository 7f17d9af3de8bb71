"""What an index says of a catalogue, and what it must say."""

import csv
import re
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow.parquet as pq

import etalage
from fuzz.catalogues import Piece, Product


@dataclass(frozen=True)
class Found:
    """A product of the index and where it lies in the file."""

    start: int
    stop: int
    product: Product


@dataclass(frozen=True)
class Issue:
    """A line of ``issues.csv``."""

    offset: int
    product_id: str
    kind: str
    detail: str


def write(pieces: list[Piece], path: Path) -> None:
    path.write_bytes(b"".join(piece.data for piece in pieces))


def read_found(folder: Path, data: bytes) -> list[Found]:
    """Return the products of an index over one file, in order; its ranges must lie inside them."""
    index = etalage.open_index(folder)
    products = pq.read_table(folder / "products.parquet").to_pylist()
    images = pq.read_table(folder / "images.parquet").to_pylist()
    found = []
    for row in products:
        start, stop = row["offset"], row["offset"] + row["length"]
        rows = range(row["image_start"], row["image_start"] + row["image_count"])
        at = start
        for rank, image in zip(rows, (images[rank] for rank in rows), strict=True):
            assert at <= image["offset"] <= image["offset"] + image["length"] <= stop
            at = image["offset"] + image["length"]
            assert index.image_bytes(rank) == data[image["offset"] : at]
        contents = tuple(index.image_bytes(rank) for rank in rows)
        product = Product(str(row["product_id"]), row["category"], contents)
        found.append(Found(start, stop, product))
    return found


def read_issues(folder: Path) -> list[Issue]:
    with (folder / "issues.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Issue(int(row["offset"]), row["product_id"], row["kind"], row["detail"]) for row in rows
    ]


def claimed(pieces: list[Piece], spans: list[tuple[int, int, Product | None]]) -> set[int]:
    """Return where products start that lie between two pieces of damage, within the first's length.

    Its length field is the one thing known of it, and says that all of them are its own.
    """
    filled = [piece for piece in pieces if piece.data]
    damaged = [
        (start, start + int.from_bytes(piece.data[:4], "little", signed=True))
        for piece, (start, _, product) in zip(filled, spans, strict=True)
        if product is None
    ]
    return {
        start
        for start, _, _ in spans
        for first, end in damaged
        for second, _ in damaged
        if first < start < second < end
    }


def check(pieces: list[Piece], found: list[Found], issues: list[Issue]) -> None:
    """Check that every intact product is there as it is and that no other touches it.

    What the bytes of a file do not tell is not asked for: whole products with damage on both sides
    may have been part of a larger document, and are not believed when what follows looks so, or
    when the damage before them claims their bytes; and damage may by chance leave a whole document
    that ends just where another one does.
    """
    spans = spans_of(pieces)
    ends = {stop for _, stop, _ in spans}
    intact = {start for start, _, product in spans if product is not None}
    alone = {
        start
        for (start, _, _), before, after in zip(
            spans, [None, *spans], [*spans[1:], None], strict=False
        )
        if before and after and before[2] is None and after[2] is None
    } | claimed(pieces, spans)
    others = [each for each in found if each.start not in intact]
    for start, stop, product in spans:
        if product is None:
            continue
        over = [each for each in others if each.start < stop and start < each.stop]
        if over and all(each.start < start and each.stop in ends for each in over):
            continue
        assert not over, f"{over[0]} takes bytes of {product} at {start}"
        there = [each for each in found if each.start == start]
        if there:
            assert there == [Found(start, stop, product)]
        elif start not in alone:
            names = [each.product.product_id for each in found if each.start < start]
            assert product.product_id in names, f"{product} at {start} is not there"
            line = Issue(start, product.product_id, "duplicate id", "an earlier one counts")
            assert line in issues


def spans_of(pieces: list[Piece]) -> list[tuple[int, int, Product | None]]:
    """Return where each piece that has any bytes starts and ends."""
    stops = list(accumulate(len(piece.data) for piece in pieces))
    return [
        (stop - len(piece.data), stop, piece.product)
        for piece, stop in zip(pieces, stops, strict=True)
        if piece.data
    ]


def check_all_bytes(size: int, found: list[Found], issues: list[Issue]) -> None:
    """Check that every byte of the file is of a product or listed as damage, and none twice."""
    spans = [(each.start, each.stop) for each in found]
    for issue in issues:
        if issue.kind == "damaged document":
            skipped = re.match(r"\d+", issue.detail)
            assert skipped is not None
            spans.append((issue.offset, issue.offset + int(skipped[0])))
    spans.sort()
    for (_, stop), (start, _) in zip(spans, spans[1:], strict=False):
        assert stop <= start
    listed = {issue.kind for issue in issues}
    if not listed & {"not a product", "duplicate id"}:
        assert sum(stop - start for start, stop in spans) == size
