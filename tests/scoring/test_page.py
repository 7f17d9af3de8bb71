"""The page of a score says what its JSON says; both ways to it are one."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy
from etalage.predictions.submission import submit
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.reports.page import text_of
from report.conftest import Page
from report.test_page import numbers_of

Maker = Callable[..., Predictions]
Write = Callable[..., Path]


@pytest.fixture
def files(predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path) -> Path:
    """Predictions ``p`` and ``q``, a submission, a truth and decisions about a few products."""
    for seed, name in enumerate(("p", "q")):
        write(tmp_path / name, predict(range(60), seed=seed, k=6), 25)
    submit(tmp_path / "p", tmp_path / "s.csv")
    right = taxonomy.ids[np.random.default_rng(1).integers(0, 7, 62)].tolist()
    for name, products in (("t.csv", range(62)), ("a.csv", range(0, 62, 4))):
        with (tmp_path / name).open("w", newline="") as file:
            rows: list[Any] = [(product, right[product]) for product in products]
            csv.writer(file).writerows([("_id", "category_id"), *rows])
    return tmp_path


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_every_number_of_the_page_is_that_of_the_json(files: Path, etalage: Any) -> None:
    options = ["--truth", files / "t.csv", "--against", files / "q", "--audited", files / "a.csv"]
    run = etalage("report", files / "p", *options, "-o", files / "r.html", "--json")
    document = json.loads(run.out)
    page = page_of(files / "r.html")
    said = dict(numbers_of(document))
    shown = {place: float(value) for place, (value, _) in page.numbers.items()}
    assert run.code == 0
    assert len(shown) > 150
    assert shown == {place: pytest.approx(said[place]) for place in shown}
    assert page.rows["by_frequency"] == len(document["by_frequency"])
    assert "Agreement with the given labels" in page.text


def test_the_page_of_report_is_that_of_score(files: Path, etalage: Any) -> None:
    etalage("report", files / "p", "--truth", files / "t.csv", "-o", files / "r.html")
    run = etalage("score", files / "p", files / "t.csv", "--html", files / "s.html", "--json")
    one, other = ((files / name).read_text(encoding="utf-8") for name in ("r.html", "s.html"))
    assert one.split("<footer>")[0] == other.split("<footer>")[0]
    assert set(json.loads(run.out)) < set(
        json.loads(
            etalage("report", files / "p", "--truth", files / "t.csv", "-o", files / "r.html",
                    "--yes", "--json").out
        )
    )  # fmt: skip


def test_it_needs_nothing_from_outside_and_everybody_can_read_it(files: Path, etalage: Any) -> None:
    etalage("score", files / "p", files / "t.csv", "--html", files / "s.html")
    html, page = (files / "s.html").read_text(encoding="utf-8"), page_of(files / "s.html")
    tags = [tag for tag, _ in page.tags]
    ids = page.attributes("id")
    assert re.findall(r"https?:|//[a-z]|@import|@font-face", html) == []
    assert not {"script", "link", "iframe", "object"} & set(tags)
    assert len(ids) == len(set(ids))
    assert all(link.startswith("#") and link[1:] in ids for link in page.attributes("href"))
    assert tags.count("caption") == tags.count("table")
    assert tags.count("svg") == 3
    assert re.findall(r"#[0-9a-f]{6}\b", "".join(re.findall(r"(?s)<svg.*?</svg>", html))) == []


def test_a_submission_without_a_taxonomy_has_a_page_of_leaves(files: Path, etalage: Any) -> None:
    run = etalage("score", files / "s.csv", files / "t.csv", "--html", files / "s.html")
    page = page_of(files / "s.html")
    assert run.code == 0
    assert "level 2" not in page.text
    assert "first five" not in page.text.lower()


def test_answers_that_are_all_right_have_a_page(
    predict: Maker, taxonomy: Taxonomy, tmp_path: Path, etalage: Any
) -> None:
    predictions = predict(range(9))
    writer = PredictionsWriter(tmp_path / "p", taxonomy=flat_taxonomy(taxonomy.ids), source={})
    writer.write(predictions)
    writer.finish()
    submit(tmp_path / "p", tmp_path / "t.csv")
    run = etalage("score", tmp_path / "p", tmp_path / "t.csv", "--html", tmp_path / "s.html")
    assert run.code == 0
    assert "No answer is wrong." in page_of(tmp_path / "s.html").text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0004, "< 0.001"), (0.0123, "0.012"), (1.0, "1.000")]
)
def test_a_chance_is_never_shown_as_none(value: float, text: str) -> None:
    assert text_of(value, "chance") == text
