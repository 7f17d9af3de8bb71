"""Rows of an INDEX as parts again: what appending, merging, filtering and sampling start from."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.catalogue.tables.assemble import RECOMPUTED
from etalage.catalogue.tables.part import (
    DICTIONARIES,
    IMAGE_FIELDS,
    ISSUE_FIELDS,
    NO_IMAGES,
    NO_ISSUES,
    PRODUCT_FIELDS,
    Part,
    coded,
)

_ID = ("id_integer", "id_text")


class IndexedParts:
    """Some products of an index, in its order.

    Args:
        index: the index.
        files: new number of each of its sources, (S,).
        rows: product rows, ascending; None for all.
        issues: what is listed of them, with the new numbers of files.
    """

    def __init__(
        self,
        index: Index,
        files: NDArray[np.int32],
        rows: NDArray[np.int64] | None,
        issues: pa.Table,
    ) -> None:
        self.index = index
        self._files = np.append(files, np.int32(-1))
        self._rows = np.arange(len(index)) if rows is None else rows
        self._issues = issues

    def __iter__(self) -> Iterator[Part]:
        issues = self._issues
        for products, images in zip(self.products(), self.images(), strict=True):
            yield Part(products, images, issues)
            issues = NO_ISSUES

    def _chunks(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """Yield the row groups of products that have chosen rows: first row, end, those rows."""
        start = 0
        with pq.ParquetFile(self.index.folder / "products.parquet") as file:
            sizes = [
                file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)
            ]
        for size in sizes:
            low, high = np.searchsorted(self._rows, (start, start + size))
            yield start, start + size, self._rows[low:high]
            start += size

    def products(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the products of each part, or some of their columns."""
        there = self.index.columns("products")
        extra = [name for name in there if name not in (*PRODUCT_FIELDS.names, *_NOT_PARTS)]
        wanted = [*PRODUCT_FIELDS.names, *extra] if columns is None else list(columns)
        stored = {"product_id" if name in _ID else name for name in wanted} & set(there)
        with pq.ParquetFile(self.index.folder / "products.parquet") as file:
            for number, (start, _, rows) in enumerate(self._chunks()):
                table = file.read_row_group(number, columns=sorted(stored))
                yield self._as_part(table.take(pa.array(rows - start)), wanted)

    def _as_part(self, table: pa.Table, wanted: Sequence[str]) -> pa.Table:
        columns = {}
        for name in wanted:
            kind = PRODUCT_FIELDS.field(name).type if name in PRODUCT_FIELDS.names else pa.string()
            given = "product_id" if name in _ID else name
            absent = given not in table.column_names
            if absent or (name in _ID and table[given].type != kind):
                columns[name] = pa.nulls(table.num_rows, kind)
            else:
                columns[name] = table[given]
        return self._renumbered(pa.table(columns))

    def _renumbered(self, table: pa.Table) -> pa.Table:
        if "file" not in table.column_names:
            return table
        files = pa.array(self._files[table["file"].to_numpy()])
        return table.set_column(table.schema.get_field_index("file"), "file", files)

    def images(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the images of each part, or some of their columns."""
        wanted = list(columns or IMAGE_FIELDS.names)
        starts, counts = self.index.image_start, self.index.image_count
        with _Rows(self.index.folder / "images.parquet", wanted) as stored:
            for _, _, rows in self._chunks():
                each = counts[rows].astype(np.int64)
                if not each.sum():
                    yield NO_IMAGES.select(wanted)
                    continue
                first, end = int(starts[rows[0]]), int(starts[rows[-1]] + each[-1])
                ranks = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
                chosen = np.repeat(starts[rows] - first, each) + ranks
                table = stored.read(first, end).take(pa.array(chosen))
                yield self._renumbered(_recoded(table.select(wanted)))


_NOT_PARTS = ("product_id", "image_start")


def _recoded(images: pa.Table) -> pa.Table:
    """Give coded columns the one dictionary of all parts: Parquet keeps one of its own."""
    for name in DICTIONARIES.keys() & set(images.column_names):
        names = DICTIONARIES[name]
        positions = pc.index_in(images[name].cast(pa.string()), pa.array(names))
        column = coded(positions.combine_chunks().to_numpy(), names)
        images = images.set_column(images.schema.get_field_index(name), name, column)
    return images


class _Rows:
    """Reads ranges of rows of a Parquet file, one after another."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._file = pq.ParquetFile(path)
        self._columns = columns
        sizes = [
            self._file.metadata.row_group(number).num_rows
            for number in range(self._file.num_row_groups)
        ]
        self._ends = np.cumsum(sizes)
        self._held: dict[int, pa.Table] = {}

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, first: int, end: int) -> pa.Table:
        """Return the rows [first, end)."""
        low, high = np.searchsorted(self._ends, (first, max(first, end - 1)), side="right")
        groups = range(int(low), int(high) + 1)
        self._held = {
            number: self._held[number]
            if number in self._held
            else self._file.read_row_group(number, columns=self._columns)
            for number in groups
        }
        start = int(self._ends[low - 1]) if low else 0
        return pa.concat_tables(self._held.values()).slice(first - start, end - first)


def read_issues(index: Index, files: NDArray[np.int32]) -> pa.Table:
    """Return what an index lists, but for what is found anew whenever an index is written."""
    number = {name: int(files[row]) for row, name in enumerate(index.sources.names.to_pylist())}
    columns: list[list[object]] = [[], [], [], [], []]
    with (index.folder / "issues.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] not in RECOMPUTED:
                values = (number.get(row["file"], -1), int(row["offset"]), row["product_id"])
                for column, value in zip(
                    columns, (*values, row["kind"], row["detail"]), strict=True
                ):
                    column.append(value)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, ISSUE_FIELDS, strict=True)],
        schema=ISSUE_FIELDS,
    )


def issues_of(issues: pa.Table, ids: pa.Array) -> pa.Table:
    """Return the issues of some products."""
    return issues.filter(pc.is_in(issues["product_id"], ids.cast(pa.string())))
