"""The answer of each product on each level of the tree, and how sure it is, in five ways.

The probability of a category of level 1 or 2 is the sum of the top-k leaves under it; the mass
outside the k is in none of them, so it is a lower bound. From the probabilities p of a level, in
descending order, and the ``rest``:

==================  ==================================================================
max-probability     p[0]
margin              p[0] - p[1]
half-margin         p[0] - p[1] / 2, between the two above
entropy             minus the entropy in nats; the rest counts as spread evenly over the
                    categories of the level that are not among those seen
p-norm              (sum of p ** 2) ** 0.5
==================  ==================================================================

All are higher for surer answers. Cattelan and Silva (2023, "How to fix a broken confidence
estimator") divide the largest centred logit by the p-norm of all logits; a table of top-k
probabilities has no logits of the others, so the norm here is that of the probabilities, with
p = 2: the root of the chance that two draws from the answer agree.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import LEVELS, Taxonomy

SCORES = ("half-margin", "max-probability", "margin", "entropy", "p-norm")


@dataclass(frozen=True, eq=False)
class LevelAnswers:
    """The best category of one level for each of P products.

    Attributes:
        level: 1, 2 or 3 (the leaves).
        nodes: as ``Taxonomy.nodes(level)`` numbers them, (P,) int32.
        confidence: the probability of that category, (P,) float32.
        scores: one column for each of ``SCORES``, (P, 5) float32, higher is surer.
    """

    level: int
    nodes: NDArray[np.int32]
    confidence: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.nodes)

    def score(self, name: str) -> NDArray[np.float32]:
        """Return one column of the scores by its name."""
        return np.ascontiguousarray(self.scores[:, SCORES.index(name)])


def levels_of(taxonomy: Taxonomy, *, back_off: bool = True) -> tuple[int, ...]:
    """Return the levels that may be answered, the leaf first; a flat taxonomy has only leaves."""
    return (LEVELS,) if taxonomy.is_flat or not back_off else tuple(range(LEVELS, 0, -1))


def answer_level(
    taxonomy: Taxonomy,
    level: int,
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    rest: NDArray[np.float32],
) -> LevelAnswers:
    """Return the best category of ``level`` for each product; of equal ones the one seen first.

    Args:
        taxonomy: the leaf rows are rows of it.
        level: 1, 2 or 3.
        categories: leaf rows, most probable first, (P, k).
        probabilities: of these, (P, k).
        rest: mass outside the k, (P,).
    """
    nodes = taxonomy.nodes(level)
    count = int(nodes.max(initial=-1)) + 1
    return LevelAnswers(level, *_answer(nodes, count, categories, probabilities, rest))


@njit(cache=True, nogil=True)
def _answer(
    nodes: NDArray[np.int32],
    count: int,
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    rest: NDArray[np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    products, k = categories.shape
    chosen = np.empty(products, np.int32)
    confidence = np.empty(products, np.float32)
    scores = np.empty((products, 5), np.float32)
    seen, mass = np.empty(k, np.int32), np.empty(k, np.float64)
    for row in range(products):
        held = _sum_up(nodes, categories[row], probabilities[row], seen, mass)
        best, second, entropy, square = 0, 0.0, 0.0, 0.0
        for place in range(held):
            value = mass[place]
            square += value * value
            if value > 0:
                entropy -= value * np.log(value)
            if value > mass[best]:
                second, best = mass[best], place
            elif place != best and value > second:
                second = value
        if rest[row] > 0:
            entropy -= rest[row] * np.log(rest[row] / max(1, count - held))
        chosen[row], confidence[row] = seen[best], min(1.0, mass[best])
        scores[row, 0] = mass[best] - second / 2
        scores[row, 1], scores[row, 2] = mass[best], mass[best] - second
        scores[row, 3], scores[row, 4] = -entropy, np.sqrt(square)
    return chosen, confidence, scores


@njit(cache=True, nogil=True)
def _sum_up(
    nodes: NDArray[np.int32],
    categories: NDArray[np.int32],
    probabilities: NDArray[np.float32],
    seen: NDArray[np.int32],
    mass: NDArray[np.float64],
) -> int:
    """Fill ``seen`` with the nodes of one product and ``mass`` with theirs; return how many."""
    held = 0
    for place in range(len(categories)):
        node, at = nodes[categories[place]], 0
        while at < held and seen[at] != node:
            at += 1
        if at == held:
            seen[at], mass[at], held = node, 0.0, held + 1
        mass[at] += probabilities[place]
    return held
