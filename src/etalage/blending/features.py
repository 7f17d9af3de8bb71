"""What the second level knows of a candidate: one row of numbers for each product and category.

Of each model m: ``log_probability``, ``rank`` (from 1; one more than are kept where the model does
not name the category), ``margin`` (of log-probability, to the model's best other category), and
``rest``. Of all of them together: ``images``; ``firsts`` (models that have it first); ``named``
(models that have it at all); ``opinions`` (different first categories); ``lowest``, ``highest`` and
``spread`` of its log-probability; ``blend``, ``place`` and ``lead``: log-probability, rank and
margin in the weighted mean; ``branch1``, ``branch2``: probability, in the weighted mean, of its
branches on levels 1 and 2; ``prior``: log of the mean probability of the category over all products
that the ranker was fitted on, which no label enters.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.blending.kernels import LEAST
from etalage.blending.means import Stack

OF_EACH = ("log_probability", "rank", "margin", "rest")
OF_ALL = (
    "images", "firsts", "named", "opinions", "lowest", "highest", "spread", "blend", "place",
    "lead", "branch1", "branch2", "prior",
)  # fmt: skip


def names(members: int) -> list[str]:
    """Return the name of each feature of a blend of so many models."""
    return [f"{name}_{member + 1}" for member in range(members) for name in OF_EACH] + list(OF_ALL)


def candidate_features(
    given: Stack,
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    candidates: int,
    branches: NDArray[np.int32],
    prior: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the features of the first candidates of each product.

    Args:
        given: what M models say of P products.
        categories: leaf rows of the weighted mean, (P, k).
        probabilities: of these, (P, k).
        candidates: how many of them are looked at, n.
        branches: nodes of each leaf on levels 1 and 2, (2, C).
        prior: mean probability of each category, (C,).

    Returns:
        (P * n, F) float32, the candidates of a product one after the other.
    """
    members, products = given.categories.shape[:2]
    width = len(OF_EACH) * members + len(OF_ALL)
    out = np.empty((products * candidates, width), np.float32)
    _describe(
        given.categories,
        given.probabilities,
        given.fill,
        given.kept,
        given.rest,
        given.images,
        (categories, probabilities, branches, np.log(np.maximum(prior, LEAST)).astype(np.float32)),
        candidates,
        out,
    )
    return out


@njit(cache=True, nogil=True)
def _describe(
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    fill: NDArray[np.float64],
    kept: NDArray[np.int64],
    rest: NDArray[np.float32],
    images: NDArray[np.int16],
    blend: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]],
    candidates: int,
    out: NDArray[np.float32],
) -> None:
    members, products = categories.shape[:2]
    together = 4 * members
    for product in range(products):
        opinions = len(np.unique(categories[:, product, 0]))
        for place in range(candidates):
            row = out[product * candidates + place]
            category = blend[0][product, place]
            for member in range(members):
                _of_member(
                    categories[member, product, : kept[member]],
                    probabilities[member, product],
                    fill[member, product],
                    category,
                    row[4 * member :],
                )
                row[4 * member + 3] = rest[member, product]
            row[together] = images[:, product].max()
            row[together + 3] = opinions
            _agreement(row[:together], kept, row[together + 1 :])
            _in_the_mean(blend, product, place, row[together + 7 :])


@njit(cache=True, nogil=True)
def _of_member(
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    fill: float,
    category: int,
    row: NDArray[np.float32],
) -> None:
    """Fill in the log-probability, rank and margin of a category by one model."""
    kept = len(categories)
    rank = kept
    for at in range(kept):
        if categories[at] == category:
            rank = at
            break
    score = _log(probabilities[rank] if rank < kept else fill)
    rival = probabilities[0]
    if rank == 0:
        rival = probabilities[1] if kept > 1 else fill
    row[0], row[1], row[2] = score, rank + 1, score - _log(rival)


@njit(cache=True, nogil=True)
def _agreement(
    each: NDArray[np.float32], kept: NDArray[np.int64], row: NDArray[np.float32]
) -> None:
    """Fill in how many have it first or at all, and lowest, highest and spread of its score."""
    scores, ranks = each[0::4], each[1::4]
    row[0], row[1] = (ranks == 1).sum(), (ranks <= kept).sum()
    row[3], row[4], row[5] = scores.min(), scores.max(), scores.std()


@njit(cache=True, nogil=True)
def _log(probability: float) -> float:
    return np.log(max(np.float64(probability), LEAST))


@njit(cache=True, nogil=True)
def _in_the_mean(
    blend: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]],
    product: int,
    place: int,
    row: NDArray[np.float32],
) -> None:
    """Fill in what the weighted mean says of a candidate, and the prior of its category."""
    categories, probabilities = blend[0][product], blend[1][product]
    category, kept = categories[place], len(categories)
    score = _log(probabilities[place])
    rival = 0 if place else min(1, kept - 1)
    row[0], row[1] = score, place + 1
    row[2] = score - _log(probabilities[rival])
    for level in range(2):
        branch = 0.0
        for at in range(kept):
            if blend[2][level, categories[at]] == blend[2][level, category]:
                branch += probabilities[at]
        row[3 + level] = branch
    row[5] = blend[3][category]
