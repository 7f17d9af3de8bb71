"""Which files an index is made of, and from where each is to be read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from etalage.catalogue.bson.scan import Reading
from etalage.catalogue.bson.stretches import Stretch, cut
from etalage.catalogue.index import Index
from etalage.catalogue.sources import NOT_READ_ON, Source, describe
from etalage.errors import CatalogueError
from etalage.files import fingerprint

_THOROUGH = 1000
"""Of more sources than this, those of an earlier index are told apart by their size alone."""


@dataclass(frozen=True)
class File:
    """A source of an index.

    Attributes:
        source: as it is now.
        start: where reading it starts: 0, or where an earlier index ended.
        is_new: whether there is anything to read.
    """

    source: Source
    start: int = 0
    is_new: bool = True

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    def cut(self, reading: Reading, folder: Path, each: int) -> list[Stretch]:
        """Return the stretches to read."""
        if not self.is_new:
            return []
        return cut(self.source, reading, folder, start=self.start, each=each)

    def read(self, end: int | None) -> Source:
        """Return the source as the index records it; ``end``: of the last whole document."""
        if not self.is_new:
            return self.source
        return replace(self.source, read_to=self.start if end is None else end)


def files_to_read(sources: Sequence[Path], earlier: Index | None) -> list[File]:
    """Return the files of an earlier index in their order, then those named and not among them.

    Args:
        sources: files, or folders in which every ``.bson`` file counts.
        earlier: the index to be added to, or None.

    Raises:
        CatalogueError: a source is not there, or an earlier one changed otherwise than by growing.
    """
    if earlier is None:
        return [File(describe(path)) for path in _named(sources)]
    recorded = [earlier.sources.recorded(row) for row in range(len(earlier.sources))]
    files = [_as_now(source, thorough=len(recorded) <= _THOROUGH) for source in recorded]
    known = {file.path for file in files}
    named = _named(sources) if sources else []
    return files + [File(describe(path)) for path in named if path not in known]


def _as_now(source: Source, *, thorough: bool) -> File:
    path = source.path
    if not path.is_file():
        raise CatalogueError(
            f"{path}: is in the index and not there",
            hint="set ETALAGE_ROOT to the folder the catalogue was moved to",
        )
    size = path.stat().st_size
    grown = size > source.bytes and source.read_to != NOT_READ_ON
    if size != source.bytes and not grown:
        why = f"has {size:,} bytes, {source.bytes:,} when it was indexed"
        only = "this index cannot be added to" if size > source.bytes else "it did not only grow"
        raise CatalogueError(f"{path}: {why}: {only}", hint=_ANEW)
    if (thorough or grown) and fingerprint(path, source.bytes) != source.fingerprint:
        raise CatalogueError(f"{path}: has changed since it was indexed", hint=_ANEW)
    return File(describe(path), source.read_to) if grown else File(source, is_new=False)


_ANEW = "make the index again with: etalage index CATALOGUE... -o INDEX --yes"


def _named(sources: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for source in sources:
        if source.is_dir():
            files += _files_in(source)
        elif source.is_file():
            files.append(source)
        else:
            raise CatalogueError(f"{source}: is no file or folder")
    if not files:
        raise CatalogueError("no catalogue given", hint="name one or more .bson files or folders")
    return list(dict.fromkeys(path.resolve() for path in files))


def _files_in(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*.bson")) if path.is_file()]
    found = [path for path in found if not path.name.startswith("system.")]
    if not found:
        packed = any(folder.rglob("*.bson.gz"))
        hint = "unpack them first: gunzip *.bson.gz" if packed else ""
        raise CatalogueError(f"{folder}: holds no .bson file", hint=hint)
    return found
