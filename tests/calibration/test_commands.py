"""calibrate, apply and sets do what the functions do, print it, and say what it stands on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.conftest import Files
from calibration.simulated import simulate, write_csv
from documented import matches
from etalage.calibration.artefact import read_calibration, write_calibration
from etalage.calibration.calibrate import fit
from etalage.predictions.folder import read_predictions
from etalage.predictions.manifest import taxonomy_hash


def test_calibrate_and_apply_print_and_write(
    overconfident: Files, etalage: Any, tmp_path: Path
) -> None:
    file, output = tmp_path / "c.json", tmp_path / "q"
    run = etalage(
        "calibrate", overconfident.predictions, "--truth", overconfident.truth, "-o", file
    )
    assert run.code == 0
    assert "agreement with the given labels" in " ".join(run.out.split())
    run = etalage("apply", file, overconfident.predictions, "-o", output, "--json")
    said = json.loads(run.out)
    assert (said["products"], said["method"]) == (3000, "temperature")
    assert said["temperature"] == read_calibration(file).temperature
    assert len(read_predictions(output)) == 3000


def test_json_is_the_file_and_the_page(overconfident: Files, etalage: Any, tmp_path: Path) -> None:
    file, page = tmp_path / "c.json", tmp_path / "c.html"
    options = ("--audited", overconfident.truth, "-o", file, "--html", page, "--json")
    said = json.loads(etalage("calibrate", overconfident.predictions, *options).out)
    shown = said.pop("page")
    assert said == json.loads(file.read_text())
    assert said["fitted_on"]["truth"] == "audited"
    assert shown["after"] == said["after"]
    assert "blind decisions of a person" in page.read_text(encoding="utf-8")


def test_noise_is_told_with_its_interval_or_not_at_all(
    overconfident: Files, etalage: Any, tmp_path: Path
) -> None:
    command = ("calibrate", overconfident.predictions, "--truth", overconfident.truth)
    output = ("-o", tmp_path / "c.json")
    run = etalage(*command, *output, "--noise", "0.1")
    assert (run.code, "a noise rate and its interval go together" in run.err) == (1, True)
    run = etalage(*command, *output, "--noise", "0.1", "--noise-interval", "0.08", "0.12")
    assert "corrected for 10.0% wrong ones" in " ".join(run.out.split())


def test_a_page_that_is_there_is_not_replaced(
    overconfident: Files, etalage: Any, tmp_path: Path
) -> None:
    (tmp_path / "c.html").write_text("mine")
    command = ("calibrate", overconfident.predictions, "--truth", overconfident.truth)
    run = etalage(*command, "-o", tmp_path / "c.json", "--html", tmp_path / "c.html")
    assert (run.code, (tmp_path / "c.json").exists()) == (1, False)
    assert "exists already" in run.err


def test_sets_print_coverage_on_products_held_out(
    overconfident: Files, etalage: Any, tmp_path: Path
) -> None:
    command = ("sets", overconfident.predictions, "--audited", overconfident.truth)
    run = etalage(*command, "-o", tmp_path / "s.parquet", "--by-branch", "--cap", "12")
    assert run.code == 0
    assert "on products held out: against blind decisions" in " ".join(run.out.split())
    assert "3,000 sets of" in run.out
    run = etalage(*command, "-o", tmp_path / "t.parquet", "--json")
    said = json.loads(run.out)
    assert (said["truth"], said["held_out"][0]["name"]) == ("audited", "all")


@pytest.fixture
def bad(overconfident: Files, tmp_path: Path) -> dict[str, tuple[Any, ...]]:
    """The command lines of the table of bad input in docs/calibration.md."""
    few = write_csv(tmp_path / "few.csv", [500, 501], [1000, 1001])
    twice = write_csv(tmp_path / "twice.csv", [500, 500], [1000, 1001])
    other = write_csv(tmp_path / "other.csv", [1, 2], [1000, 1001])
    unknown = write_csv(tmp_path / "unknown.csv", [500, 501], [1000, 5])
    (tmp_path / "thresholds.json").write_text('{"artefact": "thresholds", "schema": 1}')
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / "labels.parquet").write_text("no Parquet")
    predictions, truth = overconfident.predictions, overconfident.truth
    calibrate = ("calibrate", predictions, "-o", tmp_path / "c.json")
    sets = ("sets", predictions, "-o", tmp_path / "s.parquet", "--truth", truth)
    apply = ("apply", tmp_path / "c.json", "-o", tmp_path / "q")
    foreign = simulate(30).write(tmp_path / "p30")
    of_24 = fit(overconfident.evidence.take(np.arange(50)))
    fitted_on = {"categories": taxonomy_hash(overconfident.made.taxonomy)}
    good = tmp_path / "good.json"
    write_calibration(replace(of_24, fitted_on=fitted_on), good)
    return {
        "no truth": calibrate,
        "a truth of other products": (*calibrate, "--truth", other),
        "fewer than 20 products with truth": (*calibrate, "--truth", few),
        "a truth with an unknown category": (*calibrate, "--truth", unknown),
        "two rows for a product in a truth": (*calibrate, "--truth", twice),
        "LABELS that are none": (*calibrate, "--audited", tmp_path / "labels.parquet"),
        "a part that the truth lacks": (*calibrate, "--truth", truth, "--part", "validation"),
        "a noise rate without its interval": (*calibrate, "--truth", truth, "--noise", "0.1"),
        "a noise rate outside its interval": (
            *calibrate, "--truth", truth, "--noise", "0.1", "--noise-interval", "0.2", "0.3",
        ),
        "another file than a calibration": (
            "apply", tmp_path / "thresholds.json", predictions, *apply[2:],
        ),
        "a damaged calibration": ("apply", tmp_path / "damaged.json", predictions, *apply[2:]),
        "predictions of another taxonomy": ("apply", good, foreign, *apply[2:]),
        "sets fitted on predictions of another taxonomy": (
            "sets", foreign, "-o", tmp_path / "s.parquet", "--fit", predictions, "--truth", truth,
        ),
        "a coverage that cannot be reached": (*sets, "--coverage", "0.999", "--cap", "2"),
        "a coverage that needs more products": (*sets, "--coverage", "0.99999"),
        "a coverage that is no share": (*sets, "--coverage", "90"),
        "a cap below 1": (*sets, "--cap", "0"),
    }  # fmt: skip


DOCUMENT = Path(__file__).parents[2] / "docs/calibration.md"


def documented() -> dict[str, str]:
    """Return the message of each row of the table of bad input."""
    section = DOCUMENT.read_text(encoding="utf-8").split("## Bad input")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1].split("`")[1] for row in cells}


@pytest.mark.parametrize("case", documented())
def test_every_documented_bad_input_ends_in_one_line_and_writes_nothing(
    case: str, bad: dict[str, tuple[Any, ...]], etalage: Any, tmp_path: Path
) -> None:
    run = etalage(*bad[case])
    assert run.code == 1
    assert matches(documented()[case], run.err.splitlines()[0])
    assert "Traceback" not in run.err
    assert not any((tmp_path / name).exists() for name in ("c.json", "s.parquet", "q"))
