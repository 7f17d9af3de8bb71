"""One step of learning: a batch of products in, new weights and a loss out."""

import numpy as np
import torch
from torch import Tensor

from etalage.batches.loader import Batch
from etalage.embedding.batches import FeatureBatch
from etalage.models.network import ProductModel
from etalage.training.loss import batch_loss
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.schedule import learning_rate, set_learning_rate


def learn(
    network: ProductModel,
    optimiser: torch.optim.Optimizer,
    batch: Batch | FeatureBatch,
    data: Data,
    step: int,
    *,
    recipe: Recipe,
    plan: Plan,
    seed: int,
) -> Tensor | None:
    """Take one step of the optimiser.

    All that is random in it derives from ``seed`` and ``step``: PyTorch's own generators too are
    set, for the dropout that a backbone may have.

    Args:
        network: in training mode.
        optimiser: as ``create_optimiser`` makes it.
        batch: products; those without a readable image are left out.
        data: what to learn.
        step: number of the step, from 0.
        recipe: how to learn.
        plan: what was derived.
        seed: of the training.

    Returns:
        The loss, on the device; None when there was nothing to learn from.
    """
    generator, side = _seeded(seed, step), recipe.image_size
    loss = batch_loss(
        network, batch, data, recipe=recipe, plan=plan, side=side, generator=generator
    )
    if loss is None:
        return None
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
    peak = recipe.learning_rate
    rate = learning_rate(
        step, steps=plan.steps, warmup=plan.warmup_steps, peak=peak, drops=recipe.drops
    )
    set_learning_rate(optimiser, rate)
    optimiser.step()
    return loss.detach()


def _seeded(seed: int, step: int) -> torch.Generator:
    mixed = int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0])
    torch.manual_seed(mixed)
    return torch.Generator().manual_seed(mixed)
