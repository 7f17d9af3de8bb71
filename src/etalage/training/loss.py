"""What a batch of products costs: pixels and labels in, a loss out.

The loss of a product is its weight times the sum of

* the cross-entropy of the leaf against the labels of all its copies, smoothed;
* ``level_loss`` times that of level 1 and that of level 2: the probability of a node is the sum of
  those of its leaves, its target the sum of theirs;
* where a teacher knows it, ``distillation`` times the divergence from the teacher, the two above
  counting for the rest.

With ``logit_adjustment`` all this is asked of the logits plus that many times the logarithm of how
often each category is the target (Menon et al. 2021, section 4.2): what is left to the logits is
what the pictures say. The loss of the batch is the mean over its products.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.batches.loader import Batch
from etalage.embedding.batches import FeatureBatch
from etalage.models.fusion import Places
from etalage.models.network import ProductModel
from etalage.models.precision import autocast, to_device
from etalage.training.augment import crop_and_flip, images_to_keep, shrink
from etalage.training.mix import Mix, mix
from etalage.training.norms import norms_follow
from etalage.training.plan import Data, Level, Plan
from etalage.training.recipe import Recipe
from etalage.training.teacher import Answers


@dataclass(frozen=True, eq=False)
class Lesson:
    """What P products should be answered with, on the device; weights are in it.

    Attributes:
        targets: shares of the labels times the weight of the product, (P, C).
        taught: the weight (P, 1) and the answers of teachers.
    """

    targets: Tensor
    taught: tuple[tuple[Tensor, Answers], ...] = ()

    def mixed(self, mixed: Mix) -> "Lesson":
        """Return the lesson of products that were mixed with others."""
        taught = []
        for weight, answers in self.taught:
            taught.append((mixed.own * weight, answers))
            theirs = answers.take(mixed.partner)
            taught.append(((1 - mixed.own) * weight[mixed.partner], theirs))
        return Lesson(mixed.blend(self.targets), tuple(taught))

    def dealt(self, product: Tensor, share: Tensor) -> "Lesson":
        """Return the lesson of images, each with a share (N, 1) of that of its product (N,)."""
        taught = tuple(
            (weight[product] * share, each.take(product)) for weight, each in self.taught
        )
        return Lesson(self.targets[product] * share, taught)

    def loss(
        self, log_probabilities: Tensor, levels: tuple[Level, ...], level_loss: float
    ) -> Tensor:
        """Return the summed loss of answers, log-probabilities (P, C).

        Args:
            log_probabilities: of the leaves.
            levels: those above them.
            level_loss: what the losses of these count.
        """
        total = -(self.targets * log_probabilities).sum()
        if level_loss:
            for level in levels:
                above = sum_by_node(log_probabilities, level)
                total = total - level_loss * (self.targets * above).sum()
        for weight, answers in self.taught:
            total = total + (weight.squeeze(1) * answers.divergence(log_probabilities)).sum()
        return total


def batch_loss(
    network: ProductModel,
    batch: Batch | FeatureBatch,
    data: Data,
    *,
    recipe: Recipe,
    plan: Plan,
    side: int,
    generator: torch.Generator,
) -> Tensor | None:
    """Return the loss of a batch, None when there is nothing to learn from.

    Args:
        network: in training mode.
        batch: products; those without a readable image are left out.
        data: what to learn.
        recipe: how to learn.
        plan: what was derived.
        side: side in pixels that the images have in the end.
        generator: on the processor: what all that is random in it is drawn from.
    """
    device = torch.device(plan.device)
    kept = images_to_keep(batch.product, recipe.image_dropout, generator)
    # Batch statistics of a single image are no statistics; vectors need none.
    if len(kept) < (2 if isinstance(batch, Batch) and norms_follow(network) else 1):
        return None
    present, product = np.unique(batch.product[kept], return_inverse=True)
    images, mixed = _images(batch, kept, product, recipe, side, device, generator)
    lesson = _lesson(data, batch.rows[present], recipe, device)
    if mixed:
        lesson = lesson.mixed(mixed)
    places = _places(product, batch.rank[kept], len(present), device)
    if recipe.fusion == "logits":
        counts = np.bincount(product)
        share = (1 / counts[product]).astype(np.float32)[:, None]
        lesson = lesson.dealt(places.product, to_device(share, device))
        places = _places(np.arange(len(kept)), batch.rank[kept], len(kept), device)
    with autocast(device, bf16=plan.bf16):
        pixels = isinstance(batch, Batch)
        logits = network(images, places) if pixels else network.classify(images, places)
    constants = data.constants(device, recipe.label_smoothing)
    if recipe.logit_adjustment:
        logits = logits + recipe.logit_adjustment * constants.log_share
    found = lesson.loss(logits.log_softmax(1), constants.levels, recipe.level_loss)
    return found / len(present)


def _images(
    batch: Batch | FeatureBatch,
    kept: NDArray[np.int64],
    product: NDArray[np.int64],
    recipe: Recipe,
    side: int,
    device: torch.device,
    generator: torch.Generator,
) -> tuple[Tensor, Mix | None]:
    """Return what the network gets, pixels or features, and how products were mixed."""
    given = batch.pixels if isinstance(batch, Batch) else batch.features
    there = to_device(given if len(kept) == len(given) else given[kept], device)
    if not isinstance(batch, Batch):
        return mix(there, product, generator, mixup=recipe.mixup, cutmix=0.0)
    cropped = crop_and_flip(there, recipe.image_size, generator, flip=recipe.flip)
    small = shrink(cropped, side)
    return mix(small, product, generator, mixup=recipe.mixup, cutmix=recipe.cutmix)


def _places(
    product: NDArray[np.int64], rank: NDArray[np.int64], count: int, device: torch.device
) -> Places:
    first, second = (to_device(each, device) for each in (product, rank))
    return Places(first, second, count)


def _lesson(data: Data, rows: NDArray[np.int64], recipe: Recipe, device: torch.device) -> Lesson:
    smoothing = recipe.label_smoothing
    labels = data.examples.targets(rows, data.classes, device)
    targets = labels * (1 - smoothing) + smoothing / data.classes
    weight = to_device(data.examples.weights(rows)[:, None], device)
    if data.teacher is None:
        return Lesson(targets * weight)
    answers = data.teacher.answers(data.examples.numbers(rows), device)
    trust = recipe.distillation
    own = weight * (1 - trust * answers.known.unsqueeze(1))
    return Lesson(targets * own, ((trust * weight, answers),))


def sum_by_node(log_probabilities: Tensor, level: Level) -> Tensor:
    """Return for each leaf the log-probability of its node, (P, C): the sum over its leaves.

    Each sum is taken relative to its largest leaf, so that a node of probability e-100 has a
    logarithm and a gradient as any other.

    Args:
        log_probabilities: of the leaves, (P, C).
        level: the node of each leaf.
    """
    products = len(log_probabilities)
    among = level.node.expand(products, -1)
    lowest = log_probabilities.new_full((products, level.nodes), -torch.inf)
    highest = lowest.scatter_reduce(1, among, log_probabilities.detach(), "amax")[:, level.node]
    relative = (log_probabilities - highest).exp()
    sums = relative.new_zeros(products, level.nodes).index_add(1, level.node, relative)
    return sums[:, level.node].log() + highest
