"""Fusion: the features of a product's images become one vector for the product.

A fusion is a module made from the width of an image's features, with the width it gives as
``width``, called with features (N, F) and the places of the images; it answers (P, width). Products
without an image get zeros.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from etalage.errors import ModelError


@dataclass(frozen=True, eq=False)
class Places:
    """Where each image of a batch belongs.

    Attributes:
        product: position of its product in the batch, never falling, (N,) int64.
        rank: its rank within the product, (N,) int64.
        count: number of products P.
    """

    product: Tensor
    rank: Tensor
    count: int

    def to(self, device: torch.device) -> "Places":
        """Return the same on another device."""
        return Places(self.product.to(device), self.rank.to(device), self.count)

    def images(self) -> Tensor:
        """Return the number of images of each product, (P,) int64."""
        return torch.bincount(self.product, minlength=self.count)


class Fusion(Protocol):
    """What the network needs of a fusion."""

    width: int

    def __call__(self, features: Tensor, places: Places) -> Tensor:
        """Return one vector for each product."""
        ...


class MeanFusion(nn.Module):
    """The mean of the features of a product's images."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    def forward(self, features: Tensor, places: Places) -> Tensor:
        """Average features (N, F) by product; return (P, F), zeros where no image."""
        sums = features.new_zeros(places.count, self.width).index_add(0, places.product, features)
        return sums / places.images().clamp(min=1).unsqueeze(1)


FUSIONS: dict[str, Callable[[int], Fusion]] = {"mean": MeanFusion}


def create_fusion(name: str, features: int) -> Fusion:
    """Return the fusion of that name for image features of width ``features``.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in FUSIONS:
        raise ModelError(f"fusion {name!r} is unknown, there are {', '.join(FUSIONS)}")
    return FUSIONS[name](features)
