"""Any number of images through a graph made for a fixed number.

A graph is made once for each size of picture, for a fixed number of pictures at a time: nothing is
ever compiled again. The last pictures of a call are filled up with black ones, whose features are
thrown away. Features of a picture do not depend on the others of its chunk.
"""

from collections.abc import Callable

from torch import Tensor

MAX_GRAPHS = 8
"""Sizes of picture for which a graph is made; whatever comes later, PyTorch computes."""

Shape = tuple[int, ...]
Compute = Callable[[Tensor], Tensor]
"""From pixels, uint8 (k * B, H, W, 3), contiguous, to features, float32 (k * B, F)."""
Make = Callable[[Shape], Compute]
"""Makes the computation for chunks of a shape (B, H, W, 3)."""


class Chunks:
    """Computes features in chunks of ``size`` images; see the module.

    Args:
        size: images in a chunk, B.
        make: makes the computation for chunks of one shape.
        otherwise: computes pixels of any shape, for sizes beyond the first ``MAX_GRAPHS``.
    """

    def __init__(self, size: int, make: Make, otherwise: Compute) -> None:
        self._size = size
        self._make = make
        self._otherwise = otherwise
        self._graphs: dict[Shape, Compute] = {}

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the features of images, uint8 (N, H, W, 3), as float32 (N, F)."""
        shape = (self._size, *pixels.shape[1:])
        if shape not in self._graphs:
            if len(self._graphs) == MAX_GRAPHS:
                return self._otherwise(pixels)
            self._graphs[shape] = self._make(shape)
        chunks = max(1, -(-len(pixels) // self._size))
        padded = pixels.new_zeros((chunks * self._size, *pixels.shape[1:]))
        padded[: len(pixels)] = pixels
        return self._graphs[shape](padded)[: len(pixels)]


def pieces(pixels: Tensor, size: int) -> list[Tensor]:
    """Return views of ``size`` images each; the last one may have fewer."""
    return [pixels[start : start + size] for start in range(0, max(1, len(pixels)), size)]
