"""The files of an import, numbered without gaps once it is known which could be read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa

from etalage.catalogue.sources import NOT_READ_ON, Source
from etalage.catalogue.tables.part import Part
from etalage.catalogue.tables.parts import StoredParts

_BATCH = 2**16


class FileNumbers(Sequence[Source]):
    """The files that were read, as ``assemble`` wants them, each made when asked for.

    Args:
        table: number, path, bytes, fingerprint, ascending by number.
        total: provisional numbers are less than this.
    """

    def __init__(self, table: pa.Table, total: int) -> None:
        self._table = table
        self._number = np.full(total + 1, -1, np.int32)
        self._number[table["number"].to_numpy()] = np.arange(len(table))

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, row: int) -> Source: ...
    @overload
    def __getitem__(self, row: slice) -> list[Source]: ...
    def __getitem__(self, row: int | slice) -> Source | list[Source]:
        """Return the file of a number."""
        if isinstance(row, slice):
            return [self[at] for at in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return next(_sources(self._table.slice(row % len(self), 1)))

    def __iter__(self) -> Iterator[Source]:
        """Yield the files, some at a time."""
        for first in range(0, len(self), _BATCH):
            yield from _sources(self._table.slice(first, _BATCH))

    def products(self, table: pa.Table) -> pa.Table:
        """Return products with the final numbers in their column ``file``; -1 stays."""
        return self._renumbered(table, -1)

    def images(self, table: pa.Table) -> pa.Table:
        """Return images likewise; one that lies nowhere gets file 0, of which it is no byte."""
        return self._renumbered(table, 0)

    def _renumbered(self, table: pa.Table, nowhere: int) -> pa.Table:
        if "file" not in table.column_names:
            return table
        final = self._number[table["file"].to_numpy()]
        final = pa.array(np.where(final < 0, np.int32(nowhere), final))
        return table.set_column(table.schema.get_field_index("file"), "file", final)


def _sources(table: pa.Table) -> Iterator[Source]:
    columns = (table[name].to_pylist() for name in ("path", "bytes", "fingerprint"))
    for path, size, digest in zip(*columns, strict=True):
        yield Source(Path(path), size, digest, NOT_READ_ON)


class Renumbered:
    """Parts with the final numbers of their files."""

    def __init__(self, parts: StoredParts, numbers: FileNumbers) -> None:
        self._parts = parts
        self._numbers = numbers

    def __iter__(self) -> Iterator[Part]:
        for part in self._parts:
            products = self._numbers.products(part.products)
            images = self._numbers.images(part.images)
            yield replace(part, products=products, images=images)

    def products(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield some columns of the products of each part."""
        return map(self._numbers.products, self._parts.products(columns))

    def images(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield some columns of the images of each part."""
        return map(self._numbers.images, self._parts.images(columns))
