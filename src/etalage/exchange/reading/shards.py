"""The second half of an import: the images of a listing are read, and become parts of an INDEX.

A shard is a run of products. Its files, in the folder of the job, are there whole or not at all::

    NAME.products.arrow ...   see ``catalogue.tables.parts``; ``file`` is a provisional number
    sources-NAME.arrow        number, path, bytes, fingerprint (hex) of the files that this shard is
                              the first to use; the path is absolute
    import-NAME.bson          documents of products whose images lie in no file of their own, in
                              the folder of the INDEX
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.sources import describe
from etalage.catalogue.tables.part import (
    ISSUE_FIELDS,
    PRODUCT_FIELDS,
    Issue,
    Part,
    image_issues,
    issue_table,
)
from etalage.catalogue.tables.parts import read_summary, write_parts
from etalage.exchange.listings.listing import PRODUCT, Listing
from etalage.exchange.reading.document import encode
from etalage.exchange.reading.image_rows import ImageRows, listed_flags
from etalage.exchange.reading.pictures import Origin, Pictures
from etalage.exchange.reading.places import MAX_IMAGE_BYTES, RefusedError
from etalage.exchange.reading.product_rows import ProductRows, product_rows
from etalage.files import fingerprint_of, whole_file

ROWS = 8192
"""Images of a shard, about; a product is never cut."""

ARRAYS = ("rows", "start", "copied", "source", "source_row")
_LARGEST_DOCUMENT = 16 * 2**20
_SOURCES = pa.schema(
    {"number": pa.int64(), "path": pa.string(), "bytes": pa.int64(), "fingerprint": pa.string()}
)


@dataclass(frozen=True)
class Job:
    """What all shards of an import share.

    Attributes:
        folder: where the INDEX is being written.
        work: the folder of the job in it: the listing, and the arrays of its grouping.
        output: where the INDEX will lie.
        origin: where the images are.
        hash_name: what identifies an image.
        texts: text columns.
        categories: id of each branch.
        sources: number of files that images lie in; BSON files are numbered from here.
    """

    folder: Path
    work: Path
    output: Path
    origin: Origin
    hash_name: str
    texts: tuple[str, ...]
    categories: dict[str, int]
    sources: int


@dataclass(frozen=True)
class Shard:
    """Products ``first`` to ``last``, the last one not included."""

    number: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """Its name in the folder of the job."""
        return f"{self.number:05}"


@dataclass(frozen=True)
class _Mark:
    """Where an image lies: its place and offset, the number of its file, whether it is new."""

    place: str
    offset: int
    source: int
    is_first: bool


def cut(start: NDArray[np.int64], rows: int) -> list[Shard]:
    """Cut products into shards of about ``rows`` rows; ``start`` is the grouping's."""
    edges = np.searchsorted(start, np.arange(0, start[-1], rows))
    edges = np.unique(np.append(edges, len(start) - 1)).tolist()
    pairs = zip(edges[:-1], edges[1:], strict=True)
    return [Shard(number, first, last) for number, (first, last) in enumerate(pairs)]


def read_alone(job: Job, shard: Shard) -> int:
    """Read a shard in a process of its own; return its number of rows."""
    with closing(Pictures(job.origin)) as pictures:
        return read_shard(job, pictures, shard)


def read_shard(job: Job, pictures: Pictures, shard: Shard) -> int:
    """Read the images of a shard and write its files, unless they are there; return its rows."""
    rows, start, copied, source, source_row = (
        np.load(job.work / f"{name}.npy", mmap_mode="r") for name in ARRAYS
    )
    chosen = slice(int(start[shard.first]), int(start[shard.last]))
    if read_summary(job.work, shard.name) is None:
        begins = np.array(start[shard.first : shard.last]) - chosen.start
        is_first = _is_first(rows[chosen], source[chosen], source_row)
        reading = _Reading(job, shard, pictures, np.array(copied[shard.first : shard.last]))
        part = reading.read(np.array(rows[chosen]), begins, np.array(source[chosen]), is_first)
        _write_sources(job.work / f"sources-{shard.name}.arrow", reading.sources)
        write_parts(job.work, shard.name, [part])
    return chosen.stop - chosen.start


def _is_first(
    rows: NDArray[np.int64], source: NDArray[np.int64], source_row: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which rows are the first to use their file."""
    first = np.zeros(len(rows), np.bool_)
    known = source >= 0
    first[known] = source_row[source[known]] == rows[known]
    return first


class _Reading:
    """Reads one shard."""

    def __init__(
        self, job: Job, shard: Shard, pictures: Pictures, copied: NDArray[np.bool_]
    ) -> None:
        self.sources: list[tuple[int, str, int, str]] = []  # as in the file of sources
        self._job = job
        self._bson_number = job.sources + shard.number
        self._bson = f"import-{shard.name}.bson"
        self._pictures = pictures
        self._copied = copied
        self._images = ImageRows(job.hash_name)
        self._issues: list[Issue] = []
        self._documents: list[tuple[int, int, int]] = []  # file, offset, length

    def read(
        self,
        rows: NDArray[np.int64],
        begins: NDArray[np.int64],
        source: NDArray[np.int64],
        is_first: NDArray[np.bool_],
    ) -> Part:
        """Return the part of these rows of the listing."""
        table = Listing(self._job.work / "listing.arrow").take(rows)
        products = product_rows(table, begins, self._job.categories, self._job.texts)
        owner = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(rows)))
        shown = np.flatnonzero(table["kind"].to_numpy() != PRODUCT)
        counts = np.bincount(owner[shown], minlength=len(begins))
        images = table.take(pa.array(shown))
        places, offsets = images["place"].to_pylist(), images["offset"].to_pylist()
        marks = map(_Mark, places, offsets, source[shown].tolist(), is_first[shown].tolist())
        found = zip(self._pictures.read(rows[shown], images), marks, strict=True)
        with self._open_bson() as file:
            for row, count in enumerate(counts.tolist()):
                entries = [next(found) for _ in range(count)]
                self._product(products, row, entries, file)
        return self._part(products, counts)

    @contextmanager
    def _open_bson(self) -> Iterator[BinaryIO | None]:
        if not self._copied.any():
            yield None
            return
        path = self._job.folder / self._bson
        with whole_file(path, overwrite=True) as part, part.open("wb") as file:
            yield file
        written = describe(path)
        place = str(self._job.output.resolve() / self._bson)
        self.sources.append((self._bson_number, place, written.bytes, written.fingerprint))

    def _product(
        self,
        products: ProductRows,
        row: int,
        entries: list[tuple[bytes | RefusedError, _Mark]],
        file: BinaryIO | None,
    ) -> None:
        name = products.names[row]
        images = [self._usable(name, rank, *entry) for rank, entry in enumerate(entries)]
        if not entries:
            self._list(name, "no images", "")
        if file is not None and self._copied[row]:
            self._copy(products, row, images, file)
            return
        self._documents.append((-1, 0, 0))
        for rank, (image, (_, mark)) in enumerate(zip(images, entries, strict=True)):
            self._images.add(image, rank, mark.source, max(mark.offset, 0))

    def _usable(
        self, name: str, rank: int, image: bytes | RefusedError, mark: _Mark
    ) -> bytes | None:
        if mark.is_first:
            self._describe(image, mark)
        if isinstance(image, RefusedError):
            detail = f"rank {rank}: {image.detail}" if image.detail else f"rank {rank}"
            self._list(name, image.kind, detail)
            return None
        return image

    def _describe(self, image: bytes | RefusedError, mark: _Mark) -> None:
        path = os.path.join(self._pictures.places.root, mark.place)  # noqa: PTH118  speed
        if mark.offset >= 0:
            try:
                os.close(self._pictures.places.open(mark.place))
            except RefusedError:
                return
            found = describe(Path(path))
            self.sources.append((mark.source, path, found.bytes, found.fingerprint))
        elif isinstance(image, bytes):
            self.sources.append((mark.source, path, len(image), fingerprint_of(image)))

    def _copy(
        self, products: ProductRows, row: int, images: list[bytes | None], file: BinaryIO
    ) -> None:
        """Write the document of a product, whose images then lie in it."""
        name, size = products.names[row], 0
        for rank, image in enumerate(images):
            size += len(image or b"")
            if image is not None and size > MAX_IMAGE_BYTES:
                self._list(name, "too large", f"rank {rank}: images of {size} bytes together")
                images[rank] = None
        document = encode(products.id(row), images, *products.fields(row))
        start = file.tell()
        file.write(document.data)
        self._documents.append((self._bson_number, start, len(document.data)))
        for rank, (image, offset) in enumerate(zip(images, document.offsets, strict=True)):
            self._images.add(image, rank, self._bson_number, start + offset)
        if len(document.data) > _LARGEST_DOCUMENT:
            self._list(name, "document over 16 MiB", f"{len(document.data)} bytes")

    def _list(self, name: str, kind: str, detail: str) -> None:
        self._issues.append(Issue(-1, 0, name, kind, detail))

    def _part(self, products: ProductRows, counts: NDArray[np.int64]) -> Part:
        files, offsets, lengths = np.array(self._documents, np.int64).T
        columns = {
            **products.ids,
            "category": products.category,
            "image_count": pa.array(counts.astype(np.int32)),
            "file": pa.array(files.astype(np.int32)),
            "offset": pa.array(offsets),
            "length": pa.array(lengths.astype(np.int32)),
            **products.texts,
        }
        known = [
            columns.pop(name, pa.nulls(len(counts), PRODUCT_FIELDS.field(name).type))
            for name in PRODUCT_FIELDS.names
        ]
        table = pa.table([*known, *columns.values()], [*PRODUCT_FIELDS.names, *columns])
        images = self._images.table()
        names = pa.array(products.names, pa.string())

        def listed(owners: NDArray[np.int64], kinds: pa.Array, details: pa.Array) -> pa.Table:
            none = pa.array(np.full(len(owners), -1, np.int32))
            zero = pa.array(np.zeros(len(owners), np.int64))
            given = [none, zero, names.take(pa.array(owners)), kinds, details]
            return pa.table(given, schema=ISSUE_FIELDS)

        owners = np.repeat(np.arange(len(counts)), counts)
        odd = image_issues(listed_flags(images), images["rank"].to_numpy(), owners, listed)
        issues = [issue_table([*products.issues, *self._issues]), odd]
        return Part(table, images, pa.concat_tables(issues).combine_chunks())


def _write_sources(path: Path, sources: list[tuple[int, str, int, str]]) -> None:
    rows = [dict(zip(_SOURCES.names, source, strict=True)) for source in sources]
    table = pa.Table.from_pylist(rows, schema=_SOURCES)
    with whole_file(path, overwrite=True) as part, pa.ipc.new_file(str(part), _SOURCES) as file:
        file.write_table(table)


def read_sources(job: Job, shards: list[Shard]) -> pa.Table:
    """Return the files of all shards, by number."""
    tables = [
        pa.ipc.open_file(pa.memory_map(str(job.work / f"sources-{shard.name}.arrow"))).read_all()
        for shard in shards
    ]
    table = pa.concat_tables(tables)
    ascending = (np.diff(table["number"].to_numpy()) > 0).all()
    return table if ascending else table.sort_by("number")
