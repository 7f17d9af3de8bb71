"""What a training derives from its recipe and its data, before it starts."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.catalogue.split import Split
from etalage.errors import CatalogueError
from etalage.training.recipe import Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Data:
    """The products to learn from and to check with.

    Attributes:
        index: where their images are.
        train: rows of the labelled training products.
        validation: rows of the labelled validation products that are looked at.
        labels: leaf row of every product of the index.
    """

    index: Index
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    labels: NDArray[np.int32]

    @property
    def classes(self) -> int:
        """Number of categories."""
        return len(self.index.taxonomy)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of training products of each category, (C,)."""
        return np.bincount(self.labels[self.train], minlength=self.classes)

    def prior(self) -> NDArray[np.float32]:
        """Return the share of each category among the training products, (C,)."""
        return (self.counts() / len(self.train)).astype(np.float32)


def select(index: Index, split: Split, most_validation: int) -> Data:
    """Choose the labelled products of the parts ``train`` and ``validation``.

    Raises:
        SplitError: the split is one of another index.
        CatalogueError: no training product has a label.
    """
    labels = index.labels
    train, validation = (
        rows[labels[rows] >= 0]
        for rows in (split.rows(index, part) for part in ("train", "validation"))
    )
    if not len(train):
        raise CatalogueError(
            f"{index.folder}: none of its training products has a category",
            hint="index a labelled catalogue, with --taxonomy if it has one",
        )
    if len(validation) > most_validation:
        chosen = np.linspace(0, len(validation) - 1, most_validation).astype(np.int64)
        validation = validation[chosen]
    return Data(index, train, validation, labels)


@dataclass(frozen=True)
class Plan:
    """The numbers of a training.

    Attributes:
        classes: categories of the taxonomy.
        learnable: those with training products; the others are left to the prior.
        train_products: products to learn from.
        validation_products: products to check with.
        steps_per_epoch: batches in an epoch.
        steps: batches in all.
        warmup_steps: batches in which the learning rate rises.
        log_every: batches between two lines of ``metrics.jsonl``.
        device: where the network lies.
        bf16: whether the backbone runs in bfloat16.
        threads: that PyTorch uses on the processor.
    """

    classes: int
    learnable: int
    train_products: int
    validation_products: int
    steps_per_epoch: int
    steps: int
    warmup_steps: int
    log_every: int
    device: str
    bf16: bool
    threads: int

    def tell(self, recipe: Recipe) -> None:
        """Log the plan."""
        log.info(
            "recipe %s: %s at %d px, %d epochs of %d steps (%d products each), warm-up %d steps",
            recipe.name, recipe.backbone, recipe.image_size, recipe.epochs, self.steps_per_epoch,
            recipe.batch_products, self.warmup_steps,
        )  # fmt: skip
        log.info(
            "%s training and %s validation products, %d of %d categories; %s, %s",
            f"{self.train_products:,}", f"{self.validation_products:,}", self.learnable,
            self.classes, self.device, "bfloat16" if self.bf16 else "float32",
        )  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return the numbers as JSON knows them."""
        return asdict(self)


def make_plan(recipe: Recipe, data: Data, device: torch.device, *, bf16: bool) -> Plan:
    """Derive the numbers of a training."""
    steps_per_epoch = -(-len(data.train) // recipe.batch_products)
    steps = steps_per_epoch * recipe.epochs
    return Plan(
        classes=data.classes,
        learnable=int((data.counts() > 0).sum()),
        train_products=len(data.train),
        validation_products=len(data.validation),
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        warmup_steps=round(recipe.warmup * steps),
        log_every=max(1, min(100, steps_per_epoch // 5)),
        device=str(device),
        bf16=bf16,
        threads=recipe.threads or torch.get_num_threads(),
    )
