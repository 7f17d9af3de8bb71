"""Fusion: the features of a product's images become one vector for the product.

A fusion is a module made from the width of an image's features, with the width it gives as
``width``, called with features (N, F) and the places of the images; it answers (P, width). Products
without an image get zeros. Nothing depends on the order of images or products in the batch, only
on the images' ranks where a fusion looks at them.

``prepare`` gives a fusion what can be known before the training, from features of training images.
A training on a frozen backbone calls it once, with the features standardised as the network will
hand them over; a fusion that was never prepared works as well.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from etalage.errors import ModelError
from etalage.models.attention import AttentionFusion, SetFusion
from etalage.models.places import Places, maxima, means
from etalage.models.whitening import Whitening

__all__ = ["FUSIONS", "Fusion", "MaxFusion", "MeanFusion", "Places", "create_fusion", "prepare"]


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
        return means(features, places)


class MaxFusion(nn.Module):
    """The largest value of each feature among a product's images."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    def forward(self, features: Tensor, places: Places) -> Tensor:
        """Take the maxima of features (N, F) by product; return (P, F), zeros where no image."""
        shown = (places.images() > 0).unsqueeze(1)
        return torch.where(shown, maxima(features, places), features.new_zeros(()))


class WhitenedFusion(nn.Module):
    """The mean of features in which what differs between images of a product is damped."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features
        self.whiten = Whitening(features)

    def forward(self, features: Tensor, places: Places) -> Tensor:
        """Whiten and average features (N, F) by product; return (P, F), zeros where no image."""
        return means(self.whiten(features), places)


FUSIONS: dict[str, Callable[[int], Fusion]] = {
    "mean": MeanFusion,
    # The head is linear: the mean of the logits is the logits of the mean. The name tells the
    # training to learn from every image on its own.
    "logits": MeanFusion,
    "max": MaxFusion,
    "whitened": WhitenedFusion,
    "attention": AttentionFusion,
    "set": SetFusion,
    # One vector for each picture: see ``collage``.
    "collage": MeanFusion,
}


def create_fusion(name: str, features: int) -> Fusion:
    """Return the fusion of that name for image features of width ``features``.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in FUSIONS:
        raise ModelError(f"fusion {name!r} is unknown, there are {', '.join(FUSIONS)}")
    return FUSIONS[name](features)


def prepare(fusion: Fusion, features: Tensor, places: Places) -> None:
    """Let a fusion learn how the images of one product differ, before the training.

    Args:
        fusion: as ``create_fusion`` makes it; some have nothing to learn so.
        features: of training images, as the fusion will get them, (N, F); 20,000 are enough.
        places: where they belong.
    """
    parts = fusion.modules() if isinstance(fusion, nn.Module) else ()
    for part in parts:
        if isinstance(part, Whitening):
            part.learn(features, places)
