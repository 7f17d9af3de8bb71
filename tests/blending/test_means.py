"""Means on top-k tables are those of whole distributions."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from blending.conftest import LEAVES, dense, invent
from etalage.blending.kernels import LEAST
from etalage.blending.means import Mean, blended, make_mean, stack
from etalage.errors import ConfigError
from etalage.predictions.table import Predictions, top_k, validate


def expected(mean: Mean, tables: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean of dense distributions, as the formulas say."""
    pairs = list(zip(mean.weights, tables, strict=True))
    if mean.name == "arithmetic":
        found = sum(weight * table for weight, table in pairs)
    elif mean.name == "geometric":
        found = np.exp(sum(weight * np.log(np.maximum(table, LEAST)) for weight, table in pairs))
    else:
        powers = (weight * np.maximum(table, LEAST) ** mean.exponent for weight, table in pairs)
        found = sum(powers) ** (1 / mean.exponent)
    whole: NDArray[np.float64] = np.asarray(found) / np.sum(found, axis=1, keepdims=True)
    return whole


@pytest.mark.parametrize(
    ("name", "exponent"),
    [("arithmetic", None), ("geometric", None), ("power", 0.5), ("power", -1.0), ("power", 3.0)],
)
@given(seed=st.integers(0, 10**6), kept=st.lists(st.integers(1, LEAVES), min_size=2, max_size=4))
@settings(max_examples=15)
def test_a_mean_of_tables_is_that_of_whole_distributions(
    name: str, exponent: float | None, seed: int, kept: list[int]
) -> None:
    tables = [invent(9, seed=seed + number, k=k) for number, k in enumerate(kept)]
    mean = make_mean(name, len(kept), list(range(1, len(kept) + 1)), exponent)
    found = blended(stack(tables, LEAVES), mean, max(kept))
    whole = expected(mean, [dense(table, LEAVES) for table in tables])
    probabilities = top_k(whole.astype(np.float32), max(kept))[1]
    assert np.allclose(found[1], probabilities, atol=1e-6)
    assert np.allclose(np.take_along_axis(whole, found[0], 1), probabilities, atol=1e-6)
    ids, images = tables[0].product_ids, tables[0].images
    validate(Predictions(ids, *found, images), LEAVES, "the blend")


def test_a_weight_of_one_gives_the_model_back() -> None:
    tables = [invent(20, seed=number) for number in range(3)]
    for name in ("arithmetic", "geometric"):
        found = blended(stack(tables, LEAVES), make_mean(name, 3, [0, 1, 0]), 5)
        assert (found[0] == tables[1].categories).all()
        assert np.allclose(found[1], tables[1].probabilities, atol=1e-6)


def test_an_answer_from_the_prior_counts_only_where_there_is_no_other() -> None:
    tables = [invent(2, seed=number) for number in range(2)]
    tables[0].images[:] = 0
    tables[1].images[1] = 0
    found = blended(stack(tables, LEAVES), make_mean("arithmetic", 2), 5)
    assert np.allclose(found[1][0], tables[1].probabilities[0], atol=1e-6)
    assert not np.allclose(found[1][1], tables[1].probabilities[1], atol=1e-3)


def test_no_model_can_veto_what_the_others_are_sure_of() -> None:
    sure = Predictions(pa.array([1]), *top_k(np.array([[0, 1, 0]], "f4"), 1), np.ones(1, "i2"))
    other = Predictions(pa.array([1]), *top_k(np.array([[1, 0, 0]], "f4"), 1), np.ones(1, "i2"))
    found = blended(stack([sure, sure, other], 3), make_mean("geometric", 3), 1)
    assert found[0][0, 0] == 1
    assert found[1][0, 0] > 0.99


def test_equal_shares_come_in_order_of_their_leaf() -> None:
    flat = np.full((1, 4), 0.25, np.float32)
    tables = [Predictions(pa.array([1]), *top_k(flat, 2), np.ones(1, "i2")) for _ in range(2)]
    assert blended(stack(tables, 4), make_mean("arithmetic", 2), 2)[0].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "median"}, "mean 'median' is none of arithmetic, geometric, power"),
        ({"name": "power"}, "mean 'power' with exponent None"),
        ({"name": "power", "exponent": 0.0}, "exponent is 0.0: expected -10 to 10, and not 0"),
        ({"name": "geometric", "exponent": 2.0}, "mean 'geometric' with exponent 2.0"),
        ({"name": "arithmetic", "weights": [1]}, "1 weights for 2 predictions"),
        ({"name": "arithmetic", "weights": [1, -1]}, "weights are 1, -1: expected numbers from 0"),
        ({"name": "arithmetic", "weights": [0, 0]}, "not all 0"),
    ],
)
def test_a_mean_that_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_mean(members=2, **options)  # type: ignore[arg-type]
    assert message in refused.value.message
