"""The page of a calibration says what its JSON says, and which truth it stands on."""

from dataclasses import replace
from pathlib import Path

import pytest

from calibration.simulated import evidence_from, simulate
from etalage.calibration.calibrate import Calibrated, fit_and_measure
from etalage.calibration.noise import Noise
from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.reports.calibration.make import describe, write_calibration_page
from report.conftest import Page


@pytest.fixture(scope="module")
def calibrated() -> Calibrated:
    return fit_and_measure(evidence_from(simulate(1500, leaves=24, temperature=2.0)))


def test_every_number_of_the_page_stands_in_its_json(
    calibrated: Calibrated, tmp_path: Path
) -> None:
    document = write_calibration_page(calibrated, tmp_path / "c.html")
    page = Page((tmp_path / "c.html").read_text(encoding="utf-8"))
    assert page.numbers["after.ece"][0] == str(document["after"]["ece"])
    assert page.numbers["before.bins.0.accuracy"][0] == str(calibrated.before.bins[0].accuracy)
    assert page.rows["coverage"] == len(document["coverage"]) == 4
    assert page.rows["sizes"] == len(document["sizes"])
    assert {"svg"} <= {tag for tag, _ in page.tags}


def test_it_says_that_given_labels_promise_nothing_and_what_is_corrected(tmp_path: Path) -> None:
    evidence = evidence_from(simulate(300, leaves=24))
    found = fit_and_measure(evidence, noise=Noise(0.1, 0.08, 0.12))
    write_calibration_page(found, tmp_path / "c.html")
    text = Page((tmp_path / "c.html").read_text(encoding="utf-8")).text
    assert "Agreement with the given labels" in text
    assert "guarantee" not in text
    assert "corrected for 10.0 % wrong labels (8.0 % to 12.0 %)" in text


def test_sets_that_cannot_be_had_are_told_on_the_page(tmp_path: Path) -> None:
    evidence = evidence_from(simulate(300, leaves=60, sharpness=0.5), audited=True)
    found = fit_and_measure(evidence)
    assert describe(found)["coverage"] == []
    write_calibration_page(found, tmp_path / "c.html")
    text = Page((tmp_path / "c.html").read_text(encoding="utf-8")).text
    assert "a coverage of 0.9 cannot be reached" in text
    assert "blind decisions of a person" in text


def test_sets_of_a_flat_taxonomy_are_of_all_products() -> None:
    made = simulate(300, leaves=24)
    flat = replace(evidence_from(made), taxonomy=flat_taxonomy(made.taxonomy.ids))
    document = describe(fit_and_measure(flat))
    assert [row["name"] for row in document["coverage"]] == ["all"]
