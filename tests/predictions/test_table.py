"""The top-k table keeps the right categories, and refuses what no prediction can say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from etalage.errors import PredictionsError
from etalage.predictions.table import Predictions, top_k, validate

# Few distinct values: ties everywhere, signed zeros and the smallest floats among them.
SHARES = st.sampled_from([0.0, -0.0, 1e-45, 0.1, 0.100000001, 0.25, 0.5, 1.0])
Maker = Callable[..., Predictions]


@given(
    arrays(np.float32, st.tuples(st.integers(0, 9), st.integers(1, 30)), elements=SHARES),
    st.integers(1, 25),
)
def test_top_k_is_the_head_of_a_stable_sort(shares: NDArray[np.float32], k: int) -> None:
    categories, kept, _ = top_k(shares, k)
    order = np.argsort(-shares, axis=1, kind="stable")[:, :k]
    assert np.array_equal(categories, order)
    assert np.array_equal(kept, np.take_along_axis(shares, order, axis=1))


def test_rest_is_the_mass_outside_the_k() -> None:
    shares = np.array([[0.5, 0.2, 0.2, 0.1], [1, 0, 0, 0]], np.float32)
    _, _, rest = top_k(shares, 2)
    assert rest.dtype == np.float32
    assert rest == pytest.approx([0.3, 0])


def test_rest_is_never_negative_when_floats_round_up() -> None:
    shares = np.full((1, 3), np.float32(1 / 3) + np.float32(1e-7), np.float32)
    assert top_k(shares, 3)[2][0] == 0


def test_many_products_are_ranked_block_by_block() -> None:
    shares = np.random.default_rng(0).random((3000, 1500), dtype=np.float32)
    categories, _, _ = top_k(shares, 20)
    assert np.array_equal(categories[-1], np.argsort(-shares[-1], kind="stable")[:20])


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
def test_top_k_refuses_what_is_no_probability(bad: float) -> None:
    with pytest.raises(PredictionsError, match="no number, or outside 0 to 1"):
        top_k(np.array([[0.5, bad]], np.float32), 1)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"probabilities": [0.7, np.nan, 0]}, "a probability is no number"),
    ({"probabilities": [1.5, 0.1, 0]}, "outside 0 to 1"),
    ({"probabilities": [0.7, 0.3, -0.1]}, "outside 0 to 1"),
    ({"probabilities": [0.2, 0.3, 0.1]}, "the probabilities increase"),
    ({"probabilities": [0.2, 0.1, 0.1], "rest": 0.1}, "do not add up to 1"),
    ({"rest": np.inf}, "a probability is no number"),
    ({"categories": [1, 2, 1]}, "a category occurs twice"),
    ({"categories": [1, 2, 7]}, "no row of 7 leaves"),
    ({"images": -1}, "a negative number of images"),
]


@pytest.mark.parametrize(("wrong", "message"), FAULTS)
def test_an_impossible_prediction_is_named_with_its_product(
    wrong: dict[str, Any], message: str, predict: Maker
) -> None:
    predictions = predict([10, 14, 21])
    columns = {name: getattr(predictions, name).copy() for name in wrong}
    for name, value in wrong.items():
        columns[name][1] = value
    with pytest.raises(PredictionsError, match=f"here: product 14 .*{message}"):
        validate(replace(predictions, **columns), 7, "here")


def test_columns_of_different_length_are_refused(predict: Maker) -> None:
    predictions = predict([10, 14, 21])
    with pytest.raises(PredictionsError, match="different length"):
        validate(replace(predictions, rest=predictions.rest[:2]), 7, "here")
