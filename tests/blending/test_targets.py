"""From a blend to what a student learns from."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from blending.conftest import LEAVES, dense, invent, write
from etalage.blending.targets import distill, tempered, unseen
from etalage.blending.write import blend
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.folder import read_predictions
from etalage.predictions.table import Predictions, top_k, validate
from etalage.predictions.writer import PredictionsWriter
from etalage.training import train

Shop = Any


def answers(shop: Shop, folder: Path, *, seed: int, fewer: int = 0, **source: Any) -> Path:
    """Write a teacher's answers for all products of the shop but the last few."""
    index = open_index(shop.index)
    shares = np.random.default_rng(seed).dirichlet([1, 1, 1], len(index)).astype(np.float32)
    images = np.ones(len(index), np.int16)
    table = Predictions(index.product_ids, *top_k(shares, 3), images)
    writer = PredictionsWriter(folder, taxonomy=index.taxonomy, source=source)
    for start in range(0, len(index) - fewer, 7):
        stop = min(start + 7, len(index) - fewer)
        writer.write(table.take(np.arange(start, stop)))
    writer.finish()
    return folder


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_heats_the_whole_distribution(temperature: float) -> None:
    table = invent(20, seed=3)
    found = tempered(table, temperature, LEAVES)
    whole = dense(table, LEAVES) ** (1 / temperature)
    assert np.allclose(dense(found, LEAVES), whole / whole.sum(1, keepdims=True), atol=1e-6)
    validate(found, LEAVES, "the targets")


def test_a_blend_teaches_a_student(shop: Shop, tmp_path: Path, etalage: Any) -> None:
    teachers = [answers(shop, tmp_path / name, seed=at, folds=2) for at, name in enumerate("ab")]
    blend(teachers, tmp_path / "blend")
    options = ["--split", shop.split, "--temperature", "0.5", "-o", tmp_path / "targets"]
    run = etalage("distill", tmp_path / "blend", shop.index, *options)
    assert "training products answered, out of fold" in run.out
    taught = set(read_predictions(tmp_path / "targets").product_ids.to_pylist())
    index = open_index(shop.index)
    rows = read_split(shop.split).rows(index, "train")
    assert taught == set(index.product_ids.take(pa.array(rows)).to_pylist())
    settings = {"image_size": "32", "load_size": "36", "epochs": "1", "batch_products": "8"}
    places: Any = {"split": shop.split, "teacher": tmp_path / "targets", "device": "cpu"}
    student = train(shop.index, tmp_path / "m", **places, recipe="demo", weights="none",
                    settings=settings | {"distillation": "1"})  # fmt: skip
    assert student.validation is not None


def test_a_teacher_that_lacks_training_products_is_refused_unless_allowed(
    shop: Shop, tmp_path: Path
) -> None:
    teacher = answers(shop, tmp_path / "a", seed=0, fewer=20)
    with pytest.raises(PredictionsError, match=r"does not answer \d+ of the \d+ training products"):
        distill(teacher, shop.index, tmp_path / "t", split=shop.split)
    report = distill(teacher, shop.index, tmp_path / "t", split=shop.split, partial=True)
    assert report.without > 0
    assert report.products == len(read_predictions(tmp_path / "t"))


def test_answers_by_models_that_learned_from_them_are_named(
    shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    teacher = answers(shop, tmp_path / "a", seed=0, model="m")
    with caplog.at_level(logging.WARNING):
        assert not distill(teacher, shop.index, tmp_path / "t", split=shop.split).out_of_fold
    assert "nothing says that its models had not seen these products" in caplog.text


def test_a_blend_is_out_of_fold_when_all_of_it_is() -> None:
    fold, model = {"source": {"folds": 5}}, {"source": {"model": "m"}}
    assert unseen({"blend": {"members": [fold, fold]}})
    assert not unseen({"blend": {"members": [fold, model]}})
    assert unseen({"targets": {"source": {"blend": {"members": [fold]}}}})


def test_a_stopped_distillation_ends_with_the_same_bytes(shop: Shop, tmp_path: Path) -> None:
    teacher = answers(shop, tmp_path / "a", seed=0)
    whole = distill(teacher, shop.index, tmp_path / "t", split=shop.split, temperature=2)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "t").glob("part-*")}
    (tmp_path / "t/manifest.json").rename(tmp_path / "t/unfinished.json")
    (tmp_path / "t/part-00002.parquet").unlink()
    assert distill(teacher, shop.index, tmp_path / "t", split=shop.split, temperature=2) == whole
    assert kept == {path.name: path.read_bytes() for path in (tmp_path / "t").glob("part-*")}


def test_a_teacher_of_other_categories_is_refused(shop: Shop, tmp_path: Path) -> None:
    teacher = write(tmp_path / "a", invent(5, seed=1))
    with pytest.raises(PredictionsError, match="another taxonomy: 0 of its 12 categories are"):
        distill(teacher, shop.index, tmp_path / "t", split=shop.split)


def test_a_temperature_out_of_its_range_is_refused(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="temperature is 0: expected 0.1 to 10"):
        distill(tmp_path, shop.index, tmp_path / "t", split=shop.split, temperature=0)
