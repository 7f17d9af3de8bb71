"""Several views of every image: mirror images and sizes are averaged, and remembered."""

from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from numpy.typing import NDArray

from etalage.batches.loader import load
from etalage.batches.order import in_order
from etalage.catalogue.build import index as build_index
from etalage.catalogue.index import open_index
from etalage.errors import ConfigError, ModelError, PredictionsError
from etalage.growth import update
from etalage.inference.predict import predict
from etalage.models.checkpoint import Model, Specialists, open_model
from etalage.models.scope import Scope
from etalage.models.specialists import Member
from etalage.models.views import at_sizes, geometric_mean, mirror, networks
from etalage.predictions.folder import read_predictions

Shop = Any


def dense(folder: Path) -> NDArray[np.float32]:
    found = read_predictions(folder)
    return np.take_along_axis(found.probabilities, found.categories.argsort(1), 1)


def answers(model: Model | Specialists, index: Path, *, flipped: bool = False) -> Any:
    """Return what a model says of all products, of mirrored pixels where ``flipped``."""
    opened = open_index(index)
    batch = next(load(opened, in_order(np.arange(len(opened)), 999), size=model.size))
    pixels = np.ascontiguousarray(batch.pixels[:, :, ::-1]) if flipped else batch.pixels
    return model.probabilities(pixels, batch.product, batch.rank, len(batch.rows))


def test_a_flipped_answer_is_the_same_for_mirror_images(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p", flip=True)
    model = open_model(shop.model)
    plain = answers(model, shop.index)
    mirror(model)
    found = answers(model, shop.index)
    assert np.allclose(found, answers(model, shop.index, flipped=True), atol=1e-5)
    assert np.allclose(dense(tmp_path / "p"), found, atol=1e-3)
    assert np.abs(found - plain).max() > 1e-4


def test_sizes_are_averaged(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p", sizes=[24, 32, 48])
    views = at_sizes(open_model(shop.model), [24, 32, 48])
    assert [view.size for view in views] == [27, 36, 54]  # loaded at 36 for a network of 32
    expected = geometric_mean([answers(view, shop.index) for view in views])
    assert np.allclose(dense(tmp_path / "p"), expected, atol=1e-3)


def test_the_size_of_the_model_alone_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p")
    predict(shop.model, shop.index, tmp_path / "q", sizes=[32])
    assert (tmp_path / "p/part-00000.parquet").read_bytes() == (
        tmp_path / "q/part-00000.parquet"
    ).read_bytes()


@pytest.mark.parametrize("runtime", ["openvino", pytest.param("onnx", marks=pytest.mark.slow)])
def test_every_runtime_looks_at_every_view(shop: Shop, tmp_path: Path, runtime: str) -> None:
    for name, chosen in (("p", "torch"), ("q", runtime)):
        options: Any = {"flip": True, "sizes": [24, 48], "runtime": chosen}
        predict(shop.model, shop.index, tmp_path / name, **options)
    assert np.abs(dense(tmp_path / "p") - dense(tmp_path / "q")).max() < 0.02


def test_several_networks_are_all_mirrored_and_resized(shop: Shop) -> None:
    parts = [
        Member(name, Scope(images=name), 1.0, open_model(shop.model)) for name in ("all", "first")
    ]
    one = parts[0].model
    model = Specialists(parts, one.taxonomy, temperature=1.0, prior=one.prior, fingerprint="",
                        device=one.device)  # fmt: skip
    mirror(model)
    assert [network.mirror for network in networks(model)] == [True, True]
    views = at_sizes(model, [24, 32])
    assert [view.size for view in views] == [27, 36]
    assert np.allclose(answers(views[1], shop.index), answers(model, shop.index))


def test_views_are_remembered_and_insisted_on(shop: Shop, tmp_path: Path, etalage: Any) -> None:
    command = ["predict", shop.model, shop.index, "-o", tmp_path / "p"]
    assert etalage(*command, "--flip", "--sizes", "24,32").code == 0
    source = read_predictions(tmp_path / "p").source
    assert (source["flip"], source["sizes"]) == (True, [24, 32])
    (tmp_path / "p/manifest.json").rename(tmp_path / "p/unfinished.json")
    run = etalage(*command)
    assert (run.code, "flip was True and is None" in run.err) == (1, True)
    assert "sizes was [24, 32] and is None" in run.err
    assert etalage(*command, "--flip", "--sizes", "24,32").code == 0


def test_answers_of_several_views_are_not_carried_over_to_one(shop: Shop, tmp_path: Path) -> None:
    predict(shop.model, shop.index, tmp_path / "p", flip=True)
    with pytest.raises(PredictionsError, match="made with flip True, now it is None"):
        predict(shop.model, shop.index, tmp_path / "q", carry=tmp_path / "p")


def test_an_update_looks_at_the_views_of_the_rest(
    shop: Shop, tmp_path: Path, product: Any, photo: Any
) -> None:
    first, second = (bson.encode(product(row, [photo(row)])) for row in (1, 2))
    (tmp_path / "c.bson").write_bytes(first)
    build_index([tmp_path / "c.bson"], tmp_path / "index", taxonomy=shop.folder / "names.csv")
    predict(shop.model, tmp_path / "index", tmp_path / "p", flip=True, sizes=[24, 32])
    (tmp_path / "c.bson").write_bytes(first + second)
    update(tmp_path / "index", model=shop.model, predictions=tmp_path / "p")
    found = read_predictions(tmp_path / "p")
    assert (len(found), found.source["flip"], found.source["sizes"]) == (2, True, [24, 32])


@pytest.mark.parametrize("sizes", [[], [32, 32], [0], [4000]])
def test_sizes_that_make_no_sense_are_refused(shop: Shop, tmp_path: Path, sizes: list[int]) -> None:
    with pytest.raises(ConfigError, match="sizes are .*: expected different ones, 1 to 1024"):
        predict(shop.model, shop.index, tmp_path / "p", sizes=sizes)


def test_a_size_that_the_backbone_refuses_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_model(shop.model)

    def refuse(pixels: Any) -> Any:
        raise AssertionError(f"Input size ({pixels.shape[1]}) does not match model (32)")

    monkeypatch.setattr(networks(model)[0], "backbone_features", refuse)
    with pytest.raises(ModelError, match="refuses images of 40 pixels: Input size"):
        at_sizes(model, [40])


def test_vectors_have_no_views(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vectors have no other sizes and no mirror images"):
        predict(shop.model, shop.index, tmp_path / "p", flip=True, embeddings=tmp_path / "e")
