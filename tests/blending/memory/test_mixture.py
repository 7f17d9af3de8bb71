"""Weights are those of the least log-loss; what was not tested is not believed."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.blending.memory.mixture import (
    NETWORK_FIRST,
    bin_edges,
    bins_of,
    fit_weights,
    mixture_loss,
)


@given(seed=st.integers(0, 999))
@settings(max_examples=8)
def test_no_other_weights_are_better(seed: int) -> None:
    random = np.random.default_rng(seed)
    likelihoods = random.beta(0.5, 0.5, (2000, 3))
    bins = np.zeros(2000, np.int64)
    weights = fit_weights(likelihoods, bins, 1)
    best = mixture_loss(likelihoods, weights, bins)
    others = random.dirichlet(np.ones(3), 30)
    # The prior counts as a few products among two thousand.
    assert all(mixture_loss(likelihoods, other[None], bins) > best - 0.02 for other in others)


def test_each_bin_has_the_weights_of_its_products() -> None:
    right, wrong = np.tile([0.1, 0.9], (5000, 1)), np.tile([0.9, 0.1], (5000, 1))
    bins = np.repeat([0, 1], 5000)
    weights = fit_weights(np.concatenate([right, wrong]), bins, 3)
    assert weights[0, 1] > 0.98
    assert weights[1, 0] > 0.98
    assert 0.4 < weights[2, 0] < 0.6  # an empty bin is as all together
    np.testing.assert_allclose(weights.sum(axis=1), 1)


def test_a_memory_tested_on_few_products_is_hardly_believed() -> None:
    few = np.tile([0.1, 0.9], (2, 1))
    weights = fit_weights(few, np.zeros(2, np.int64), 1)
    assert weights[0, 1] < 3 / NETWORK_FIRST


def test_bins_hold_equally_many_products() -> None:
    confidence = np.random.default_rng(0).beta(5, 1, 2000).astype(np.float32)
    counts = np.bincount(bins_of(confidence, bin_edges(confidence)))
    assert len(counts) == 10
    assert counts.min() > 190
    assert len(bin_edges(confidence[:150])) == 0
