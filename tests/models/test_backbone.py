"""Backbones and their weights: what fits is loaded, what does not is refused by name."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from etalage.errors import ModelError
from etalage.models.backbone import create_backbone
from etalage.models.hub import PATIENCE, require_hub

NAME = "test_byobnet"


def weights() -> dict[str, torch.Tensor]:
    """Return the weights of a backbone, made one by one so that they are known again."""
    tensors = create_backbone(NAME, {}, size=32).network.state_dict()
    return {
        key: torch.full(tensor.shape, index % 7 + 1, dtype=tensor.dtype)
        for index, (key, tensor) in enumerate(tensors.items())
    }


def test_an_unknown_backbone_is_refused_with_names_like_it() -> None:
    with pytest.raises(ModelError, match="resnet5o") as refused:
        create_backbone("resnet5o", {}, size=32)
    assert "resnet50" in refused.value.hint


def test_an_argument_the_backbone_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match="fins"):
        create_backbone(NAME, {"fins": 3}, size=32)


def test_a_size_the_backbone_refuses_is_named() -> None:
    with pytest.raises(ModelError, match="refuses images of 50 pixels"):
        create_backbone("test_vit", {}, size=50)


def test_a_file_with_a_classifier_is_loaded_without_it(tmp_path: Path) -> None:
    tensors = weights()
    classifier = {"head.fc.weight": torch.zeros(9, 256), "head.fc.bias": torch.zeros(9)}
    save_file(tensors | classifier, tmp_path / "a.safetensors")
    made = create_backbone(NAME, {}, size=32, weights=str(tmp_path / "a.safetensors"))
    found = made.network.state_dict()
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)


def test_a_pth_file_may_wrap_and_prefix_its_tensors(tmp_path: Path) -> None:
    tensors = weights()
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": tensors[key] for key in tensors}}
    torch.save(wrapped, tmp_path / "a.pth")
    made = create_backbone(NAME, {}, size=32, weights=str(tmp_path / "a.pth"))
    found = made.network.state_dict()
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: tensors.popitem() and tensors, "is missing"),
        (lambda tensors: tensors | {"fins.weight": torch.zeros(1)}, "fins.weight is unknown"),
        (
            lambda tensors: tensors | {"stem.conv.weight": torch.zeros(2, 3)},
            "2x3 instead of 24x3x3x3",
        ),
    ],
)
def test_weights_of_another_network_are_refused(change, told, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    tensors = {key: value for key, value in weights().items() if "num_batches" not in key}
    save_file(change(tensors), tmp_path / "a.safetensors")
    with pytest.raises(ModelError, match=told):
        create_backbone(NAME, {}, size=32, weights=str(tmp_path / "a.safetensors"))


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_a_file_that_holds_no_weights_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"these are no weights, whatever the name says")
    with pytest.raises(ModelError, match="no readable file of weights"):
        create_backbone(NAME, {}, size=32, weights=str(tmp_path / name))


def test_a_pth_file_with_code_in_it_is_not_executed(tmp_path: Path) -> None:
    torch.save({"weights": Path("somewhere")}, tmp_path / "a.pth")
    with pytest.raises(ModelError, match="no readable file of weights"):
        create_backbone(NAME, {}, size=32, weights=str(tmp_path / "a.pth"))


def test_a_weight_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such file"):
        create_backbone(NAME, {}, size=32, weights=str(tmp_path / "absent.pth"))


def test_the_backbone_of_a_model_folder_can_be_used_again(folder: Path) -> None:
    first = create_backbone(NAME, {}, size=32, weights=str(folder)).network.state_dict()
    second = create_backbone(NAME, {}, size=32, weights=str(folder)).network.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_backbone_nobody_has_pretrained_is_told() -> None:
    with pytest.raises(ModelError, match="no pretrained weights"):
        create_backbone("cs3darknet_s", {}, size=32, weights="pretrained")


def test_a_hub_that_cannot_be_reached_is_one_line_naming_the_other_ways(tmp_path: Path) -> None:
    code = (
        "from etalage.models.backbone import create_backbone as create;"
        f"create({NAME!r}, {{}}, size=32, weights='pretrained')"
    )
    closed = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9", "no_proxy": "*"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | closed,
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stderr.strip().splitlines()[-2]
    assert told.startswith("etalage.errors.ModelError: the pretrained weights of test_byobnet")
    assert "--weights FILE" in told and "--weights none" in told
    assert "Retrying" not in done.stderr


def test_an_unreachable_hub_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    started = time.monotonic()
    with pytest.raises(ModelError, match="refused"):
        require_hub("resnet50")
    assert time.monotonic() - started < PATIENCE


def test_a_forbidden_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids it"):
        require_hub("resnet50")


def test_real_weights_answer_as_they_should(shared: Path) -> None:
    file = shared / "weights/mobilenetv2_100_tv_backbone/model.safetensors"
    made = create_backbone("mobilenetv2_100", {}, size=96, weights=str(file))
    assert made.features == 1280
    assert made.mean == (0.485, 0.456, 0.406)
