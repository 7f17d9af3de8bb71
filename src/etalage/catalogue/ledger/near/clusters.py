"""Groups images that look the same around a representative: no chains, no giant.

Images come in the order of the catalogue. Each joins the representative that it is nearest to among
those of the images it was found to be like, if that one is within the limits itself and has room;
else it becomes a representative. So every member is within the limits of the first image of its
cluster, and a row of pictures that change little by little does not grow together.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.ledger.near.join import Pairs, Tones, Words, difference, same_tones
from etalage.catalogue.ledger.near.looks import Looks

MAX_CLUSTER = 1000
_ROW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of D images.

    Attributes:
        leader: number of the representative of each image, its own for one alone, (D,).
        distance: in how many bits it differs from that, (D,).
        size: number of images of the cluster that each represents, 0 for a member, (D,).
        blocked: images that found their cluster full and began another.
    """

    leader: NDArray[np.int32]
    distance: NDArray[np.uint8]
    size: NDArray[np.int32]
    blocked: int

    @property
    def clustered(self) -> NDArray[np.bool_]:
        """Which images are in a cluster of two or more, (D,)."""
        return self.size[self.leader] > 1


def make_clusters(
    looks: Looks, pairs: Pairs, *, distance: int, tone: int, most: int = MAX_CLUSTER
) -> Clusters:
    """Group images; the arguments are those of ``find_pairs`` and the largest size of a cluster."""
    words = looks.bits.view(np.uint64)
    return Clusters(*_lead(pairs.pairs, words, looks.tones, distance, tone, most))


@njit(cache=True)
def _lead(
    pairs: Words, words: Words, tones: Tones, distance: int, tone: int, most: int
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32], int]:
    leader = np.empty(len(words), np.int32)
    distances = np.zeros(len(words), np.uint8)
    size = np.zeros(len(words), np.int32)
    at, blocked = 0, 0
    for row in range(len(words)):
        best, nearest, full = row, distance + 1, False
        while at < len(pairs) and np.int64(pairs[at] >> _HIGH) == row:
            candidate = leader[np.int64(pairs[at] & _ROW)]
            at += 1
            if candidate == best:
                continue
            found = difference(words, row, candidate)
            if found < nearest and same_tones(tones, row, candidate, tone):
                if size[candidate] >= most:
                    full = True
                    continue
                best, nearest = candidate, found
        leader[row] = best
        size[best] += 1
        if best != row:
            distances[row] = nearest
        elif full:
            blocked += 1
    return leader, distances, size, blocked
