"""Every private category is public too, and the parts follow from the truth and the seed."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from etalage.competition.parts import deal, given
from etalage.errors import CompetitionError, ConfigError


@drawn(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=20),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**70),
)
@settings(max_examples=60)
def test_every_private_category_is_public_too(counts: list[int], share: float, seed: int) -> None:
    leaves = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    np.random.default_rng(0).shuffle(leaves)
    try:
        public = deal(leaves, share, seed)
    except CompetitionError:
        return
    assert set(leaves[~public]) <= set(leaves[public])
    assert public.sum() <= len(leaves) * share + np.count_nonzero(counts) + 1
    assert public.sum() >= np.floor(len(leaves) * share)


def test_large_categories_are_dealt_by_the_share_and_the_total_is_right() -> None:
    leaves = np.repeat(np.arange(100, dtype=np.int32), 97)
    public = deal(leaves, 0.3, 0)
    shares = np.bincount(leaves[public]) / 97
    assert abs(public.mean() - 0.3) < 2 / len(leaves)
    assert np.all(abs(shares - 0.3) < 0.02)


def test_the_same_truth_and_seed_deal_the_same_parts_and_another_seed_others() -> None:
    leaves = np.random.default_rng(1).integers(0, 9, 2000).astype(np.int32)
    assert np.array_equal(deal(leaves, 0.3, 5), deal(leaves, 0.3, 5))
    assert not np.array_equal(deal(leaves, 0.3, 5), deal(leaves, 0.3, 6))


def test_who_knows_the_seed_but_not_the_truth_learns_nothing() -> None:
    leaves = np.random.default_rng(1).integers(0, 9, 20_000).astype(np.int32)
    other = leaves.copy()
    other[7] = (other[7] + 1) % 9
    agreement = np.mean(deal(leaves, 0.3, 5) == deal(other, 0.3, 5))
    assert abs(agreement - (0.3**2 + 0.7**2)) < 0.02  # that of two independent lots


def test_nothing_left_for_the_private_part_is_refused() -> None:
    with pytest.raises(CompetitionError, match="nothing is left for the private part: 3 products"):
        deal(np.arange(3, dtype=np.int32), 0.3, 0)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_of_nothing_or_all_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="not between 0 and 1"):
        deal(np.zeros(9, np.int32), share, 0)


def test_a_given_part_is_taken_as_it_is() -> None:
    leaves = np.array([1, 1, 2, 2], np.int32)
    part = pa.array(["private", "public", "public", "public"])
    assert given(part, leaves, "t").tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["public", "public", "private", "private"], "1 categories are in the private part only"),
        (["public", "Private", "public", "private"], "holds 'Private', 'private', 'public'"),
        (["public", "public", "public", "public"], "holds 'public', expected"),
    ],
)
def test_a_given_part_that_cannot_be_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(CompetitionError, match=message):
        given(pa.array(words), np.array([1, 1, 2, 2], np.int32), "t")
