"""The order of products and its batches."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etalage.batches.order import in_order, shuffled
from etalage.errors import ConfigError


@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 2**40), st.integers(0, 99))
def test_a_shuffle_has_every_product_once(count: int, size: int, seed: int, epoch: int) -> None:
    batches = list(shuffled(np.arange(100, 100 + count), size, seed=seed, epoch=epoch))
    assert sorted(row for batch in batches for row in batch) == list(range(100, 100 + count))
    assert all(len(batch) == size for batch in batches[:-1])


def test_a_shuffle_depends_on_seed_and_epoch_only() -> None:
    orders = {
        tuple(shuffled(range(50), 7, seed=seed, epoch=epoch).rows.tolist())
        for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0), (1, 1)]
    }
    assert len(orders) == 4


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 70))
def test_what_is_left_after_some_batches_is_the_rest(count: int, size: int, done: int) -> None:
    whole = shuffled(range(count), size, seed=3, epoch=1)
    rest = list(whole.after(done))
    assert len(rest) == max(0, len(whole) - done)
    assert all((one == whole[done + number]).all() for number, one in enumerate(rest))


def test_products_in_order_come_in_consecutive_batches() -> None:
    batches = in_order([3, 1, 4, 1, 5], 2)
    assert [batch.tolist() for batch in batches] == [[3, 1], [4, 1], [5]]
    assert len(batches) == 3


@pytest.mark.parametrize("number", [-1, 3, 4])
def test_a_batch_outside_the_order_is_refused(number: int) -> None:
    with pytest.raises(IndexError, match=f"batch {number} of 3"):
        in_order(range(5), 2)[number]


def test_a_batch_of_no_products_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch of 0 products"):
        in_order(range(5), 0)


@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 9), st.integers(0, 4))
def test_shares_make_up_each_batch(count: int, size: int, of: int, done: int) -> None:
    whole = shuffled(range(count), size, seed=3, epoch=1).after(done)
    shares = [list(whole.share(rank, of)) for rank in range(of)]
    for number, batch in enumerate(whole):
        parts = [share[number] for share in shares]
        assert sorted(np.concatenate(parts).tolist()) == sorted(batch.tolist())
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(("rank", "of"), [(-1, 2), (2, 2), (0, 0)])
def test_a_process_that_is_not_there_has_no_share(rank: int, of: int) -> None:
    with pytest.raises(ConfigError, match=f"process {rank} of {of}"):
        in_order(range(5), 2).share(rank, of)
