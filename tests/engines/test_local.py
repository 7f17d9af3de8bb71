"""Shards worked by processes come back in order, and what goes wrong in one is said here."""

import pytest

from etalage.engines.local import run_shards
from etalage.errors import CatalogueError, EngineError
from shards import die_at_three, double, fail_at_three


@pytest.mark.parametrize("workers", [1, 2, None])
def test_results_come_in_the_order_of_the_shards(workers: int | None) -> None:
    found = list(run_shards(double, range(20), workers=workers))
    assert found == list(range(0, 40, 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_shard_is_raised_here_with_its_hint(workers: int) -> None:
    with pytest.raises(CatalogueError, match="shard 3 is bad") as error:
        list(run_shards(fail_at_three, range(6), workers=workers))
    assert error.value.hint == "leave it out"


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_a_killed_process_is_one_error() -> None:
    with pytest.raises(EngineError, match="one of 2 worker processes was killed") as error:
        list(run_shards(die_at_three, range(6), workers=2))
    assert "run the same command again" in error.value.hint


def test_no_shards_are_no_results() -> None:
    assert list(run_shards(double, [])) == []
