"""The frozen road: vectors once, then a head that answers from pixels like any other."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from etalage.batches.loader import load
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split
from etalage.embedding import write as writer
from etalage.embedding.distinct import images_of
from etalage.embedding.encoder import Encoder
from etalage.embedding.folder import read_embeddings
from etalage.embedding.write import embed
from etalage.errors import ConfigError, EmbeddingsError
from etalage.models.backbone import create_backbone
from etalage.models.checkpoint import open_single
from etalage.models.fusion import Places, WhitenedFusion, create_fusion
from etalage.models.network import ProductModel
from etalage.predictions.folder import read_predictions
from etalage.training import Progress, Recipe, TrainReport
from etalage.training.step import penalise

Begin = Callable[..., TrainReport]


@pytest.fixture(scope="module")
def recipe(tiny: Recipe) -> Recipe:
    """Return a recipe that learns a head in a second."""
    return replace(tiny, freeze_backbone=True, mirror=True, epochs=3)


@pytest.fixture(scope="module")
def kept(
    begin: Begin, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TrainReport, Path]:
    """Return a frozen training and the folder of embeddings it left."""
    place = tmp_path_factory.mktemp("frozen")
    report = begin(place / "model", recipe, embeddings=place / "embeddings")
    return report, place / "embeddings"


def test_a_head_learns_from_features(kept: tuple[TrainReport, Path]) -> None:
    assert kept[0].validation is not None
    assert kept[0].validation.level3 > 0.8
    assert (kept[0].unreadable, kept[0].without_images) == (4, 1)


def test_the_model_answers_pixels_as_it_answers_vectors(
    kept: tuple[TrainReport, Path], shop: Path
) -> None:
    index, model = open_index(shop / "index"), open_single(kept[0].model)
    batch = next(iter(load(index, [np.arange(5)], size=model.size)))
    places = (batch.product, batch.rank, len(batch.rows))
    vectors = read_embeddings(kept[1]).vectors(index.image_start[batch.product] + batch.rank)
    from_vectors = model.probabilities_of_features(vectors, *places)
    assert np.allclose(model.probabilities(batch.pixels, *places), from_vectors, atol=2e-3)


def test_features_are_standardised_by_the_training_images(
    kept: tuple[TrainReport, Path], shop: Path
) -> None:
    network = open_single(kept[0].model).network
    found = read_embeddings(kept[1])
    index = open_index(shop / "index")
    images = images_of(index, read_split(shop / "split").rows(index, "train"))[0]
    vectors = found.vectors(images[found.has(images)])
    standard = (vectors - network.feature_mean.numpy()) * network.feature_scale.numpy()
    assert np.abs(standard.mean(axis=0)).max() < 0.2
    assert np.median(standard.std(axis=0)) == pytest.approx(1, abs=0.2)


def test_a_fusion_learns_viewpoints_before_the_head_begins(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path
) -> None:
    chosen = replace(recipe, fusion="whitened", epochs=1)
    report = begin(tmp_path / "model", chosen, embeddings=kept[1])
    fusion = open_single(report.model).network.fusion
    assert isinstance(fusion, WhitenedFusion)
    assert (fusion.whiten.removed > 0).any()
    assert (fusion.whiten.removed < 1).all()


def test_a_cache_is_used_again_and_gives_the_same_model(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Encoder, "vectors", None)  # nothing is encoded any more
    report = begin(tmp_path / "model", recipe, embeddings=kept[1])
    made, again = kept[0].model / "model.safetensors", report.model / "model.safetensors"
    assert made.read_bytes() == again.read_bytes()


def test_without_a_place_of_its_own_the_cache_goes_with_the_checkpoints(
    begin: Begin, recipe: Recipe, tmp_path: Path
) -> None:
    report = begin(tmp_path / "model", recipe)
    assert not (report.model / "checkpoints").exists()


def test_embeddings_of_other_weights_are_refused(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path
) -> None:
    with pytest.raises(EmbeddingsError, match="was made with another weights"):
        begin(tmp_path / "model", recipe, embeddings=kept[1], seed=1)
    with pytest.raises(EmbeddingsError, match="another load_size"):
        begin(tmp_path / "other", replace(recipe, load_size=40), embeddings=kept[1])


def test_embeddings_that_lack_images_are_refused(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], shop: Path, tmp_path: Path
) -> None:
    some: dict[str, Any] = {"split": shop / "split", "part": "train", "mirror": True}
    embed(kept[0].model, shop / "index", tmp_path / "e", **some)
    with pytest.raises(EmbeddingsError, match=r"no vectors of \d+ of the \d+ images"):
        begin(tmp_path / "model", recipe, embeddings=tmp_path / "e")


def test_a_recipe_that_learns_from_pixels_takes_no_embeddings(
    begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="learns from pixels"):
        begin(tmp_path / "model", tiny, embeddings=tmp_path / "e")


@pytest.mark.parametrize("step", [2, 9])
def test_a_resumed_head_ends_with_the_same_numbers(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path, step: int
) -> None:
    class KilledError(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.step == step:
            raise KilledError

    with pytest.raises(KilledError):
        begin(tmp_path / "model", recipe, progress=kill)
    begin(tmp_path / "model", recipe, resume=True)
    for name in ("model.safetensors", "model.json"):
        assert (tmp_path / "model" / name).read_bytes() == (kept[0].model / name).read_bytes()


def test_full_training_starts_where_the_frozen_one_ended(
    begin: Begin, tiny: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path
) -> None:
    still = replace(tiny, epochs=1, learning_rate=1e-9, freeze_norm=True, mirror=True)
    report = begin(tmp_path / "model", still, weights=str(kept[0].model))
    frozen, full = (open_single(model).network for model in (kept[0].model, report.model))
    assert frozen.feature_scale.equal(full.feature_scale)
    assert np.allclose(frozen.head.weight.detach(), full.head.weight.detach(), atol=1e-6)


def test_predictions_from_vectors_are_those_from_pixels(
    kept: tuple[TrainReport, Path], shop: Path, tmp_path: Path, etalage: Any
) -> None:
    command = ["predict", kept[0].model, shop / "index", "-o"]
    assert etalage(*command, tmp_path / "p").code == 0
    assert etalage(*command, tmp_path / "v", "--embeddings", kept[1]).code == 0
    pixels, vectors = (read_predictions(tmp_path / name) for name in "pv")
    assert pixels.product_ids.equals(vectors.product_ids)
    assert np.array_equal(pixels.images, vectors.images)
    assert np.allclose(pixels.probabilities, vectors.probabilities, atol=2e-3)


def test_vectors_of_another_backbone_answer_nothing(
    begin: Begin, tiny: Recipe, kept: tuple[TrainReport, Path], shop: Path, tmp_path: Path,
    etalage: Any,
) -> None:  # fmt: skip
    other = begin(tmp_path / "other", replace(tiny, epochs=1)).model
    command = ["predict", other, shop / "index", "-o", tmp_path / "p", "--embeddings", kept[1]]
    run = etalage(*command)
    assert run.code == 1
    assert "was made with another weights" in run.err


def test_a_killed_embedding_is_gone_on_with_by_the_training(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(writer, "PART_VECTORS", 32)
    saved = np.save

    def stop(file: Any, block: Any) -> None:
        if len(list(Path(file.name).parent.glob("part-*"))) == 2:
            raise KeyboardInterrupt
        saved(file, block)

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            begin(tmp_path / "model", recipe)
    assert len(list((tmp_path / "model/checkpoints/.embeddings.part/parts").iterdir())) == 2
    begin(tmp_path / "model", recipe, resume=True)
    record = json.loads((tmp_path / "model/run.json").read_text(encoding="utf-8"))
    assert record["report"]["validation"] == kept[0].to_json()["validation"]


def test_a_penalty_draws_the_head_to_nothing(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path
) -> None:
    strong = replace(recipe, head_penalty=1.0)
    report = begin(tmp_path / "model", strong, embeddings=kept[1])
    free, drawn = (open_single(model).network.head for model in (kept[0].model, report.model))
    assert drawn.weight.norm() < 0.5 * free.weight.norm()


def test_a_penalty_counts_less_with_more_products(recipe: Recipe) -> None:
    few, many = (torch.zeros(1, 2, requires_grad=True) for _ in range(2))
    for weight, products in ((few, 100), (many, 1000)):
        network = SimpleNamespace(head=SimpleNamespace(weight=weight))
        with torch.no_grad():
            weight += 1
        weight.sum().backward()  # type: ignore[no-untyped-call]
        penalise(network, replace(recipe, head_penalty=1.0), products=products)  # type: ignore[arg-type]
    assert few.grad is not None and many.grad is not None
    assert few.grad.tolist() == [[101, 101]]
    assert many.grad.tolist() == [[11, 11]]


def test_features_are_left_out_while_training_only() -> None:
    made = create_backbone("test_byobnet", {}, size=32)
    network = ProductModel(made.network, create_fusion("mean", 4), 2, made.mean, made.std)
    network.dropout = 1.0
    places = Places(torch.zeros(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), 1)
    features = torch.ones(1, 4)
    assert network.train().classify(features, places).count_nonzero() == 0
    assert network.eval().classify(features, places).count_nonzero() == 2


def test_few_products_get_as_many_epochs_as_a_head_needs(
    begin: Begin, recipe: Recipe, kept: tuple[TrainReport, Path], tmp_path: Path
) -> None:
    few = replace(recipe, epochs=1, least_steps=9)
    report = begin(tmp_path / "model", few, embeddings=kept[1])
    assert report.steps >= 9
    assert report.epochs == -(-9 // (report.steps // report.epochs))
