"""Parts on disk, on their way to an INDEX: three Arrow files a batch of parts, and readers.

A folder of ``NAME.products.arrow``, ``NAME.images.arrow`` and ``NAME.issues.arrow`` (Arrow IPC
files, one record batch of each for each part) for every NAME that was written. A name is
there whole or not at all: ``NAME.json`` is written last.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from etalage.catalogue.tables.part import Part
from etalage.files import whole_file

_TABLES = ("products", "images", "issues")


class Parts(Protocol):
    """Parts that can be gone through more than once, always in the same order."""

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts."""
        ...

    def products(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the products of each part, or some of their columns."""
        ...

    def images(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the images of each part, or some of their columns."""
        ...


def write_parts(
    folder: Path, name: str, parts: Iterable[Part], summary: Callable[[], dict[str, Any]] = dict
) -> None:
    """Write parts under a name, and what ``read_summary`` shall say, asked when all are written."""
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in folder.glob(f"{name}.*"):
        earlier.unlink()
    with ExitStack() as open_files:
        writers: dict[str, pa.RecordBatchFileWriter] = {}
        for part in parts:
            for table in _TABLES:
                data: pa.Table = getattr(part, table)
                if table not in writers:
                    place = whole_file(_path(folder, name, table), sync=False)
                    path = open_files.enter_context(place)
                    sink = pa.ipc.new_file(str(path), data.schema)
                    writers[table] = open_files.enter_context(sink)
                columns = [column.combine_chunks() for column in data.columns]
                writers[table].write_batch(pa.record_batch(columns, data.schema))
    document = {"sizes": _sizes(folder, name), "summary": summary()}
    with whole_file(folder / f"{name}.json", sync=False) as file:
        file.write_text(json.dumps(document), encoding="utf-8")


def read_summary(folder: Path, name: str) -> dict[str, Any] | None:
    """Return the summary of a name that was written whole, None for one that was not.

    Files are not synced one by one, so a machine that died may have left one short: the sizes tell.
    """
    try:
        document = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if document.get("sizes") != _sizes(folder, name):
        return None
    summary: dict[str, Any] = document["summary"]
    return summary


def _sizes(folder: Path, name: str) -> dict[str, int]:
    paths = {table: _path(folder, name, table) for table in _TABLES}
    return {table: path.stat().st_size for table, path in paths.items() if path.is_file()}


class ChainedParts:
    """Parts of several makings, one after another."""

    def __init__(self, chain: Sequence[Parts]) -> None:
        self._chain = chain

    def __iter__(self) -> Iterator[Part]:
        for parts in self._chain:
            yield from parts

    def products(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the products of each part, or some of their columns."""
        for parts in self._chain:
            yield from parts.products(columns)

    def images(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the images of each part, or some of their columns."""
        for parts in self._chain:
            yield from parts.images(columns)


def _path(folder: Path, name: str, table: str) -> Path:
    return folder / f"{name}.{table}.arrow"


class StoredParts:
    """The parts of some names, in their order.

    Args:
        folder: where they were written.
        names: those to read; a name without a part is passed over.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder = folder
        self.names = [name for name in names if _path(folder, name, "products").is_file()]

    def __iter__(self) -> Iterator[Part]:
        for tables in zip(*(self._batches(table, None) for table in _TABLES), strict=True):
            yield Part(*tables)

    def products(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the products of each part, or some of their columns."""
        return self._batches("products", columns)

    def images(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the images of each part, or some of their columns."""
        return self._batches("images", columns)

    def _batches(self, table: str, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        for name in self.names:
            path = _path(self.folder, name, table)
            with pa.memory_map(str(path)) as source, _open(source, columns) as file:
                for number in range(file.num_record_batches):
                    yield pa.Table.from_batches([file.get_batch(number)])


def _open(source: pa.NativeFile, columns: Sequence[str] | None) -> pa.RecordBatchFileReader:
    """Open an Arrow file so that no other column is even read."""
    file = pa.ipc.open_file(source)
    if columns is None:
        return file
    fields = sorted(file.schema.get_field_index(name) for name in columns)
    return pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=fields))
