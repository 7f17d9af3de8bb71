"""Reads pictures that lie in the cells of Parquet tables, in their order.

Tables are gone through forwards, a few rows at a time. Where products want their pictures in
another order, these are first spooled to one file (``spool.bin``, the pictures one after another;
``spool.npy``, where each begins), which is deleted with the other files of the import.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.errors import CatalogueError
from etalage.exchange.listings.listing import CELL, Listing
from etalage.exchange.listings.tables import rows_at_once
from etalage.files import whole_file

_Cell = tuple[str, int, int]


class Cells:
    """Reads cells forwards; one behind the last is found by starting its table again.

    Args:
        root: folder that the tables' paths are relative to.
        columns: name of the column of pictures of each table.
    """

    def __init__(self, root: Path, columns: dict[str, str]) -> None:
        self._root = root
        self._columns = columns
        self._place = ""
        self._first = self._stop = 0
        self._values: list[Any] = []
        self._batches: Iterator[tuple[int, list[Any]]] = iter(())

    def read(self, place: str, row: int, item: int) -> bytes:
        """Return the bytes of a picture.

        Raises:
            CatalogueError: the table is damaged or has changed.
        """
        if place != self._place or row < self._first:
            self._place, self._first, self._stop = place, row, row
            self._batches = self._from(place, row)
        try:
            while row >= self._stop:
                self._first, self._values = next(self._batches)
                self._stop = self._first + len(self._values)
            return _bytes(self._values[row - self._first], item)
        except (OSError, pa.ArrowException, StopIteration, LookupError, TypeError) as error:
            message = f"{self._root / place}: row {row} has no picture {item}: {error!r}"
            raise CatalogueError(message, hint="the table has changed: import it again") from error

    def _from(self, place: str, row: int) -> Iterator[tuple[int, list[Any]]]:
        column = self._columns[place]
        with pq.ParquetFile(self._root / place) as file:
            groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
            starts = np.concatenate([[0], np.cumsum(groups)])
            group = int(np.searchsorted(starts, row, side="right")) - 1
            at = int(starts[group])
            chosen = list(range(group, len(groups)))
            for batch in file.iter_batches(rows_at_once(file), row_groups=chosen, columns=[column]):
                if at + batch.num_rows > row:
                    yield at, batch.column(0).to_pylist()
                at += batch.num_rows


def _bytes(value: Any, item: int) -> bytes:  # noqa: ANN401  a cell of any shape
    if isinstance(value, list):
        value = value[item]
    if isinstance(value, dict):
        value = value["bytes"]
    return bytes(value)


def in_listed_order(rows: NDArray[np.int64], kind: NDArray[np.int8]) -> bool:
    """Whether the pictures in cells among ``rows`` of a listing are wanted as they were listed."""
    return bool((np.diff(rows[kind == CELL]) > 0).all())


def spool(folder: Path, listing: Listing, cells: Cells) -> "Spool":
    """Write the pictures of all cells of a listing to a file, unless that was done before."""
    data, edges = folder / "spool.bin", folder / "spool.npy"
    if not edges.is_file():
        sizes: list[int] = []
        with whole_file(data, overwrite=True) as part, part.open("wb") as file:
            sizes = [file.write(cells.read(*cell)) for cell in _cells(listing)]
        with whole_file(edges, overwrite=True) as part, part.open("wb") as file:
            np.save(file, np.cumsum([0, *sizes], dtype=np.int64))
    kind = listing.column("kind")
    return Spool(data, np.load(edges), np.cumsum(kind == CELL) - 1)


def _cells(listing: Listing) -> Iterator[_Cell]:
    for batch in listing.batches(["kind", "place", "offset", "length"]):
        kinds, *columns = (column.to_pylist() for column in batch.columns)
        for kind, *cell in zip(kinds, *columns, strict=True):
            if kind == CELL:
                place, row, item = cell
                yield place, row, item


class Spool:
    """The pictures of cells, by row of the listing."""

    def __init__(self, path: Path, edges: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        self._file = path.open("rb")
        self._edges = edges
        self._number = number

    def read(self, row: int) -> bytes:
        """Return the bytes of the picture of a row of the listing."""
        first = self._number[row]
        start, stop = self._edges[first : first + 2].tolist()
        self._file.seek(start)
        return self._file.read(stop - start)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
