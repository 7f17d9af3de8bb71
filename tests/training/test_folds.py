"""Out-of-fold answers: every product once, by a head that saw neither it nor a copy."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest

from etalage.catalogue.build import index
from etalage.catalogue.duplicates import duplicate_groups
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split, split
from etalage.errors import ConfigError, OutputError
from etalage.predictions.folder import read_predictions
from etalage.training import Progress, Recipe, TrainReport
from etalage.training.folds import deal_folds, folds


@pytest.fixture(scope="module")
def recipe(tiny: Recipe) -> Recipe:
    """Return a recipe that learns a head in a second."""
    return replace(tiny, freeze_backbone=True, mirror=True, epochs=3)


@pytest.fixture(scope="module")
def answered(shop: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return out-of-fold predictions of the shop."""
    output = tmp_path_factory.mktemp("folds") / "p"
    options: dict[str, Any] = {"split": shop / "split", "recipe": recipe, "weights": "none"}
    folds(shop / "index", output, count=3, **options)
    return output


def test_every_labelled_product_outside_the_test_is_answered_once(
    answered: Path, shop: Path
) -> None:
    opened, parts = open_index(shop / "index"), read_split(shop / "split")
    rows = np.sort(np.concatenate([parts.rows(opened, part) for part in ("train", "validation")]))
    found = read_predictions(answered)
    assert found.product_ids.to_pylist() == opened.product_ids.take(rows).to_pylist()
    assert found.source["folds"] == 3
    assert len(set(found.source["models"])) == 3


def test_heads_that_learned_answer_what_they_have_not_seen(answered: Path, shop: Path) -> None:
    opened, found = open_index(shop / "index"), read_predictions(answered)
    shown = np.isin(opened.product_ids.to_numpy(), found.product_ids.to_numpy())
    assert (found.categories[:, 0] == opened.labels[shown]).mean() > 0.8
    assert not list(answered.parent.glob(".*"))


def test_copies_are_in_one_fold(
    tmp_path: Path, product: Callable[..., Any], photo: Callable[..., bytes]
) -> None:
    documents = [product(row, [photo(row // 2)], row // 2 % 3) for row in range(60)]
    (tmp_path / "c.bson").write_bytes(b"".join(map(bson.encode, documents)))
    index([tmp_path / "c.bson"], tmp_path / "index")
    split(tmp_path / "index", tmp_path / "split", validation=0.2, test=0.2)
    opened = open_index(tmp_path / "index")
    fold = deal_folds(opened, read_split(tmp_path / "split"), 3, seed=0)
    groups = duplicate_groups(opened).product_group
    assert all(len(set(fold[groups == group].tolist())) == 1 for group in range(30))
    sizes = np.bincount(fold[fold >= 0])
    assert sizes.max() - sizes.min() <= 2


def test_each_fold_has_its_share_of_a_category(shop: Path) -> None:
    opened = open_index(shop / "index")
    fold = deal_folds(opened, read_split(shop / "split"), 3, seed=0)
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (fold[fold >= 0], opened.labels[fold >= 0]), 1)
    assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1


def test_a_stopped_run_goes_on_behind_the_folds_that_are_done(
    answered: Path, shop: Path, recipe: Recipe, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if len(list((tmp_path / ".p.folds").glob("model-*"))) == 2:
            raise KilledError

    options: dict[str, Any] = {"split": shop / "split", "recipe": recipe, "weights": "none"}
    with pytest.raises(KilledError):
        folds(shop / "index", tmp_path / "p", count=3, progress=kill, **options)
    first = (tmp_path / ".p.folds/model-0/run.json").read_bytes()
    seen: list[int] = []

    def note(progress: Progress) -> None:
        assert (tmp_path / ".p.folds/model-0/run.json").read_bytes() == first
        seen.append(progress.step)

    folds(shop / "index", tmp_path / "p", count=3, progress=note, **options)
    assert seen[0] == 2  # of the second fold
    for path in answered.glob("part-*"):
        assert path.read_bytes() == (tmp_path / "p" / path.name).read_bytes()


def test_folds_of_a_recipe_that_learns_from_pixels_are_refused(
    shop: Path, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="learns from pixels"):
        folds(shop / "index", tmp_path / "p", split=shop / "split", recipe=tiny)
    with pytest.raises(ConfigError, match="1 folds: at least 2"):
        folds(shop / "index", tmp_path / "p", split=shop / "split", count=1)


def test_finished_folds_are_replaced_only_when_asked(
    answered: Path, shop: Path, recipe: Recipe
) -> None:
    with pytest.raises(OutputError, match="exists already"):
        folds(shop / "index", answered, split=shop / "split", recipe=recipe, weights="none")


def test_the_command_tells_the_accuracy(
    shop: Path, begin: Callable[..., TrainReport], tiny: Recipe, tmp_path: Path, etalage: Any
) -> None:
    small = [f"--set={pair}" for pair in ("image_size=32", "load_size=36", "epochs=1")]
    run = etalage(
        "folds", shop / "index", "-o", tmp_path / "p", "--split", shop / "split", "--count", 2,
        "--weights", "none", "--set", "backbone=test_byobnet", *small, "--json",
    )  # fmt: skip
    assert run.code == 0, run.err
    told = json.loads(run.out)
    assert told["folds"] == len(told["fold_accuracy"]) == 2
