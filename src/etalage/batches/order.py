"""In which order the products of an epoch come, and in which batches.

An order is known before it starts, so any batch of it can be had directly: a run that was stopped
after batch k goes on with ``batches.after(k)``, and several processes can share one order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from etalage.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Batches:
    """Product rows cut into batches; the last one may be smaller.

    Attributes:
        rows: product rows in the order they come, shape (P,), int64.
        size: products in a batch.
    """

    rows: NDArray[np.int64]
    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"a batch of {self.size} products: at least 1 is needed")

    def __len__(self) -> int:
        return (len(self.rows) + self.size - 1) // self.size

    def __getitem__(self, number: int) -> NDArray[np.int64]:
        if not 0 <= number < len(self):
            raise IndexError(f"batch {number} of {len(self)}")
        return self.rows[number * self.size : (number + 1) * self.size]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self[number] for number in range(len(self)))

    def after(self, done: int) -> "Batches":
        """Return what is left after the first ``done`` batches."""
        return Batches(self.rows[done * self.size :], self.size)


def in_order(rows: ArrayLike, size: int) -> Batches:
    """Return ``rows`` as they stand, ``size`` to a batch."""
    return Batches(np.asarray(rows, np.int64), size)


def shuffled(rows: ArrayLike, size: int, *, seed: int, epoch: int) -> Batches:
    """Return ``rows`` in a random order that depends on ``seed`` and ``epoch`` only."""
    generator = np.random.Generator(np.random.PCG64([seed, epoch]))
    return Batches(generator.permutation(np.asarray(rows, np.int64)), size)
