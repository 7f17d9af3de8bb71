"""A fitted temperature makes confidences as high as the answers are right."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from calibration.simulated import evidence_from, simulate
from calibration.tables import LEAVES, tables
from etalage.calibration.artefact import Calibration, apply_to
from etalage.calibration.noise import Noise
from etalage.calibration.temperature import (
    COLDEST,
    HOTTEST,
    fit_on_top,
    fit_temperature,
    log_loss,
    log_truth,
    with_temperature,
)
from etalage.errors import PredictionsError
from etalage.predictions.table import Predictions, validate


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_the_temperature_that_spoiled_the_logits_is_found(temperature: float) -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(20_000, 5)).astype(np.float32) * 2
    # The largest of logits plus Gumbel noise is a draw from their softmax.
    targets = (honest + random.gumbel(size=honest.shape)).argmax(axis=1)
    found = fit_temperature(honest * np.float32(temperature), targets)
    assert found == pytest.approx(temperature, rel=0.05)


def test_log_loss_is_its_definition() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(50, 7)).astype(np.float32)
    targets = random.integers(0, 7, 50)
    expected = -log_softmax(logits / 2, axis=1)[np.arange(50), targets].mean()
    assert log_loss(logits, targets, 2.0) == pytest.approx(expected, rel=1e-5)


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e30, -1e30], [3e4, -3e4]], np.float32)
    assert log_loss(logits, np.array([0, 0])) == 0


def test_right_and_wrong_without_doubt_reach_the_bounds() -> None:
    logits = np.eye(3, dtype=np.float32)
    assert fit_temperature(logits, np.arange(3)) == pytest.approx(COLDEST, rel=1e-2)
    assert fit_temperature(logits, (np.arange(3) + 1) % 3) == pytest.approx(HOTTEST, rel=1e-2)


def test_nothing_to_fit_on_changes_nothing() -> None:
    assert fit_temperature(np.empty((0, 5), np.float32), np.empty(0, np.int64)) == 1.0


def test_logits_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(PredictionsError, match="a logit is no finite number"):
        fit_temperature(np.array([[np.nan, 0]], np.float32), np.array([0]))


@pytest.mark.parametrize("leaves", [20, 24, 60])
@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_that_spoiled_a_top_k_table_is_found(
    temperature: float, leaves: int
) -> None:
    made = simulate(20_000, leaves=leaves, sharpness=3, temperature=1 / temperature)
    found = fit_on_top(evidence_from(made))
    assert found == pytest.approx(1 / temperature, rel=0.05)


def test_of_a_table_of_all_categories_it_is_the_softmax_at_that_temperature() -> None:
    logits = np.sort(np.random.default_rng(0).normal(size=(50, 7)) * 3, axis=1)[:, ::-1]
    shares = softmax(logits, axis=1).astype(np.float32)
    found, rest = with_temperature(shares, np.zeros(50, np.float32), 7, 2.5)
    assert found == pytest.approx(softmax(logits / 2.5, axis=1), rel=1e-4)
    assert not rest.any()


def test_outside_the_table_the_mass_is_spread_evenly() -> None:
    shares, rest = np.array([[0.5, 0.2]], np.float32), np.array([0.3], np.float32)
    full = np.array([[0.5, 0.2, 0.1, 0.1, 0.1]]) ** 0.5
    found, left = with_temperature(shares, rest, 5, 2.0)
    assert found == pytest.approx(full[:, :2] / full.sum(), rel=1e-6)
    assert left == pytest.approx(full[:, 2:].sum() / full.sum(), rel=1e-6)


def test_wrong_labels_do_not_make_confidence_too_low() -> None:
    made = simulate(40_000, sharpness=4.0)
    random = np.random.default_rng(1)
    wrong = random.random(40_000) < 0.1
    noisy = replace(made, truth=np.where(wrong, random.integers(0, 30, 40_000), made.truth))
    assert fit_on_top(evidence_from(noisy)) > 1.2
    known = fit_on_top(evidence_from(noisy), Noise(0.1, 0.09, 0.11))
    assert known == pytest.approx(1, abs=0.03)


@given(tables(), st.floats(0.05, 20))
def test_at_any_temperature_a_table_stays_one(table: Predictions, temperature: float) -> None:
    found = apply_to(Calibration(temperature), table, LEAVES)
    validate(found, LEAVES, "it")
    assert np.array_equal(found.categories, table.categories)


def test_log_probabilities_are_those_of_the_table() -> None:
    evidence = evidence_from(simulate(200, leaves=40))
    place, outside = evidence.place, evidence.place == 20
    inside = evidence.probabilities[np.arange(200), place.clip(max=19)]
    expected = np.log(np.where(outside, evidence.rest / 20, inside))
    assert outside.any()
    assert log_truth(evidence) == pytest.approx(expected, abs=1e-4)
