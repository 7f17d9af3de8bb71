"""How many answers are right, on every level of the taxonomy, for all products and for groups."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy

FREQUENCIES = (1, 10, 100, 1000)


@dataclass(frozen=True)
class Accuracy:
    """Shares of products whose answer is right, from 0 to 1.

    Attributes:
        level1: the branch on the most general level; None in a flat taxonomy, as ``level2``.
        level2: the branch below it, keyed by its path.
        level3: the leaf: the competition's metric.
        top5: the leaf is among the first five; None where there is one answer a product.
    """

    level1: float | None
    level2: float | None
    level3: float
    top5: float | None = None


@dataclass(frozen=True)
class Group:
    """The accuracy on some products: those with so many images, or of so frequent a category."""

    name: str
    products: int
    accuracy: Accuracy

    def to_json(self, key: str) -> dict[str, Any]:
        """Return one flat JSON object, the group's name under ``key``."""
        return {key: self.name, "products": self.products, **asdict(self.accuracy)}


@dataclass(frozen=True, eq=False)
class Hits:
    """Whether each product is answered rightly, (P,) each; None where it cannot be known."""

    levels: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None, NDArray[np.bool_]]
    top5: NDArray[np.bool_] | None

    def accuracy(self, chosen: NDArray[np.bool_] | slice = slice(None)) -> Accuracy:
        """Return the accuracy on the chosen products, at least one."""
        shares = [
            None if hits is None else float(hits[chosen].mean())
            for hits in (*self.levels, self.top5)
        ]
        return Accuracy(shares[0], shares[1], float(self.levels[2][chosen].mean()), shares[3])


def hits(taxonomy: Taxonomy, truth: NDArray[np.int32], answers: NDArray[np.int32]) -> Hits:
    """Compare answers with the truth.

    Args:
        taxonomy: both hold rows of it.
        truth: leaf rows, (P,).
        answers: leaf rows, best first, (P, n); -1 for none. ``top5`` needs n above 1.
    """
    first = answers[:, 0]
    above = [None if taxonomy.is_flat else _same(taxonomy, level, truth, first) for level in (1, 2)]
    top5 = None if answers.shape[1] == 1 else (answers[:, :5] == truth[:, None]).any(axis=1)
    return Hits((above[0], above[1], first == truth), top5)


def _same(
    taxonomy: Taxonomy, level: int, truth: NDArray[np.int32], answer: NDArray[np.int32]
) -> NDArray[np.bool_]:
    nodes = taxonomy.nodes(level)
    same: NDArray[np.bool_] = (answer >= 0) & (nodes[answer.clip(min=0)] == nodes[truth])
    return same


def by_images(found: Hits, images: NDArray[np.integer[Any]]) -> tuple[Group, ...]:
    """Group products by their number of images: 0, 1, 2, 3, 4 or more; -1 is ``unknown``."""
    names = ["unknown", "0", "1", "2", "3", "4+"]
    return _groups(found, names, images.clip(-1, 4) + 1)


def by_frequency(found: Hits, truth: NDArray[np.int32]) -> tuple[Group, ...]:
    """Group products by the number of products of their category in the truth."""
    ends = [f"-{stop - 1}" for stop in FREQUENCIES[1:]] + ["+"]
    names = [f"{start}{end}" for start, end in zip(FREQUENCIES, ends, strict=True)]
    frequency = np.bincount(truth)[truth]
    return _groups(found, names, np.searchsorted(FREQUENCIES, frequency, side="right") - 1)


def _groups(
    found: Hits, names: Iterable[str], numbers: NDArray[np.integer[Any]]
) -> tuple[Group, ...]:
    members = [(name, numbers == number) for number, name in enumerate(names)]
    return tuple(
        Group(name, int(chosen.sum()), found.accuracy(chosen))
        for name, chosen in members
        if chosen.any()
    )


def most_frequent(labels: NDArray[np.int32]) -> int:
    """Return the leaf row that occurs most often, the lower one of equals; -1 is no label.

    Raises:
        ValueError: there is no label.
    """
    return int(np.bincount(labels[labels >= 0]).argmax())


def constant_answer(taxonomy: Taxonomy, truth: NDArray[np.int32], row: int) -> Hits:
    """Return how answering every product with one leaf row does: the floor to be above."""
    return hits(taxonomy, truth, np.full((len(truth), 1), row, np.int32))
