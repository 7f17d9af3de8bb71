"""What changes as a training goes on: the learning rate, the size of the images; the optimisers.

AdamW: Loshchilov and Hutter 2019. NAdam: Dozat 2016. SGD: Nesterov's momentum of 0.9. The learning
rate rises linearly, then falls as a cosine. Growing images: Howard 2018, Touvron et al. 2019.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from etalage.models.network import ProductModel
from etalage.training.recipe import Recipe

_SIZE_STEP = 32
"""Sides of growing images differ by so many pixels: what most backbones halve an image down to."""


def learning_rate(
    step: int, *, steps: int, warmup: int, peak: float, drops: Sequence[tuple[float, float]] = ()
) -> float:
    """Return the learning rate of ``step``, counted from 0: up to ``peak``, then down to 0.

    With ``drops`` it falls in steps instead: after a share of all steps to a share of ``peak``.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if drops:
        return peak * next((share for at, share in reversed(drops) if step >= at * steps), 1.0)
    done = (step - warmup) / max(1, steps - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def image_side(epoch: int, recipe: Recipe) -> int:
    """Return the side of the images in an epoch, counted from 0, in pixels.

    From ``first_image_size`` it grows by 32 pixels at a time, each size for the same number of
    epochs; the last epochs see ``image_size``.
    """
    last, first = recipe.image_size, recipe.first_image_size or recipe.image_size
    sizes = min(recipe.epochs, 1 + math.ceil((last - first) / _SIZE_STEP))
    stage = min(epoch, recipe.epochs - 1) * sizes // recipe.epochs
    if stage == sizes - 1:
        return last
    return first + _SIZE_STEP * round((last - first) * stage / (sizes - 1) / _SIZE_STEP)


def create_optimiser(network: ProductModel, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over what is to be learned.

    Each group of parameters has a ``factor`` on the learning rate; norms and biases do not decay.
    """
    head = list(network.head.named_parameters())
    body = [
        (name, parameter)
        for part in (network.backbone, network.fusion)
        if isinstance(part, nn.Module)
        for name, parameter in part.named_parameters()
        if parameter.requires_grad
    ]
    groups = [
        {"params": chosen, "weight_decay": decay, "factor": factor}
        for named, factor in ((body, 1.0), (head, recipe.head_learning_rate))
        for decay, chosen in (
            (recipe.weight_decay, [p for _, p in named if p.ndim > 1]),
            (0.0, [p for _, p in named if p.ndim <= 1]),
        )
        if chosen
    ]
    return _optimiser(groups, recipe, on_gpu=network.head.weight.is_cuda)


def _optimiser(
    groups: list[dict[str, Any]], recipe: Recipe, *, on_gpu: bool
) -> torch.optim.Optimizer:
    """Return an optimiser that updates all parameters in one call where there is such a form."""
    rate = recipe.learning_rate
    if recipe.optimiser == "nadam":
        return torch.optim.NAdam(groups, lr=rate, decoupled_weight_decay=True, foreach=on_gpu)
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of each group to ``rate`` times its factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
