"""Calibrating makes probabilities honest on products that were held out, and says so."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from calibration.conftest import Files
from calibration.simulated import evidence_from, simulate, write_csv
from etalage.calibration.apply import apply
from etalage.calibration.artefact import Calibration, apply_to, read_calibration
from etalage.calibration.calibrate import calibrate, cross_fitted, fit, fit_and_measure
from etalage.calibration.isotonic import Isotonic
from etalage.calibration.measure import measure
from etalage.calibration.noise import Noise
from etalage.errors import ConfigError, OutputError, PredictionsError
from etalage.predictions.folder import open_predictions, read_predictions
from etalage.predictions.writer import PredictionsWriter


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_what_is_fitted_on_some_products_makes_others_honest(method: str) -> None:
    evidence = evidence_from(simulate(12_000, leaves=24, temperature=2.0))
    half = np.arange(12_000) % 2 == 0
    calibration = fit(evidence.take(half), method)
    found = measure(apply_to(calibration, evidence.take(~half), 24))
    before = measure(evidence.take(~half))
    assert before.ece > 0.1
    assert found.ece < found.ece_floor + 0.01
    assert found.log_loss < before.log_loss - 0.1
    assert found.accuracy == before.accuracy


def test_what_stands_after_is_of_products_held_out(overconfident: Files) -> None:
    evidence = overconfident.evidence.take(np.arange(60))
    nonsense = replace(evidence, truth=np.roll(evidence.truth, 7))
    inside = measure(apply_to(fit(nonsense, "isotonic"), nonsense, 24))
    outside = measure(cross_fitted(nonsense, "isotonic"))
    assert inside.ece < outside.ece


def test_the_file_says_what_was_found_and_comes_back(overconfident: Files, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    found = calibrate(overconfident.predictions, path, truth=overconfident.truth, method="isotonic")
    document = json.loads(path.read_text())
    assert (document["artefact"], document["schema"], document["method"]) == (
        "calibration",
        1,
        "isotonic",
    )
    assert document["fitted_on"]["truth"] == "given"
    assert document["fitted_on"]["products"] == 3000
    assert document["before"]["ece"] == found.before.ece > document["after"]["ece"]
    again = read_calibration(path)
    assert (again.temperature, again.isotonic) == (
        found.calibration.temperature,
        found.calibration.isotonic,
    )


def test_the_same_input_and_seed_give_the_same_bytes(overconfident: Files, tmp_path: Path) -> None:
    for name in ("a", "b"):
        calibrate(overconfident.predictions, tmp_path / name, truth=overconfident.truth, seed=5)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_known_noise_is_corrected_and_recorded(overconfident: Files, tmp_path: Path) -> None:
    noise = Noise(0.1, 0.08, 0.12)
    found = calibrate(
        overconfident.predictions, tmp_path / "c.json", truth=overconfident.truth, noise=noise
    )
    right = overconfident.evidence.right.mean()
    assert found.before.accuracy == pytest.approx(right / 0.9)
    assert found.calibration.fitted_on is not None
    assert found.calibration.fitted_on["noise"] == asdict(noise)


def test_too_few_products_are_refused(overconfident: Files) -> None:
    with pytest.raises(PredictionsError, match="19 of its products have a truth, a calibration ne"):
        fit_and_measure(overconfident.evidence.take(np.arange(19)))


def test_an_unknown_method_is_refused(overconfident: Files) -> None:
    with pytest.raises(ConfigError, match="expected temperature or isotonic"):
        fit(overconfident.evidence, "vector")


def test_a_file_that_is_there_is_not_replaced(overconfident: Files, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        calibrate(overconfident.predictions, tmp_path / "c.json", truth=overconfident.truth)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"artefact": "thresholds"}, "is thresholds of schema 1, expected calibration of schema 1"),
        ({"schema": 2}, "is calibration of schema 2"),
        ({"temperature": 0}, "is damaged: a temperature of 0.0"),
        ({"temperature": None}, "is damaged"),
        ({"isotonic": {"x": [0, 1], "y": [0.5, 0.4]}}, "does not rise from 0 to 1"),
        ({"isotonic": {"x": [0, 1]}}, "is damaged"),
        ({"isotonic": {"x": [], "y": []}}, "is damaged"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(Calibration().to_json() | change))
    with pytest.raises(PredictionsError, match=message):
        read_calibration(path)


def test_applied_predictions_say_the_same_with_other_probabilities(
    overconfident: Files, tmp_path: Path
) -> None:
    path = tmp_path / "c.json"
    calibrate(overconfident.predictions, path, truth=overconfident.truth)
    report = apply(path, overconfident.predictions, tmp_path / "q")
    old, new = read_predictions(overconfident.predictions), read_predictions(tmp_path / "q")
    assert report.products == 3000
    assert np.array_equal(old.categories, new.categories)
    assert new.probabilities[:, 0].mean() < old.probabilities[:, 0].mean() - 0.1
    assert new.source["model"] == "m"
    assert new.source.keys() - old.source.keys() == {"calibration", "uncalibrated"}


def test_stopped_and_gone_on_with_gives_the_bytes_of_one_go(
    overconfident: Files, tmp_path: Path
) -> None:
    path = tmp_path / "c.json"
    calibrate(overconfident.predictions, path, truth=overconfident.truth)
    apply(path, overconfident.predictions, tmp_path / "q")
    apply(path, overconfident.predictions, tmp_path / "r")
    stop_after_one_part(tmp_path / "r")
    apply(path, overconfident.predictions, tmp_path / "r")
    for file in sorted((tmp_path / "q").glob("[!r]*")):
        assert file.read_bytes() == (tmp_path / "r" / file.name).read_bytes()


def stop_after_one_part(folder: Path) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    document["parts"] = document["parts"][:1]
    (folder / "unfinished.json").write_text(json.dumps(document))
    (folder / "manifest.json").unlink()


def test_predictions_of_another_taxonomy_are_refused(overconfident: Files, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    calibrate(overconfident.predictions, path, truth=overconfident.truth)
    other = simulate(30, leaves=30).write(tmp_path / "p")
    with pytest.raises(PredictionsError, match="another taxonomy, not of these 30 categories"):
        apply(path, other, tmp_path / "q")


def test_an_isotonic_calibration_keeps_the_order_of_products() -> None:
    evidence = evidence_from(simulate(500, leaves=24, temperature=2.0))
    calibration = fit(evidence, "isotonic")
    warmed = apply_to(Calibration(calibration.temperature), evidence, 24)
    found = apply_to(calibration, evidence, 24)
    order = warmed.confidence.argsort(kind="stable")
    # Where a second category would overtake the first, a little order goes.
    assert (np.diff(found.confidence[order]) >= 0).mean() > 0.97


def test_predictions_without_products_are_written(tmp_path: Path) -> None:
    made = simulate(1)
    writer = PredictionsWriter(tmp_path / "p", taxonomy=made.taxonomy, source={})
    writer.finish()
    (tmp_path / "c.json").write_text(
        json.dumps(Calibration(2.0, Isotonic((0, 1), (0, 1))).to_json())
    )
    assert apply(tmp_path / "c.json", tmp_path / "p", tmp_path / "q").products == 0
    assert open_predictions(tmp_path / "q").manifest.products == 0


def test_a_truth_with_an_unknown_category_is_refused(overconfident: Files, tmp_path: Path) -> None:
    truth = write_csv(tmp_path / "t.csv", [500, 501], [1000, 5])
    with pytest.raises(PredictionsError, match="line 3: category 5 is not in the taxonomy of 24"):
        calibrate(overconfident.predictions, tmp_path / "c.json", truth=truth)
