"""Agreement with noisy labels becomes precision, with what is not known about the noise."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from calibration.simulated import write_csv
from etalage.calibration.noise import Noise, corrected, estimate_noise
from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.truth import Truth, read_truth


def truth(categories: list[int], *, first: int = 0) -> Truth:
    ids = pa.array(range(first, first + len(categories)))
    return Truth(ids, np.array(categories, np.int64), None, None, None, {})


def test_a_perfect_model_that_agrees_with_nine_labels_of_ten_is_perfect() -> None:
    precision, low, high = corrected(0.90, 0.88, 0.92, Noise(0.10, 0.08, 0.12))
    assert precision == pytest.approx(1)
    assert low == pytest.approx(0.88 / 0.92)
    assert high == 1


def test_labels_without_noise_are_the_truth() -> None:
    assert corrected(0.7, 0.6, 0.8, Noise(0, 0, 0)) == (0.7, 0.6, 0.8)


def test_the_interval_holds_the_precision_of_simulated_products() -> None:
    random = np.random.default_rng(0)
    wrong, right = random.random(50_000) < 0.1, random.random(50_000) < 0.8
    agreement = float((right & ~wrong).mean())
    found, low, high = corrected(
        agreement, agreement - 0.01, agreement + 0.01, Noise(0.1, 0.1, 0.1)
    )
    assert found == pytest.approx(0.8, abs=0.01)
    assert low < 0.8 < high


def test_noise_is_counted_on_the_products_that_have_both_labels() -> None:
    noise = estimate_noise(truth([1] * 200), truth([1] * 90 + [2] * 10 + [3] * 40, first=100))
    assert noise.rate == 0.1
    assert 0.04 < noise.low < 0.06
    assert 0.17 < noise.high < 0.19


@pytest.mark.parametrize(("audited", "message"), [([], "0 products"), ([2, 2], "none of them agr")])
def test_labels_that_say_nothing_about_noise_are_refused(audited: list[int], message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        estimate_noise(truth([1, 1, 1]), truth(audited))


@pytest.mark.parametrize("ends", [(0.1, 0.2, 0.3), (0.2, 0.1, 0.15), (-0.1, -0.1, 0), (1, 1, 1)])
def test_a_noise_that_cannot_be_is_refused(ends: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="expected 0 <= low <= rate <= high < 1"):
        Noise(*ends)


def test_ids_of_texts_and_numbers_are_the_same_products(tmp_path: Path) -> None:
    given = read_truth(write_csv(tmp_path / "g.csv", [1, 2, "x"], [7, 8, 9]))
    audited = read_truth(write_csv(tmp_path / "a.csv", [1, 2], [7, 9]))
    assert estimate_noise(given, audited).rate == 0.5
