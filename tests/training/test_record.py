"""What a MODEL keeps for its report."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.predictions.truth import read_truth
from etalage.training import Recipe, TrainReport
from etalage.training.recipes import RECIPES
from etalage.training.record import changed


@pytest.fixture(scope="module")
def model(
    tmp_path_factory: pytest.TempPathFactory, begin: Callable[..., TrainReport], tiny: Recipe
) -> Path:
    """Return a MODEL of one epoch."""
    recipe = replace(tiny, epochs=1)
    return begin(tmp_path_factory.mktemp("record") / "model", recipe).model


def test_the_labels_of_the_validation_are_a_truth_to_score_against(model: Path, shop: Path) -> None:
    index = open_index(shop / "index")
    truth = read_truth(model / "validation.csv", index.taxonomy)
    rows = read_split(shop / "split").rows(index, "validation")
    rows = rows[index.labels[rows] >= 0]
    assert truth.product_ids.to_pylist() == [index.product_ids[row].as_py() for row in rows]
    assert truth.categories.tolist() == index.taxonomy.ids[index.labels[rows]].tolist()


def test_the_training_products_of_each_category_are_counted(model: Path) -> None:
    record = json.loads((model / "run.json").read_text())
    assert len(record["category_products"]) == record["plan"]["classes"]
    assert np.sum(record["category_products"]) == record["plan"]["train_products"]


def test_what_the_named_recipe_says_is_kept_of_changed_values_only() -> None:
    quick = RECIPES["quick"]
    assert changed(quick) == {}
    assert changed(replace(quick, epochs=99, mean=(0.0, 0.0, 0.0))) == {
        "epochs": quick.epochs,
        "mean": None,
    }


def test_a_recipe_of_ones_own_is_compared_with_the_defaults(tiny: Recipe) -> None:
    assert changed(replace(tiny, clip=2.0))["clip"] == 1.0
    assert "clip" not in changed(tiny)
