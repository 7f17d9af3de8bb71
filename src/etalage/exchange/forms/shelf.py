"""The products of an index as an export wants them, a bounded batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.index import Index

BATCH_BYTES = 2**26
BATCH_PRODUCTS = 4096
_EXTENSIONS = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
_COLUMNS = ("product_id", "category", "image_start", "image_count", "file", "offset", "length")


@dataclass(frozen=True)
class Image:
    """An image of a product: its bytes, None for an entry without a picture, and a file suffix."""

    data: bytes | None
    suffix: str


@dataclass(frozen=True)
class Product:
    """A product with its images.

    Attributes:
        row: in the index.
        id: as the index has it.
        category: id, None without one.
        leaf: row in the taxonomy, -1 without a label that it has.
        texts: by name, None where it has none.
        images: by rank.
    """

    row: int
    id: int | str
    category: int | None
    leaf: int
    texts: dict[str, str | float | None]
    images: list[Image]


class Shelf:
    """Some products of an index, in its order.

    Args:
        index: where they are.
        rows: which, ascending, (N,).
    """

    def __init__(self, index: Index, rows: NDArray[np.int64]) -> None:
        self.index = index
        self.rows = rows
        self.texts = [name for name in index.columns("products") if name not in _COLUMNS]
        self._table = _RowGroups(index.folder / "products.parquet", ["category", *self.texts])
        self._lengths = index.column("images", "length").to_numpy()
        self._no_picture = _equals(index.column("images", "flag"), "no picture")
        self._format = index.column("images", "format").cast(pa.string())
        edges = np.concatenate([[0], np.cumsum(self._lengths, dtype=np.int64)])
        start = index.image_start[rows]
        self._sizes = edges[start + index.image_count[rows]] - edges[start]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def images(self) -> int:
        """Number of their images."""
        return int(self.index.image_count[self.rows].sum(dtype=np.int64))

    def cut(self, limit: int, *, most: int | None = None) -> list[slice]:
        """Cut the products into runs of at most about ``limit`` bytes of images, in order."""
        room = np.cumsum(self._sizes) // limit
        if most is not None:
            room = room * (len(self) + 1) + np.arange(len(self)) // most
        edges = [*np.flatnonzero(np.diff(room, prepend=-1)).tolist(), len(self)]
        return [slice(*pair) for pair in zip(edges[:-1], edges[1:], strict=True)]

    def products(self, chosen: slice) -> Iterator[Product]:
        """Yield some products, reading their images a batch at a time."""
        first, last = chosen.start, chosen.stop
        sizes = np.cumsum(self._sizes[first:last]) // BATCH_BYTES
        counts = np.arange(last - first) // BATCH_PRODUCTS
        begins = np.flatnonzero(
            (np.diff(sizes, prepend=-1) != 0) | (np.diff(counts, prepend=-1) != 0)
        )
        for begin, end in zip(begins, [*begins[1:], last - first], strict=True):
            yield from self._batch(self.rows[first + begin : first + end])

    def _batch(self, rows: NDArray[np.int64]) -> Iterator[Product]:
        index = self.index
        starts, counts = index.image_start[rows], index.image_count[rows].astype(np.int64)
        offsets = np.cumsum(counts) - counts
        image_rows = np.repeat(starts - offsets, counts) + np.arange(counts.sum())
        images = self._images(image_rows)
        table = self._table.take(rows)
        ids = index.product_ids.take(pa.array(rows)).to_pylist()
        category = table["category"].to_pylist()
        texts = [table[name].to_pylist() for name in self.texts]
        leaves = index.labels[rows].tolist()
        for at, (row, begin, count) in enumerate(
            zip(rows.tolist(), offsets.tolist(), counts.tolist(), strict=True)
        ):
            said = {name: column[at] for name, column in zip(self.texts, texts, strict=True)}
            shown = images[begin : begin + count]
            yield Product(row, ids[at], category[at], leaves[at], said, shown)

    def _images(self, rows: NDArray[np.int64]) -> list[Image]:
        filled = np.flatnonzero(self._lengths[rows] > 0)
        data: list[bytes | None] = [None if none else b"" for none in self._no_picture[rows]]
        found = self.index.images(rows[filled]) if len(filled) else []
        for at, image in zip(filled.tolist(), found, strict=True):
            data[at] = image
        formats = self._format.take(pa.array(rows)).to_pylist()
        suffixes = [_EXTENSIONS.get(form, ".bin") for form in formats]
        return [Image(*pair) for pair in zip(data, suffixes, strict=True)]


def _equals(column: pa.Array, word: str) -> NDArray[np.bool_]:
    words = column.dictionary.to_pylist()
    code = words.index(word) if word in words else -1
    return np.asarray(column.indices.to_numpy() == code)


class _RowGroups:
    """Columns of a Parquet file, a row group in memory at a time."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._file = pq.ParquetFile(path)
        self._columns = columns
        metadata = self._file.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self._kept: tuple[int, pa.Table] | None = None

    def take(self, rows: NDArray[np.int64]) -> pa.Table:
        """Return rows, ascending."""
        group = np.searchsorted(self._starts, rows, side="right") - 1
        numbers = np.unique(group).tolist()
        return pa.concat_tables(
            self._group(number).take(pa.array(rows[group == number] - self._starts[number]))
            for number in numbers
        )

    def _group(self, number: int) -> pa.Table:
        if self._kept is None or self._kept[0] != number:
            self._kept = number, self._file.read_row_group(number, columns=self._columns)
        return self._kept[1]
