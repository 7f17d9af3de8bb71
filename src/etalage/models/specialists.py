"""Specialists: networks that each know some products or ranks, and answer together like one.

Number and rank of a product's images are not random: the winner of Cdiscount's challenge of 2017
had a network for each number of images, the second also one for the first image and one for the
later ones. The answer for a product is the geometric mean over the parts that apply to it, each
with its weight times the share of the product's images that it looks at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ModelError
from etalage.models.answer import Answerer
from etalage.models.runtimes import Runtime
from etalage.models.scope import Scope

_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True, eq=False)
class Member:
    """A part that answers.

    Attributes:
        name: what it is called.
        scope: which products and images it applies to.
        weight: of its answer; 0 for one that is asked only where no other applies.
        model: what answers.
    """

    name: str
    scope: Scope
    weight: float
    model: Answerer


@dataclass(frozen=True, eq=False)
class _Images:
    """The images of a batch: see ``Answerer.probabilities``; ``own``: images of each product."""

    pixels: NDArray[np.uint8]
    product: NDArray[np.int64]
    rank: NDArray[np.int64]
    own: NDArray[np.int64]


class Specialists:
    """Several models that answer like one.

    Attributes:
        members: the parts.
        taxonomy: the categories of all of them.
        temperature: what the logarithm of the mean answer is divided by.
        prior: share of each category among the training products, (C,) float32.
        fingerprint: of the description and all parts.
        device: where they lie.

    Raises:
        ModelError: parts of different categories or image sizes.
    """

    def __init__(
        self,
        members: Sequence[Member],
        taxonomy: Taxonomy,
        *,
        temperature: float,
        prior: NDArray[np.float32],
        fingerprint: str,
        device: torch.device,
    ) -> None:
        for member in members:
            if member.model.taxonomy != taxonomy or member.model.size != members[0].model.size:
                raise ModelError(f"part {member.name!r} has other categories or another image size")
        self.members = tuple(members)
        self.taxonomy = taxonomy
        self.temperature = temperature
        self.prior = prior
        self.fingerprint = fingerprint
        self.device = device

    @property
    def size(self) -> int:
        """Side of the images that ``probabilities`` wants, in pixels: load them at this size."""
        return self.members[0].model.size

    @property
    def max_images(self) -> int | None:
        """How many images of a product the part that uses most uses, None for all."""
        most = [member.model.max_images for member in self.members]
        limits = [limit for limit in most if limit is not None]
        return max(limits) if len(limits) == len(most) else None

    def use_runtime(self, name: str, *, images: int | None = None) -> Runtime:
        """Let a runtime compute the features of images in every part: see ``models.runtimes``."""
        used = [member.model.use_runtime(name, images=images) for member in self.members]
        names, precisions = ({each.name for each in used}, {each.precision for each in used})
        return Runtime("+".join(sorted(names)), "+".join(sorted(precisions)), used[0].why)

    def probabilities(
        self,
        pixels: NDArray[np.uint8],
        product: NDArray[np.int64],
        rank: NDArray[np.int64],
        count: int,
    ) -> NDArray[np.float32]:
        """Return the probability of each category for some products: see ``Answerer``.

        A product that no part applies to is answered by the general part, where there is one, else
        with the prior, as is one without images.
        """
        images = _Images(pixels, product, rank, np.bincount(product, minlength=count))
        sums = np.zeros((count, len(self.taxonomy)), np.float32)
        weights = np.zeros(count, np.float32)
        for member in self.members:
            if member.weight > 0:
                _add(member, images, np.ones(count, np.bool_), sums, weights)
        general = next((member for member in self.members if member.scope.everything), None)
        if general is not None and (weights == 0).any():
            _add(general, images, weights == 0, sums, weights)
        logits = sums / np.where(weights > 0, weights, 1)[:, None] / np.float32(self.temperature)
        logits -= logits.max(axis=1, keepdims=True)
        answer: NDArray[np.float32] = np.exp(logits)
        answer /= answer.sum(axis=1, keepdims=True)
        answer[weights == 0] = self.prior
        return answer


def _add(
    member: Member,
    images: _Images,
    wanted: NDArray[np.bool_],
    sums: NDArray[np.float32],
    weights: NDArray[np.float32],
) -> None:
    """Add a part's log-probabilities, weighted, to the ``sums`` of the products it applies to."""
    applies = (wanted & member.scope.products(images.own))[images.product]
    chosen = applies & member.scope.ranks(images.rank)
    if (most := member.model.max_images) is not None:
        chosen &= images.rank < most
    if not chosen.any():
        return
    rows, product, seen = np.unique(images.product[chosen], return_inverse=True, return_counts=True)
    rank = images.rank[chosen] - member.scope.first_rank
    answer = member.model.probabilities(images.pixels[chosen], product, rank, len(rows))
    weight = ((member.weight or 1.0) * seen / images.own[rows]).astype(np.float32)
    sums[rows] += weight[:, None] * np.log(np.maximum(answer, _TINY))
    weights[rows] += weight
