"""The ONNX file of a model answers what the model answers, for any number of images."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from etalage.errors import ModelError, OutputError
from etalage.models.backbone import create_backbone
from etalage.models.checkpoint import open_model, save_model
from etalage.models.fusion import FUSIONS
from etalage.models.onnx_export import onnx
from models.conftest import ARCHITECTURE, PRIOR, TAXONOMY

PAGE = Path(__file__).parents[2] / "docs/onnx.md"
Pixels = NDArray[np.uint8]
Answers = NDArray[np.float32]


def served(path: Path, images: Pixels, count: list[int]) -> Answers:
    """Return what ONNX Runtime says, as somebody who serves the file would ask it."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    answer: Answers = session.run(None, {"images": images, "count": np.array(count)})[0]
    return answer


def answered(folder: Path, images: Pixels, count: list[int]) -> Answers:
    """Return what the model says of the same products."""
    there = np.arange(images.shape[1]) < np.array(count)[:, None]
    product, rank = np.nonzero(there)
    return open_model(folder, device="cpu").probabilities(images[there], product, rank, len(count))


def photos(products: int, images: int, size: int = 36) -> Pixels:
    shape = (products, images, size, size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def saved(folder: Path, fusion: str = "mean", *, mirror: bool = False) -> Path:
    """Write a model whose answers differ from image to image, whatever its fusion starts with."""
    torch.manual_seed(1)
    architecture = replace(ARCHITECTURE, fusion=fusion, mirror=mirror)
    network = architecture.assemble(create_backbone("test_byobnet", {}, size=32), 3)
    for name, weights in network.named_parameters():
        if not name.startswith("backbone."):
            torch.nn.init.normal_(weights, std=0.5)
    folder.mkdir()
    save_model(folder, network, architecture, TAXONOMY, temperature=1.5, prior=PRIOR)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("onnx") / "model")


@pytest.fixture(scope="module")
def exported(folder: Path) -> Path:
    onnx(folder, folder.with_suffix(".onnx"))
    return folder.with_suffix(".onnx")


def test_the_file_answers_as_the_model_whatever_the_number_of_images(
    folder: Path, exported: Path
) -> None:
    for count in ([2, 0, 4], [1], [3, 1, 2, 4, 1]):
        images = photos(len(count), max(count))
        found = served(exported, images, count)
        assert np.abs(found - answered(folder, images, count)).max() < 1e-5
        assert len(np.unique(found, axis=0)) == len(count)
    assert np.array_equal(served(exported, photos(2, 1), [0, 0]), [PRIOR, PRIOR])


def test_images_behind_the_count_do_not_matter(exported: Path) -> None:
    images = photos(2, 3)
    other = images.copy()
    other[0, 1:], other[1, 2:] = 0, 255
    assert np.array_equal(served(exported, images, [1, 2]), served(exported, other, [1, 2]))


@pytest.mark.slow
@pytest.mark.parametrize("fusion", sorted(FUSIONS.keys() - {"collage"}))
def test_every_fusion_can_be_exported_with_mirror_images(fusion: str, tmp_path: Path) -> None:
    model = saved(tmp_path / "model", fusion, mirror=True)
    onnx(model, tmp_path / "model.onnx")
    images, count = photos(5, 4), [4, 1, 0, 3, 2]
    found = served(tmp_path / "model.onnx", images, count)
    assert np.abs(found - answered(model, images, count)).max() < 1e-4


def test_the_description_says_how_to_use_the_file(folder: Path, exported: Path) -> None:
    described = json.loads((exported.parent / "model.onnx.json").read_text(encoding="utf-8"))
    assert described["model"] == open_model(folder, device="cpu").fingerprint
    assert described["preprocessing"]["size"] == 36
    assert described["inputs"]["images"]["shape"] == ["products", "images", 36, 36, 3]
    assert [category["id"] for category in described["categories"]] == TAXONOMY.ids.tolist()


def test_the_same_model_gives_the_same_bytes_and_no_folder_of_this_machine(
    folder: Path, exported: Path, etalage: Any
) -> None:
    content = exported.read_bytes()
    exported.write_bytes(b"something else")
    assert etalage("onnx", folder, "-o", exported, "--yes").code == 0
    assert exported.read_bytes() == content
    assert str(Path(torch.__file__).parents[1]).encode() not in content


def test_what_stands_there_is_not_replaced_unasked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.json").write_text("mine")
    with pytest.raises(OutputError, match=r"model\.onnx\.json: exists already"):
        onnx(folder, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_training_that_has_not_ended_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model" / "checkpoints").mkdir(parents=True)
    with pytest.raises(ModelError, match="its training has not ended"):
        onnx(tmp_path / "model", tmp_path / "model.onnx")


def test_the_example_of_the_page_runs(
    exported: Path, tmp_path: Path, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for name, seed in (("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 3)):
        (tmp_path / name).write_bytes(photo(seed, side=50))
    for file in (exported, exported.with_name(f"{exported.name}.json")):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert len(re.findall(r"(?m)^[379] A > .* > .* [01]\.\d+$", capsys.readouterr().out)) == 2


def test_a_collage_cannot_be_exported(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    described = tmp_path / "model" / "model.json"
    text = described.read_text(encoding="utf-8").replace('"mean",', '"collage",', 1)
    described.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="a network on collages has no form in ONNX"):
        onnx(tmp_path / "model", tmp_path / "model.onnx")
