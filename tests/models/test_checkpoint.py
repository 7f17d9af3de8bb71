"""The MODEL folder: what was saved is what answers, and half a model is none."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from etalage.errors import ModelError
from etalage.models.checkpoint import open_model
from etalage.models.fusion import Places
from etalage.models.network import ProductModel, centre_crop


def photos(count: int, side: int = 36) -> NDArray[np.uint8]:
    """Return random images of the size the model loads."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def test_an_opened_model_answers_as_the_network_that_was_saved(
    network: ProductModel, folder: Path
) -> None:
    pixels, product, rank = photos(3), np.array([0, 0, 1]), np.array([0, 1, 0])
    with torch.inference_mode():
        cut = centre_crop(torch.from_numpy(pixels), 32)
        places = Places(torch.from_numpy(product), torch.from_numpy(rank), 2)
        expected = (network(cut, places) / 1.5).softmax(1).numpy()
    found = open_model(folder, device="cpu").probabilities(pixels, product, rank, 2)
    assert np.allclose(found, expected, atol=1e-6)


def test_a_product_without_images_gets_the_prior(folder: Path) -> None:
    found = open_model(folder).probabilities(photos(2), np.array([0, 2]), np.zeros(2, int), 3)
    assert found[1].tolist() == [0.5, 0.25, 0.25]
    assert found.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-6)


def test_categories_come_back_with_their_exact_names(folder: Path) -> None:
    taxonomy = open_model(folder).taxonomy
    assert taxonomy.ids.tolist() == [3, 7, 9]
    assert taxonomy.paths[2] == ("A", "Œuvres d'art ", "D, e")


def test_images_of_another_size_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="32x32x3 given, 36x36x3 expected"):
        open_model(folder).probabilities(photos(1, side=32), np.array([0]), np.array([0]), 1)


def test_an_unfinished_training_is_no_model(folder: Path) -> None:
    (folder / "model.json").unlink()
    (folder / "checkpoints").mkdir()
    with pytest.raises(ModelError, match="has not ended") as refused:
        open_model(folder)
    assert "--resume" in refused.value.hint


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 1}, "schema 1, this version reads 2"),
        ({"categories": None}, "damaged"),
        ({"mean": 3}, "damaged"),
        ({"mirror": None, "parts": [{"name": "a"}]}, "damaged"),
    ],
)
def test_a_damaged_description_is_named(folder: Path, change: dict[str, object], told: str) -> None:
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(record | change), encoding="utf-8")
    with pytest.raises(ModelError, match=told):
        open_model(folder)


def test_a_mirroring_model_answers_with_the_mean_of_both(folder: Path) -> None:
    pixels, product = photos(3), np.array([0, 0, 1])
    asked = (product, np.array([0, 1, 0]), 2)
    plain = open_model(folder)
    both = [plain.probabilities(each, *asked) for each in (pixels, pixels[:, :, ::-1].copy())]
    record = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    (folder / "model.json").write_text(json.dumps(record | {"mirror": True}), encoding="utf-8")
    found = open_model(folder).probabilities(pixels, *asked)
    mean = np.sqrt(both[0] * both[1])
    assert np.allclose(found, mean / mean.sum(axis=1, keepdims=True), atol=1e-5)


def test_damaged_weights_are_named(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"model\.safetensors: is no readable file"):
        open_model(folder)


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="so it is no model"):
        open_model(tmp_path)


def test_the_fingerprint_follows_the_weights(folder: Path) -> None:
    before = open_model(folder).fingerprint
    whole = bytearray((folder / "model.safetensors").read_bytes())
    whole[-1] ^= 1
    (folder / "model.safetensors").write_bytes(whole)
    assert open_model(folder).fingerprint != before
