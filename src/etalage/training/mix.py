"""Mixing products: mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019), on the batch's device.

Each product of a batch gets another one as its partner. Its image at position r is mixed with the
partner's at position r, or with the partner's last one, and its target with the partner's target,
in the same proportion, drawn for each product from Beta(alpha, alpha). All is drawn from a
generator on the processor, so it is the same whatever the device.

Cutmix takes from the partner a square that lies within the image wholly: its share of the area is
exact, and the same for all images of a product, each of which has it somewhere else.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.models.precision import to_device


@dataclass(frozen=True, eq=False)
class Mix:
    """Which products are mixed, and how much of each is left, on the device.

    Attributes:
        partner: position of each product's partner in the batch, (P,) int64.
        own: share of the product itself, (P, 1) float32; that of its partner is the rest.
    """

    partner: Tensor
    own: Tensor

    def blend(self, values: Tensor) -> Tensor:
        """Return the values of products (P, n), each blended with its partner's."""
        return self.own * values + (1 - self.own) * values[self.partner]


def mix(
    pixels: Tensor,
    product: NDArray[np.int64],
    generator: torch.Generator,
    *,
    mixup: float,
    cutmix: float,
) -> tuple[Tensor, Mix | None]:
    """Mix the products of a batch, by one of the two ways where both are asked for.

    Args:
        pixels: uint8 (N, S, S, 3); or vectors, float32 (N, F), which mixup alone can mix.
        product: position of each image's product, from 0 to P - 1 without a gap, ascending, (N,).
        generator: on the processor.
        mixup: parameter alpha of the beta distribution; 0 for never.
        cutmix: likewise.

    Returns:
        The images, and how they were mixed; None where they were not.
    """
    if not mixup and not cutmix:
        return pixels, None
    cut = bool(cutmix) and (not mixup or torch.rand(1, generator=generator).item() < 0.5)
    counts = np.bincount(product)
    partner = torch.randperm(len(counts), generator=generator).numpy()
    own = _beta(cutmix if cut else mixup, len(counts), generator)
    device, side = pixels.device, pixels.shape[1]
    other = pixels[to_device(_partners(product, counts, partner), device)]
    if cut:
        square = np.rint(side * np.sqrt(1 - own)).astype(np.int64)
        own = 1 - (square / side) ** 2
        inside = _squares(torch.from_numpy(square[product]), side, generator, device)
        mixed = torch.where(inside, other, pixels)
    else:
        share = to_device(own[product].astype(np.float32), device)
        share = share.view(-1, *[1] * (pixels.ndim - 1))
        mixed = other.float().lerp_(pixels.float(), share)
        if not pixels.is_floating_point():
            mixed = mixed.round_().to(pixels.dtype)
    left = own.astype(np.float32)[:, None]
    return mixed, Mix(to_device(partner, device), to_device(left, device))


def _partners(
    product: NDArray[np.int64], counts: NDArray[np.int64], partner: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each image the partner's image it is mixed with, (N,)."""
    begins = np.cumsum(counts) - counts
    position = np.arange(len(product)) - begins[product]
    theirs = partner[product]
    return begins[theirs] + np.minimum(position, counts[theirs] - 1)


def _beta(alpha: float, count: int, generator: torch.Generator) -> NDArray[np.float64]:
    """Draw from Beta(alpha, alpha); PyTorch's own draws take no generator."""
    seed = int(torch.randint(2**62, (1,), generator=generator).item())
    return np.random.default_rng(seed).beta(alpha, alpha, count)


def _squares(square: Tensor, side: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Return which pixels of each image lie in a square at a random place, (N, S, S, 1)."""
    room = (side - square + 1).unsqueeze(0)
    corners = (torch.rand(2, len(square), generator=generator) * room).floor().long()
    corners, square = to_device(corners, device), to_device(square, device)
    steps = torch.arange(side, device=device)
    rows, columns = (
        (steps >= corner.unsqueeze(1)) & (steps < (corner + square).unsqueeze(1))
        for corner in corners
    )
    inside: Tensor = (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(3)
    return inside
