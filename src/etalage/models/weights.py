"""Reading weight files into a backbone, strictly.

Accepted are ``.safetensors``, and ``.pth``, ``.pt`` or ``.bin`` files of tensors (nothing in them
is executed), with timm's names: bare, under ``state_dict``, ``model`` or ``state_dict_ema``, with
or without a ``module.`` prefix. A classifier is left out; every other key must fit the backbone,
and every key of the backbone must be there.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from etalage.errors import ModelError

# What the readers of either format raise on bytes that are none of theirs.
DAMAGE = (
    SafetensorError,
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)

_NAMED = 3
"""How many keys an error names."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weight file.

    Raises:
        ModelError: absent, damaged, or no file of tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"{path}: is no readable file of weights: {reason}",
            hint="docs/weights.md shows how to convert weights to safetensors",
        ) from error
    return _unwrapped(path, loaded)


def _unwrapped(path: Path, loaded: object) -> dict[str, Tensor]:
    for wrapper in ("state_dict_ema", "state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict):
        raise ModelError(f"{path}: holds a {type(loaded).__name__}, not named tensors")
    tensors = {str(key): value for key, value in loaded.items() if isinstance(value, Tensor)}
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def load_strictly(
    network: nn.Module, tensors: dict[str, Tensor], path: Path, leave_out: Sequence[str] = ()
) -> None:
    """Load ``tensors`` of ``path`` into ``network``, without those under a prefix to leave out.

    Raises:
        ModelError: a key is missing, unknown or of another shape.
    """
    prefixes = tuple(f"{prefix}." for prefix in leave_out)
    kept = {key: value for key, value in tensors.items() if not key.startswith(prefixes)}
    own = network.state_dict()
    faults = [
        *(f"{key} is missing" for key in own if key not in kept and not _is_counter(key)),
        *(f"{key} is unknown" for key in kept if key not in own),
        *(
            f"{key} is {_shape(kept[key])} instead of {_shape(value)}"
            for key, value in own.items()
            if key in kept and kept[key].shape != value.shape
        ),
    ]
    if faults:
        more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise ModelError(
            f"{path}: not the weights of this network: {', '.join(faults[:_NAMED])}{more}",
            hint="give the weights of the recipe's backbone, or set it with --set backbone=NAME",
        )
    network.load_state_dict(kept, strict=False)


def _is_counter(key: str) -> bool:
    return key.endswith("num_batches_tracked")  # absent from old files, and used by nothing here


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
