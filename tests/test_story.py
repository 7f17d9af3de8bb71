"""The whole road from the command line: a generated catalogue, and the real sample."""

import csv
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from etalage.calibration.artefact import Calibration, write_calibration
from etalage.cli import main

TINY = ["--set", "image_size=32", "--set", "load_size=36", "--set", "epochs=1"]


class Story(NamedTuple):
    """A folder, and the exit status of every command that wrote to it."""

    folder: Path
    codes: list[int]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    shop, names = folder / "shop", folder / "shop/category_names.csv"
    steps = [
        ["synth", "-o", shop, "--products", 400, "--categories", 20],
        ["index", shop / "train.bson", "-o", folder / "train", "--taxonomy", names],
        ["index", shop / "test.bson", "-o", folder / "test", "--taxonomy", names],
        ["split", folder / "train", "-o", folder / "split.parquet", "--test", 0],
        ["train", folder / "train", "-o", folder / "model", "--split", folder / "split.parquet",
         "--recipe", "demo", "--weights", "none", "--device", "cpu", *TINY],
        ["predict", folder / "model", folder / "test", "-o", folder / "predictions"],
        ["submit", folder / "predictions", "-o", folder / "submission.csv.zip",
         "--expected", shop / "sample_submission.csv"],
    ]  # fmt: skip
    return Story(folder, [run(*map(str, step)) for step in steps])


def run(*arguments: str) -> int:
    try:
        main(list(arguments))
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@pytest.fixture
def folder(story: Story) -> Path:
    return story.folder


def test_a_catalogue_goes_in_and_a_scored_submission_comes_out(story: Story) -> None:
    assert story.codes == [0] * 7


def test_predictions_and_submission_score_the_same(folder: Path, etalage: Any) -> None:
    truth = folder / "shop/test_truth.csv"
    names = ["--taxonomy", folder / "shop/category_names.csv"]
    scores = [
        json.loads(etalage("score", folder / answer, truth, *names, "--json").out)
        for answer in ("predictions", "submission.csv.zip")
    ]
    with truth.open() as file:
        assert scores[0]["products"] == len(list(csv.DictReader(file)))
    levels = [[score["accuracy"][f"level{level}"] for level in (1, 2, 3)] for score in scores]
    assert levels[0] == levels[1]
    assert levels[0][0] >= levels[0][1] >= levels[0][2]


@pytest.mark.parametrize("artefact", ["train", "split.parquet", "model", "predictions"])
def test_show_tells_what_each_artefact_holds(folder: Path, etalage: Any, artefact: str) -> None:
    assert json.loads(etalage("show", folder / artefact, "--json").out)
    assert str(folder / artefact) in etalage("show", folder / artefact).out.replace("\n", "")


def test_the_real_sample_goes_all_the_way(shared: Path, tmp_path: Path, etalage: Any) -> None:
    sample, names = (shared / "data/cdiscount" / name for name in
                     ("train_example.bson", "category_names.csv"))  # fmt: skip
    index, split, model = tmp_path / "index", tmp_path / "split.parquet", tmp_path / "model"
    assert etalage("index", sample, "-o", index, "--taxonomy", names).code == 0
    shown = json.loads(etalage("show", index, "--json").out)
    wanted = {"products": 82, "images": 110, "unique_images": 109, "categories": 5270}
    assert shown | wanted | {"unreadable": 0} == shown
    assert etalage("split", index, "-o", split).code == 0
    training = ["--split", split, "--recipe", "demo", "--weights", "none", "--device", "cpu"]
    assert etalage("train", index, "-o", model, *training, *TINY).code == 0
    run = etalage("predict", model, index, "-o", tmp_path / "p", "--json")
    assert json.loads(run.out)["products"] == 82
    assert "level3" in etalage("score", tmp_path / "p", index).out


@pytest.mark.parametrize(
    ("by", "said"), [("duplicates", "by duplicates"), ("product", "at random by product")]
)
def test_a_score_says_how_its_products_were_split_off(
    folder: Path, tmp_path: Path, etalage: Any, by: str, said: str
) -> None:
    split, answers = tmp_path / "s.parquet", tmp_path / "p"
    assert etalage("split", folder / "train", "-o", split, "--by", by).code == 0
    part = ["--split", split, "--part", "test"]
    assert etalage("predict", folder / "model", folder / "train", "-o", answers, *part).code == 0
    run = etalage("score", answers, folder / "train", *part)
    assert said in " ".join(run.out.split())
    record = json.loads(etalage("score", answers, folder / "train", *part, "--json").out)
    assert record["truth"]["by"] == by


def test_show_knows_a_duplicates_folder(folder: Path, tmp_path: Path, etalage: Any) -> None:
    assert etalage("duplicates", folder / "train", "-o", tmp_path / "d").code == 0
    assert json.loads(etalage("show", tmp_path / "d", "--json").out)["products"] > 300


def test_show_knows_a_calibration(tmp_path: Path, etalage: Any) -> None:
    write_calibration(Calibration(1.25), tmp_path / "c.json")
    shown = etalage("show", tmp_path / "c.json").out
    assert "calibration" in shown and "1.25" in shown
