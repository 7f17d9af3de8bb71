"""The INDEX artefact: where every product and image of a catalogue lies. Opening and reading it.

A folder, schema 2::

    products.parquet   product_id (int64, or string), category (int64 as given, null without one),
                       image_start, image_count, file, offset, length (of the document; -1, 0, 0
                       without one); title, description, brand, reseller (string), price (double)
                       and any column of a products.csv (string), where any product has them
    images.parquet     product (row in products), rank, file, offset, length, hash (16 bytes),
                       format, width, height, quality (of a JPEG, 1 to 100, else 0), chroma, flag
                       ("" or why the image is odd)
    sources.parquet    the files, as ``sources`` has it
    categories.csv     the taxonomy, as ``taxonomy`` reads it
    issues.csv         file, offset, product_id, kind, detail: everything odd, listed
    index.json         schema, root, sources (their number), hash, taxonomy ("given" or "flat"),
                       counts, fingerprint of the tables, run record

An image is a byte range of a file. Images of a product are consecutive rows, by rank. Source paths
are relative to ``root``, which is relative to the index folder: a catalogue moved together with its
index opens; where they part, ``root=`` or the environment variable ETALAGE_ROOT says where it is.
"""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.hashes import words
from etalage.catalogue.mapped import MappedFiles
from etalage.catalogue.sources import Sources
from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.errors import CatalogueError
from etalage.files import read_json

SCHEMA = 2
_RECORD = {"root": str, "sources": int, "counts": dict, "taxonomy": str, "fingerprint": str}
_REBUILD = "make the index again with: etalage index CATALOGUE... -o INDEX --yes"


class Index:
    """An opened index. Columns are read on first use and kept; images are read from their files.

    Safe to use from several threads, and cheap to pickle: a copy opens the files anew.

    Attributes:
        folder: where the index lies.
        record: the content of ``index.json``.
        sources: the catalogue files, by number.
    """

    def __init__(self, folder: Path, record: dict[str, Any], sources: Sources) -> None:
        self.folder = folder
        self.record = record
        self.sources = sources
        self._files = MappedFiles(sources, _REBUILD)

    def __reduce__(self) -> tuple[Any, ...]:
        return Index, (self.folder, self.record, self.sources)

    def __len__(self) -> int:
        """Return the number of products."""
        return int(self.record["counts"]["products"])

    @property
    def fingerprint(self) -> str:
        """A hash of ids, labels, taxonomy and image hashes: what later artefacts are made from."""
        return str(self.record["fingerprint"])

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The categories: those given, else the distinct labels without names."""
        return read_taxonomy(self.folder / "categories.csv")

    def columns(self, table: str) -> list[str]:
        """Return the names of the columns of ``products`` or ``images``."""
        path = self.folder / f"{table}.parquet"
        try:
            return list(pq.read_schema(path).names)
        except (OSError, pa.ArrowException) as error:
            raise CatalogueError(f"{path}: cannot be read: {error}", hint=_REBUILD) from error

    def column(self, table: str, name: str) -> pa.Array:
        """Return a column of ``products`` or ``images``, read anew.

        Raises:
            CatalogueError: there is no such column, or the table is damaged.
        """
        path = self.folder / f"{table}.parquet"
        try:
            data = pq.read_table(path, columns=[name]).column(name)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise CatalogueError(f"{path}: cannot be read: {error}", hint=_REBUILD) from error
        chunks = data.combine_chunks()
        return chunks.combine_chunks() if isinstance(chunks, pa.ChunkedArray) else chunks

    @cached_property
    def product_ids(self) -> pa.Array:
        """Ids in catalogue order, int64 or string, all different, (P,)."""
        return self.column("products", "product_id")

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """Row in the taxonomy of each product's given label, -1 where it has none, (P,)."""
        given = self.column("products", "category")
        rows = self.taxonomy.rows(given.fill_null(0).to_numpy())
        return np.where(given.is_valid().to_numpy(zero_copy_only=False), rows, -1).astype(np.int32)

    @cached_property
    def image_start(self) -> NDArray[np.int64]:
        """First image row of each product, (P,)."""
        return np.asarray(self.column("products", "image_start").to_numpy(), np.int64)

    @cached_property
    def image_count(self) -> NDArray[np.int32]:
        """Number of images of each product, (P,)."""
        return np.asarray(self.column("products", "image_count").to_numpy(), np.int32)

    @cached_property
    def image_product(self) -> NDArray[np.int32]:
        """Product row of each image, ascending, (I,)."""
        return np.asarray(self.column("images", "product").to_numpy(), np.int32)

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """The 128-bit hash of each image's bytes as two words, (I, 2)."""
        return words(self.column("images", "hash"))

    @cached_property
    def readable(self) -> NDArray[np.bool_]:
        """Whether each image's header is one of a format we know, (I,)."""
        return np.asarray(self.column("images", "width").to_numpy() > 0)

    @cached_property
    def jpeg_side(self) -> NDArray[np.int32]:
        """Side in pixels of each image that is a square JPEG, 0 for any other, (I,)."""
        width, height = (self.column("images", name).to_numpy() for name in ("width", "height"))
        jpeg = pc.equal(self.column("images", "format"), "jpeg").to_numpy(zero_copy_only=False)
        return np.where(jpeg & (width == height), width, 0).astype(np.int32)

    @cached_property
    def ranges(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
        """File, offset and length in bytes of each image, three arrays (I,)."""
        file, offset, length = (
            self.column("images", name) for name in ("file", "offset", "length")
        )
        return file.to_numpy(), offset.to_numpy(), length.to_numpy()

    def images(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> list[bytes]:
        """Return the bytes of images, from any thread; read in the order of the files.

        Raises:
            CatalogueError: a catalogue file is gone or shorter than when it was indexed.
        """
        chosen = np.asarray(rows, np.int64)
        files, offsets, lengths = self.ranges
        return self._files.read(files[chosen], offsets[chosen], lengths[chosen])

    def image_views(self, rows: NDArray[np.int64]) -> list[bytes | memoryview]:
        """Return what ``images`` does without copying it, to be decoded at once, not to be kept.

        Where a file was cut after this call and before they are used, the process ends.
        """
        files, offsets, lengths = self.ranges
        return self._files.views(files[rows], offsets[rows], lengths[rows])

    def read_through(self, rows: NDArray[np.int64]) -> None:
        """Bring images into the system's memory, reading the files from front to back."""
        files, offsets, lengths = self.ranges
        self._files.read_through(files[rows], offsets[rows], lengths[rows])

    def image_bytes(self, row: int) -> bytes:
        """Return the bytes of one image: see ``images``."""
        return self.images([row])[0]


def open_index(folder: Path, *, root: Path | None = None, check: bool = True) -> Index:
    """Open an index and check that the catalogue is still the one it was made from.

    Args:
        folder: the INDEX.
        root: where the catalogue lies, when it was moved apart from the index.
        check: whether to look at the catalogue's files: of more than a thousand, at a thousand.

    Raises:
        CatalogueError: no index, one of another schema, or a catalogue that is absent or changed.
    """
    if not folder.is_dir():
        raise CatalogueError(f"{folder}: is no index folder", hint=_REBUILD)
    record = read_json(folder / "index.json", CatalogueError, _REBUILD)
    if record.get("schema") != SCHEMA:
        message = f"{folder}: has schema {record.get('schema')}, this version reads {SCHEMA}"
        raise CatalogueError(message, hint=_REBUILD)
    if not _RECORD.items() <= {key: type(value) for key, value in record.items()}.items():
        raise CatalogueError(f"{folder / 'index.json'}: is damaged", hint=_REBUILD)
    elsewhere = root or (Path(os.environ["ETALAGE_ROOT"]) if "ETALAGE_ROOT" in os.environ else None)
    sources = Sources(folder, elsewhere or folder / str(record["root"]))
    if check:
        sources.check(folder, _REBUILD)
    return Index(folder, record, sources)
