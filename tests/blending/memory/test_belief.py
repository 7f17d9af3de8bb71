"""Compiled beliefs are those of the formulas, and have the properties they were chosen for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.blending.memory.belief import Recall, truth_of_memory, truth_of_network
from etalage.blending.memory.fuse import fuse
from etalage.blending.memory.witnesses import nobody
from memories import (
    LEAVES,
    Histogram,
    K,
    belief_of,
    invent,
    network_of,
    products,
    recalls,
    witnesses_of,
)


@given(goods=products, recall=recalls, seed=st.integers(0, 999))
@settings(max_examples=60)
def test_a_belief_is_the_one_of_the_formula_for_every_category(
    goods: list[list[Histogram]], recall: Recall, seed: int
) -> None:
    answers, prior = invent(len(goods), seed)
    wanted = [
        belief_of(pictures, network_of(answers, row, prior), recall, prior)
        for row, pictures in enumerate(goods)
    ]
    dense = np.array([np.full(LEAVES, np.nan) if row is None else row for row in wanted])
    for leaf in range(LEAVES):
        truth = np.full(len(goods), leaf, np.int32)
        found = truth_of_memory(answers, truth, witnesses_of(goods), recall, prior)
        np.testing.assert_allclose(found, dense[:, leaf], rtol=1e-6, atol=1e-9)


@given(goods=products, recall=recalls, seed=st.integers(0, 999))
@settings(max_examples=60)
def test_fused_answers_are_the_best_of_the_mixture(
    goods: list[list[Histogram]], recall: Recall, seed: int
) -> None:
    answers, prior = invent(len(goods), seed)
    witnesses, weight = witnesses_of(goods), np.array([0.3, 0.5, 0.2])
    weights = np.broadcast_to(weight, (4, 1, 3)).copy()
    bins = np.zeros(len(goods), np.int64)
    fused, spoke = fuse(answers, (witnesses, recall), (witnesses, recall), weights, bins, prior)
    for row, pictures in enumerate(goods):
        network = network_of(answers, row, prior)
        belief = belief_of(pictures, network, recall, prior)
        mixed = network if belief is None else 0.3 * network + 0.7 * belief
        assert spoke[row] == (0 if belief is None else 3)
        if belief is None:
            continue
        shown = fused.categories[row]
        np.testing.assert_allclose(fused.probabilities[row], mixed[shown], rtol=1e-4, atol=1e-6)
        candidates = set(answers.categories[row].tolist()).union(*pictures)
        assert mixed[shown].min() >= max(
            (mixed[leaf] for leaf in candidates - set(shown.tolist())), default=0.0
        ) - 1e-6  # fmt: skip
        assert abs(fused.rest[row] + fused.probabilities[row].sum() - 1) < 1e-5


def test_what_nobody_knows_of_stays_as_the_network_says() -> None:
    answers, prior = invent(5, 0)
    silent = (nobody(5), Recall(1.0, 0.1, 0.5))
    weights = np.tile([1.0, 0.0, 0.0], (4, 1, 1))
    fused, spoke = fuse(answers, silent, silent, weights, np.zeros(5, np.int64), prior)
    assert all(np.array_equal(one, other) for one, other in zip(fused, answers, strict=True))
    assert not spoke.any()


def belief_in_first(picture: Histogram) -> float:
    answers, prior = invent(1, 3)
    truth, recall = np.zeros(1, np.int32), Recall(1.0, 0.1, 0.5)
    return float(truth_of_memory(answers, truth, witnesses_of([[picture]]), recall, prior)[0])


def test_a_picture_seen_once_says_less_than_one_seen_fifty_times() -> None:
    assert belief_in_first({0: 1}) < belief_in_first({0: 50}) < 1


def test_boilerplate_says_the_same_for_every_category() -> None:
    answers, _ = invent(1, 3)
    prior = np.full(LEAVES, 1 / LEAVES)
    everywhere = witnesses_of([[dict.fromkeys(range(LEAVES), 1000)]])
    recall = Recall(1.0, 0.001, 0.5)
    for leaf in range(LEAVES):
        truth = np.full(1, leaf, np.int32)
        told = truth_of_memory(answers, truth, everywhere, recall, prior)
        np.testing.assert_allclose(told, truth_of_network(answers, truth, prior), atol=2e-3)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_what_the_asked_product_itself_was_counted_for_is_taken_off(alpha: float) -> None:
    answers, prior = invent(1, 3)
    truth, recall = np.full(1, 2, np.int32), Recall(alpha, 0.1, 0.5)
    counted = witnesses_of([[{2: 1}, {2: 3, 4: 1}]])._replace(own=np.array([2, 4], np.int32))
    without = witnesses_of([[{}, {2: 3}]])
    found, wanted = (
        truth_of_memory(answers, truth, told, recall, prior) for told in (counted, without)
    )
    np.testing.assert_array_equal(found, wanted)
    alone = witnesses_of([[{2: 1}]])._replace(own=np.array([2], np.int32))
    assert np.isnan(truth_of_memory(answers, truth, alone, recall, prior)).all()


def rule_of_2017(pictures: list[Histogram]) -> int | None:
    """Return the one label of all pictures that have one, or None."""
    labels = {next(iter(picture)) for picture in pictures if len(picture) == 1}
    return labels.pop() if len(labels) == 1 else None


@given(goods=products, seed=st.integers(0, 999))
@settings(max_examples=60)
def test_the_override_is_the_rule_of_2017(goods: list[list[Histogram]], seed: int) -> None:
    answers, prior = invent(len(goods), seed)
    weights = np.tile([[1.0, 0.0, 0.0]], (4, 1, 1))
    weights[1] = [0.0, 1.0, 0.0]
    exact = (witnesses_of(goods), Recall(0.0, 1.0, 0.0))
    near = (nobody(len(goods)), Recall(1.0, 1.0, 0.0))
    fused, _ = fuse(answers, exact, near, weights, np.zeros(len(goods), np.int64), prior)
    for row, pictures in enumerate(goods):
        label = rule_of_2017(pictures)
        wanted = answers.categories[row, 0] if label is None else label
        assert fused.categories[row, 0] == wanted
        assert label is None or fused.probabilities[row].tolist() == [1.0] + [0.0] * (K - 1)
