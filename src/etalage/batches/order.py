"""In which order the products of an epoch come, and in which batches.

An order is known before it starts, so any batch of it can be had directly: a run that was stopped
after batch k goes on with ``batches.after(k)``, and several processes each take their ``share``.

A ``global`` shuffle knows no places. A ``window`` shuffle reads the files nearly from front to
back, for a disk that is slow at random places: products in the order of the files are cut into
stretches of some 64 MiB of pictures, the stretches come in a random order, and each product then
moves back by a random part of sixteen times as much. So a batch has products of up to sixteen
stretches (of fewer in the first and the last of an epoch), and what it needs was just read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from etalage.catalogue.index import Index
from etalage.errors import ConfigError

STRETCH = 2**26
_WINDOW = 16
"""Stretches that the products of a batch come from."""
SHUFFLES = ("global", "window")


@dataclass(frozen=True, eq=False)
class Batches:
    """Product rows cut into batches; the last one may be smaller.

    Attributes:
        rows: product rows in the order they come, of all processes, shape (P,), int64.
        size: products in a batch, of all processes together.
        stretch: of a window order, which stretch each product lies in, numbered in the order in
            which they are read, shape (P,); else None.
        rank: which of ``of`` processes this is.
        of: processes that share each batch.
    """

    rows: NDArray[np.int64]
    size: int
    stretch: NDArray[np.int32] | None = None
    rank: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"a batch of {self.size} products: at least 1 is needed")
        if not 0 <= self.rank < self.of:
            raise ConfigError(f"process {self.rank} of {self.of}: 0 to {self.of - 1} are there")

    def __len__(self) -> int:
        return (len(self.rows) + self.size - 1) // self.size

    def __getitem__(self, number: int) -> NDArray[np.int64]:
        if not 0 <= number < len(self):
            raise IndexError(f"batch {number} of {len(self)}")
        whole = self.rows[number * self.size : (number + 1) * self.size]
        return whole[self.rank :: self.of]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self[number] for number in range(len(self)))

    def after(self, done: int) -> "Batches":
        """Return what is left after the first ``done`` batches."""
        first = done * self.size
        stretch = None if self.stretch is None else self.stretch[first:]
        return replace(self, rows=self.rows[first:], stretch=stretch)

    def share(self, rank: int, of: int) -> "Batches":
        """Return what process ``rank`` of ``of`` takes of each batch: every ``of``-th product.

        All have the same number of batches; of a small last one some may get nothing.

        Raises:
            ConfigError: ``rank`` is not one of 0 to ``of`` - 1.
        """
        return replace(self, rank=rank, of=of)


def in_order(rows: ArrayLike, size: int) -> Batches:
    """Return ``rows`` as they stand, ``size`` to a batch."""
    return Batches(np.asarray(rows, np.int64), size)


def shuffled(rows: ArrayLike, size: int, *, seed: int, epoch: int) -> Batches:
    """Return ``rows`` in a random order that depends on ``seed`` and ``epoch`` only."""
    return Batches(_generator(seed, epoch).permutation(np.asarray(rows, np.int64)), size)


def epoch_order(
    index: Index,
    rows: ArrayLike,
    size: int,
    *,
    seed: int,
    epoch: int,
    shuffle: str,
    stretch: int = STRETCH,
) -> Batches:
    """Return ``rows`` in the random order of an epoch, which depends on ``seed`` and ``epoch``.

    Args:
        index: the index the rows are of.
        rows: product rows, (P,).
        size: products in a batch.
        seed: of the training.
        epoch: counts from 0.
        shuffle: ``global``, or ``window`` for a disk that is slow at random places. Pictures that
            take no more than sixteen stretches are shuffled globally in any case.
        stretch: bytes of pictures in a stretch.

    Raises:
        ConfigError: no such shuffle.
    """
    if shuffle not in SHUFFLES:
        raise ConfigError(f"shuffle is {shuffle!r}: {' or '.join(SHUFFLES)} is needed")
    rows = np.asarray(rows, np.int64)
    if shuffle == "global" or _bytes(index, rows).sum() <= _WINDOW * stretch:
        return shuffled(rows, size, seed=seed, epoch=epoch)
    rows = rows[_by_place(index, rows)]
    weight = _bytes(index, rows)
    turn, come = _window(weight, stretch, _generator(seed, epoch))
    return Batches(rows[come], size, turn[come])


def _window(
    weight: NDArray[np.int64], stretch: int, generator: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return of products in the order of the files the turn of their stretch, and their order."""
    # Of a product larger than a stretch some have no number.
    _, number = np.unique((np.cumsum(weight) - weight) // stretch, return_inverse=True)
    turn = generator.permutation(int(number[-1]) + 1).astype(np.int32)[number]
    read = np.argsort(turn, kind="stable")
    place = np.cumsum(weight[read]) - weight[read]
    late = generator.random(len(read)) * _WINDOW * stretch
    return turn, read[np.argsort(place + late, kind="stable")]


def _by_place(index: Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order of products by file and offset of their first images."""
    files, offsets, _ = index.ranges
    # A product without images is where the next one is.
    first = index.image_start[rows].clip(max=len(files) - 1)
    return np.lexsort((rows, offsets[first], files[first]))


def _bytes(index: Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many bytes the images of each product have."""
    before = np.append(0, np.cumsum(index.ranges[2], dtype=np.int64))
    start = index.image_start[rows]
    stop = start + index.image_count[rows]
    return np.asarray(before[stop] - before[start])


def _generator(seed: int, epoch: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, epoch]))
