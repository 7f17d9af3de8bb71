"""Calibration error against its floor, log-loss and Brier score of a table that was cut."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.conftest import Files
from calibration.simulated import evidence_from, simulate
from etalage.calibration import measure as module
from etalage.calibration.measure import (
    brier_scores,
    calibration_error,
    measure,
    reliability,
)
from etalage.calibration.noise import Noise


def perfect(products: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidences, and answers right with just that probability."""
    random = np.random.default_rng(seed)
    confidence = random.beta(4, 1, products)
    return confidence, random.random(products) < confidence


def test_a_perfect_model_of_45_products_shows_an_error_of_about_13_points() -> None:
    found = [calibration_error(*perfect(45, seed), seed=seed) for seed in range(60)]
    assert np.mean([one.ece for one in found]) == pytest.approx(0.13, abs=0.02)
    assert np.mean([one.floor for one in found]) == pytest.approx(0.13, abs=0.02)


@pytest.mark.parametrize("singly", [0, 10**9], ids=["by sums", "one by one"])
@pytest.mark.parametrize("products", [200, 1000])
def test_the_floor_is_the_error_of_perfect_models(
    products: int, singly: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DRAWN_SINGLY", singly)
    monkeypatch.setattr(module, "_DRAWS", 300)
    found = [calibration_error(*perfect(products, seed), seed=seed) for seed in range(60)]
    floors = np.array([one.floor for one in found])
    assert np.mean([one.ece for one in found]) == pytest.approx(floors.mean(), rel=0.1)
    assert 0.85 <= np.mean([one.ece <= one.floor_high for one in found]) <= 1


def test_the_interval_holds_the_error_of_other_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DRAWS", 300)

    def one(seed: int) -> module.CalibrationError:
        confidence, right = perfect(1000, seed)
        return calibration_error(confidence**0.5, right, seed=seed)

    found = [one(seed) for seed in range(60)]
    usual = float(np.mean([each.ece for each in found]))
    held = np.mean([each.interval[0] <= usual <= each.interval[1] for each in found])
    assert held >= 0.88


def test_bins_hold_equal_numbers_and_their_own_products() -> None:
    confidence, right = perfect(1000, 0)
    bins = reliability(confidence, right)
    assert {one.products for one in bins} <= {66, 67}
    assert sum(one.products * one.accuracy for one in bins) == pytest.approx(right.sum())
    assert sum(one.products * one.confidence for one in bins) == pytest.approx(confidence.sum())
    assert all(one.low < one.accuracy < one.high or one.accuracy in (0, 1) for one in bins)
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)


def test_the_error_is_the_mean_distance_over_the_bins() -> None:
    confidence, right = perfect(1000, 0)
    bins = reliability(confidence**2, right)
    gaps = [one.products * abs(one.accuracy - one.confidence) for one in bins]
    assert calibration_error(confidence**2, right).ece == pytest.approx(sum(gaps) / 1000)


def test_noise_is_taken_out_of_the_error() -> None:
    random = np.random.default_rng(1)
    confidence, right = perfect(8000, 0)
    labelled = right & (random.random(8000) >= 0.1)
    blind = calibration_error(confidence, labelled)
    known = calibration_error(confidence, labelled, Noise(0.1, 0.1, 0.1))
    assert blind.ece > 0.07
    assert known.ece < known.floor_high


@pytest.mark.parametrize("leaves", [20, 21, 40])
def test_brier_lies_between_its_ends_and_is_exact_where_all_is_known(leaves: int) -> None:
    whole = simulate(500, leaves=leaves, k=leaves)
    exact = full_brier(evidence_from(whole).probabilities, evidence_from(whole).place)
    cut = evidence_from(simulate(500, leaves=leaves, k=20))
    brier, least, most = brier_scores(cut)
    assert least <= brier <= most
    assert least - 1e-6 <= exact <= most + 1e-6
    if leaves <= 21:
        assert [brier, least, most] == pytest.approx([exact] * 3, abs=1e-5)


def full_brier(probabilities: NDArray[np.float32], place: NDArray[np.int64]) -> float:
    right = np.arange(probabilities.shape[1]) == place[:, None]
    return float(np.square(probabilities - right).sum(axis=1).mean())


def test_brier_of_an_even_rest_is_that_of_the_whole_table() -> None:
    cut = evidence_from(simulate(500, leaves=40))
    share = np.repeat(cut.rest[:, None] / 20, 20, axis=1)
    whole = np.column_stack([cut.probabilities, share])
    # Of all outside one is the truth, whichever.
    assert brier_scores(cut)[0] == pytest.approx(full_brier(whole, cut.place), abs=1e-5)


def test_figures_are_of_all_the_evidence(overconfident: Files) -> None:
    evidence = overconfident.evidence
    found = measure(evidence)
    assert found.products == 3000
    assert found.accuracy == pytest.approx(evidence.right.mean())
    assert found.confidence > found.accuracy + 0.1
    assert found.ece == pytest.approx(found.confidence - found.accuracy, abs=0.02)
    assert found.ece_interval[0] > found.ece_floor_high


@pytest.mark.parametrize("rows", [1, 4, 9])
def test_few_products_have_figures(rows: int, overconfident: Files) -> None:
    found = measure(overconfident.evidence.take(np.arange(rows)))
    assert len(found.bins) == 1
    assert found.ece_interval[0] <= found.ece <= found.ece_interval[1]


def test_the_same_seed_gives_the_same_figures(overconfident: Files) -> None:
    few = overconfident.evidence.take(np.arange(500))
    assert measure(few, seed=3) == measure(few, seed=3)
    assert measure(few, seed=3) != measure(few, seed=4)


def test_a_truth_outside_the_taxonomy_counts_as_one_outside_the_table(
    overconfident: Files,
) -> None:
    few = overconfident.evidence.take(np.arange(50))
    found = measure(replace(few, truth=np.full(50, -1, np.int32)))
    assert found.accuracy == 0
    assert np.isfinite([found.log_loss, found.brier]).all()
