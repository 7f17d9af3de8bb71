"""Reads BSON files on every core: each is cut into stretches of bytes, read side by side.

A stretch in the middle of a file begins at the first chain of whole documents in it. That this is
where the stretch before ended is checked afterwards; where it is not (a picture held documents, a
damaged one reached over the cut) the stretch is read again from the right place. So the result is
that of reading from beginning to end, whatever the stretches.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from etalage.catalogue.bson.scan import Reading, scan
from etalage.catalogue.bson.windows import find_start
from etalage.catalogue.sources import Source
from etalage.catalogue.tables.part import Part
from etalage.catalogue.tables.parts import read_summary, write_parts
from etalage.engines.local import run_shards
from etalage.progress import progress_bar

STRETCH_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Stretch:
    """The documents that start in [start, stop) of a file, and where their tables go.

    Attributes:
        path: the file.
        reading: how it is read.
        start: a document starts here, or with ``seek`` somewhere after.
        stop: where the next stretch starts.
        seek: whether ``start`` is an arbitrary place of the file.
        folder: where the parts are written.
    """

    path: Path
    reading: Reading
    start: int
    stop: int
    seek: bool
    folder: Path

    @property
    def name(self) -> str:
        """The name that its parts are written under."""
        return f"{self.reading.file:05}-{self.stop:015}"


@dataclass(frozen=True)
class Read:
    """What reading a stretch came to.

    Attributes:
        start: where its first document (or damage) starts.
        stop: where the last one ends.
        whole: where the last whole document ends, -1 without one.
    """

    start: int
    stop: int
    whole: int


def cut(
    source: Source, reading: Reading, folder: Path, *, start: int = 0, each: int = STRETCH_BYTES
) -> list[Stretch]:
    """Return the stretches of a file from ``start`` on, which must be where a document starts."""
    starts = range(start, source.bytes, each)
    return [
        Stretch(source.path, reading, at, min(at + each, source.bytes), at > start, folder)
        for at in starts
    ]


def read_stretches(stretches: list[Stretch], *, workers: int | None = None) -> dict[int, int]:
    """Read stretches, those of a file in their order, and write their parts.

    What an earlier run wrote whole is not read again.

    Args:
        stretches: of one or several files.
        workers: processes; None for one on each core.

    Returns:
        For each file number where its last whole document ends.

    Raises:
        CatalogueError: a file cannot be read or is not a BSON catalogue.
    """
    ends: dict[int, int] = {}
    whole: dict[int, int] = {}
    with progress_bar("index", sum(each.stop - each.start for each in stretches)) as advance:
        found = run_shards(read_stretch, stretches, workers=workers)
        for stretch, read in zip(stretches, found, strict=True):
            file = stretch.reading.file
            expected = ends.get(file, stretch.start)
            if read.start != expected:
                read = _read(replace(stretch, start=expected, seek=False))
            ends[file] = read.stop
            whole[file] = max(whole.get(file, stretch.start), read.whole)
            advance(stretch.stop - stretch.start)
    return whole


def read_stretch(stretch: Stretch) -> Read:
    """Read a stretch, unless its parts are there."""
    summary = read_summary(stretch.folder, stretch.name)
    return _read(stretch) if summary is None else Read(**summary)


def _read(stretch: Stretch) -> Read:
    start = stretch.start
    if stretch.seek:
        start = find_start(stretch.path, start, stretch.stop)
    ends = {"start": start, "stop": start, "whole": -1}

    def parts() -> Iterator[Part]:
        for part, stop, is_whole in scan(stretch.path, stretch.reading, start, stretch.stop):
            ends["stop"] = stop
            if is_whole:
                ends["whole"] = stop
            yield part

    def summary() -> dict[str, Any]:
        return ends

    write_parts(stretch.folder, stretch.name, parts(), summary)
    return Read(**ends)
