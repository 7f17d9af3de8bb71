"""Where the arithmetic runs, and in which precision.

bfloat16 pays where the processor multiplies matrices in it. Dense convolutions gain 1.3 to 2 times
on a processor with AVX-512 BF16; depthwise ones have no such kernel and lose up to half
(docs/log.md), so a backbone that has them stays in float32 on a processor.
"""

from contextlib import AbstractContextManager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from etalage.errors import ConfigError, ModelError

PRECISIONS = ("auto", "bf16", "none")


def pick_device(name: str) -> torch.device:
    """Return the device of that name; ``auto`` is CUDA where there is one.

    Raises:
        ConfigError: no device is called so.
        ModelError: PyTorch sees no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {name!r} is none of auto, cpu, cuda, cuda:0, cuda:1, ...")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        seen = torch.cuda.device_count()
        raise ModelError(
            f"device {name!r}: PyTorch sees {seen} CUDA devices here", hint="use --device auto"
        )
    return device


def use_bf16(backbone: nn.Module, device: torch.device, amp: str = "auto") -> bool:
    """Whether the backbone should run under bfloat16 autocast on ``device``."""
    if amp != "auto":
        return amp == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return processor_has_bf16() and not _has_depthwise(backbone)


def autocast(device: torch.device, *, bf16: bool) -> AbstractContextManager[None]:
    """Return the context in which a network runs."""
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def to_device(values: Tensor | NDArray[Any], device: torch.device) -> Tensor:
    """Return what lies in main memory on ``device``, not waiting for what that is doing."""
    tensor = torch.as_tensor(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def processor_has_bf16() -> bool:
    """Whether this processor multiplies matrices in bfloat16."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _has_depthwise(network: nn.Module) -> bool:
    return any(
        isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
        for module in network.modules()
    )
