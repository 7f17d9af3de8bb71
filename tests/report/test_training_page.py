"""The page of a MODEL: whatever of its files is there, it says what they say."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from conftest import make_photo, make_product
from etalage.catalogue.index import open_index
from etalage.reports.training.folder import read_trained
from etalage.reports.training.make import describe
from report.conftest import Made, write_shop
from report.models import LINES, change, write_model


def test_the_headline_is_what_the_trainer_said(trained: Made) -> None:
    report = json.loads((trained.index / "run.json").read_text())["report"]
    said = trained.document["result"]
    assert said == {key: report[key] for key in said}
    assert trained.page.numbers["result.validation.level3"] == ("0.8", "80.0 %")


def test_values_that_differ_from_the_recipe_are_told(trained: Made) -> None:
    assert trained.document["changed"] == [{"name": "epochs", "value": "2", "recipe": "9"}]
    assert "Values that differ from the recipe's" in trained.page.text


def test_the_course_has_every_line_and_validation(trained: Made) -> None:
    course = trained.document["course"]
    assert [moment["loss"] for moment in course["moments"]] == [2.5, 2.0, 1.5]
    assert [moment["image_size"] for moment in course["moments"]] == [None, 32, None]
    assert [check["level3"] for check in course["checks"]] == [0.5, 0.8]


def test_without_the_index_it_says_that_pictures_are_left_out(
    trained: Made, make_report: Callable[..., Made]
) -> None:
    bare = make_report(trained.index)
    assert "img" in {tag for tag, _ in trained.page.tags}
    assert "img" not in {tag for tag, _ in bare.page.tags}
    assert "these need the index, given with --index" in bare.page.text
    assert bare.document["confidence"] == trained.document["confidence"]


def test_labels_that_the_model_does_not_hold_are_those_of_the_index(
    trained: Made, stall: Made, model: Path, make_report: Callable[..., Made]
) -> None:
    (model / "validation.csv").unlink()
    bare = make_report(model)
    assert bare.document["groups"] is None
    assert "give the index with --index" in bare.page.text
    whole = asdict(describe(read_trained(model), open_index(stall.index)))
    assert whole["groups"] == trained.document["groups"]


def test_a_model_that_says_nothing_of_its_training_has_a_page(
    trained: Made, model: Path, make_report: Callable[..., Made]
) -> None:
    (model / "run.json").unlink()
    (model / "metrics.jsonl").unlink()
    made = make_report(model)
    assert made.document["result"]["steps"] is None
    assert made.document["course"]["checks"] == []
    assert made.document["confidence"] == trained.document["confidence"]


def test_what_was_not_recorded_is_said(model: Path, make_report: Callable[..., Made]) -> None:
    gone = ("run", "changed", "category_products", "plan")
    change(model / "run.json", **dict.fromkeys(gone))
    made = make_report(model)
    assert "The machine was not recorded" in made.page.text
    assert "Which values differ from the named recipe was not recorded" in made.page.text
    assert "How frequent the categories are" in made.page.text


def test_a_training_without_validation_has_a_page(
    model: Path, make_report: Callable[..., Made]
) -> None:
    report = json.loads((model / "run.json").read_text())["report"] | {"validation": None}
    change(model / "run.json", report=report | {"calibrated_log_loss": None})
    shutil.rmtree(model / "validation")
    (model / "metrics.jsonl").write_text(json.dumps(LINES[0]) + "\n")
    made = make_report(model)
    assert "The training had no validation" in made.page.text
    assert "The folder has no answers" in made.page.text
    assert made.document["groups"] is None


def test_one_epoch_has_a_page(model: Path, make_report: Callable[..., Made]) -> None:
    lines = [json.dumps(line) + "\n" for line in LINES[:3]]
    (model / "metrics.jsonl").write_text("".join(lines))
    made = make_report(model)
    assert made.page.rows["course.checks"] == 1
    assert "Validation accuracy" in made.page.text


def test_a_flat_taxonomy_has_leaves_only(
    tmp_path: Path, make_report: Callable[..., Made], etalage: Any
) -> None:
    products = [make_product(at, [make_photo(at)], 10 * (1 + at % 3)) for at in range(30)]
    write_shop(tmp_path, products, "shop")
    assert etalage("index", tmp_path / "shop.bson", "-o", tmp_path / "flat").code == 0
    made = make_report(write_model(tmp_path / "model", tmp_path / "flat"), index=tmp_path / "flat")
    assert made.document["groups"]["every"]["level1"] is None
    assert made.document["confusion"]["matrix"] is None
    assert "level 1" not in made.page.text.lower()


def test_specialists_have_a_table_of_their_parts(
    model: Path, make_report: Callable[..., Made]
) -> None:
    parts = [{"name": "one", "images": "all", "count": "1", "weight": 1.0}]
    shutil.copytree(model, model / "parts/one")
    change(model / "parts/one/model.json", backbone="resnet50")
    change(model / "model.json", parts=parts)
    made = make_report(model)
    part = made.document["parts"][0]
    assert (part["backbone"], part["level3"], len(part["checks"])) == ("resnet50", 0.8, 2)
    assert "#part-1" in made.page.attributes("href")
    assert made.document["groups"] is not None


def test_a_part_that_is_not_there_is_named(model: Path, tmp_path: Path, etalage: Any) -> None:
    change(model / "model.json", parts=[{"name": "one"}])
    run = etalage("report", model, "-o", tmp_path / "r.html")
    assert run.code == 1
    assert "parts/one: has no model.json" in run.err


def test_another_index_is_refused(trained: Made, tmp_path: Path, etalage: Any, stall: Made) -> None:
    other = stall.index.with_name("test")
    run = etalage("report", trained.index, "--index", other, "-o", tmp_path / "r.html")
    assert run.code == 1
    assert "is not the index that" in run.err
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "is neither an INDEX (it has no index.json) nor a MODEL (no model.json)"),
        ({"checkpoints/last.pt": ""}, "is an unfinished training"),
        ({"model.json": "{"}, "model.json"),
        ({"model.json": "{}", "metrics.jsonl": "nonsense"}, "line 1: is no JSON"),
        ({"model.json": "{}", "metrics.jsonl": "[1]"}, "line 1: is no JSON object"),
        ({"model.json": "{}", "validation/x": ""}, "is no predictions folder"),
    ],
)
def test_what_has_no_page_is_refused_in_one_line(
    content: dict[str, str], message: str, tmp_path: Path, etalage: Any
) -> None:
    (tmp_path / "thing").mkdir()
    for name, text in content.items():
        (tmp_path / "thing" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "thing" / name).write_text(text)
    run = etalage("report", tmp_path / "thing", "-o", tmp_path / "r.html")
    assert (run.code, len(run.err.splitlines())) == (1, 2)
    assert message in run.err


def test_an_option_of_the_other_kind_of_page_is_refused(
    trained: Made, stall: Made, tmp_path: Path, etalage: Any
) -> None:
    page = tmp_path / "r.html"
    against = etalage("report", trained.index, "--against", stall.index, "-o", page)
    index = etalage("report", stall.index, "--index", stall.index, "-o", page)
    assert "is no option of the page of a MODEL" in against.err
    assert "is no option of the page of an INDEX" in index.err


def test_the_command_writes_the_same_bytes_and_prints_their_numbers(
    trained: Made, stall: Made, tmp_path: Path, etalage: Any
) -> None:
    options = ("--index", stall.index, "-o", tmp_path / "r.html", "--json")
    run = etalage("report", trained.index, *options)
    assert json.loads(run.out) == trained.document
    assert (tmp_path / "r.html").read_bytes() == trained.path.read_bytes()


def test_a_model_that_was_really_trained_has_a_page(
    shop: Any, make_report: Callable[..., Made]
) -> None:
    made = make_report(shop.model, index=shop.index)
    assert made.document["recipe"] == "demo"
    assert made.document["course"]["checks"]
    assert made.document["result"]["steps"] == made.document["course"]["checks"][-1]["step"]
