"""Which runtime, in which precision: what is asked for, else the fastest that pays here.

A graph must be made before the first image: some seconds for OpenVINO, most of a minute for a
compiler. So a handful of images is answered by PyTorch as it is.
"""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from etalage.errors import ConfigError, ModelError
from etalage.models.precision import processor_has_bf16

RUNTIMES = ("auto", "torch", "compile", "openvino", "onnx")
OPENVINO_FROM = 1_000
"""Images from which ``auto`` takes OpenVINO: its graph is ready after 5 to 10 s."""
COMPILE_FROM = 50_000
"""Images from which ``auto`` compiles: that takes minutes."""
PACKAGES = {"openvino": ("openvino",), "onnx": ("onnx", "onnxscript", "onnxruntime")}


@dataclass(frozen=True)
class Runtime:
    """What computes features.

    Attributes:
        name: one of ``RUNTIMES``, but ``auto``.
        precision: of the backbone: ``float32`` or ``bfloat16``.
        why: why it was chosen, for people.
    """

    name: str
    precision: str
    why: str = ""

    def record(self) -> dict[str, str]:
        """Return what predictions tell of it: another runtime gives slightly other numbers."""
        return {"runtime": self.name, "precision": self.precision}


def pick_runtime(
    name: str, device: torch.device, *, precision: str, eager_bf16: bool, images: int | None
) -> Runtime:
    """Return the runtime of that name, or for ``auto`` the fastest that pays.

    Args:
        name: one of ``RUNTIMES``.
        device: where the network lies.
        precision: of the model: ``auto``, ``bf16`` or ``none``.
        eager_bf16: whether PyTorch as it is computes in bfloat16.
        images: how many will be answered, None for very many.

    Raises:
        ConfigError: there is no such runtime, or it does not run on this device.
        ModelError: what it needs is not installed.
    """
    if name not in RUNTIMES:
        raise ConfigError(f"runtime {name!r} is none of {', '.join(RUNTIMES)}")
    name, why = _fastest(device, images) if name == "auto" else (name, "asked for")
    _require(name, device)
    return Runtime(name, _precision(name, device, precision, eager_bf16), why)


def _fastest(device: torch.device, images: int | None) -> tuple[str, str]:
    many = _count(images)
    least = COMPILE_FROM
    if device.type == "cpu" and has("openvino"):
        if images is None or images >= OPENVINO_FROM:
            return "openvino", f"the fastest on this processor for {many}"
        least = OPENVINO_FROM
    elif images is None or images >= COMPILE_FROM:
        if can_compile(device):
            return "compile", f"the fastest here for {many}{_advice(device)}"
        return "torch", f"nothing faster is installed{_advice(device)}"
    return "torch", f"for {many} nothing else pays; from {least:,} on"


def _count(images: int | None) -> str:
    if images is None:
        return "many images"
    return "1 image" if images == 1 else f"{images:,} images"


def _advice(device: torch.device) -> str:
    return "; faster: pip install 'etalage[openvino]'" if device.type == "cpu" else ""


def has(name: str) -> bool:
    """Whether what a runtime needs is installed."""
    return all(find_spec(package) is not None for package in PACKAGES.get(name, ()))


def can_compile(device: torch.device) -> bool:
    """Whether ``torch.compile`` has its compiler: Triton for CUDA, C++ for a processor."""
    if device.type == "cuda":
        return find_spec("triton") is not None
    wanted = os.environ.get("CXX")
    return any(shutil.which(name) for name in ((wanted,) if wanted else ("g++", "clang++")))


def _require(name: str, device: torch.device) -> None:
    if name in PACKAGES:
        if device.type != "cpu":
            raise ConfigError(
                f"runtime {name!r} runs on a processor, and the device is {device}",
                hint="add --device cpu, or take --runtime compile",
            )
        if not has(name):
            raise ModelError(
                f"runtime {name!r}: {', '.join(PACKAGES[name])} must be installed",
                hint=f"pip install 'etalage[{name}]'",
            )
    if name == "compile" and not can_compile(device):
        what = "Triton" if device.type == "cuda" else "a C++ compiler (g++, or what CXX names)"
        raise ModelError(
            f"runtime 'compile': {what} is not here", hint="install it, or take --runtime torch"
        )


def _precision(name: str, device: torch.device, precision: str, eager_bf16: bool) -> str:
    """Compiled graphs gain by bfloat16 whatever the layers; ONNX Runtime has none of it."""
    bf16 = eager_bf16
    if name in ("compile", "openvino") and device.type == "cpu" and precision == "auto":
        bf16 = processor_has_bf16()
    return "bfloat16" if bf16 and name != "onnx" else "float32"
