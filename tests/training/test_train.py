"""Training from an index to a model: what is written, what is refused, what is learned."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest

from etalage.catalogue.build import index
from etalage.catalogue.split import split
from etalage.errors import CatalogueError, ModelError, OutputError, SplitError
from etalage.models.checkpoint import open_model
from etalage.models.weights import read_tensors
from etalage.training import Recipe, TrainReport

Begin = Callable[..., TrainReport]


def lines(model: Path) -> list[dict[str, Any]]:
    """Return the lines of a model's metrics."""
    text = (model / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def relabel(shop: Path, place: Path, labels: list[int | None]) -> None:
    """Index the shop's catalogue in ``place`` with other labels."""
    documents = bson.decode_all((shop / "catalogue.bson").read_bytes())
    for document, label in zip(documents, labels, strict=True):
        document.pop("category_id", None)
        document |= {} if label is None else {"category_id": label}
    (place / "c.bson").write_bytes(b"".join(map(bson.encode, documents)))
    index([place / "c.bson"], place / "index")


@pytest.fixture(scope="module")
def trained(begin: Begin, tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> TrainReport:
    """Return the report of a training that is long enough to learn the colours."""
    return begin(tmp_path_factory.mktemp("trained") / "model", replace(tiny, epochs=6))


def test_categories_that_colours_tell_apart_are_learned(trained: TrainReport) -> None:
    assert trained.validation is not None
    assert trained.validation.level3 > 0.8


def test_unreadable_images_and_products_without_any_are_counted(trained: TrainReport) -> None:
    assert (trained.unreadable, trained.without_images) == (4, 1)


def test_a_finished_model_has_its_record_and_no_checkpoints(trained: TrainReport) -> None:
    found = sorted(path.name for path in trained.model.iterdir())
    assert found == ["metrics.jsonl", "model.json", "model.safetensors", "run.json"]
    record = json.loads((trained.model / "run.json").read_text(encoding="utf-8"))
    assert record["identity"]["recipe"]["epochs"] == 6
    assert record["plan"]["steps"] == trained.steps
    assert record["report"] == trained.to_json()


def test_every_epoch_has_losses_and_one_evaluation(trained: TrainReport) -> None:
    written = lines(trained.model)
    assert [line["epoch"] for line in written if "validation" in line] == [1, 2, 3, 4, 5, 6]
    assert {line["epoch"] for line in written if "loss" in line} == {1, 2, 3, 4, 5, 6}


def test_the_model_opens_and_knows_the_training_shares(trained: TrainReport) -> None:
    model = open_model(trained.model)
    assert model.taxonomy.ids.tolist() == [10, 11, 12]
    assert model.prior.sum() == pytest.approx(1)


def test_copies_are_one_example_and_categories_left_out_are_named(
    shop: Path, begin: Begin, tiny: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    documents = bson.decode_all((shop / "catalogue.bson").read_bytes())[:20]
    copies = [{**documents[0], "_id": 100 + row, "category_id": 11} for row in range(70)]
    rare = {**documents[8], "_id": 200, "category_id": 77}
    (tmp_path / "c.bson").write_bytes(b"".join(map(bson.encode, [*documents, *copies, rare])))
    index([tmp_path / "c.bson"], tmp_path / "index")
    split(tmp_path / "index", tmp_path / "split", validation=0, test=0)
    with caplog.at_level("INFO", "etalage"):
        report = begin(tmp_path / "model", replace(tiny, epochs=1), place=tmp_path)
    assert "1 of 4 categories have a single training product: 77 (77)" in caplog.text
    plan = json.loads((report.model / "run.json").read_text(encoding="utf-8"))["plan"]
    assert (report.train_products, plan["train_products"]) == (90, 90)
    assert (plan["examples"], plan["unlearnable"]) == (19 - 1 + 3, 0)


def test_shuffled_labels_give_chance(
    shop: Path, begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    labels = 10 + np.random.default_rng(0).permutation(np.arange(60) % 3)
    relabel(shop, tmp_path, labels.tolist())
    split(tmp_path / "index", tmp_path / "split", validation=0.5, test=0)
    report = begin(tmp_path / "model", replace(tiny, epochs=6), place=tmp_path)
    assert report.validation is not None
    assert report.validation.level3 < 0.6


def test_a_loss_that_is_no_number_names_its_step(
    begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    broken = replace(tiny, learning_rate=1e30, precision="none", clip=1e30)
    with pytest.raises(ModelError, match=r"the loss is (nan|inf) at step \d+ of"):
        begin(tmp_path / "model", broken)
    with pytest.raises(ModelError, match="has not ended"):
        open_model(tmp_path / "model")


def test_too_many_unreadable_images_stop_the_training(
    begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(CatalogueError, match=r"images cannot be read, more than 1%"):
        begin(tmp_path / "model", replace(tiny, max_unreadable=0.01))


def test_a_catalogue_without_labels_cannot_be_learned(
    shop: Path, begin: Begin, tmp_path: Path
) -> None:
    relabel(shop, tmp_path, [None] * 60)
    with pytest.raises(SplitError):
        begin(tmp_path / "model", place=tmp_path, split=shop / "split")


def test_nothing_is_left_behind_where_the_weights_cannot_be_had(
    begin: Begin, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        begin(tmp_path / "model", weights="absent.pth")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_never_trained_into(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"holiday\.jpg"):
        begin(tmp_path, overwrite=True)


def test_a_model_is_not_replaced_unasked(trained: TrainReport, begin: Begin) -> None:
    with pytest.raises(OutputError, match="exists already"):
        begin(trained.model)


def test_a_frozen_backbone_trains_its_head_only(
    trained: TrainReport, begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    frozen = replace(tiny, freeze_backbone=True, epochs=1)
    begin(tmp_path / "model", frozen, weights=str(trained.model))
    files = (folder / "model.safetensors" for folder in (trained.model, tmp_path / "model"))
    before, after = map(read_tensors, files)
    changed = {key for key in before if not before[key].equal(after[key])}
    assert changed == {"head.weight", "head.bias"}


def test_a_model_of_the_same_categories_is_gone_on_from(
    trained: TrainReport, begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    gentle = replace(tiny, learning_rate=1e-9, epochs=1, freeze_backbone=True)
    report = begin(tmp_path / "model", gentle, weights=str(trained.model))
    assert report.validation is not None and trained.validation is not None
    assert report.validation.log_loss == pytest.approx(trained.validation.log_loss, rel=1e-3)


def test_few_validation_products_fit_no_temperature(trained: TrainReport) -> None:
    assert trained.temperature == 1.0


def test_the_real_sample_trains_a_few_steps(shared: Path, begin: Begin, tmp_path: Path) -> None:
    source = shared / "data/cdiscount"
    names = source / "category_names.csv"
    index([source / "train_example.bson"], tmp_path / "index", taxonomy=names)
    split(tmp_path / "index", tmp_path / "split")
    small = {"epochs": "1", "image_size": "32", "load_size": "36"}
    report = begin(tmp_path / "model", place=tmp_path, recipe="demo", settings=small)
    assert report.images > 80
    assert len(open_model(report.model).taxonomy) == 5270
