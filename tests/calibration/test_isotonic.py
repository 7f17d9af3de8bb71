"""The isotonic map makes the first confidence as high as it is right and keeps every order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.tables import LEAVES, tables
from etalage.calibration.artefact import Calibration, apply_to
from etalage.calibration.isotonic import Isotonic, fit_isotonic
from etalage.calibration.noise import Noise
from etalage.predictions.table import Predictions, validate


def bent(products: int) -> tuple[np.ndarray, np.ndarray]:
    """Return confidences c that are right with probability c squared."""
    random = np.random.default_rng(0)
    confidence = random.random(products)
    return confidence, random.random(products) < confidence**2


def test_a_bent_confidence_is_straightened() -> None:
    fitted = fit_isotonic(*bent(40_000))
    at = np.linspace(0.1, 0.9, 9)
    assert fitted(at) == pytest.approx(at**2, abs=0.05)


def test_products_keep_their_order() -> None:
    fitted = fit_isotonic(*bent(500))
    assert (np.diff(fitted(np.linspace(0, 1, 1000))) > 0).all()


def test_no_finite_sample_shows_certainty() -> None:
    confidence = np.linspace(0.9, 0.99, 50)
    fitted = fit_isotonic(confidence, np.ones(50, np.bool_))
    assert 0.99 < fitted(np.array([0.945]))[0] < 1
    assert fitted(np.ones(1))[0] < 1


def test_shares_of_right_answers_are_corrected_for_noise() -> None:
    confidence, right = bent(40_000)
    labelled = right & (np.random.default_rng(1).random(40_000) >= 0.2)
    fitted = fit_isotonic(confidence, labelled, Noise(0.2, 0.2, 0.2))
    assert fitted(np.array([0.8])) == pytest.approx(0.64, abs=0.05)


@pytest.mark.parametrize("right", [[True], [False], [True, True], [False, True]])
def test_few_products_give_a_map(right: list[bool]) -> None:
    fitted = fit_isotonic(np.array([0.4, 1.0])[: len(right)], np.array(right))
    assert (fitted.x[0], fitted.x[-1], fitted.y[0]) == (0, 1, 0)
    assert list(fitted.y) == sorted(fitted.y)


@given(tables(), st.lists(st.floats(0, 1), min_size=2, max_size=4).map(sorted))
def test_by_any_map_a_table_stays_one(table: Predictions, heights: list[float]) -> None:
    points = tuple(np.linspace(0, 1, len(heights)).tolist())
    calibration = Calibration(1.0, Isotonic(points, tuple(heights)))
    found = apply_to(calibration, table, LEAVES)
    validate(found, LEAVES, "it")
    assert np.array_equal(found.categories, table.categories)


def test_the_others_keep_their_proportions() -> None:
    table = next_to(0.6, 0.2, 0.1)
    found = apply_to(Calibration(1.0, Isotonic((0, 0.6, 1), (0, 0.5, 1))), table, LEAVES)
    assert found.probabilities[0] == pytest.approx([0.5, 0.25, 0.125], rel=1e-5)
    assert found.rest[0] == pytest.approx(0.125, rel=1e-5)


def test_the_second_category_never_overtakes_the_first() -> None:
    table = next_to(0.5, 0.4, 0.05)
    found = apply_to(Calibration(1.0, Isotonic((0, 0.5, 1), (0, 0.1, 1))), table, LEAVES)
    assert found.probabilities[0, 0] == pytest.approx(4 / 9, rel=1e-5)
    assert found.probabilities[0, 1] == pytest.approx(4 / 9, rel=1e-5)


def test_what_a_certain_answer_loses_goes_outside() -> None:
    found = apply_to(Calibration(1.0, Isotonic((0, 1), (0, 0.9))), next_to(1, 0, 0), LEAVES)
    assert found.probabilities[0] == pytest.approx([0.9, 0, 0])
    assert found.rest[0] == pytest.approx(0.1)


def next_to(*shares: float) -> Predictions:
    """Return one product with these probabilities and the rest outside."""
    import pyarrow as pa

    probabilities = np.array([shares], np.float32)
    rest = (1 - probabilities.sum(axis=1)).clip(min=0)
    rows = np.arange(len(shares), dtype=np.int32)[None]
    return Predictions(pa.array([1]), rows, probabilities, rest, np.ones(1, np.int16))
