"""Collage: the images of a product side by side in one picture, which the backbone sees as one.

The winner of Cdiscount's challenge of 2017 trained such networks: a product of k images is one
picture, S high and k times S wide, its images in the order of their ranks. Only a backbone that
takes pictures of any shape can do this: convolutions do, patches with a fixed number of positions
do not.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from etalage.errors import ModelError
from etalage.models.fusion import Places
from etalage.models.network import ProductModel

_OTHER = "choose a convolutional backbone with --set backbone=NAME, or another --set fusion=NAME"


class CollageModel(ProductModel):
    """A network over products that looks at all images of a product at once.

    Products are grouped by the number of their images, so one network answers any number. Built as
    ``ProductModel`` is; its fusion is given the one vector of each picture.
    """

    def features(self, pixels: Tensor) -> Tensor:
        """Refuse: an image has no features of its own here.

        Raises:
            ModelError: always.
        """
        raise _needs_pixels()

    def classify(self, features: Tensor, places: Places) -> Tensor:
        """Refuse, likewise.

        Raises:
            ModelError: always.
        """
        raise _needs_pixels()

    def forward(self, pixels: Tensor, places: Places) -> Tensor:
        """Return the logits of products, float32 (P, C), from pixels, uint8 RGB (N, S, S, 3)."""
        if not len(pixels):
            nothing = self.feature_mean.new_zeros(0, len(self.feature_mean))
            return super().classify(nothing, places)
        found, owners = self._look(pixels, places)
        if self.mirror and not self.training:
            found = (found + self._look(pixels.flip(2), places)[0]) / 2  # each image in its place
        return super().classify(found, Places(owners, torch.zeros_like(owners), places.count))

    def _look(self, pixels: Tensor, places: Places) -> tuple[Tensor, Tensor]:
        """Return a vector for each product with an image, (Q, F), and their positions, (Q,)."""
        groups = [(owners, self._pictures(made)) for owners, made in collages(pixels, places)]
        owners, vectors = (torch.cat(each) for each in zip(*groups, strict=True))
        order = owners.argsort()
        return vectors[order], owners[order]

    def _pictures(self, pictures: Tensor) -> Tensor:
        """Return one vector for each picture.

        In training a picture that is alone in its shape is shown twice: the batch statistics stay
        the same, but a batch norm refuses a single value per channel.
        """
        if self.training and len(pictures) == 1:
            return self.computed(pictures.repeat(2, 1, 1, 1))[:1]
        return self.computed(pictures)


def collages(pixels: Tensor, places: Places) -> Iterator[tuple[Tensor, Tensor]]:
    """Put the images of each product side by side.

    Args:
        pixels: (N, S, S, 3), by product, then by rank.
        places: where they belong.

    Yields:
        For each number k of images that occurs: the positions of the products that have so many,
        (Q,), and their pictures, (Q, S, k S, 3).
    """
    images = places.images()
    side = pixels.shape[1]
    for k in sorted(set(images.tolist()) - {0}):
        owners = (images == k).nonzero().flatten()
        theirs = pixels[images[places.product] == k]
        rows = theirs.view(len(owners), k, side, side, 3).transpose(1, 2)
        yield owners, rows.reshape(len(owners), side, k * side, 3)


def require_any_width(backbone: nn.Module, name: str, size: int) -> None:
    """Check that a backbone takes a picture of two images side by side.

    Raises:
        ModelError: it does not.
    """
    training = backbone.training
    where = next(backbone.parameters())
    try:
        with torch.inference_mode():
            backbone.eval()(where.new_zeros(1, 3, size, 2 * size))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"backbone {name!r} refuses a collage, a picture of {size}x{2 * size} pixels: {reason}",
            hint=_OTHER,
        ) from error
    backbone.train(training)


def _needs_pixels() -> ModelError:
    return ModelError(
        "fusion 'collage' puts the images of a product into one picture: a single image has no "
        "features of its own, so they cannot be stored or learned from",
        hint="train it end to end from the pixels, or choose another --set fusion=NAME",
    )
