"""The most similar vectors where there are too many to compare all: cells around centroids.

Known vectors are dealt to the nearest of as many centroids as the square root of their number
(k-means on a sample), and an asked vector meets those of the ``PROBES`` nearest cells only: an
inverted file (Sivic and Zisserman 2003; Jegou, Douze and Schmid 2011). Within a cell all cosines
are computed, by matrix products in float32. Memory is that of one cell, of who asks where, and of
what was found; every known vector is read twice. How many of the true neighbours are found is
measured each time, on some asked vectors that are compared with everything.
"""

import math

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from etalage.blending.memory.neighbours import (
    ASKED_BLOCK,
    KNOWN_BLOCK,
    Neighbours,
    Vectors,
    find_neighbours,
    keep_best,
)
from etalage.blending.memory.witnesses import from_lengths
from etalage.progress import progress_bar

PROBES = 16
MOST_CELLS = 4_096
_SAMPLE_PER_CELL = 40
_CHECKED = 200


def find_by_cells(
    asked: Vectors, known: Vectors, count: int, probes: int = PROBES, seed: int = 0
) -> Neighbours:
    """Return about the ``count`` most similar known vectors of each asked one.

    As ``neighbours.find_neighbours`` does for ``probes`` equal to the number of cells.
    """
    centroids = _centroids(known, seed)
    cell = _nearest(known, centroids, 1)[:, 0]
    where = _nearest(asked, centroids, min(probes, len(centroids)))
    members, member_start = _by_cell(cell, len(centroids))
    askers, asker_start = _by_cell(where.ravel(), len(centroids))
    askers //= where.shape[1]
    row = np.full((len(asked), count), -1, np.int32)
    similarity = np.zeros((len(asked), count), np.float32)
    with progress_bar("neighbours", len(centroids)) as advance:
        for number in range(len(centroids)):
            here = members[member_start[number] : member_start[number + 1]]
            these = askers[asker_start[number] : asker_start[number + 1]]
            _meet(asked, these, known, here, row, similarity)
            advance(1)
    return Neighbours(row, similarity)


def _centroids(known: Vectors, seed: int) -> NDArray[np.float32]:
    """Return the centroids of cells, of length 1, (N, F)."""
    cells = max(1, min(MOST_CELLS, math.isqrt(len(known))))
    random = np.random.default_rng(seed)
    size = min(len(known), _SAMPLE_PER_CELL * cells)
    sample = known.unit(np.sort(random.choice(len(known), size, replace=False)))
    means = MiniBatchKMeans(
        cells, random_state=seed, batch_size=4 * 1024, n_init=1, max_iter=20, init="random"
    )
    centres = means.fit(sample).cluster_centers_
    length = np.linalg.norm(centres, axis=1, keepdims=True)
    return np.asarray(centres / np.maximum(length, 1e-9), np.float32)


def _nearest(vectors: Vectors, centroids: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the nearest centroids of each vector, in no order, (V, count)."""
    found = np.empty((len(vectors), count), np.int64)
    for start in range(0, len(vectors), ASKED_BLOCK):
        stop = min(start + ASKED_BLOCK, len(vectors))
        cosines = vectors.unit(np.arange(start, stop)) @ centroids.T
        if count == 1:
            found[start:stop, 0] = cosines.argmax(axis=1)
        else:
            found[start:stop] = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    return found


def _by_cell(cell: NDArray[np.int64], cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return positions by their cell, ascending within it, and where each cell's begin."""
    return np.argsort(cell, kind="stable"), from_lengths(np.bincount(cell, minlength=cells))


def _meet(
    asked: Vectors,
    these: NDArray[np.int64],
    known: Vectors,
    here: NDArray[np.int64],
    row: NDArray[np.int32],
    similarity: NDArray[np.float32],
) -> None:
    """Compare some asked vectors with those of a cell."""
    for first in range(0, len(here), KNOWN_BLOCK):
        block = here[first : first + KNOWN_BLOCK]
        others = known.unit(block).T
        for start in range(0, len(these), ASKED_BLOCK):
            chosen = these[start : start + ASKED_BLOCK]
            best, cosine = row[chosen], similarity[chosen]
            keep_best(
                asked.unit(chosen) @ others,
                block.astype(np.int32),
                asked.group[chosen],
                known.group[block],
                best,
                cosine,
            )
            row[chosen], similarity[chosen] = best, cosine


def share_found(asked: Vectors, known: Vectors, found: Neighbours) -> float:
    """Return the share of true neighbours that were found, measured on 200 asked vectors.

    One that is as similar as the last true one counts as true.
    """
    some = np.unique(np.linspace(0, len(asked) - 1, min(_CHECKED, len(asked))).astype(np.int64))
    few = Vectors(lambda at: asked.read(some[at]), asked.group[some], asked.width)
    true = find_neighbours(few, known, found.row.shape[1])
    there = true.row >= 0
    least = np.where(there, true.similarity, np.inf).min(axis=1, keepdims=True)
    hits = (found.row[some] >= 0) & (found.similarity[some] >= least - 1e-5)
    return float(hits.sum() / max(1, there.sum()))
