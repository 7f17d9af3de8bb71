"""A fitted temperature makes confidences as high as the answers are right."""

import numpy as np
import pytest
from scipy.special import log_softmax

from etalage.errors import PredictionsError
from etalage.predictions.calibration import COLDEST, HOTTEST, fit_temperature, log_loss


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
