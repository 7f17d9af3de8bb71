"""The same beliefs from dense arrays, category by category, as the formulas of the page say."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from etalage.blending.memory.belief import Answers, Recall
from etalage.blending.memory.witnesses import Witnesses, from_lengths
from etalage.predictions.table import top_k

LEAVES, K = 7, 3
Histogram = dict[int, int]
histograms = st.dictionaries(st.integers(0, LEAVES - 1), st.integers(1, 50), max_size=4)
products = st.lists(st.lists(histograms, max_size=3), min_size=1, max_size=6)
recalls = st.builds(
    Recall,
    st.sampled_from([0.01, 1.0, 30.0]),
    st.sampled_from([0.001, 0.3, 1.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
)


def witnesses_of(goods: list[list[Histogram]]) -> Witnesses:
    """Return the witnesses of products given as a histogram for each of their pictures."""
    pictures = [picture for shown in goods for picture in shown]
    entries = [entry for picture in pictures for entry in sorted(picture.items())]
    return Witnesses(
        from_lengths(np.array([len(shown) for shown in goods])),
        np.arange(len(pictures), dtype=np.int32),
        np.full(len(pictures), -1, np.int32),
        from_lengths(np.array([len(picture) for picture in pictures], np.int64)),
        np.array([leaf for leaf, _ in entries], np.int32),
        np.array([count for _, count in entries], np.float32),
    )


def invent(count: int, seed: int) -> tuple[Answers, NDArray[np.float64]]:
    """Return answers of a network, and a prior."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(LEAVES, 0.5), count).astype(np.float32)
    prior = random.dirichlet(np.full(LEAVES, 2.0))
    return Answers(*top_k(shares, K)), prior


def network_of(answers: Answers, row: int, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the network's probability of each category, (C,)."""
    listed = answers.categories[row]
    outside = np.setdiff1d(np.arange(LEAVES), listed)
    dense = np.zeros(LEAVES)
    dense[listed] = answers.probabilities[row]
    dense[outside] = answers.rest[row] * prior[outside] / prior[outside].sum()
    return dense


def belief_of(
    pictures: list[Histogram], network: NDArray[np.float64], recall: Recall, prior: Any
) -> NDArray[np.float64] | None:
    """Return the belief in each category, (C,), None where nothing is known."""
    spoken = [picture for picture in pictures if picture]
    if not spoken:
        return None
    votes = np.zeros((len(spoken), LEAVES))
    for row, picture in enumerate(spoken):
        votes[row, list(picture)] = list(picture.values())
    factors = np.log1p(votes / (recall.alpha * prior)).sum(axis=0) / len(spoken) ** recall.sharing
    belief = ((1 - recall.doubt) * network + recall.doubt * prior) * np.exp(factors)
    return np.asarray(belief / belief.sum())
