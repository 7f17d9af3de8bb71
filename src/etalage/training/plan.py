"""What a training derives from its recipe and its data, before it starts."""

import logging
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.catalogue.index import Index
from etalage.catalogue.split import Split
from etalage.errors import CatalogueError
from etalage.models.precision import to_device
from etalage.predictions.adjustment import target_share
from etalage.training.examples import Examples, find_examples
from etalage.training.recipe import Recipe
from etalage.training.teacher import Teacher, read_teacher

log = logging.getLogger(__name__)

_NAMED = 3
"""Categories named where many are meant."""


@dataclass(frozen=True, eq=False)
class Level:
    """A level above the leaves, on the device of the network.

    Attributes:
        node: number of each leaf's ancestor, (C,) int64.
        nodes: their number.
    """

    node: Tensor
    nodes: int


@dataclass(frozen=True, eq=False)
class Constants:
    """What every step needs, on the device of the network.

    Attributes:
        log_share: logarithm of how often each category is the target, (C,) float32.
        levels: levels 1 and 2; those that have several nodes.
    """

    log_share: Tensor
    levels: tuple[Level, ...]


@dataclass(frozen=True, eq=False)
class Data:
    """The products to learn from and to check with.

    Attributes:
        index: where their images are.
        train: product rows of an epoch: those that stand for the examples.
        validation: rows of the labelled validation products that are looked at.
        labels: leaf row of every product of the index.
        examples: the distinct training products, with the labels and weights of their copies.
        teacher: what a teacher answered for them, None without one.
    """

    index: Index
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    labels: NDArray[np.int32]
    examples: Examples
    teacher: Teacher | None = None

    @property
    def classes(self) -> int:
        """Number of categories."""
        return len(self.index.taxonomy)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of training products of each category, copies counted, (C,)."""
        return self.examples.label_counts(self.classes)

    def prior(self) -> NDArray[np.float32]:
        """Return the share of each category among the training products, (C,), never 0.

        As if one further product belonged to all categories evenly (Perks 1947).
        """
        counts = self.counts()
        share = (counts + 1 / len(counts)) / (counts.sum() + 1)
        return np.asarray(share, np.float32)

    def constants(self, device: torch.device, smoothing: float) -> Constants:
        """Return what every step needs, made once for a device and a label smoothing."""
        key = (device, smoothing)
        if key not in self._constants:
            share = np.log(target_share(self.prior(), smoothing)).astype(np.float32)
            nodes = [self.index.taxonomy.nodes(level).astype(np.int64) for level in (1, 2)]
            levels = tuple(
                Level(to_device(node, device), int(node.max()) + 1) for node in nodes if node.any()
            )
            self._constants[key] = Constants(to_device(share, device), levels)
        return self._constants[key]

    @cached_property
    def _constants(self) -> dict[tuple[torch.device, float], Constants]:
        return {}


def select(index: Index, split: Split, recipe: Recipe, teacher: Path | None = None) -> Data:
    """Choose the labelled products of the parts ``train`` and ``validation``.

    Args:
        index: the index.
        split: its parts.
        recipe: how many to check with, and what is one example.
        teacher: PREDICTIONS to learn from too.

    Raises:
        SplitError: the split is one of another index.
        CatalogueError: no training product has a label.
        PredictionsError: the teacher's cannot be used.
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
    if len(validation) > recipe.validation_products:
        chosen = np.linspace(0, len(validation) - 1, recipe.validation_products).astype(np.int64)
        validation = validation[chosen]
    tell_rare(index, train)
    examples = find_examples(index, train, max_images=recipe.max_images, distinct=recipe.distinct)
    taught = read_teacher(teacher, index, examples.rows) if teacher else None
    return Data(index, examples.epoch(), validation, labels, examples, taught)


def tell_rare(index: Index, train: NDArray[np.int64]) -> None:
    """Log which categories have no training product, those with products elsewhere first."""
    taxonomy, labels = index.taxonomy, index.labels
    counts = np.bincount(labels[train], minlength=len(taxonomy))
    elsewhere = np.bincount(labels[labels >= 0], minlength=len(taxonomy))
    for rare, told in (
        (counts == 0, "no training product, only the prior speaks for them"),
        (counts == 1, "a single training product"),
    ):
        found = np.flatnonzero(rare)
        if len(found):
            first = found[np.argsort(-elsewhere[found], kind="stable")][:_NAMED]
            named = ", ".join(f"{taxonomy.label(row)} ({taxonomy.ids[row]})" for row in first)
            more = ", ..." if len(found) > _NAMED else ""
            log.info(
                "%s of %s categories have %s: %s%s",
                f"{len(found):,}", f"{len(taxonomy):,}", told, named, more,
            )  # fmt: skip


def long_enough(recipe: Recipe, data: Data) -> Recipe:
    """Return the recipe with as many epochs as its ``least_steps`` take with these products."""
    each = _steps_per_epoch(recipe, data)
    epochs = max(recipe.epochs, -(-recipe.least_steps // each))
    if epochs > recipe.epochs:
        told = (epochs, recipe.epochs, each, recipe.least_steps)
        log.info("%d epochs instead of %d: an epoch has %d steps, at least %d are wanted", *told)
    return replace(recipe, epochs=epochs)


def _steps_per_epoch(recipe: Recipe, data: Data) -> int:
    return -(-len(data.train) // (recipe.batch_products * recipe.accumulate))


@dataclass(frozen=True)
class Plan:
    """The numbers of a training.

    Attributes:
        classes: categories of the taxonomy.
        learnable: those with training products; only the prior speaks for the others.
        train_products: products to learn from, copies counted.
        validation_products: products to check with.
        steps_per_epoch: steps of the optimiser in an epoch.
        steps: of them in all.
        warmup_steps: of them in which the learning rate rises.
        log_every: steps between two lines of ``metrics.jsonl``.
        device: where the network lies.
        bf16: whether the backbone runs in bfloat16.
        threads: that PyTorch uses on the processor.
        examples: products seen in an epoch: of copies one, of very many a few.
        processes: that share every batch.
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
    examples: int = 0
    processes: int = 1

    def tell(self, recipe: Recipe) -> None:
        """Log the plan."""
        log.info(
            "recipe %s: %s at %d px, %d epochs of %d steps (%d products each), warm-up %d steps",
            recipe.name, recipe.backbone, recipe.image_size, recipe.epochs, self.steps_per_epoch,
            recipe.batch_products * recipe.accumulate, self.warmup_steps,
        )  # fmt: skip
        log.info(
            "%s training products (%s seen in an epoch) and %s validation products, "
            "%d of %d categories; %s, %s",
            f"{self.train_products:,}", f"{self.examples:,}", f"{self.validation_products:,}",
            self.learnable, self.classes, self.device, "bfloat16" if self.bf16 else "float32",
        )  # fmt: skip
        if self.processes > 1:
            log.info("%d processes share every batch", self.processes)

    def record(self) -> dict[str, Any]:
        """Return the numbers as JSON knows them."""
        return asdict(self) | {"unlearnable": self.classes - self.learnable}


def make_plan(
    recipe: Recipe, data: Data, device: torch.device, *, bf16: bool, processes: int = 1
) -> Plan:
    """Derive the numbers of a training."""
    steps_per_epoch = _steps_per_epoch(recipe, data)
    steps = steps_per_epoch * recipe.epochs
    return Plan(
        classes=data.classes,
        learnable=int((data.counts() > 0).sum()),
        train_products=data.examples.products,
        validation_products=len(data.validation),
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        warmup_steps=round(recipe.warmup * steps),
        log_every=max(1, min(100, steps_per_epoch // 5)),
        device=str(device),
        bf16=bf16,
        threads=recipe.threads or torch.get_num_threads(),
        examples=len(data.train),
        processes=processes,
    )
