"""One file of answers is called better than another only when it is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.scoring.answers import Compared
from etalage.scoring.comparison import Paired, compare_pairs, mcnemar
from etalage.scoring.resampling import Units
from scoring.plain import PRODUCTS, columns, compared

FLAT = flat_taxonomy(np.arange(2))


def answers(right: np.ndarray) -> Compared:
    """Return products of one category, answered rightly or with the other one."""
    return compared(np.zeros(len(right)), ~right, FLAT)


@given(first=st.integers(0, 60), second=st.integers(0, 60))
@settings(max_examples=30)
def test_mcnemar_is_the_binomial_test_of_the_products_that_differ(first: int, second: int) -> None:
    exact, mid = mcnemar(first, second)
    trials = first + second
    expected = binomtest(first, trials).pvalue if trials else 1.0
    outcomes = binom.pmf(np.arange(trials + 1), trials, 0.5)
    uneven = np.abs(2 * np.arange(trials + 1) - trials)
    beyond, as_far = uneven > abs(first - second), uneven == abs(first - second)
    assert exact == pytest.approx(expected)
    assert mid == pytest.approx(outcomes[beyond].sum() + outcomes[as_far].sum() / 2)


@given(products=PRODUCTS)
@settings(max_examples=20)
def test_products_are_counted_pair_by_pair_on_every_level(
    products: list[tuple[int, int, int]],
) -> None:
    truth, one, other = columns(products)
    first, second = compared(truth, one), compared(truth, other)
    found = compare_pairs(first, second, Units(None), "b")
    for name, level in (("level1", 0), ("level2", 1), ("level3", 2)):
        right, also = first.hits().levels[level], second.hits().levels[level]
        paired = found.levels[name]
        assert right is not None
        assert also is not None
        assert paired is not None
        assert paired.both == sum(a and b for a, b in zip(right, also, strict=True))
        assert paired.only_first == sum(a and not b for a, b in zip(right, also, strict=True))
        assert paired.only_second == sum(b and not a for a, b in zip(right, also, strict=True))
        assert paired.neither == sum(not a and not b for a, b in zip(right, also, strict=True))
        assert paired.difference == pytest.approx(right.mean() - also.mean())
    assert found.levels["top5"] is None


@pytest.mark.parametrize(
    ("low", "exact", "units", "real"),
    [
        (0.01, 0.01, None, True),
        (-0.01, 0.01, None, False),  # the interval holds 0
        (0.01, 0.06, None, False),
        (0.01, 0.01, 0.06, False),  # groups decide where they are known
        (0.01, 0.06, 0.01, True),
        (-0.01, 0.06, 0.01, False),
    ],
)
def test_a_difference_is_real_only_when_test_and_interval_say_so(
    low: float, exact: float, units: float | None, real: bool
) -> None:
    assert Paired(5, 4, 3, 2, 0.1, (low, 0.2), exact, exact, units).is_real == real
    assert Paired(5, 3, 4, 2, -0.1, (-0.2, -low), exact, exact, units).is_real == real


def test_the_same_answers_do_not_differ() -> None:
    one = answers(np.arange(500) < 300)
    found = compare_pairs(one, one, Units(None), "b")
    assert (found.real, found.better) == (False, None)


@pytest.mark.parametrize(("worse", "better"), [(False, "first"), (True, "second")])
def test_a_large_difference_is_real(worse: bool, better: str) -> None:
    random = np.random.default_rng(0)
    pair = answers(random.random(1000) < 0.8), answers(random.random(1000) < 0.7)
    first, second = reversed(pair) if worse else pair
    assert compare_pairs(first, second, Units(None), "b").better == better


@pytest.mark.slow
@pytest.mark.parametrize("copies", [1, 4])
@pytest.mark.parametrize("products", [40, 400])
def test_of_500_pairs_that_do_not_differ_at_most_5_in_100_are_called_different(
    copies: int, products: int
) -> None:
    random = np.random.default_rng(products + copies)
    groups = products // copies
    unit = np.repeat(np.arange(groups, dtype=np.int32), copies)
    called = 0
    for seed in range(500):
        first, second = (answers(np.repeat(random.random(groups) < 0.7, copies)) for _ in range(2))
        called += compare_pairs(first, second, Units(unit, seed), "b").real
    # 25 expected at most; a binomial of that mean stays below 36 in 98 of 100 runs.
    assert called <= 35


def test_copies_taken_for_products_would_be_called_different() -> None:
    random = np.random.default_rng(1)
    unit = np.repeat(np.arange(20, dtype=np.int32), 30)
    blind, aware = 0, 0
    for seed in range(100):
        pair = [answers(np.repeat(random.random(20) < 0.7, 30)) for _ in range(2)]
        blind += compare_pairs(pair[0], pair[1], Units(None, seed), "b").real
        aware += compare_pairs(pair[0], pair[1], Units(unit, seed), "b").real
    assert blind > 50
    assert aware <= 10


@given(products=PRODUCTS)
@settings(max_examples=20)
def test_by_groups_every_change_of_signs_is_as_likely(products: list[tuple[int, int, int]]) -> None:
    one, other, unit = (np.array(column) for column in columns(products))
    right, also = one > 2, other > 2
    sums = [int(right[unit == each].sum() - also[unit == each].sum()) for each in set(unit)]
    flips = np.array(list(itertools.product([-1, 1], repeat=len(sums)))) @ np.array(sums)
    found = Units(unit.astype(np.int32)).sign_flip(right, also)
    assert found == pytest.approx((np.abs(flips) >= abs(sum(sums))).mean(), abs=0.025)


def test_where_products_are_groups_the_test_is_mcnemars() -> None:
    random = np.random.default_rng(2)
    right, also = random.random(300) < 0.7, random.random(300) < 0.63
    found = Units(np.arange(300, dtype=np.int32)).sign_flip(right, also)
    assert found == pytest.approx(
        mcnemar(int((right & ~also).sum()), int((also & ~right).sum()))[0], abs=0.02
    )
    assert Units(None).sign_flip(right, also) is None
