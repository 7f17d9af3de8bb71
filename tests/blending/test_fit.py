"""Weights and a second level, fitted where the truth is known, stored, and applied elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from blending.conftest import LEAVES, Three, invent, make_taxonomy, truth_of, write
from etalage.blending.fit import fit_blend
from etalage.blending.means import make_mean, stack
from etalage.blending.ranker import BOOSTER, deal_folds
from etalage.blending.trees import from_booster, read_trees, write_trees
from etalage.blending.weights import fit_weights, log_loss
from etalage.blending.write import blend
from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.folder import read_predictions

Make = Callable[..., Three]
MEANS = [("arithmetic", None), ("geometric", None), ("power", 0.5), ("power", -1.0)]


@pytest.mark.parametrize(("name", "exponent"), MEANS)
def test_the_gradient_is_that_of_the_log_loss(name: str, exponent: float | None) -> None:
    given = stack([invent(30, seed=at, k=2 + at) for at in range(3)], LEAVES)
    truth, step = truth_of(30).astype(np.int32), 1e-6
    steep = make_mean(name, 3, None, exponent).exponent
    at = np.array([0.5, 0.2, 0.3])
    slopes = [
        (log_loss(given, truth, steep, at + step * each)[0]
         - log_loss(given, truth, steep, at - step * each)[0]) / (2 * step)
        for each in np.eye(3)
    ]  # fmt: skip
    assert np.allclose(log_loss(given, truth, steep, at)[1], slopes, atol=1e-5)


@pytest.mark.parametrize(("name", "exponent"), MEANS)
def test_no_weights_nearby_have_a_lower_log_loss(name: str, exponent: float | None) -> None:
    given = stack([invent(400, seed=at, skill=3 - at) for at in range(3)], LEAVES)
    truth = truth_of(400).astype(np.int32)
    mean = fit_weights(given, truth, make_mean(name, 3, None, exponent))
    best = log_loss(given, truth, mean.exponent, np.array(mean.weights))[0]
    assert sum(mean.weights) == pytest.approx(1)
    for other in np.random.default_rng(0).dirichlet([1, 1, 1], 50):
        near = 0.9 * np.array(mean.weights) + 0.1 * other
        assert log_loss(given, truth, mean.exponent, near)[0] >= best - 1e-5


def test_a_model_that_knows_nothing_gets_no_weight(three: Make, tmp_path: Path) -> None:
    made = three(600)
    report = fit_blend(made.folders, tmp_path / "f", truth=made.truth)
    assert report.mean.weights[2] < 0.05
    assert report.weights.log_loss < report.equal.log_loss
    assert report.weights.log_loss <= min(each.log_loss for each in report.members)


@pytest.fixture
def booster() -> tuple[HistGradientBoostingClassifier, Any]:
    """Return a fitted booster and the rows it was fitted on."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(500, 4)).astype(np.float32)
    right = rows[:, 0] + rows[:, 1] * rows[:, 2] > random.normal(size=500)
    return HistGradientBoostingClassifier(max_iter=20).fit(rows, right), rows


def test_stored_trees_score_as_the_booster_does(booster: Any, tmp_path: Path) -> None:
    fitted, rows = booster
    write_trees(from_booster(fitted, 4), tmp_path / "t.safetensors")
    found = read_trees(tmp_path / "t.safetensors").scores(rows)
    assert np.allclose(found, fitted.decision_function(rows), atol=1e-9)


@pytest.mark.parametrize("fault", ["left", "feature", "start", "value", "cut", "nothing"])
def test_trees_that_are_none_are_refused(booster: Any, fault: str, tmp_path: Path) -> None:
    trees, path = from_booster(booster[0], 4), tmp_path / "t.safetensors"
    if fault in ("left", "feature"):
        inner = int(np.flatnonzero(trees.feature >= 0)[1])
        getattr(trees, fault)[inner] = {"left": 0, "feature": 4}[fault]
    elif fault == "start":
        trees.start[1] += 10**6
    elif fault == "value":
        trees = type(trees)(**vars(trees) | {"value": trees.value[:-1]})
    if fault != "nothing":
        write_trees(trees, path)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(PredictionsError):
        read_trees(path)


def specialists(folder: Path, products: int) -> list[Path]:
    """Write two models, each good at one half of the categories and sure of itself elsewhere."""
    truth, paths = truth_of(products), []
    for number in range(2):
        good = invent(products, seed=number, skill=4)
        poor = invent(products, seed=10 + number, skill=0, heat=3)
        knows = (truth < LEAVES // 2) == (number == 0)
        columns = {
            name: np.where(knows.reshape(-1, *[1] * (getattr(good, name).ndim - 1)),
                           getattr(good, name), getattr(poor, name))
            for name in ("categories", "probabilities", "rest")
        }  # fmt: skip
        paths.append(write(folder / f"s{number}", type(good)(**vars(good) | columns)))
    return paths


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two specialists, the truth of the first 1,200 of their products, and a fitted BLEND."""
    folder = tmp_path_factory.mktemp("fitted")
    paths = specialists(folder, 1500)
    ids = make_taxonomy().ids[truth_of(1500)].tolist()
    lines = [f"{product},{leaf}" for product, leaf in enumerate(ids)]
    (folder / "truth.csv").write_text("_id,category_id\n" + "\n".join(lines[:1200]) + "\n")
    (folder / "rest.csv").write_text("_id,category_id\n" + "\n".join(lines[1200:]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BOOSTER, "max_iter", 50)
        options: Any = {"ranker": True, "candidates": 5, "folds": 3}
        fit_blend(paths, folder / "f", truth=folder / "truth.csv", **options)
    return folder


def accuracy(folder: Path, rows: slice) -> float:
    found = read_predictions(folder)
    return float((found.categories[rows, 0] == truth_of(len(found))[rows]).mean())


def test_a_second_level_learns_whom_to_believe(fitted: Path, tmp_path: Path) -> None:
    paths = [fitted / "s0", fitted / "s1"]
    blend(paths, tmp_path / "plain")
    report = blend(paths, tmp_path / "ranked", using=fitted / "f")
    new = slice(1200, None)
    assert report.ranked
    assert accuracy(tmp_path / "ranked", new) > accuracy(tmp_path / "plain", new) + 0.03


def test_what_it_was_fitted_on_is_answered_out_of_fold(fitted: Path, tmp_path: Path) -> None:
    blend([fitted / "s0", fitted / "s1"], tmp_path / "ranked", using=fitted / "f")
    told = json.loads((fitted / "f/blend.json").read_text())["figures"]["ranker"]
    assert accuracy(tmp_path / "ranked", slice(0, 1200)) == pytest.approx(told["accuracy"])
    new = accuracy(tmp_path / "ranked", slice(1200, None))
    assert told["accuracy"] < new + 0.04  # answered in the fold it would be nearly 1


def test_copies_are_in_the_same_fold() -> None:
    table = invent(50, seed=1).take(np.repeat(np.arange(50), 3))
    fold = deal_folds(stack([table, table], LEAVES), 5, seed=0).reshape(50, 3)
    assert (fold == fold[:, :1]).all()
    assert set(fold.ravel().tolist()) == {0, 1, 2, 3, 4}


def test_the_same_fit_gives_the_same_bytes(
    three: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BOOSTER, "max_iter", 20)
    made = three(200)
    for name in "ab":
        fit_blend(
            made.folders, tmp_path / name, truth=made.truth, ranker=True, folds=2, mean="geometric"
        )
    for path in (tmp_path / "a").iterdir():
        assert (
            path.name == "run.json"
            or path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        )


def test_nothing_stored_is_executed(fitted: Path) -> None:
    kinds = {path.suffix for path in (fitted / "f").iterdir()}
    assert kinds == {".json", ".safetensors", ".parquet"}


def test_a_product_without_an_image_keeps_the_prior(fitted: Path, tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        table = read_predictions(fitted / f"s{number}")
        few = table.take(np.arange(1200, 1203))
        few.images[:] = [0, 1, 1]
        paths.append(write(tmp_path / f"s{number}", few))
    weights = json.loads((fitted / "f/blend.json").read_text())["weights"]
    blend(paths, tmp_path / "plain", weights=weights)
    blend(paths, tmp_path / "ranked", using=fitted / "f")
    plain, ranked = (read_predictions(tmp_path / name) for name in ("plain", "ranked"))
    assert (plain.probabilities[0] == ranked.probabilities[0]).all()
    assert (plain.probabilities[1:] != ranked.probabilities[1:]).any()


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("other order", "is of model s1, where .* was fitted on model s0, number 1 of 2"),
        ("one more", "was fitted on 2 predictions, 3 are given"),
        ("no blend", r"blend.json: cannot be read"),
        ("damaged", r"ranker.safetensors: holds no trees"),
        ("weights", "is damaged|expected numbers from 0"),
    ],
)
def test_a_blend_that_does_not_fit_is_refused(
    case: str, message: str, fitted: Path, tmp_path: Path
) -> None:
    paths, using = [fitted / "s0", fitted / "s1"], tmp_path / "f"
    if case != "no blend":
        using.mkdir()
        for path in (fitted / "f").iterdir():
            (using / path.name).write_bytes(path.read_bytes())
    if case == "other order":
        paths.reverse()
    elif case == "one more":
        paths.append(write(tmp_path / "s2", invent(1500, seed=5)))
    elif case == "damaged":
        (using / "ranker.safetensors").write_bytes(b"no trees")
    elif case == "weights":
        document = json.loads((using / "blend.json").read_text()) | {"weights": [-1, 2]}
        (using / "blend.json").write_text(json.dumps(document))
    with pytest.raises(PredictionsError, match=message):
        blend(paths, tmp_path / "b", using=using)


def test_weights_beside_a_fitted_blend_are_refused(fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="brings mean and weights of its own"):
        blend([fitted / "s0", fitted / "s1"], tmp_path / "b", using=fitted / "f", weights=[1, 1])


def test_a_truth_of_other_products_is_refused(three: Make, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("_id,category_id\n7777,100\n")
    with pytest.raises(PredictionsError, match="answers none of the 1 products"):
        fit_blend(three().folders, tmp_path / "f", truth=tmp_path / "t.csv")


def test_a_model_that_lacks_a_product_of_the_truth_is_refused(three: Make, tmp_path: Path) -> None:
    made = three()
    few = write(tmp_path / "few", made.tables[1].take(np.arange(250)))
    with pytest.raises(PredictionsError, match="does not answer 50 of the 300 products"):
        fit_blend([made.folders[0], few], tmp_path / "f", truth=made.truth)


def test_too_few_products_for_a_second_level_are_refused(three: Make, tmp_path: Path) -> None:
    made = three()
    with pytest.raises(PredictionsError, match="cannot be fitted on 3 products in 5 folds"):
        fit_blend(made.folders, tmp_path / "f", truth=made.truth, ranker=True, most=3)
    assert not (tmp_path / "f").exists()


def test_fitting_and_blending_is_one_command(three: Make, tmp_path: Path, etalage: Any) -> None:
    made = three()
    options = ["--audited", made.truth, "--fit", tmp_path / "f", "-o", tmp_path / "b", "--json"]
    told = json.loads(etalage("blend", *made.folders, *options).out)
    document = json.loads((tmp_path / "f/blend.json").read_text())
    assert told["fit"]["truth"] == document["fitted_on"]["truth"] == "audited"
    assert told["blend"]["weights"] == document["weights"]
    table = etalage("blend", *made.folders, "--truth", made.truth, "--fit", tmp_path / "g")
    assert "Against the given labels, 300 products" in table.out
    again = etalage("blend", *made.folders, "--using", tmp_path / "f", "-o", tmp_path / "c")
    assert again.code == 0
    shown = json.loads(etalage("show", tmp_path / "f", "--json").out)
    assert shown["weights"] == document["weights"] == told["fit"]["weights"]
