"""``sources.parquet``: the files an index was made from; there may be millions of plain images.

Columns::

    path         string, relative to the root of the index, with forward slashes
    bytes        int64
    fingerprint  16 bytes: see ``files.fingerprint``
    read_to      int64: where reading a BSON file goes on when it has grown (the end of its last
                 whole document); -1 for a file of another kind
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import overload

import pyarrow as pa
import pyarrow.parquet as pq

from etalage.errors import CatalogueError
from etalage.files import fingerprint

NAME = "sources.parquet"
NOT_READ_ON = -1
_BATCH = 2**16
_SCHEMA = pa.schema(
    {
        "path": pa.string(),
        "bytes": pa.int64(),
        "fingerprint": pa.binary(16),
        "read_to": pa.int64(),
    }
)
_CHECKED = 1000
"""Of more sources than this only so many, evenly spaced, are looked at when an index is opened."""


@dataclass(frozen=True)
class Source:
    """A file, as it was read."""

    path: Path
    bytes: int
    fingerprint: str
    read_to: int


def describe(path: Path) -> Source:
    """Return a file as it is now, nothing read of it yet."""
    size = path.stat().st_size
    return Source(path, size, fingerprint(path, size), NOT_READ_ON)


def relative(path: Path, base: Path) -> str:
    """Return ``path`` relative to the folder ``base``, with forward slashes; both absolute."""
    text, inside = str(path), f"{base}{os.sep}"
    if text.startswith(inside) and ".." not in text:  # millions of them: relpath takes its time
        return text[len(inside) :].replace(os.sep, "/")
    return Path(os.path.relpath(path, base)).as_posix()


def write_sources(folder: Path, sources: Sequence[Source], base: Path) -> pa.Array:
    """Write the table, and return its column of paths."""
    every = iter(sources)
    paths = [pa.array([], pa.string())]
    with pq.ParquetWriter(folder / NAME, _SCHEMA, compression="zstd") as file:
        while some := list(islice(every, _BATCH)):
            paths.append(pa.array([relative(source.path, base) for source in some], pa.string()))
            columns = [
                paths[-1],
                [source.bytes for source in some],
                [bytes.fromhex(source.fingerprint) for source in some],
                [source.read_to for source in some],
            ]
            file.write_table(pa.table(columns, schema=_SCHEMA))
    return pa.concat_arrays(paths)


class Sources(Sequence[Path]):
    """The files of an index, by number; their paths are made when asked for.

    Args:
        folder: the INDEX.
        base: what their paths are relative to.

    Raises:
        CatalogueError: the table cannot be read.
    """

    def __init__(self, folder: Path, base: Path) -> None:
        self.base = base
        try:
            self._table = pq.read_table(folder / NAME).combine_chunks()
        except (OSError, pa.ArrowException) as error:
            raise CatalogueError(f"{folder / NAME}: cannot be read: {error}") from error

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, number: int) -> Path: ...
    @overload
    def __getitem__(self, number: slice) -> list[Path]: ...

    def __getitem__(self, number: int | slice) -> Path | list[Path]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        return Path(os.path.normpath(self.base / self._table["path"][number].as_py()))

    @property
    def names(self) -> pa.ChunkedArray:
        """Their paths relative to the root."""
        return self._table["path"]

    def __iter__(self) -> Iterator[Path]:
        return (self[number] for number in range(len(self)))

    def recorded(self, number: int) -> Source:
        """Return a source as it was when it was read."""
        row = self._table.slice(number, 1).to_pylist()[0]
        return Source(self[number], row["bytes"], row["fingerprint"].hex(), row["read_to"])

    def check(self, folder: Path, hint: str) -> None:
        """Compare the files (of very many, some of them) with what they were.

        Raises:
            CatalogueError: one is absent or has changed.
        """
        count = min(len(self), _CHECKED)
        for number in range(count):
            _check(folder, self.recorded(number * len(self) // count), hint)


def _check(folder: Path, source: Source, hint: str) -> None:
    path = source.path
    if not path.is_file():
        raise CatalogueError(
            f"{path}: the catalogue of {folder} is not there",
            hint="set ETALAGE_ROOT to the folder the catalogue was moved to",
        )
    size = path.stat().st_size
    if size != source.bytes:
        message = f"{path}: has {size:,} bytes, {source.bytes:,} when {folder} was made from it"
        grown = "add what is new with: etalage index --append -o INDEX"
        raise CatalogueError(message, hint=grown if size > source.bytes else hint)
    if fingerprint(path) != source.fingerprint:
        raise CatalogueError(f"{path}: has changed since {folder} was made from it", hint=hint)
