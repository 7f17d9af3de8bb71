"""Recipes of every day and of 2017, at a reduced size: from an index to a MODEL that predicts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from etalage.batches.loader import load
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.inference.predict import predict
from etalage.models.checkpoint import Model, Specialists, open_model
from etalage.predictions.folder import read_predictions
from etalage.training import RECIPES, Recipe, TrainReport

SMALL = {
    "backbone": "test_byobnet",
    "backbone_args": "{}",
    "image_size": "32",
    "load_size": "36",
    "first_image_size": "none",
    "epochs": "1",
    "batch_products": "12",
}
PARTS = {
    "winner-2017": ["one", "two", "three", "four"],
    "second-2017": ["all", "first", "later", "one", "two", "three", "four", "gated"],
}


@pytest.mark.parametrize(
    "name",
    [
        "quick",
        "standard",
        "best",
        pytest.param("winner-2017", marks=pytest.mark.slow),
        pytest.param("second-2017", marks=pytest.mark.slow),
        "third-2017",
    ],
)
def test_it_trains_a_model_that_predicts(
    begin: Callable[..., TrainReport], shop: Path, tmp_path: Path, name: str
) -> None:
    report = begin(tmp_path / "model", recipe=RECIPES[name], settings=SMALL)
    done = predict(report.model, shop / "index", tmp_path / "p", split=shop / "split", part="test")
    answers = read_predictions(tmp_path / "p")
    assert len(answers) == done.products > 0
    assert np.allclose(answers.probabilities.sum(axis=1) + answers.rest, 1, atol=1e-5)
    model = open_model(report.model)
    members = model.members if isinstance(model, Specialists) else ()
    assert [member.name for member in members] == PARTS.get(name, [])


def test_the_second_weighs_each_image_by_its_specialists() -> None:
    weights = {part.name: part.weight for part in RECIPES["second-2017"].parts}
    assert weights.pop("all") == 0.1
    assert set(weights.values()) == {1.0}


def test_the_winner_has_a_network_for_every_number_of_images() -> None:
    for images in range(1, 9):
        asked = np.array([images])
        found = [part.scope.products(asked).item() for part in RECIPES["winner-2017"].parts]
        assert sum(found) == 1


def test_a_mirroring_training_is_checked_as_it_will_answer(
    begin: Callable[..., TrainReport], tiny: Recipe, shop: Path, tmp_path: Path
) -> None:
    report = begin(tmp_path / "model", replace(tiny, mirror=True))
    model, index = open_model(report.model), open_index(shop / "index")
    rows = read_split(shop / "split").rows(index, "validation")
    rows = rows[index.labels[rows] >= 0]
    (batch,) = load(index, [rows], size=model.size)
    answer = model.probabilities(batch.pixels, batch.product, batch.rank, len(rows))
    seen = np.unique(batch.product)
    found = -np.log(answer[seen, index.labels[rows[seen]]]).mean()
    assert report.validation is not None
    assert found == pytest.approx(report.validation.log_loss, rel=1e-4)
    assert isinstance(model, Model) and model.network.mirror
