"""Network and memories fused: the mixture of their beliefs, as a new top-k table. Compiled."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.blending.memory.belief import (
    Answers,
    Recall,
    belief,
    close_row,
    listen,
    network,
    normaliser,
    open_row,
)
from etalage.blending.memory.witnesses import Witnesses


class Voice(NamedTuple):
    """A memory, how it is read, and room to work in: (C,) each.

    Attributes:
        witnesses: what the images tell.
        recall: how they are read.
        factor: zeros between products.
        heard: categories of the product at hand.
    """

    witnesses: Witnesses
    recall: Recall
    factor: NDArray[np.float64]
    heard: NDArray[np.int32]


def fuse(
    answers: Answers,
    exact: tuple[Witnesses, Recall],
    near: tuple[Witnesses, Recall],
    weights: NDArray[np.float64],
    bins: NDArray[np.int64],
    prior: NDArray[np.float64],
) -> tuple[Answers, NDArray[np.int8]]:
    """Return the fused table of n products, and which memories spoke of each.

    Args:
        answers: of the network.
        exact: what is known of their images, in the same order, and how it is read.
        near: the same of images that resemble them.
        weights: of network, exact and near, adding up to 1, by who speaks (0 nobody, 1 exact, 2
            near, 3 both) and by bin, (4, bins, 3).
        bins: of each product, (n,).
        prior: share of each category among the known products, none 0, (C,).

    Returns:
        The table, as many columns as before, and who spoke (0 to 3), (n,).
    """
    room = len(prior)
    voices = (
        Voice(*exact, np.zeros(room), np.empty(room, np.int32)),
        Voice(*near, np.zeros(room), np.empty(room, np.int32)),
    )
    fused = answers.like()
    spoke = np.zeros(len(bins), np.int8)
    _fuse(answers, voices[0], voices[1], weights, bins, prior, fused, spoke)
    return fused, spoke


@njit(cache=True)
def _fuse(
    answers: Answers,
    exact: Voice,
    near: Voice,
    weights: NDArray[np.float64],
    bins: NDArray[np.int64],
    prior: NDArray[np.float64],
    fused: Answers,
    spoke: NDArray[np.int8],
) -> None:
    listed, votes = np.full(len(prior), -1.0), np.zeros(len(prior))
    seen = np.zeros(len(prior), np.bool_)
    for row in range(len(bins)):
        ours = listen(row, exact.witnesses, exact.recall, prior, votes, exact.factor, exact.heard)
        like = listen(row, near.witnesses, near.recall, prior, votes, near.factor, near.heard)
        spoke[row] = (1 if ours else 0) + (2 if like else 0)
        weight = weights[spoke[row], bins[row]]
        if weight[0] == 1.0:
            _copy(answers, row, fused)
        else:
            outside = open_row(answers, row, prior, listed)
            shares = _mixture(
                answers.categories[row],
                exact, ours, near, like, weight, listed, outside, prior, seen, fused, row,
            )  # fmt: skip
            fused.rest[row] = max(0.0, 1.0 - shares)
            close_row(answers, row, listed)
        exact.factor[exact.heard[:ours]] = 0.0
        near.factor[near.heard[:like]] = 0.0


@njit(cache=True)
def _copy(answers: Answers, row: int, fused: Answers) -> None:
    fused.categories[row] = answers.categories[row]
    fused.probabilities[row] = answers.probabilities[row]
    fused.rest[row] = answers.rest[row]


@njit(cache=True)
def _mixture(
    listed_leaves: NDArray[np.int32],
    exact: Voice,
    ours: int,
    near: Voice,
    like: int,
    weight: NDArray[np.float64],
    listed: NDArray[np.float64],
    outside: float,
    prior: NDArray[np.float64],
    seen: NDArray[np.bool_],
    fused: Answers,
    row: int,
) -> float:
    """Fill a row with the most probable of all candidates; return what they add up to."""
    e_top, e_sum = normaliser(
        exact.heard[:ours], exact.factor, listed, outside, prior, exact.recall
    )
    n_top, n_sum = normaliser(near.heard[:like], near.factor, listed, outside, prior, near.recall)
    candidates = (listed_leaves, exact.heard[:ours], near.heard[:like])
    kept = 0
    for leaves in candidates:
        for leaf in leaves:
            if seen[leaf]:
                continue
            seen[leaf] = True
            share = weight[0] * network(listed, outside, prior, leaf)
            share += weight[1] * belief(
                leaf, exact.factor, listed, outside, prior, exact.recall, e_top, e_sum
            )
            share += weight[2] * belief(
                leaf, near.factor, listed, outside, prior, near.recall, n_top, n_sum
            )
            kept = _insert(fused, row, kept, leaf, np.float32(share))
    for leaves in candidates:
        seen[leaves] = False
    total = 0.0
    for place in range(kept):
        total += fused.probabilities[row, place]
    return total


@njit(cache=True)
def _insert(fused: Answers, row: int, kept: int, leaf: int, share: np.float32) -> int:
    """Put a category in its place among the best so far, equal ones in order of their row."""
    values, leaves = fused.probabilities[row], fused.categories[row]
    place = kept if kept < len(values) else len(values) - 1
    if kept == len(values) and not _before(share, leaf, values[place], leaves[place]):
        return kept
    while place > 0 and _before(share, leaf, values[place - 1], leaves[place - 1]):
        values[place], leaves[place] = values[place - 1], leaves[place - 1]
        place -= 1
    values[place], leaves[place] = share, leaf
    return min(kept + 1, len(values))


@njit(cache=True)
def _before(share: np.float32, leaf: int, other: np.float32, other_leaf: int) -> bool:
    return bool(share > other or (share == other and leaf < other_leaf))
