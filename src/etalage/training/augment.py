"""Augmentation of single images, on the batch's own device: left out, cropped, mirrored, shrunk.

The draws come from a generator on the processor, so they are the same whatever the device.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from etalage.models.precision import to_device


def images_to_keep(
    product: NDArray[np.int64], share: float, generator: torch.Generator
) -> NDArray[np.int64]:
    """Return the positions of the images that stay when each is left out with a probability.

    A product keeps at least one: where all were to go, one of them at random stays.

    Args:
        product: position of each image's product, never falling, (N,).
        share: the probability.
        generator: on the processor.
    """
    if not share or not len(product):
        return np.arange(len(product))
    draw = torch.rand(len(product), generator=generator, dtype=torch.float64).numpy()
    begins = np.flatnonzero(np.diff(product, prepend=-1))
    highest = np.repeat(np.maximum.reduceat(draw, begins), np.diff(np.append(begins, len(product))))
    return np.flatnonzero((draw >= share) | (draw == highest))


def crop_and_flip(pixels: Tensor, size: int, generator: torch.Generator, *, flip: bool) -> Tensor:
    """Cut a random square from each image and mirror half of them.

    Args:
        pixels: (N, L, L, 3) of any type.
        size: side S of the square, at most L.
        generator: on the processor.
        flip: whether to mirror.

    Returns:
        (N, S, S, 3).
    """
    count, side = pixels.shape[0], pixels.shape[1]
    corners = torch.randint(0, side - size + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand(count, 1, generator=generator) < (0.5 if flip else 0.0)
    # Only the corners travel: the places of all pixels would be more bytes than the pixels.
    corners, mirrored = to_device(corners, pixels.device), to_device(mirrored, pixels.device)
    steps = torch.arange(size, device=pixels.device)
    rows = corners[0] + steps
    columns = corners[1] + torch.where(mirrored, size - 1 - steps, steps)
    first = torch.arange(count, device=pixels.device).view(count, 1, 1) * side
    flat = (first + rows.unsqueeze(2)) * side + columns.unsqueeze(1)
    # Taking whole pixels from one long row is six times faster than indexing three axes at once.
    taken = pixels.reshape(-1, 3).index_select(0, flat.flatten())
    return taken.view(count, size, size, 3)


def shrink(pixels: Tensor, size: int) -> Tensor:
    """Resize images, uint8 (N, S, S, 3), to a smaller side, uint8 (N, size, size, 3).

    Bilinear over all pixels that fall together, so that fine patterns fade instead of aliasing.
    """
    if pixels.shape[1] == size:
        return pixels
    images = pixels.permute(0, 3, 1, 2)
    # The processor resizes bytes six times faster than floats; a GPU resizes floats only.
    source = images.float() if pixels.is_cuda else images
    small = interpolate(source, (size, size), mode="bilinear", antialias=True)
    if pixels.is_cuda:
        small = small.round_().clamp_(0, 255).to(torch.uint8)
    return small.permute(0, 2, 3, 1)
