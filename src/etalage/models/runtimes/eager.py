"""PyTorch as it is, a few images at a time, so that what lies between layers stays in the cache."""

import torch

from etalage.models.runtimes.chunks import Compute, pieces

CHUNK = 32


def eagerly(compute: Compute) -> Compute:
    """Return ``compute``, done in pieces."""
    return lambda pixels: torch.cat([compute(part) for part in pieces(pixels, CHUNK)])
