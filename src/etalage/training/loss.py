"""What a batch of products costs: pixels and labels in, a loss out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from etalage.batches.loader import Batch
from etalage.models.fusion import Places
from etalage.models.network import ProductModel
from etalage.models.precision import autocast
from etalage.training.augment import crop_and_flip
from etalage.training.plan import Plan
from etalage.training.recipe import Recipe


def batch_loss(
    network: ProductModel,
    batch: Batch,
    labels: NDArray[np.int32],
    *,
    recipe: Recipe,
    plan: Plan,
    generator: torch.Generator,
) -> Tensor | None:
    """Return the loss of a batch, None when there is nothing to learn from.

    Args:
        network: in training mode.
        batch: products; those without a readable image are left out.
        labels: leaf row of every product of the index.
        recipe: how to learn.
        plan: what was derived.
        generator: on the processor: what all that is random in it is drawn from.
    """
    if len(batch.pixels) < 2:
        return None  # batch statistics of a single image are no statistics
    device = torch.device(plan.device)
    pixels = torch.from_numpy(batch.pixels).to(device)
    images = crop_and_flip(pixels, recipe.image_size, generator, flip=recipe.flip)
    present, product = np.unique(batch.product, return_inverse=True)
    targets = torch.from_numpy(labels[batch.rows[present]].astype(np.int64)).to(device)
    places = Places(torch.from_numpy(product), torch.from_numpy(batch.rank), len(present))
    with autocast(device, bf16=plan.bf16):
        logits = network(images, places.to(device))
    return cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
