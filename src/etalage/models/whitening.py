"""What differs between the pictures of one product says nothing about which product it is.

Viewpoint, light and background move the features of an image along some directions more than along
others. ``Whitening`` learns these directions from products with several images, without any label,
and damps them: within-class covariance normalisation (Hatch, Kajarekar and Stolcke 2006) with the
product as the class. Only the strongest directions are kept, so that it stays small.
"""

import torch
from torch import Tensor, nn

from etalage.models.places import Places, means

DIRECTIONS = 256
"""Directions that are damped at most."""
_SHRINKAGE = 0.05
"""A direction along which a product's images vary as much as this share of the mean variance of the
features is damped by a factor of 1.4, one of ten times as much by 3.3."""


class Whitening(nn.Module):
    """Damps the directions along which images of the same product differ; at first none.

    Args:
        features: width F of an image's features.
    """

    directions: Tensor
    removed: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        most = min(features, DIRECTIONS)
        self.register_buffer("directions", torch.zeros(features, most))
        self.register_buffer("removed", torch.zeros(most))

    def forward(self, features: Tensor) -> Tensor:
        """Return features (N, F) with less of what changes between images of a product."""
        return features - (features @ self.directions * self.removed) @ self.directions.T

    @torch.no_grad()
    def learn(self, features: Tensor, places: Places) -> None:
        """Find the directions, from features (N, F) of training images.

        Products with one image say nothing; without any other nothing is damped.
        """
        images = places.images()
        several = images[places.product] > 1
        apart = (features - means(features, places)[places.product])[several]
        free = len(apart) - int((images > 1).sum())
        if not free:
            return
        floor = _SHRINKAGE * features.var(0).mean()
        variances, directions = _principal(apart, free)
        most = len(self.removed)
        if len(variances) > most:  # what is left out must not stand out from what is kept
            floor = torch.maximum(floor, variances[most])
        kept = min(most, len(variances))
        self.directions.zero_()[:, :kept] = directions[:, :kept]
        self.removed.zero_()[:kept] = 1 - (floor / (variances[:kept] + floor)).sqrt()


def _principal(apart: Tensor, free: int) -> tuple[Tensor, Tensor]:
    """Return variances, falling, and directions (F, R) of deviations (N, F)."""
    apart = apart.double()
    if len(apart) < apart.shape[1]:
        _, lengths, across = torch.linalg.svd(apart, full_matrices=False)
        return (lengths**2 / free).float(), across.T.float()
    values, vectors = torch.linalg.eigh(apart.T @ apart / free)
    return values.flip(0).clamp(min=0).float(), vectors.flip(1).float()
