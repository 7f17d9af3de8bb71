"""Predictions: every product once, in order, whatever its images; stopped runs go on."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from etalage.calibration.apply import apply
from etalage.calibration.artefact import Calibration, write_calibration
from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.errors import ConfigError, ModelError, OutputError, PredictionsError
from etalage.files import fingerprint
from etalage.inference import predict as module
from etalage.inference.predict import predict
from etalage.models.checkpoint import open_model
from etalage.predictions.adjustment import target_share
from etalage.predictions.folder import read_predictions

Shop = Any


def test_every_product_is_answered_once_in_the_order_of_the_index(
    shop: Shop, tmp_path: Path
) -> None:
    report = predict(shop.model, shop.index, tmp_path / "p")
    found = read_predictions(tmp_path / "p")
    assert found.product_ids.equals(open_index(shop.index).product_ids)
    assert report.products == len(found) == 40
    assert np.allclose(found.probabilities.sum(1) + found.rest, 1, atol=1e-5)


def test_a_product_without_a_readable_image_gets_the_prior_and_is_marked(
    shop: Shop, tmp_path: Path
) -> None:
    report = predict(shop.model, shop.index, tmp_path / "p")
    found = read_predictions(tmp_path / "p")
    marked = np.flatnonzero(found.images == 0)
    assert [found.product_ids[int(row)].as_py() for row in marked] == [98, 99]
    prior = np.sort(open_model(shop.model).prior)[::-1]
    assert np.allclose(found.probabilities[marked], prior)
    assert (report.from_prior, report.unreadable) == (2, 3)


def test_an_unreadable_image_among_others_costs_only_itself(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p")
    opened = open_index(shop.index)
    assert opened.image_count[7] == read_predictions(tmp_path / "p").images[7] + 1


def calibration(path: Path, temperature: float) -> Path:
    write_calibration(Calibration(temperature), path, overwrite=True)
    return path


def test_a_calibration_makes_probabilities_others_and_is_recorded(
    shop: Shop, tmp_path: Path
) -> None:
    predict(shop.model, shop.index, tmp_path / "p")
    file = calibration(tmp_path / "c.json", 3.0)
    predict(shop.model, shop.index, tmp_path / "q", calibration=file)
    apply(file, tmp_path / "p", tmp_path / "r")
    raw, made, applied = (read_predictions(tmp_path / name) for name in "pqr")
    assert made.source["calibration"] == applied.source["calibration"] is not None
    assert raw.source["calibration"] is None
    assert np.array_equal(made.categories, raw.categories)
    assert np.array_equal(made.probabilities, applied.probabilities)
    assert not np.allclose(made.probabilities, raw.probabilities)


def test_the_calibration_of_a_model_is_used_unless_another_is_given_or_the_prior_is_out(
    shop: Shop, tmp_path: Path
) -> None:
    model = shutil.copytree(shop.model, tmp_path / "model")
    other = calibration(tmp_path / "c.json", 2.0)
    own = calibration(model / "calibration.json", 3.0)
    cases: dict[str, tuple[dict[str, Any], Path | None]] = {
        "own": ({}, own),
        "given": ({"calibration": other}, other),
        "prior": ({"logit_adjustment": 1.0}, None),
    }
    for name, (options, used) in cases.items():
        predict(model, shop.index, tmp_path / name, **options)
        source = read_predictions(tmp_path / name).source
        assert source["calibration"] == (fingerprint(used) if used else None)


def test_answers_that_were_not_calibrated_are_not_carried_among_those_that_are(
    shop: Shop, tmp_path: Path
) -> None:
    predict(shop.model, shop.index, tmp_path / "p")
    file = calibration(tmp_path / "c.json", 3.0)
    with pytest.raises(PredictionsError, match="was made with calibration None, now it is"):
        predict(shop.model, shop.index, tmp_path / "q", carry=tmp_path / "p", calibration=file)


def test_a_stopped_run_ends_with_the_same_bytes(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_PRODUCTS", 16)
    predict(shop.model, shop.index, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    stopped = tmp_path / "stopped"
    (stopped / "manifest.json").rename(stopped / "unfinished.json")
    (stopped / "part-00002.parquet").unlink()
    report = predict(shop.model, shop.index, stopped)
    assert report.resumed == 32
    for path in (tmp_path / "whole").glob("part-*"):
        assert path.read_bytes() == (stopped / path.name).read_bytes()


def test_one_part_of_a_split_can_be_answered(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p", split=shop.split, part="test")
    opened = open_index(shop.index)
    rows = read_split(shop.split).rows(opened, "test")
    wanted = [opened.product_ids[int(row)].as_py() for row in rows]
    assert read_predictions(tmp_path / "p").product_ids.to_pylist() == wanted


def test_one_image_of_each_product_can_be_asked_for(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p", max_images=1)
    assert read_predictions(tmp_path / "p").images.max() == 1


def test_the_prior_can_be_taken_out_of_the_answers(
    shop: Shop, tmp_path: Path, etalage: Any
) -> None:
    predict(shop.model, shop.index, tmp_path / "p")
    options = ["-o", tmp_path / "q", "--logit-adjustment", "1"]
    assert etalage("predict", shop.model, shop.index, *options).code == 0
    plain, found = (read_predictions(tmp_path / name) for name in "pq")
    before, after = (np.zeros((40, 3)) for _ in range(2))
    np.put_along_axis(before, plain.categories, plain.probabilities, 1)
    np.put_along_axis(after, found.categories, found.probabilities, 1)
    expected = before / target_share(open_model(shop.model).prior)
    assert np.allclose(after, expected / expected.sum(1, keepdims=True), atol=1e-5)
    assert found.source["logit_adjustment"] == 1


@pytest.mark.parametrize("strength", [-0.1, 2.1])
def test_a_strength_that_makes_no_sense_is_refused(
    shop: Shop, tmp_path: Path, strength: float
) -> None:
    with pytest.raises(ConfigError, match="logit_adjustment is .*: expected 0 to 2"):
        predict(shop.model, shop.index, tmp_path / "p", logit_adjustment=strength)


def test_a_split_without_a_part_is_refused(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="go together"):
        predict(shop.model, shop.index, tmp_path / "p", split=shop.split)


def test_finished_predictions_are_replaced_only_when_asked(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p")
    with pytest.raises(OutputError, match="exists already"):
        predict(shop.model, shop.index, tmp_path / "p")
    assert predict(shop.model, shop.index, tmp_path / "p", overwrite=True).resumed == 0


def test_a_model_of_another_taxonomy_is_refused(shop: Shop, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("category_id,category_level1,category_level2,category_level3\n10,A,B,C\n")
    index([shop.folder / "shop.bson"], tmp_path / "other", taxonomy=names)
    with pytest.raises(ModelError, match="2 of its 3 categories are not among the 1"):
        predict(shop.model, tmp_path / "other", tmp_path / "p")


def test_an_unlabelled_catalogue_is_answered(shop: Shop, tmp_path: Path, catalogue: Any) -> None:
    source = catalogue({"_id": "x", "imgs": []})
    index([source], tmp_path / "other")
    assert predict(shop.model, tmp_path / "other", tmp_path / "p").from_prior == 1


def test_the_excel_table_has_a_line_and_a_path_for_every_product(
    shop: Shop, tmp_path: Path, etalage: Any
) -> None:
    book, text = tmp_path / "p.xlsx", tmp_path / "p.csv"
    arguments = ["-o", tmp_path / "p", "--xlsx", book, "--csv", text]
    assert etalage("predict", shop.model, shop.index, *arguments).code == 0
    with closing(load_workbook(book, read_only=True)) as opened:
        lines = list(opened.active.iter_rows(values_only=True))
    assert len(lines) == 41
    assert lines[1][2] in ("MAISON > VAISSELLE > ASSIETTE", "MAISON > VAISSELLE > VERRE",
                           "JEUX > PLATEAU > DAMIER")  # fmt: skip
    assert len(text.read_text(encoding="utf-8-sig").splitlines()) == 41
