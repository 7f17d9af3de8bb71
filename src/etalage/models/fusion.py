"""Fusion: the features of a product's images become one vector for the product.

A fusion is a module made from the width of an image's features, with the width it gives as
``width``, called with features (N, F), the product of each image (N,) and the number of products;
it answers (P, width). Products without an image get zeros.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from etalage.errors import ModelError


class Fusion(Protocol):
    """What the network needs of a fusion."""

    width: int

    def __call__(self, features: Tensor, product: Tensor, count: int) -> Tensor:
        """Return one vector for each of ``count`` products."""
        ...


class MeanFusion(nn.Module):
    """The mean of the features of a product's images."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    def forward(self, features: Tensor, product: Tensor, count: int) -> Tensor:
        """Average features (N, F) by ``product`` (N,); return (count, F), zeros where no image."""
        sums = features.new_zeros(count, self.width).index_add(0, product, features)
        images = torch.bincount(product, minlength=count).clamp(min=1)
        return sums / images.unsqueeze(1)


FUSIONS: dict[str, Callable[[int], Fusion]] = {"mean": MeanFusion}


def create_fusion(name: str, features: int) -> Fusion:
    """Return the fusion of that name for image features of width ``features``.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in FUSIONS:
        raise ModelError(f"fusion {name!r} is unknown, there are {', '.join(FUSIONS)}")
    return FUSIONS[name](features)
