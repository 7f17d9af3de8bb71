"""What an import found, before an image is read: one row for each image, on disk.

An Arrow IPC file (mapped, not read into memory) of the columns of ``FIELDS``, then the text columns
of the source. A row is an image of a product, or says only that the product exists. ``kind`` is one
of ``KINDS``:

    file     place is a path below the root; with offset and length a range of that file
    url      place is an address
    cell     place is a table, offset a row of it, length a position in the row's list
    nothing  an entry that holds no picture, though the product counts it
    product  no image: the row names a product that may have none
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.tables.part import TEXTS, Issue

KINDS = ("file", "url", "cell", "nothing", "product")
FILE, URL, CELL, NOTHING, PRODUCT = range(len(KINDS))

FIELDS = pa.schema(
    {
        "id_integer": pa.int64(),
        "id_text": pa.string(),
        "category": pa.int64(),
        "branch": pa.string(),
        "rank": pa.int64(),
        "kind": pa.int8(),
        "place": pa.string(),
        "offset": pa.int64(),
        "length": pa.int64(),
        "extra": pa.string(),
    }
)
"""``offset`` is -1 for a whole file; ``extra`` is a JSON object of further texts, or null."""

BATCH = 2**14


@dataclass(frozen=True, eq=False)
class Found:
    """Some rows of a source, in its order, and what was refused among them.

    Attributes:
        rows: table of ``FIELDS`` and the text columns of the source.
        issues: what was left out, and why.
        texts: names of texts that occur in ``extra``.
    """

    rows: pa.Table
    issues: list[Issue] = field(default_factory=list)
    texts: tuple[str, ...] = ()


def listing_schema(texts: list[str]) -> pa.Schema:
    """Return the schema of a listing with text columns of these names."""
    return pa.schema([*FIELDS, *(pa.field(name, text_type(name)) for name in texts)])


def text_type(name: str) -> pa.DataType:
    """Return the type of a text column: numbers for the price, else strings."""
    return pa.float64() if name == "price" else pa.string()


def ordered_texts(names: list[str]) -> list[str]:
    """Return names of text columns, those every catalogue has first, then as they came."""
    first = [name for name in (*TEXTS, "price") if name in names]
    return first + [name for name in dict.fromkeys(names) if name not in first]


def as_rows(columns: dict[str, pa.Array], schema: pa.Schema, count: int) -> pa.Table:
    """Return a table of ``schema``; columns that are not given are null."""
    arrays = [
        columns[name].cast(schema.field(name).type)
        if name in columns
        else pa.nulls(count, schema.field(name).type)
        for name in schema.names
    ]
    return pa.table(arrays, schema=schema)


class Listing:
    """A listing that was written, mapped into memory."""

    def __init__(self, path: Path) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(str(path)))
        sizes = [self._file.get_batch(row).num_rows for row in range(self._file.num_record_batches)]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._file.schema.names)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield some columns, batch by batch."""
        for number in range(self._file.num_record_batches):
            yield self._file.get_batch(number).select(columns)

    def column(self, name: str) -> NDArray[np.int64]:
        """Return a numeric column without nulls, (N,)."""
        parts = [batch.column(0).to_numpy() for batch in self.batches([name])]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def take(self, rows: NDArray[np.int64]) -> pa.Table:
        """Return rows in the order asked for, reading no batch twice."""
        if not len(rows):
            return self._file.schema.empty_table()
        batch_of = np.searchsorted(self._starts, rows, side="right") - 1
        order = np.argsort(batch_of, kind="stable")
        numbers, first = np.unique(batch_of[order], return_index=True)
        parts = []
        for number, chosen in zip(numbers.tolist(), np.split(order, first[1:]), strict=True):
            batch = self._file.get_batch(number)
            parts.append(batch.take(pa.array(rows[chosen] - self._starts[number])))
        position = np.empty(len(rows), np.int64)
        position[order] = np.arange(len(rows))
        return pa.Table.from_batches(parts).combine_chunks().take(pa.array(position))
