"""Optimiser and learning rate: AdamW (Loshchilov and Hutter 2019), linear warm-up, cosine fall."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from etalage.models.network import ProductModel
from etalage.training.recipe import Recipe


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


def create_optimiser(network: ProductModel, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW over what is to be learned.

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
    on_gpu = network.head.weight.is_cuda
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=on_gpu)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of each group to ``rate`` times its factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
