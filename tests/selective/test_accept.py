"""Accepted answers are those over the threshold, each with the category of its level."""

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from calibration.simulated import simulate
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.folder import open_predictions
from etalage.selective.accept import Names, accept
from etalage.selective.decide import other_origin
from etalage.selective.document import Thresholds
from selective.conftest import Audited


def test_what_is_answered_is_right_as_often_as_promised(
    shop: Audited, made: tuple[Path, Thresholds], tmp_path: Path
) -> None:
    done = accept(shop.predictions, made[0], tmp_path / "a.parquet")
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    wrong: dict[int, list[bool]] = {3: [], 2: [], 1: []}
    for row, truth in zip(rows, shop.made.truth.tolist(), strict=True):
        if row["answer"] == "automatic":
            path = " > ".join(shop.made.taxonomy.paths[truth][: row["level"]])
            wrong[row["level"]].append(row["category"] != path)
    assert {level: len(found) for level, found in wrong.items()} == done.automatic
    assert done.products == 12_000 == done.review + sum(done.automatic.values())
    assert all(np.mean(found) <= 0.1 for found in wrong.values() if found)
    assert sum(done.automatic.values()) > 3000


def test_a_review_proposes_its_leaf_and_only_leaves_have_an_id(
    shop: Audited, made: tuple[Path, Thresholds], tmp_path: Path
) -> None:
    accept(shop.predictions, made[0], tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["level"] for row in rows if row["answer"] == "review"} == {"3"}
    assert all((row["category_id"] == "") == (row["level"] != "3") for row in rows)
    assert all(row["category"].count(" > ") == int(row["level"]) - 1 for row in rows)
    assert [int(row["product_id"]) for row in rows] == list(range(500, 12_500))


def test_a_category_that_begins_a_formula_is_text_in_csv() -> None:
    taxonomy = Taxonomy(np.array([1]), (("=A", "B", "C"),))
    guarded, plain = (Names(taxonomy, (3,), guarded=guard) for guard in (True, False))
    assert guarded.texts.to_pylist() == ["'=A > B > C"]
    assert plain.texts.to_pylist() == ["=A > B > C"]


def test_predictions_of_another_taxonomy_are_refused(
    made: tuple[Path, Thresholds], tmp_path: Path
) -> None:
    other = simulate(20, leaves=30).write(tmp_path / "p")
    with pytest.raises(PredictionsError, match="30 categories that are not the 60"):
        accept(other, made[0], tmp_path / "a.parquet")
    assert not (tmp_path / "a.parquet").exists()


def test_predictions_made_otherwise_are_told(shop: Audited, made: tuple[Path, Thresholds]) -> None:
    source = open_predictions(shop.predictions).manifest.source
    assert other_origin(made[1], source | {"index": "another"}) == []
    assert other_origin(made[1], {"model": "n"}) == ["model was 'm' and is 'n'"]


def test_an_output_of_another_name_is_refused(
    shop: Audited, made: tuple[Path, Thresholds], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"is to be named \.parquet or \.csv"):
        accept(shop.predictions, made[0], tmp_path / "a.xlsx")
