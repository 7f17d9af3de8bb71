"""What to believe of a product when the catalogue remembers its pictures. Compiled.

The votes of a picture are counts drawn from the categories of such products. With a Dirichlet prior
of ``alpha`` sightings spread as the catalogue is (``prior``), the picture speaks for category c by
the factor 1 + votes(c) / (alpha prior(c)), and by 1 for one it was never seen in. So a picture seen
once says less than one seen fifty times, and boilerplate, seen everywhere as often as there are
products, says the same for all. Several pictures of a product multiply their factors; ``sharing``
takes the root of as many of them as there are (1) or of their square root (a half), since pictures
of one product are not independent. The belief of a memory is then

    belief(c) ~ ((1 - doubt) network(c) + doubt prior(c)) * product of the factors

Categories outside the network's table share its ``rest`` as the catalogue is spread. With ``alpha``
0 the memory is the rule of 2017: pictures of one label only, which all agree, are the answer.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.blending.memory.witnesses import Witnesses

_CERTAIN = 800.0  # exp(-800) is 0: a belief in one category and no other


class Recall(NamedTuple):
    """How a memory is read: see the module.

    Attributes:
        alpha: sightings that the prior counts as; 0 for the rule of 2017.
        doubt: how much of the prior is mixed into the network's answer before.
        sharing: exponent of the number of pictures whose root is taken, 0 to 1.
    """

    alpha: float
    doubt: float
    sharing: float


class Answers(NamedTuple):
    """Columns of a top-k table: (n, k) leaf rows, (n, k) probabilities, (n,) mass outside."""

    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    rest: NDArray[np.float32]

    def of(self, rows: NDArray[np.int64]) -> "Answers":
        """Return some rows."""
        return Answers(self.categories[rows], self.probabilities[rows], self.rest[rows])

    def like(self) -> "Answers":
        """Return a table of the same shape, not filled."""
        columns = self.categories, self.probabilities, self.rest
        return Answers(*map(np.empty_like, columns))  # type: ignore[arg-type]


@njit(cache=True)
def truth_of_network(
    answers: Answers, truth: NDArray[np.int32], prior: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the network's probability of the truth of each product, (n,)."""
    found = np.empty(len(truth))
    listed = np.full(len(prior), -1.0)
    for row in range(len(truth)):
        outside = open_row(answers, row, prior, listed)
        found[row] = network(listed, outside, prior, truth[row])
        close_row(answers, row, listed)
    return found


@njit(cache=True)
def truth_of_memory(
    answers: Answers,
    truth: NDArray[np.int32],
    witnesses: Witnesses,
    recall: Recall,
    prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a memory's belief in the truth of each product, NaN where it is silent, (n,).

    Args:
        answers: of the network.
        truth: leaf row of each product.
        witnesses: of the same products in the same order.
        recall: how the memory is read.
        prior: share of each category among the known products, none 0, (C,).
    """
    found = np.full(len(truth), np.nan)
    listed, votes = np.full(len(prior), -1.0), np.zeros(len(prior))
    factor, heard = np.zeros(len(prior)), np.empty(len(prior), np.int32)
    for row in range(len(truth)):
        count = listen(row, witnesses, recall, prior, votes, factor, heard)
        if count:
            outside = open_row(answers, row, prior, listed)
            top, total = normaliser(heard[:count], factor, listed, outside, prior, recall)
            found[row] = belief(truth[row], factor, listed, outside, prior, recall, top, total)
            close_row(answers, row, listed)
        for place in range(count):
            factor[heard[place]] = 0.0
    return found


@njit(cache=True)
def listen(
    row: int,
    witnesses: Witnesses,
    recall: Recall,
    prior: NDArray[np.float64],
    votes: NDArray[np.float64],
    factor: NDArray[np.float64],
    heard: NDArray[np.int32],
) -> int:
    """Add up what the pictures of a product say.

    Args:
        row: of the product.
        witnesses: all of them.
        recall: how they are read.
        prior: (C,).
        votes: zeros, and zeros again afterwards, (C,).
        factor: zeros; afterwards the logarithm of the factor of each category heard of, (C,).
        heard: the categories heard of, (C,).

    Returns:
        How many categories were heard of.
    """
    if recall.alpha == 0.0:
        return _listen_for_one(row, witnesses, votes, factor, heard)
    count = pictures = 0
    for slot in range(witnesses.start[row], witnesses.start[row + 1]):
        spoke = False
        _gather(slot, witnesses, votes)
        image = witnesses.content[slot]
        for entry in range(witnesses.entry_start[image], witnesses.entry_start[image + 1]):
            leaf = witnesses.leaf[entry]
            if votes[leaf] > 0.0:
                if factor[leaf] == 0.0:
                    heard[count] = leaf
                    count += 1
                factor[leaf] += np.log1p(votes[leaf] / (recall.alpha * prior[leaf]))
                spoke = True
            votes[leaf] = 0.0
        pictures += spoke
    for place in range(count):
        factor[heard[place]] /= pictures**recall.sharing
    return count


@njit(cache=True)
def _gather(slot: int, witnesses: Witnesses, votes: NDArray[np.float64]) -> None:
    """Add up the votes of one picture, without those of the asked product itself."""
    image = witnesses.content[slot]
    for entry in range(witnesses.entry_start[image], witnesses.entry_start[image + 1]):
        votes[witnesses.leaf[entry]] += witnesses.votes[entry]
    if witnesses.own[slot] >= 0:
        votes[witnesses.own[slot]] -= 1.0


@njit(cache=True)
def _listen_for_one(
    row: int,
    witnesses: Witnesses,
    votes: NDArray[np.float64],
    factor: NDArray[np.float64],
    heard: NDArray[np.int32],
) -> int:
    """Hear one category or none: pictures of several labels are left out, others must agree."""
    answer = -1
    for slot in range(witnesses.start[row], witnesses.start[row + 1]):
        _gather(slot, witnesses, votes)
        image, labels, label = witnesses.content[slot], 0, -1
        for entry in range(witnesses.entry_start[image], witnesses.entry_start[image + 1]):
            leaf = witnesses.leaf[entry]
            if votes[leaf] > 0.0:
                labels, label = labels + 1, leaf
            votes[leaf] = 0.0
        if labels == 1 and answer not in (-1, label):
            return 0
        if labels == 1:
            answer = label
    if answer < 0:
        return 0
    heard[0], factor[answer] = answer, _CERTAIN
    return 1


@njit(cache=True)
def open_row(
    answers: Answers, row: int, prior: NDArray[np.float64], listed: NDArray[np.float64]
) -> float:
    """Spread a row of the table over ``listed`` (C,), -1 elsewhere; return what is outside.

    Times the prior it is the probability of a category that is not listed.
    """
    left = 1.0
    for place in range(answers.categories.shape[1]):
        leaf = answers.categories[row, place]
        listed[leaf] = answers.probabilities[row, place]
        left -= prior[leaf]
    return answers.rest[row] / left if left > 1e-9 else 0.0


@njit(cache=True)
def close_row(answers: Answers, row: int, listed: NDArray[np.float64]) -> None:
    """Undo ``open_row``."""
    for place in range(answers.categories.shape[1]):
        listed[answers.categories[row, place]] = -1.0


@njit(cache=True)
def network(
    listed: NDArray[np.float64], outside: float, prior: NDArray[np.float64], leaf: int
) -> float:
    """Return the network's probability of a category."""
    return listed[leaf] if listed[leaf] >= 0.0 else outside * prior[leaf]


@njit(cache=True)
def before(
    listed: NDArray[np.float64],
    outside: float,
    prior: NDArray[np.float64],
    recall: Recall,
    leaf: int,
) -> float:
    """Return the probability of a category before the memory speaks."""
    share = (1.0 - recall.doubt) * network(listed, outside, prior, leaf)
    return share + recall.doubt * prior[leaf]


@njit(cache=True)
def normaliser(
    heard: NDArray[np.int32],
    factor: NDArray[np.float64],
    listed: NDArray[np.float64],
    outside: float,
    prior: NDArray[np.float64],
    recall: Recall,
) -> tuple[float, float]:
    """Return the largest logarithm of a factor, and what all products add up to beside it."""
    top = 0.0
    for leaf in heard:
        top = max(top, factor[leaf])
    unheard, total = 1.0, 0.0
    for leaf in heard:
        share = before(listed, outside, prior, recall, leaf)
        unheard -= share
        total += share * np.exp(factor[leaf] - top)
    return top, total + max(unheard, 0.0) * np.exp(-top)


@njit(cache=True)
def belief(
    leaf: int,
    factor: NDArray[np.float64],
    listed: NDArray[np.float64],
    outside: float,
    prior: NDArray[np.float64],
    recall: Recall,
    top: float,
    total: float,
) -> float:
    """Return the belief in a category, given what ``normaliser`` returned."""
    share = before(listed, outside, prior, recall, leaf)
    return share * np.exp(factor[leaf] - top) / total
