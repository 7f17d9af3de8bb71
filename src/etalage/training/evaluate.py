"""Checks a network on the validation products: accuracy on the three levels, log-loss."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from etalage.batches.order import in_order
from etalage.catalogue.taxonomy import Taxonomy
from etalage.embedding.batches import FeatureBatch
from etalage.models.fusion import Places
from etalage.models.network import ProductModel, centre_crop
from etalage.models.precision import autocast
from etalage.predictions.calibration import log_loss
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.source import Source

Answers = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Logits (P, C) and targets (P,) of some products."""


@dataclass(frozen=True)
class Evaluation:
    """How well a network answers.

    Attributes:
        products: products answered, those with a readable image.
        level1: share of them whose category is right on level 1, by the given labels.
        level2: likewise on level 2.
        level3: likewise on the leaf.
        log_loss: mean negative log-probability of the leaf, in nats.
    """

    products: int
    level1: float
    level2: float
    level3: float
    log_loss: float


def evaluate(
    network: ProductModel, data: Data, source: Source, recipe: Recipe, plan: Plan
) -> Evaluation | None:
    """Check a network; None when there is no validation product with a readable image."""
    return check(answers(network, data, source, recipe, plan), data.index.taxonomy)


def check(batches: Iterable[Answers], taxonomy: Taxonomy) -> Evaluation | None:
    """Check what ``answers`` yields; None when that is nothing."""
    nodes = [taxonomy.nodes(level) for level in (1, 2, 3)]
    right, loss, products = np.zeros(3, np.int64), 0.0, 0
    for logits, targets in batches:
        best = logits.argmax(axis=1)
        right += [int((node[best] == node[targets]).sum()) for node in nodes]
        loss += log_loss(logits, targets) * len(targets)
        products += len(targets)
    if not products:
        return None
    level1, level2, level3 = (right / products).tolist()
    return Evaluation(products, level1, level2, level3, loss / products)


def answers(
    network: ProductModel, data: Data, source: Source, recipe: Recipe, plan: Plan
) -> Iterator[Answers]:
    """Yield logits (P, C) and targets (P,) of the validation products with a readable image."""
    device = torch.device(plan.device)
    training = network.training
    network.eval()
    batches = in_order(data.validation, recipe.batch_products)
    for batch in source.batches(batches):
        present, product = np.unique(batch.product, return_inverse=True)
        if not len(present):
            continue
        places = Places(torch.from_numpy(product), torch.from_numpy(batch.rank), len(present))
        with torch.inference_mode(), autocast(device, bf16=plan.bf16):
            if isinstance(batch, FeatureBatch):
                features = torch.from_numpy(batch.features).to(device)
                logits = network.classify(features, places.to(device))
            else:
                pixels = centre_crop(torch.from_numpy(batch.pixels), recipe.image_size)
                logits = network(pixels.to(device), places.to(device))
        yield logits.cpu().numpy(), data.labels[batch.rows[present]].astype(np.int64)
    network.train(training)
