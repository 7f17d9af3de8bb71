"""Which products, and which of their images, a part of a model learns from and answers."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.errors import ConfigError

RANKS = ("all", "first", "later")


@dataclass(frozen=True)
class Scope:
    """Which products, and which of their images.

    Attributes:
        images: ``all``; ``first``: rank 0 only; ``later``: all but rank 0.
        count: number of readable images the products have: ``any``, a number such as ``2``, or
            ``4+`` for four or more.

    Raises:
        ConfigError: another word for either.
    """

    images: str = "all"
    count: str = "any"

    def __post_init__(self) -> None:
        if self.images not in RANKS:
            raise ConfigError(f"images {self.images!r} is unknown, there are {', '.join(RANKS)}")
        if not re.fullmatch(r"any|[1-9]\d*\+?", self.count):
            raise ConfigError(f"count is {self.count!r}, expected any, or a number as in 2 or 4+")

    @property
    def everything(self) -> bool:
        """Whether it leaves out nothing."""
        return self == Scope()

    @property
    def first_rank(self) -> int:
        """The lowest rank it includes."""
        return int(self.images == "later")

    def products(self, images: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether products with so many readable images are included."""
        if self.count == "any":
            return np.ones(len(images), np.bool_)
        number = int(self.count.rstrip("+"))
        most = np.inf if self.count.endswith("+") else number
        return np.asarray((images >= number) & (images <= most))

    def ranks(self, rank: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether images of these ranks are included."""
        if self.images == "first":
            return np.asarray(rank == 0)
        return np.asarray(rank >= self.first_rank)
