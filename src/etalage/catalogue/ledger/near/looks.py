"""Looks at every distinct image of a catalogue, in processes, part by part.

A part is a NumPy file ``look-NNNNN.npy`` of ``images.perceptual.LOOK``, written whole: a job that
is killed goes on after the last one. Parts do not depend on the number of processes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index, open_index
from etalage.engines.local import run_shards
from etalage.files import whole_file
from etalage.images.perceptual import LOOK, TONES, WORDS, look_at
from etalage.progress import progress_bar

PART_IMAGES = 16_384
_AT_ONCE = 512


@dataclass(frozen=True, eq=False)
class Looks:
    """What D images look like, see ``images.perceptual``.

    Attributes:
        bits: which of 256 cosine frequencies it has, (D, 8).
        tones: mean colours of 6 x 6 cells, (D, 108).
        contrast: standard deviation of the brightness, (D,).
        state: why an image cannot be compared, a position in ``STATES``, 0 where it can, (D,).
    """

    bits: NDArray[np.uint32]
    tones: NDArray[np.uint8]
    contrast: NDArray[np.uint8]
    state: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.bits)


@dataclass(frozen=True, eq=False)
class _Shard:
    """Image rows of an index to look at, and the part to write."""

    folder: Path
    root: Path
    written: int
    rows: NDArray[np.int64]
    part: Path


def look_at_images(
    index: Index, rows: NDArray[np.int64], folder: Path, *, workers: int | None = None
) -> Looks:
    """Look at images of an index.

    Args:
        index: the catalogue.
        rows: image rows, (D,).
        folder: where the parts go; those that are there are believed.
        workers: processes; None for one on each core.
    """
    folder.mkdir(exist_ok=True)
    written = (index.folder / "index.json").stat().st_mtime_ns
    starts = range(0, len(rows), PART_IMAGES)
    shards = [
        _Shard(
            index.folder,
            index.sources.base,
            written,
            rows[start : start + PART_IMAGES],
            folder / f"look-{number:05}.npy",
        )
        for number, start in enumerate(starts)
    ]
    missing = [shard for shard in shards if not shard.part.exists()]
    with progress_bar("looking", len(missing)) as advance:
        for _ in run_shards(_look, missing, workers=workers):
            advance(1)
    return _gather(shards, len(rows))


@lru_cache(maxsize=1)
def _opened(folder: Path, root: Path, written: int) -> Index:
    """Open an index once for all shards of a process; ``written`` tells it from an earlier one."""
    return open_index(folder, root=root, check=False)


def _look(shard: _Shard) -> None:
    index = _opened(shard.folder, shard.root, shard.written)
    looks = np.empty(len(shard.rows), LOOK)
    for start in range(0, len(looks), _AT_ONCE):
        some = shard.rows[start : start + _AT_ONCE]
        looks[start : start + len(some)] = look_at(index.images(some))
    with whole_file(shard.part) as path, path.open("wb") as file:
        np.save(file, looks)


def _gather(shards: list[_Shard], total: int) -> Looks:
    """Read the parts one after the other into one array of each kind."""
    looks = Looks(
        bits=np.empty((total, WORDS), np.uint32),
        tones=np.empty((total, TONES), np.uint8),
        contrast=np.empty(total, np.uint8),
        state=np.empty(total, np.uint8),
    )
    start = 0
    for shard in shards:
        part = np.load(shard.part)
        end = start + len(part)
        looks.bits[start:end], looks.tones[start:end] = part["bits"], part["tones"]
        looks.contrast[start:end], looks.state[start:end] = part["contrast"], part["state"]
        start = end
    return looks
