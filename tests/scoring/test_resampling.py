"""Intervals are those of drawing units one by one, and hold what they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.predictions.intervals import clopper_pearson
from etalage.scoring.resampling import Units, of_counts


def slow(values: np.ndarray, unit: np.ndarray, draws: int = 3000) -> list[float]:
    """Return the percentiles of means of units drawn with replacement, one resample at a time."""
    random, numbers = np.random.default_rng(5), np.unique(unit)
    size = np.array([(unit == each).sum() for each in numbers])
    total = np.array([values[unit == each].sum() for each in numbers])
    drawn = random.integers(0, len(numbers), (draws, len(numbers)))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return [float(low), float(high)]


@given(
    units=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), min_size=30, max_size=60),
    seed=st.integers(0, 9),
)
@settings(max_examples=8)
def test_an_interval_is_that_of_drawing_whole_units(
    units: list[tuple[int, int]], seed: int
) -> None:
    unit = np.repeat(np.arange(len(units)), [size for size, _ in units]).astype(np.int32)
    right = np.concatenate([np.arange(size) < hits for size, hits in units])
    if len({(size, min(size, hits)) for size, hits in units}) == 1:
        return
    order = np.random.default_rng(seed).permutation(len(unit))
    found = Units(unit[order], seed).share(right[order])
    assert list(found) == pytest.approx(slow(right, unit), abs=0.04)


@pytest.mark.parametrize("right", [3, 25, 90])
def test_without_copies_each_product_is_a_unit(right: int) -> None:
    hits = np.arange(100) < right
    found = Units(None, 7).share(hits)
    assert found == of_counts(right, 100, 7)
    assert list(found) == pytest.approx(slow(hits, np.arange(100)), abs=0.011)
    assert found == Units(np.arange(100, dtype=np.int32), 7).share(hits)


def test_copies_that_are_answered_alike_widen_the_interval_as_they_should() -> None:
    right = np.repeat(np.arange(100) < 60, 4)
    low, high = Units(np.repeat(np.arange(100, dtype=np.int32), 4)).share(right)
    alone = Units(None).share(right)
    assert (high - low) / (alone[1] - alone[0]) == pytest.approx(2, rel=0.1)


def test_all_right_is_not_certainty() -> None:
    right = np.ones(45, np.bool_)
    low, high = clopper_pearson(45, 45)
    assert list(Units(None).share(right)) == pytest.approx([float(low), float(high)])
    assert low < 0.93
    units = Units(np.repeat(np.arange(9, dtype=np.int32), 5))
    assert units.share(right)[0] == pytest.approx(float(clopper_pearson(9, 9)[0]))
    assert Units(np.zeros(45, np.int32)).share(np.arange(45) < 20)[0] < 0.05
    uneven = Units(np.repeat(np.arange(9, dtype=np.int32), 5)[4:])
    assert uneven.share(right[4:])[0] == pytest.approx(float(clopper_pearson(9, 9)[0]))


def test_of_few_units_the_interval_is_exact() -> None:
    low, high = clopper_pearson(6, 10)
    assert list(Units(None).share(np.arange(10) < 6)) == pytest.approx([float(low), float(high)])
    unit = np.repeat(np.arange(10, dtype=np.int32), 3)
    found = Units(unit).share(np.repeat(np.arange(10) < 6, 3))
    assert list(found) == pytest.approx([float(low), float(high)])


def test_a_difference_is_drawn_in_pairs() -> None:
    random = np.random.default_rng(3)
    one, other = random.random(200) < 0.7, random.random(200) < 0.6
    found = Units(None).difference(one, other)
    values = one.astype(np.int8) - other
    assert list(found) == pytest.approx(slow(values, np.arange(200)), abs=0.011)


@pytest.mark.parametrize(("first", "second", "sign"), [(0, 0, 0), (1, 0, 1), (0, 1, -1)])
def test_a_difference_without_exceptions_is_no_certainty(
    first: int, second: int, sign: int
) -> None:
    low, high = Units(None).difference(np.full(50, bool(first)), np.full(50, bool(second)))
    assert low <= sign <= high
    assert high - low > 0.05
    assert (low <= 0 <= high) == (sign == 0)


def test_the_same_seed_gives_the_same_interval_and_another_another() -> None:
    right = np.random.default_rng(0).random(500) < 0.4
    assert Units(None, 1).share(right) == Units(None, 1).share(right)
    assert Units(None, 1).share(right) != Units(None, 2).share(right)


@pytest.mark.slow
@pytest.mark.parametrize("copies", [1, 3])
def test_95_of_100_intervals_hold_the_share_they_are_about(copies: int) -> None:
    random = np.random.default_rng(copies)
    unit = np.repeat(np.arange(200, dtype=np.int32), copies)
    held = 0
    for seed in range(400):
        right = np.repeat(random.random(200) < 0.7, copies)
        low, high = Units(unit if copies > 1 else None, seed).share(right)
        held += low <= 0.7 <= high
    assert 366 <= held <= 394
