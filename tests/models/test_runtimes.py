"""Every runtime computes the same features as PyTorch, whatever the number and size of images."""

import logging
import subprocess
import sys
from itertools import islice
from pathlib import Path

import bson
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from etalage.errors import ConfigError, ModelError
from etalage.images.decode import decode
from etalage.models.backbone import create_backbone
from etalage.models.fusion import create_fusion
from etalage.models.network import ProductModel
from etalage.models.precision import processor_has_bf16
from etalage.models.runtimes import choice, use_runtime
from etalage.models.runtimes.choice import COMPILE_FROM, OPENVINO_FROM, pick_runtime
from etalage.models.runtimes.chunks import MAX_GRAPHS, Chunks, Compute
from etalage.models.runtimes.eager import eagerly

CPU = torch.device("cpu")


def photos(count: int, height: int = 32, width: int = 32) -> Tensor:
    """Return the middle of random images, as the crop of a model does: not contiguous."""
    shape = (count, height + 4, width + 4, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return torch.from_numpy(pixels)[:, 2:-2, 2:-2]


def largest_difference(
    network: ProductModel, runtime: str, precision: str, *batches: Tensor
) -> float:
    """Return how far features lie from PyTorch's, relative to the largest of them."""
    used = use_runtime(network, runtime, device=CPU, precision=precision)
    assert used.name == runtime
    with torch.inference_mode():
        with torch.autocast("cpu", torch.bfloat16):  # as it may be where a model answers
            network.features(batches[0])
        expected = torch.cat([network.backbone_features(pixels) for pixels in batches])
        found = torch.cat([network.features(pixels) for pixels in batches])
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("runtime", ["torch", "openvino", "onnx"])
def test_a_runtime_gives_the_features_that_pytorch_gives(
    network: ProductModel, runtime: str
) -> None:
    batches = photos(1), photos(33), photos(0)
    assert largest_difference(network, runtime, "none", *batches) < 1e-4


@pytest.mark.slow
def test_a_compiled_network_gives_the_features_that_pytorch_gives(network: ProductModel) -> None:
    assert largest_difference(network, "compile", "none", photos(33), photos(1)) < 1e-4


@pytest.mark.skipif(not processor_has_bf16(), reason="this processor has no bfloat16")
def test_bfloat16_moves_features_by_little(network: ProductModel) -> None:
    assert 1e-5 < largest_difference(network, "openvino", "auto", photos(5)) < 0.03


def test_pictures_that_are_no_squares_are_computed_and_do_not_depend_on_others(
    network: ProductModel,
) -> None:
    pixels = photos(20, 32, 96)
    assert largest_difference(network, "openvino", "none", pixels) < 1e-4
    with torch.inference_mode():
        assert torch.equal(network.features(pixels)[17:], network.features(pixels[17:]))


def test_a_graph_is_made_once_for_each_size_and_not_for_too_many() -> None:
    made = []

    def make(shape: tuple[int, ...]) -> Compute:
        made.append(shape)
        return lambda pixels: pixels.float().mean((1, 2, 3)).unsqueeze(1)

    chunks = Chunks(4, make, lambda pixels: torch.full((len(pixels), 1), -1.0))
    for width in [*range(1, MAX_GRAPHS + 1)] * 2:
        assert chunks(photos(5, 3, width)).shape == (5, 1)
    assert made == [(4, 3, width, 3) for width in range(1, MAX_GRAPHS + 1)]
    assert (chunks(photos(2, 3, 99)) == -1).all()


def test_pytorch_computes_a_few_images_at_a_time() -> None:
    seen = []

    def corner(pixels: Tensor) -> Tensor:
        seen.append(len(pixels))
        return pixels[:, 0, 0].float()

    pixels = photos(70)
    assert torch.equal(eagerly(corner)(pixels), pixels[:, 0, 0].float())
    assert seen == [32, 32, 6]


def picked(images: int | None, name: str = "auto", device: torch.device = CPU) -> str:
    """Return the name of the runtime that is picked."""
    return pick_runtime(name, device, precision="auto", eager_bf16=False, images=images).name


def test_auto_starts_nothing_for_a_handful_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", sys.executable)
    assert [picked(1), picked(OPENVINO_FROM), picked(None)] == ["torch", "openvino", "openvino"]
    monkeypatch.setitem(choice.PACKAGES, "openvino", ("no_such_package",))
    assert [picked(OPENVINO_FROM), picked(COMPILE_FROM)] == ["torch", "compile"]
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert picked(None) == "torch"


def test_the_log_says_which_runtime_and_why(
    network: ProductModel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        use_runtime(network, "auto", device=CPU, precision="none", images=1)
    expected = f"runtime: torch in float32 (for 1 image nothing else pays; from {OPENVINO_FROM:,}"
    assert caplog.messages[0].startswith(expected)


def test_a_runtime_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="runtime 'tensorrt' is none of auto, torch"):
        picked(1, "tensorrt")
    with pytest.raises(ConfigError, match="runs on a processor, and the device is cuda"):
        picked(1, "openvino", torch.device("cuda"))
    monkeypatch.setitem(choice.PACKAGES, "openvino", ("no_such_package",))
    with pytest.raises(ModelError, match=r"(?s)no_such_package must.*pip install 'etalage\[open"):
        picked(1, "openvino")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ModelError, match="a C\\+\\+ compiler .* is not here"):
        picked(1, "compile")


def answers_on_photographs(shared: Path, *runtimes: tuple[str, str]) -> list[Tensor]:
    """Return probabilities of 300 products of Myntra, with a head fitted on 300 others."""
    weights = shared / "weights/mobilenetv2_100_tv_backbone/model.safetensors"
    made = create_backbone("mobilenetv2_100", {}, size=160, weights=str(weights))
    fusion = create_fusion("mean", made.features)
    network = ProductModel(made.network, fusion, 79, made.mean, made.std).eval()
    with (shared / "data/myntra/catalogue.bson").open("rb") as file:
        products = list(islice(bson.decode_file_iter(file), 0, 6000, 10))
    pictures = [decode(product["imgs"][0]["picture"]) for product in products]
    pixels = torch.from_numpy(np.stack(pictures)[:, 10:-10, 10:-10])
    leaves = np.unique([product["category_id"] for product in products], return_inverse=True)[1]
    features = []
    for runtime, precision in runtimes:
        use_runtime(network, runtime, device=CPU, precision=precision)
        with torch.inference_mode():
            features.append(network.features(pixels))
    mean, deviation = features[0][::2].mean(0), features[0][::2].std(0) + 1e-3
    standard = [(found - mean) / deviation for found in features]
    head = fitted(standard[0][::2].clone(), torch.from_numpy(leaves[::2]))
    return [(found[1::2] @ head).softmax(1) for found in standard]


def fitted(features: Tensor, leaves: Tensor) -> Tensor:
    """Return the weights (F, 79) of a penalised logistic regression."""
    weights = torch.zeros(features.shape[1], 79, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=60)

    def step() -> Tensor:
        optimiser.zero_grad()
        loss = cross_entropy(features @ weights, leaves) + 3e-3 * weights.square().sum()
        torch.autograd.backward(loss)
        return loss

    optimiser.step(step)  # type: ignore[no-untyped-call]
    return weights.detach()


@pytest.mark.slow
def test_real_photographs_get_the_same_answers(shared: Path) -> None:
    exact, openvino, onnx, rounded = answers_on_photographs(
        shared, ("torch", "none"), ("openvino", "none"), ("onnx", "none"), ("openvino", "bf16")
    )
    for found in (openvino, onnx):
        assert torch.equal(found.argmax(1), exact.argmax(1))
        assert (found - exact).abs().max() < 1e-3
    assert (rounded.argmax(1) == exact.argmax(1)).float().mean() >= 0.97
    assert (rounded - exact).abs().max(1).values.mean() < 0.03


MAKE = """
import gc, os, signal, sys
import torch, timm
from etalage.models.backbone import create_backbone
from etalage.models.network import ProductModel
from etalage.models.fusion import create_fusion
from etalage.models.runtimes import use_runtime

def answer():
    backbone = create_backbone("test_byobnet", {}, size=32)
    network = ProductModel(
        backbone.network, create_fusion("mean", backbone.features), 3, backbone.mean, backbone.std
    ).eval()
    use_runtime(network, "openvino", device=torch.device("cpu"))
    network.features(torch.zeros(2, 32, 32, 3, dtype=torch.uint8))
    return network
"""
WATCHED = """
def watch(event, arguments):
    if event.startswith("socket.") or event in ("os.fork", "subprocess.Popen"):
        os.write(2, f"{event} {arguments}".encode())
        os._exit(3)
sys.addaudithook(watch)
answer()
"""
INTERRUPTED = """
signal.signal(signal.SIGUSR1, lambda number, frame: print("told"))
first = answer()
second = answer()
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGUSR1)
"""


@pytest.mark.slow
def test_openvino_reports_to_nobody(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MAKE + WATCHED]
    run = subprocess.run(command, env=home, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_signal_is_handled_after_networks_of_openvino_are_gone() -> None:
    command = [sys.executable, "-c", MAKE + INTERRUPTED]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "told\n")
