"""The tables of a scan, part by part on disk, and what is known across them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.scan import TEXTS, Issue, Part
from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy

# When nearly all images have one size, the others are worth a look; else sizes mean nothing.
_USUAL_SHARE = 0.9


@dataclass
class Parts:
    """What a scan found.

    Attributes:
        folder: where the parts lie.
        files: number of the source file of each part.
        issues: (number of the source file, issue).
    """

    folder: Path
    files: list[int] = field(default_factory=list)
    issues: list[tuple[int, Issue]] = field(default_factory=list)

    def add(self, file: int, part: Part) -> None:
        """Keep the tables of ``part`` on disk and its issues in memory."""
        self.issues += [(file, issue) for issue in part.issues]
        if part.products.num_rows:
            number = len(self.files)
            pq.write_table(part.products, self._path("products", number), compression="zstd")
            pq.write_table(part.images, self._path("images", number), compression="zstd")
            self.files.append(file)

    def _path(self, table: str, number: int) -> Path:
        return self.folder / f"{table}-{number:05}.parquet"

    def __iter__(self) -> Iterator[tuple[int, pa.Table, pa.Table]]:
        """Yield the number of the file, the products and the images of each part."""
        for number, file in enumerate(self.files):
            products = pq.read_table(self._path("products", number))
            yield file, products, pq.read_table(self._path("images", number))

    def column(self, table: str, name: str) -> pa.ChunkedArray:
        """Return one column over all parts."""
        paths = [self._path(table, number) for number in range(len(self.files))]
        columns = [pq.read_table(path, columns=[name]).column(name) for path in paths]
        return pa.chunked_array([chunk for column in columns for chunk in column.chunks])

    def ids(self) -> pa.Array:
        """Return every product's id: integers, or strings as soon as one of them is one."""
        integers, texts = self.column("products", "id_integer"), self.column("products", "id_text")
        if texts.null_count == len(texts):
            return _flat(integers)
        return _flat(pc.coalesce(texts, pc.cast(integers, pa.string())))

    def labels(self) -> Taxonomy:
        """Return the flat taxonomy of the labels seen."""
        labels = self.column("products", "category").drop_null()
        return flat_taxonomy(np.asarray(labels.unique().to_numpy(), np.int64))

    def texts_present(self) -> list[str]:
        """Return the text columns in which any product has a value."""
        names = [*TEXTS, "price"]
        columns = {name: self.column("products", name) for name in names}
        return [name for name in names if columns[name].null_count < len(columns[name])]

    def usual_size(self) -> tuple[int, int] | None:
        """Return the (width, height) of nearly all readable images, or None."""
        width = self.column("images", "width").to_numpy().astype(np.int64)
        height = self.column("images", "height").to_numpy().astype(np.int64)
        readable = width > 0
        if not readable.any():
            return None
        sizes, counts = np.unique((width << 32 | height)[readable], return_counts=True)
        if counts.max() < _USUAL_SHARE * readable.sum():
            return None
        usual = int(sizes[counts.argmax()])
        return usual >> 32, usual & 0xFFFFFFFF


def _flat(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return pa.concat_arrays(combined.chunks) if hasattr(combined, "chunks") else combined


def first_occurrences(ids: pa.Array) -> NDArray[np.bool_]:
    """Return which rows are the first to carry their id."""
    codes = ids.dictionary_encode().indices.to_numpy()
    first = np.zeros(len(ids), np.bool_)
    first[np.unique(codes, return_index=True)[1]] = True
    return first
