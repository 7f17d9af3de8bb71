"""One step of learning: batches of products in, new weights and a loss out."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from etalage.batches.loader import Batch
from etalage.embedding.batches import FeatureBatch
from etalage.models.network import ProductModel
from etalage.training.gradients import Gradients
from etalage.training.loss import batch_loss
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.schedule import learning_rate, set_learning_rate

_PENALTY_OF = 10_000
"""Training products that ``head_penalty`` is given for."""


def learn(
    network: ProductModel,
    optimiser: torch.optim.Optimizer,
    batches: Sequence[Batch | FeatureBatch],
    data: Data,
    step: int,
    *,
    recipe: Recipe,
    plan: Plan,
    side: int,
    seed: int,
    gradients: Gradients | None = None,
) -> Tensor | None:
    """Take one step of the optimiser.

    The gradient is the mean over all products of ``batches`` (and of the shares that other
    processes have), whichever batch they are in. All that is random derives from ``seed``, ``step``
    and the number of the batch in it: PyTorch's own generators too are set, for the dropout that a
    backbone may have.

    Args:
        network: in training mode.
        optimiser: as ``create_optimiser`` makes it.
        batches: products; those without a readable image are left out.
        data: what to learn.
        step: number of the step, from 0.
        recipe: how to learn.
        plan: what was derived.
        side: of the images that the network sees, in pixels.
        seed: of the training.
        gradients: what sums them over several processes.

    Returns:
        The mean loss of this process, on the device: no finite number where the gradient is none
        either. None when there was nothing to learn from.
    """
    optimiser.zero_grad()
    losses: list[tuple[Tensor, int]] = []
    for number, batch in enumerate(batches):
        if gradients and number == len(batches) - 1:
            gradients.expect()
        generator = _seeded(seed, step, number, gradients)
        loss = batch_loss(
            network, batch, data, recipe=recipe, plan=plan, side=side, generator=generator
        )
        if loss is not None:
            weight = examples(batch)
            scaled = loss if len(batches) == 1 and not gradients else loss * weight
            scaled.backward()  # type: ignore[no-untyped-call]
            losses.append((loss.detach(), weight))
    weights = sum(weight for _, weight in losses)
    if gradients:
        gradients.average(weights)
    elif not losses:
        return None
    elif len(batches) > 1:
        _divide(network, weights)
    penalise(network, recipe, products=plan.examples)
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
    peak = recipe.learning_rate
    rate = learning_rate(
        step, steps=plan.steps, warmup=plan.warmup_steps, peak=peak, drops=recipe.drops
    )
    set_learning_rate(optimiser, rate)
    optimiser.step()
    if not losses:
        return None
    mean = torch.stack([loss * weight for loss, weight in losses]).sum() / weights
    return torch.where(norm.isfinite(), mean, norm)


def examples(batch: Batch | FeatureBatch) -> int:
    """Return the number of products with a readable image: what its mean loss counts for."""
    return len(np.unique(batch.product))


def penalise(network: ProductModel, recipe: Recipe, *, products: int) -> None:
    """Add to the gradient what draws the head's weights to 0, by the recipe's ``head_penalty``.

    A recipe's decay does something else: it does not follow the number of products, and AdamW's is
    a share of each step whatever the loss.
    """
    strength, weight = recipe.head_penalty * _PENALTY_OF / max(1, products), network.head.weight
    if strength and weight.grad is not None:
        weight.grad.add_(weight.detach(), alpha=strength)


def _divide(network: ProductModel, by: float) -> None:
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    torch._foreach_div_(gradients, by)


def _seeded(seed: int, step: int, number: int, gradients: Gradients | None) -> torch.Generator:
    """Seed PyTorch for a batch; processes draw apart, since each has other products."""
    rank = gradients.team.rank if gradients else 0
    mixed = int(np.random.SeedSequence([seed, step, number, rank]).generate_state(1, np.uint64)[0])
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed)
