"""Backbones: from images to features. The only place that knows timm.

Weights are one of ``pretrained`` (timm's hub, or its cache), ``none`` (a fresh start), a weight
file, or a MODEL folder, whose backbone is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub.errors import HfHubHTTPError
from timm.data import resolve_data_config
from torch import nn

from etalage.errors import ModelError
from etalage.models.hub import cached_weights, require_hub, unreachable
from etalage.models.weights import load_strictly, read_tensors

# The hub's own errors, and those of whichever HTTP client it is built on.
_HUB_ERRORS: tuple[type[Exception], ...] = (OSError, *HfHubHTTPError.__bases__)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A backbone with what its weights expect of an image.

    Attributes:
        network: from normalised images (N, 3, S, S) to features (N, F).
        features: F.
        mean: of each channel, of pixels scaled to 0 to 1.
        std: likewise.
    """

    network: nn.Module
    features: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def create_backbone(
    name: str, args: Mapping[str, Any], *, size: int, weights: str = "none"
) -> Backbone:
    """Create a timm backbone without its classifier.

    Args:
        name: a name of timm's, with or without a tag for the pretrained weights.
        args: further arguments of the architecture, such as ``{"pad_type": "same"}``.
        size: side of the images in pixels; the backbone is tried with one.
        weights: ``pretrained``, ``none``, a file, or a MODEL folder.

    Raises:
        ModelError: no such backbone or arguments, a size it refuses, no such weights, weights of
            another architecture, a hub that cannot be reached.
    """
    _require_known(name)
    if weights == "pretrained":
        network = _pretrained(name, args)
    else:
        network = _create(name, args)
        if weights != "none":
            _load_file(network, Path(weights))
    network = network.to(memory_format=torch.channels_last)
    expected = resolve_data_config({}, model=network)
    return Backbone(network, _width(name, network, size), expected["mean"], expected["std"])


def _require_known(name: str) -> None:
    if not timm.is_model(name):
        near = get_close_matches(name.partition(".")[0], timm.list_models(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists all"
        raise ModelError(f"timm has no backbone {name!r}", hint=hint)


def _create(name: str, args: Mapping[str, Any], **source: Any) -> nn.Module:  # noqa: ANN401
    try:
        network: nn.Module = timm.create_model(name, num_classes=0, **source, **args)
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"timm cannot make backbone {name!r} with {dict(args)}: {reason}"
        ) from error
    return network


def _pretrained(name: str, args: Mapping[str, Any]) -> nn.Module:
    known = timm.get_pretrained_cfg(name)
    if known is None or not known.has_weights:
        raise ModelError(
            f"timm has no pretrained weights for {name!r}",
            hint="give a local file with --weights FILE, or start from nothing with --weights none",
        )
    cached = cached_weights(known.hf_hub_id, known.hf_hub_filename)
    if cached:
        return _create(name, args, pretrained=True, pretrained_cfg_overlay={"file": str(cached)})
    require_hub(name, None if known.hf_hub_id else known.url)
    try:
        return _create(name, args, pretrained=True)
    except _HUB_ERRORS as error:
        raise unreachable(name, str(error).splitlines()[0]) from error


def _load_file(network: nn.Module, path: Path) -> None:
    if path.is_dir():
        inside = path / "model.safetensors"
        if not inside.is_file():
            parts = path / "parts"
            hint = f"name one of {parts}" if parts.is_dir() else "name the weight file"
            raise ModelError(f"{path}: holds no model.safetensors", hint=hint)
        tensors = read_tensors(inside)
        own = {
            key.partition(".")[2]: tensors[key] for key in tensors if key.startswith("backbone.")
        }
        load_strictly(network, own or tensors, inside, _classifiers(network))
        return
    if not path.is_file():
        raise ModelError(
            f"--weights {path}: there is no such file", hint="use pretrained, none or a file"
        )
    load_strictly(network, read_tensors(path), path, _classifiers(network))


def _classifiers(network: nn.Module) -> tuple[str, ...]:
    names = getattr(network, "pretrained_cfg", {}).get("classifier") or ()
    return (names,) if isinstance(names, str) else tuple(names)


def _width(name: str, network: nn.Module, size: int) -> int:
    """Return the number of features, found by trying one image of the size asked."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            features = network(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"backbone {name!r} refuses images of {size} pixels: {reason}",
            hint="choose another size with --set image_size=N",
        ) from error
    network.train(training)
    return int(features.shape[1])
