"""Several views of every image when a model answers: its mirror image, and other sizes of it.

Test-time augmentation. The mirror image is averaged as features, before fusion and head, as in
models that are mirrored anyway. Of several sizes the answer is the geometric mean of the answers,
divided by its sum: the mean of the logits. A convolutional backbone takes any size; one that
refuses a size is an error before the first image.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from etalage.errors import ConfigError, ModelError
from etalage.models.checkpoint import Model, Specialists
from etalage.models.network import ProductModel

LARGEST = 1024
_TINY = np.finfo(np.float32).tiny


def networks(model: Model | Specialists) -> list[ProductModel]:
    """Return the networks that answer."""
    if isinstance(model, Model):
        return [model.network]
    return [network for member in _members(model) for network in networks(member)]


def mirror(model: Model | Specialists) -> None:
    """Let every network answer with the mean over each image and its mirror image."""
    for network in networks(model):
        network.mirror = True


def at_sizes(model: Model | Specialists, sizes: Sequence[int]) -> list[Model | Specialists]:
    """Return models of the same networks that look at images of other sizes.

    Args:
        model: what answers.
        sizes: sides in pixels of what the network sees; of several networks, of the first. Images
            are loaded, and other networks look, in the proportions the model has.

    Raises:
        ConfigError: no size, one twice, or one out of bounds.
        ModelError: a backbone that refuses one.
    """
    shown = ", ".join(map(str, sizes))
    if not sizes or len(set(sizes)) < len(sizes) or not 1 <= min(sizes) <= max(sizes) <= LARGEST:
        raise ConfigError(f"sizes are {shown or 'none'}: expected different ones, 1 to {LARGEST}")
    own = _image_size(model)
    return [_scaled(model, size / own) for size in sizes]


def geometric_mean(answers: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the geometric mean of answers (P, C), each row adding up to 1 again."""
    if len(answers) == 1:
        return answers[0]
    logs = sum(np.log(np.maximum(answer, _TINY)) for answer in answers) / np.float32(len(answers))
    logs -= logs.max(axis=1, keepdims=True)
    found: NDArray[np.float32] = np.exp(logs)
    found /= found.sum(axis=1, keepdims=True)
    return found


def _members(model: Specialists) -> list[Model | Specialists]:
    parts = [member.model for member in model.members]
    return [part for part in parts if isinstance(part, Model | Specialists)]


def _image_size(model: Model | Specialists) -> int:
    if isinstance(model, Model):
        return model.architecture.image_size
    return _image_size(_members(model)[0])


def _scaled(model: Model | Specialists, factor: float) -> Model | Specialists:
    if isinstance(model, Specialists):
        members = [
            replace(member, model=_scaled(part, factor))
            for member, part in zip(model.members, _members(model), strict=True)
        ]
        return Specialists(
            members,
            model.taxonomy,
            temperature=model.temperature,
            prior=model.prior,
            fingerprint=model.fingerprint,
            device=model.device,
        )
    made = model.architecture
    size = round(made.image_size * factor)
    _require_size(model, size)
    return Model(
        model.network,
        replace(made, image_size=size, load_size=round(made.load_size * factor)),
        model.taxonomy,
        temperature=model.temperature,
        prior=model.prior,
        fingerprint=model.fingerprint,
        device=model.device,
    )


def _require_size(model: Model, size: int) -> None:
    """Try one black image."""
    pixels = torch.zeros((1, size, size, 3), dtype=torch.uint8, device=model.device)
    try:
        with torch.inference_mode():
            model.network.backbone_features(pixels)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"backbone {model.architecture.backbone!r} refuses images of {size} pixels: {reason}",
            hint="choose other --sizes",
        ) from error
