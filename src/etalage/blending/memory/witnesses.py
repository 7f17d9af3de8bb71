"""What the images of products tell: for each image, how often it was seen in which category."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Witnesses(NamedTuple):
    """Images of P asked products that are known, or resemble known ones; S of them.

    A named tuple, not a dataclass: compiled functions take it as it is.

    Attributes:
        start: first image of each product in ``content``, (P + 1,) int64.
        content: which histogram each image brings, (S,) int32.
        own: leaf row under which the asked product itself was counted in it, which is taken off,
            or -1, (S,) int32.
        entry_start: where each histogram begins in ``leaf``, (H + 1,) int64.
        leaf: leaf rows, (E,) int32; of a near image one may occur several times.
        votes: how often it was seen under that leaf, (E,) float32; of a near image a share.
    """

    start: NDArray[np.int64]
    content: NDArray[np.int32]
    own: NDArray[np.int32]
    entry_start: NDArray[np.int64]
    leaf: NDArray[np.int32]
    votes: NDArray[np.float32]

    def of(self, rows: NDArray[np.int64]) -> "Witnesses":
        """Return the witnesses of some products, in the order asked."""
        length = self.start[rows + 1] - self.start[rows]
        slots = np.repeat(self.start[rows], length) + _count_up(length)
        return self._replace(
            start=from_lengths(length), content=self.content[slots], own=self.own[slots]
        )


def nobody(products: int) -> Witnesses:
    """Return the witnesses of products of which nothing is known."""
    return Witnesses(
        np.zeros(products + 1, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.int32),
        np.zeros(1, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.float32),
    )


def from_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where pieces of these lengths begin, and where the last one ends, (N + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _count_up(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, 2... anew for each piece."""
    start = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) - np.repeat(start, lengths)


def pieces(
    start: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of all entries of chosen pieces, one after the other, and their lengths."""
    length = start[chosen + 1] - start[chosen]
    return np.repeat(start[chosen], length) + _count_up(length), length
