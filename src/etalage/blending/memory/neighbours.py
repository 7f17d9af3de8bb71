"""The most similar vectors by cosine, leaving out those of the own group: blocks of products.

Exact: every asked vector meets every known one, in float32, by matrix products of blocks; memory is
that of a block of each and of what was found. Half precision on disk becomes single precision a
block at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.progress import progress_bar

KNOWN_BLOCK, ASKED_BLOCK = 8_192, 2_048
_RESIDENT_BYTES = 1 << 29  # asked vectors that stay while all known ones pass by


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors to be read in blocks.

    Attributes:
        read: returns those of some positions, (N, F) float32.
        group: duplicate group of each, -1 for none, (V,) int32.
        width: F.
    """

    read: Callable[[NDArray[np.int64]], NDArray[np.float32]]
    group: NDArray[np.int32]
    width: int

    def __len__(self) -> int:
        return len(self.group)

    def unit(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some vectors at length 1; one that is no number, or 0, becomes 0."""
        vectors = self.read(positions)
        length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        good = np.isfinite(length) & (length > 0)
        scale = np.where(good, 1 / np.where(good, length, 1), 0)
        vectors[~good] = 0
        return vectors * scale[:, None].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The neighbours of A asked vectors, the most similar first.

    Attributes:
        row: positions of known vectors, -1 where there are fewer, (A, k) int32.
        similarity: cosines, (A, k) float32.
    """

    row: NDArray[np.int32]
    similarity: NDArray[np.float32]


def find_neighbours(asked: Vectors, known: Vectors, count: int) -> Neighbours:
    """Return the ``count`` most similar known vectors of each asked one.

    One of the same group is left out, and one of similarity 0 or less. Equal ones come in order.
    """
    row = np.full((len(asked), count), -1, np.int32)
    similarity = np.zeros((len(asked), count), np.float32)
    resident = max(ASKED_BLOCK, _RESIDENT_BYTES // (4 * asked.width))
    with progress_bar("neighbours", len(asked)) as advance:
        for start in range(0, len(asked), resident):
            stop = min(start + resident, len(asked))
            vectors = asked.unit(np.arange(start, stop))
            for first in range(0, len(known), KNOWN_BLOCK):
                last = min(first + KNOWN_BLOCK, len(known))
                others = known.unit(np.arange(first, last)).T
                for at in range(0, stop - start, ASKED_BLOCK):
                    block = slice(start + at, min(start + at + ASKED_BLOCK, stop))
                    keep_best(
                        vectors[at : at + ASKED_BLOCK] @ others,
                        np.arange(first, last, dtype=np.int32),
                        asked.group[block],
                        known.group[first:last],
                        row[block],
                        similarity[block],
                    )
            advance(stop - start)
    return Neighbours(row, similarity)


@njit(cache=True)
def keep_best(
    cosines: NDArray[np.float32],
    numbers: NDArray[np.int32],
    asked_group: NDArray[np.int32],
    known_group: NDArray[np.int32],
    row: NDArray[np.int32],
    similarity: NDArray[np.float32],
) -> None:
    """Bring the best of a block of cosines, (A, B), into what was found so far, (A, k)."""
    last = row.shape[1] - 1
    for one in range(len(cosines)):
        for other in range(len(numbers)):
            cosine = cosines[one, other]
            if cosine <= similarity[one, last] or asked_group[one] == known_group[other]:
                continue
            place = last
            while place > 0 and similarity[one, place - 1] < cosine:
                similarity[one, place] = similarity[one, place - 1]
                row[one, place] = row[one, place - 1]
                place -= 1
            similarity[one, place] = cosine
            row[one, place] = numbers[other]
