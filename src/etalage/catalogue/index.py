"""The INDEX artefact: where every product and image of a catalogue lies. Opening and reading it.

A folder, schema 1::

    products.parquet   product_id (int64, or string), category (int64, null without a usable label),
                       image_start, image_count, file, offset, length (of the document); and title,
                       description, brand (string), price (double) where any document has them
    images.parquet     product (row in products), rank, file, offset, length, hash (16 bytes),
                       format, width, height, flag ("" or why the image cannot be used)
    categories.csv     the taxonomy, as ``taxonomy`` reads it
    issues.csv         file, offset, product_id, kind, detail: everything odd, listed
    index.json         schema, root, sources (path below root, bytes, fingerprint), hash, taxonomy
                       ("given" or "flat"), counts, fingerprint of the tables, run record

An image is a byte range of a file. Images of a product are consecutive rows, by rank. Source paths
are relative to ``root``, which is relative to the index folder: a catalogue moved together with its
index opens; where they part, ``root=`` or the environment variable ETALAGE_ROOT says where it is.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.errors import CatalogueError
from etalage.files import fingerprint, read_json

SCHEMA = 1
_RECORD = {"root": str, "sources": list, "counts": dict, "taxonomy": str, "fingerprint": str}
_REBUILD = "make the index again with: etalage index CATALOGUE... -o INDEX --yes"


class Index:
    """An opened index. Columns are read on first use and kept; images are read from their files.

    Safe to use from several threads, and cheap to pickle: a copy opens the files anew.

    Attributes:
        folder: where the index lies.
        record: the content of ``index.json``.
        sources: the catalogue files, by number.
    """

    def __init__(self, folder: Path, record: dict[str, Any], sources: list[Path]) -> None:
        self.folder = folder
        self.record = record
        self.sources = sources
        self._descriptors: dict[int, int] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Index, (self.folder, self.record, self.sources)

    def __del__(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)

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

    def _read(self, table: str, column: str) -> pa.Array:
        path = self.folder / f"{table}.parquet"
        try:
            data = pq.read_table(path, columns=[column], memory_map=True)
        except (OSError, pa.ArrowException) as error:
            raise CatalogueError(f"{path}: cannot be read: {error}", hint=_REBUILD) from error
        chunks = data.column(column).combine_chunks()
        return chunks.combine_chunks() if isinstance(chunks, pa.ChunkedArray) else chunks

    @cached_property
    def product_ids(self) -> pa.Array:
        """Ids in catalogue order, int64 or string, all different, (P,)."""
        return self._read("products", "product_id")

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """Row in the taxonomy of each product's given label, -1 where it has none, (P,)."""
        given = self._read("products", "category")
        rows = self.taxonomy.rows(given.fill_null(0).to_numpy())
        return np.where(given.is_valid().to_numpy(zero_copy_only=False), rows, -1).astype(np.int32)

    @cached_property
    def image_start(self) -> NDArray[np.int64]:
        """First image row of each product, (P,)."""
        return np.asarray(self._read("products", "image_start").to_numpy(), np.int64)

    @cached_property
    def image_count(self) -> NDArray[np.int32]:
        """Number of images of each product, (P,)."""
        return np.asarray(self._read("products", "image_count").to_numpy(), np.int32)

    @cached_property
    def image_product(self) -> NDArray[np.int32]:
        """Product row of each image, ascending, (I,)."""
        return np.asarray(self._read("images", "product").to_numpy(), np.int32)

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """The 128-bit hash of each image's bytes as two words, (I, 2)."""
        column = self._read("images", "hash")
        words = np.frombuffer(column.buffers()[1], np.uint64)
        return words[2 * column.offset :][: 2 * len(column)].reshape(-1, 2)

    @cached_property
    def readable(self) -> NDArray[np.bool_]:
        """Whether each image's header is one of a format we know, (I,)."""
        flags = self._read("images", "format").cast(pa.string())
        return np.asarray(pc.not_equal(flags, "").to_numpy(zero_copy_only=False), np.bool_)

    @cached_property
    def _ranges(self) -> tuple[NDArray[np.int16], NDArray[np.int64], NDArray[np.int32]]:
        file, offset, length = (self._read("images", name) for name in ("file", "offset", "length"))
        return file.to_numpy(), offset.to_numpy(), length.to_numpy()

    def image_bytes(self, row: int) -> bytes:
        """Return the bytes of an image, from any thread.

        Raises:
            CatalogueError: the catalogue file is gone or shorter than when it was indexed.
        """
        files, offsets, lengths = self._ranges
        length = int(lengths[row])
        data = os.pread(self._descriptor(int(files[row])), length, int(offsets[row]))
        if len(data) != length:
            raise CatalogueError(f"{self.sources[int(files[row])]}: is cut", hint=_REBUILD)
        return data

    def _descriptor(self, file: int) -> int:
        descriptor = self._descriptors.get(file)
        if descriptor is None:
            try:
                opened = os.open(self.sources[file], os.O_RDONLY)
            except OSError as error:
                message = f"{self.sources[file]}: cannot be read: {error.strerror}"
                raise CatalogueError(message) from error
            # Two threads may both have opened it: the first keeps its place.
            descriptor = self._descriptors.setdefault(file, opened)
            if descriptor != opened:
                os.close(opened)
        return descriptor


def open_index(folder: Path, *, root: Path | None = None) -> Index:
    """Open an index and check that the catalogue is still the one it was made from.

    Args:
        folder: the INDEX.
        root: where the catalogue lies, when it was moved apart from the index.

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
    base = elsewhere or folder / str(record["root"])
    sources = [Path(os.path.normpath(base / source["path"])) for source in record["sources"]]
    for source, path in zip(record["sources"], sources, strict=True):
        _check_source(folder, path, source)
    return Index(folder, record, sources)


def _check_source(folder: Path, path: Path, source: dict[str, Any]) -> None:
    if not path.is_file():
        raise CatalogueError(
            f"{path}: the catalogue of {folder} is not there",
            hint="set ETALAGE_ROOT to the folder the catalogue was moved to",
        )
    size = path.stat().st_size
    if size != source["bytes"]:
        message = f"{path}: has {size:,} bytes, {source['bytes']:,} when {folder} was made from it"
        raise CatalogueError(message, hint=_REBUILD)
    if fingerprint(path) != source["fingerprint"]:
        message = f"{path}: has changed since {folder} was made from it"
        raise CatalogueError(message, hint=_REBUILD)
