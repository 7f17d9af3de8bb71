"""Checks a network on the validation products: accuracy on the three levels, log-loss."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.batches.loader import Batch
from etalage.batches.order import in_order
from etalage.calibration.temperature import log_loss
from etalage.embedding.batches import FeatureBatch
from etalage.models.fusion import Places
from etalage.models.network import ProductModel, centre_crop
from etalage.models.precision import autocast
from etalage.training.distributed import ALONE, Team
from etalage.training.plan import Data, Plan
from etalage.training.recipe import Recipe
from etalage.training.source import Source


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network says of some validation products.

    Attributes:
        rows: of the products in the index, (P,).
        logits: (P, C); of no meaning for a product without a readable image.
        images: readable images of each product, (P,).
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    images: NDArray[np.int64]

    def seen(self) -> "Answers":
        """Return those of the products with a readable image."""
        keep = self.images > 0
        if keep.all():
            return self
        return Answers(self.rows[keep], self.logits[keep], self.images[keep])


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
    network: ProductModel,
    data: Data,
    source: Source,
    recipe: Recipe,
    plan: Plan,
    team: Team = ALONE,
) -> Evaluation | None:
    """Check a network; None when there is no validation product with a readable image.

    Each process answers its share of every batch; the sums are those of all.
    """
    return check(answers(network, data, source, recipe, plan, team), data, team)


def check(batches: Iterable[Answers], data: Data, team: Team = ALONE) -> Evaluation | None:
    """Check what the processes of ``team`` answer; None when that is nothing."""
    nodes = [data.index.taxonomy.nodes(level) for level in (1, 2, 3)]
    sums = np.zeros(5)
    for batch in batches:
        seen = batch.seen()
        if not len(seen.rows):
            continue
        targets = data.labels[seen.rows].astype(np.int64)
        best = seen.logits.argmax(axis=1)
        right = [int((node[best] == node[targets]).sum()) for node in nodes]
        sums += [*right, log_loss(seen.logits, targets) * len(targets), len(targets)]
    *totals, products = team.total(sums.tolist())
    if not products:
        return None
    level1, level2, level3, loss = (total / products for total in totals)
    return Evaluation(round(products), level1, level2, level3, loss)


def answers(
    network: ProductModel,
    data: Data,
    source: Source,
    recipe: Recipe,
    plan: Plan,
    team: Team = ALONE,
) -> Iterator[Answers]:
    """Yield what a network says of this process' share of the validation products."""
    training = network.training
    network.eval()
    order = in_order(data.validation, recipe.batch_products).share(team.rank, team.of)
    for batch in source.batches(order):
        images = np.bincount(batch.product, minlength=len(batch.rows))
        logits = _logits(network, batch, recipe, plan)
        yield Answers(batch.rows, logits.cpu().numpy(), images)
    network.train(training)


def _logits(
    network: ProductModel, batch: Batch | FeatureBatch, recipe: Recipe, plan: Plan
) -> Tensor:
    device = torch.device(plan.device)
    product, rank = torch.from_numpy(batch.product), torch.from_numpy(batch.rank)
    places = Places(product, rank, len(batch.rows)).to(device)
    with torch.inference_mode(), autocast(device, bf16=plan.bf16):
        if isinstance(batch, FeatureBatch):
            return network.classify(torch.from_numpy(batch.features).to(device), places)
        pixels = centre_crop(torch.from_numpy(batch.pixels), recipe.image_size)
        logits: Tensor = network(pixels.to(device), places)
    return logits


def gathered(parts: Iterable[Answers], data: Data, recipe: Recipe, team: Team) -> Answers:
    """Return the answers for all validation products, in their order, to the first process.

    The others get an empty table. It takes P * C * 4 bytes: 0.4 GB for 20,000 products of 5,270
    categories.
    """
    count = len(data.validation) if team.first else 0
    table = Answers(
        data.validation[:count],
        np.empty((count, data.classes), np.float32),
        np.zeros(count, np.int64),
    )
    largest = -(-recipe.batch_products // team.of)
    for number, part in enumerate(parts):
        logits, images = team.gather(part.logits, largest), team.gather(part.images, largest)
        start = number * recipe.batch_products
        end = min(count, start + recipe.batch_products)
        for rank in range(len(logits)):
            rows = slice(start + rank, end, team.of)
            share = len(range(count)[rows])
            table.logits[rows] = logits[rank][:share]
            table.images[rows] = images[rank][:share]
    return table
