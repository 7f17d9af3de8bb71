"""Statistics over arrays: each against the plainest way to count the same."""

from collections import Counter
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from etalage.catalogue.duplicates import find_shared
from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.reports.categories import concentration
from etalage.reports.conflicts import rank_pairs
from etalage.reports.copies import copy_counts, copy_distribution, most_copied
from etalage.reports.drift import compare_counts, distance, stability_index
from etalage.reports.figures import short
from etalage.reports.numbers import ONE_TWO_FIVE, TENTHS, log_bins, round_edges, spread
from etalage.reports.resellers import resellers_of
from etalage.reports.texts import text_of


@given(st.lists(st.integers(0, 10**7)), st.sampled_from([ONE_TWO_FIVE, TENTHS]))
def test_every_value_above_zero_is_in_one_bin(values: list[int], steps: tuple[float, ...]) -> None:
    bins = log_bins(np.array(values, np.int64), steps)
    for bin in bins:
        inside = [value for value in values if bin.low <= value < bin.high]
        assert (bin.count, bin.total) == (len(inside), sum(inside))
    assert sum(bin.count for bin in bins) == sum(value > 0 for value in values)
    assert all(one.high == next.low for one, next in zip(bins, bins[1:], strict=False))


def test_edges_are_round() -> None:
    assert round_edges(40, ONE_TWO_FIVE).tolist() == [1, 2, 5, 10, 20, 50]
    assert round_edges(1600, TENTHS).tolist()[-6:] == [630, 800, 1000, 1250, 1600, 2000]


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=60))
def test_concentration_is_that_of_sorted_counts(sizes: list[int]) -> None:
    found = concentration(np.array([*sizes, 0]))
    assert found is not None
    ordered = sorted(sizes, reverse=True)
    tenth = max(1, round(len(sizes) / 10))
    fewest = next(n for n in range(1, len(sizes) + 1) if sum(ordered[:n]) >= 0.75 * sum(sizes))
    assert found.largest_tenth == pytest.approx(sum(ordered[:tenth]) / sum(sizes), abs=1e-6)
    assert found.holding_three_quarters == pytest.approx(fewest / len(sizes), abs=1e-6)
    assert found.curve[-1].products == 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200))
def test_copies_are_counted_as_a_dictionary_counts_them(contents: list[int]) -> None:
    numbers = np.unique(contents, return_inverse=True)[1].astype(np.int32)
    often = Counter(contents)
    found = copy_distribution(copy_counts(numbers))
    assert {f.copies: f.images for f in found.frequencies} == Counter(often.values())
    assert (found.images, found.distinct) == (len(contents), len(often))
    assert found.most == max(often.values())


def test_the_most_copied_image_comes_first_with_where_it_is() -> None:
    numbers = np.array([0, 1, 1, 2, 1, 0], np.int32)
    product = np.array([0, 0, 0, 1, 2, 2], np.int32)
    ids = pa.array(["a", "b", "c"])
    labels = np.array([4, 4, 5], np.int32)
    found = most_copied(numbers, copy_counts(numbers), product, labels, ids, 9)
    assert [(f.row, f.copies, f.products, f.categories, f.product_id) for f in found] == [
        (1, 3, 2, 2, "a"),
        (0, 2, 2, 2, "a"),
    ]


def test_resellers_and_the_images_they_share() -> None:
    seller = np.array([0, 0, 1, -1], np.int32)
    product = np.array([0, 0, 1, 2, 3], np.int32)
    numbers = np.array([0, 1, 0, 0, 1], np.int32)
    found = resellers_of(["big", "small"], seller, product, numbers, 5)
    big, small = found.largest
    assert (found.resellers, found.without, found.shared) == (2, 1, 1)
    assert {f.copies: f.images for f in found.frequencies} == {1: 1, 2: 1}
    assert (big.products, big.images, big.distinct) == (2, 3, 2)
    assert (big.copied_share, big.shared_share) == (1.0, 0.666667)
    assert (small.images, small.shared_share) == (1, 1.0)


texts = st.lists(st.none() | st.text(max_size=12), max_size=40)


@given(texts, st.booleans())
def test_texts_are_measured_in_characters(values: list[str | None], packed: bool) -> None:
    column = pa.array(values, pa.string())
    parts = [column[:5], column[5:]]
    found = text_of("t", iter([p.dictionary_encode() if packed else p for p in parts]), len(values))
    lengths = sorted(n for value in values if value and (n := len(_trim(value))))
    assert found.products == len(lengths)
    assert (found.shortest, found.longest) == ((lengths[0], lengths[-1]) if lengths else (0, 0))
    assert found.median == (lengths[(len(lengths) - 1) // 2] if lengths else 0)


def _trim(value: str) -> str:
    return pa.compute.utf8_trim_whitespace(pa.scalar(value)).as_py()  # type: ignore[no-any-return]


def test_a_spread_has_quantiles_that_occur() -> None:
    found = spread(np.arange(1, 101))
    assert found is not None
    assert (found.least, found.p10, found.median, found.p90, found.most) == (1, 10, 50, 90, 100)
    assert (found.count, found.total, found.mean) == (100, 5050, 50.5)
    assert spread(np.zeros(0, np.int64)) is None


counts = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any)


@given(counts, counts)
def test_the_distance_is_the_root_of_the_divergence(one: list[int], other: list[int]) -> None:
    size = max(len(one), len(other))
    p, q = (np.pad(np.array(c, np.float64), (0, size - len(c))) for c in (one, other))
    middle = (p / p.sum() + q / q.sum()) / 2
    divergence = (entropy(p, middle, base=2) + entropy(q, middle, base=2)) / 2
    assert distance(p, q) == pytest.approx(max(divergence, 0) ** 0.5, abs=1e-5)
    assert distance(p, q) == distance(q, p) <= 1
    assert stability_index(p, q) >= 0


def test_equal_distributions_are_stable_and_others_are_not() -> None:
    here, there = {"a": 900, "b": 100}, {"a": 500, "b": 500}
    same, other = compare_counts("x", here, here), compare_counts("x", here, there)
    assert (same.distance, same.stability_index, same.verdict) == (0, 0, "stable")
    assert other.stability_index == pytest.approx(0.4 * np.log(9), abs=0.01)
    assert other.verdict == "changed"
    assert [(s.name, s.here, s.there) for s in other.shares] == [("a", 0.9, 0.5), ("b", 0.1, 0.5)]


def test_catalogues_with_nothing_in_common_are_as_far_apart_as_can_be() -> None:
    assert compare_counts("x", {"a": 5}, {"b": 5}).distance == 1


def test_axes_have_short_numbers() -> None:
    assert [short(n) for n in (1, 200, 2_000, 1_500_000, 2e9)] == [
        "1",
        "200",
        "2 k",
        "1.5 M",
        "2 G",
    ]


image_products = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=60)


@given(image_products, st.lists(st.integers(-1, 3), min_size=10, max_size=10))
def test_pairs_of_leaves_are_those_with_a_common_image(
    shown: list[tuple[int, int]], labels: list[int]
) -> None:
    pairs = sorted(shown, key=lambda pair: pair[1])
    product = np.array([p for _, p in pairs], np.int32)
    words = np.array([[image, image] for image, _ in pairs], np.uint64).reshape(-1, 2)
    leaves = np.array(labels, np.int32)
    sharing = find_shared(product, words, leaves, labels=leaves)
    readable = np.array([image != 3 for image, _ in pairs], np.bool_)
    found = rank_pairs(sharing, leaves, readable, flat_taxonomy(np.arange(4)), number=99)
    expected = Counter(
        pair
        for image in {image for image, _ in shown} - {3}
        for pair in combinations(sorted({labels[p] for i, p in shown if i == image} - {-1}), 2)
    )
    assert {(pair.first_id, pair.second_id): pair.images for pair in found.ranked} == expected
    assert all(len(pair.rows) == min(pair.images, 4) for pair in found.ranked)
    ranks = [(pair.images, pair.products) for pair in found.ranked]
    assert ranks == sorted(ranks, reverse=True)
