"""What predicts: anything that turns the images of products into probabilities of categories."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.models.runtimes import Runtime


class Answerer(Protocol):
    """A network, or several that answer like one.

    Attributes:
        taxonomy: the categories; class c is its row c.
        temperature: what logits are divided by.
        prior: share of each category among the training products, (C,) float32.
        fingerprint: of all that answers depend on: what predictions record.
        device: where it lies.
    """

    taxonomy: Taxonomy
    temperature: float
    prior: NDArray[np.float32]
    fingerprint: str
    device: torch.device

    @property
    def size(self) -> int:
        """Side of the images that ``probabilities`` wants, in pixels."""
        ...

    @property
    def max_images(self) -> int | None:
        """How many images of a product it uses, None for all."""
        ...

    def use_runtime(self, name: str, *, images: int | None = None) -> Runtime:
        """Let a runtime compute the features of images from now on: see ``models.runtimes``."""
        ...

    def probabilities(
        self,
        pixels: NDArray[np.uint8],
        product: NDArray[np.int64],
        rank: NDArray[np.int64],
        count: int,
    ) -> NDArray[np.float32]:
        """Return the probability of each category for some products.

        Args:
            pixels: RGB, (N, size, size, 3).
            product: for each image the position of its product, never falling, (N,).
            rank: of each image within its product, (N,).
            count: number of products P.

        Returns:
            (P, C), each row adding up to 1; the prior for a product without images.

        Raises:
            ModelError: pixels of another size.
        """
        ...
