"""What is taken for what, and what it costs: products times the distance in the tree.

The distance of two leaves is how many levels one has to climb from either to meet: 1 for leaves of
one level-2 branch, 2 for leaves of one level-1 branch, 3 for others. In a flat taxonomy it is 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import LEVELS, Taxonomy
from etalage.scoring.answers import Compared

_RANKED = 30


@dataclass(frozen=True)
class Confusion:
    """Products of one leaf that are answered with another.

    Attributes:
        truth: path of the right leaf, or its id.
        answer: path of the leaf answered.
        truth_id: id of the right leaf.
        answer_id: id of the leaf answered.
        products: how many.
        distance: of the two leaves in the tree.
        cost: products times distance.
        share: of the cost of all wrong answers.
    """

    truth: str
    answer: str
    truth_id: int
    answer_id: int
    products: int
    distance: int
    cost: int
    share: float


@dataclass(frozen=True)
class Confusions:
    """All wrong answers.

    Attributes:
        wrong: products with a wrong answer; those without any are not among them.
        pairs: pairs of a right leaf and another one answered.
        cost: the sum of all distances.
        distance: the mean distance of an answer from the truth, right answers being at 0; None
            where no product has an answer.
        by_distance: products with an answer at distance 0, 1, 2 and 3.
        ranked: the 30 most expensive pairs; of equal cost, the more products first.
    """

    wrong: int
    pairs: int
    cost: int
    distance: float | None
    by_distance: list[int]
    ranked: list[Confusion]


def tree_distance(
    taxonomy: Taxonomy, first: NDArray[np.integer], second: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return how far leaves are apart in the tree, pair by pair: 0 to 3."""
    distance: NDArray[np.int64] = (first != second).astype(np.int64)
    if not taxonomy.is_flat:
        for level in range(1, LEVELS):
            nodes = taxonomy.nodes(level)
            distance += nodes[first] != nodes[second]
    return distance


def find_confusions(compared: Compared) -> Confusions:
    """Rank the pairs of a right leaf and another one answered by what they cost."""
    taxonomy, leaves = compared.taxonomy, len(compared.taxonomy)
    wrong = (compared.answer != compared.truth) & (compared.answer >= 0)
    keys, products = np.unique(
        compared.truth[wrong].astype(np.int64) * leaves + compared.answer[wrong],
        return_counts=True,
    )
    truth, answer = keys // leaves, keys % leaves
    distance = tree_distance(taxonomy, truth, answer)
    cost = products * distance
    total, missed = int(cost.sum()), int(products.sum())
    by_distance = np.bincount(distance, weights=products, minlength=LEVELS + 1).astype(int).tolist()
    by_distance[0] = compared.answered - missed
    return Confusions(
        wrong=missed,
        pairs=len(keys),
        cost=total,
        distance=total / compared.answered if compared.answered else None,
        by_distance=by_distance,
        ranked=[
            Confusion(
                truth=taxonomy.label(int(truth[row])),
                answer=taxonomy.label(int(answer[row])),
                truth_id=int(taxonomy.ids[truth[row]]),
                answer_id=int(taxonomy.ids[answer[row]]),
                products=int(products[row]),
                distance=int(distance[row]),
                cost=int(cost[row]),
                share=int(cost[row]) / total,
            )
            for row in np.lexsort((-products, -cost))[:_RANKED].tolist()
        ],
    )
