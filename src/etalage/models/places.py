"""Where the images of a batch belong, and sums, maxima and softmaxes over those of a product.

The images of all products lie behind one another, nothing is padded: every operation here gathers
by the position of an image's product, costs what the images cost and has a form in ONNX.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


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
        return sums(torch.ones_like(self.product), self)


def sums(values: Tensor, places: Places) -> Tensor:
    """Add the values (N, ...) of a product's images; return (P, ...), zeros where no image."""
    empty = values.new_zeros(places.count, *values.shape[1:])
    return empty.index_add(0, places.product, values)


def means(values: Tensor, places: Places) -> Tensor:
    """Average values (N, F) by product; return (P, F), zeros where no image."""
    return sums(values, places) / places.images().clamp(min=1).unsqueeze(1)


def maxima(values: Tensor, places: Places) -> Tensor:
    """Return the largest of the values (N, F) of a product's images, (P, F), -inf where none."""
    lowest = values.new_full((places.count, values.shape[1]), -torch.inf)
    owners = places.product.unsqueeze(1).expand_as(values)
    return lowest.scatter_reduce(0, owners, values, "amax")


def softmax(scores: Tensor, places: Places) -> Tensor:
    """Return shares (N, H) that follow exp(scores) and add up to 1 over a product's images."""
    highest = maxima(scores.detach(), places)
    grown = (scores - highest[places.product]).exp()
    return grown / sums(grown, places)[places.product]
