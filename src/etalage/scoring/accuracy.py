"""Which answers are right, on every level of the taxonomy, and what share of them."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy

Interval = tuple[float, float]
"""The lower and the upper end, at 95 %."""


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
    """The accuracy on some products: those with so many images, or of so frequent a category.

    Attributes:
        name: what they have in common.
        products: number of them.
        accuracy: on them.
        interval: of ``accuracy.level3``; None where none was asked for.
        about: more numbers that say what group it is.
    """

    name: str
    products: int
    accuracy: Accuracy
    interval: Interval | None = None
    about: dict[str, int] = field(default_factory=dict)

    def to_json(self, key: str) -> dict[str, Any]:
        """Return one flat JSON object, the group's name under ``key``."""
        said = {key: self.name, **self.about, "products": self.products, **asdict(self.accuracy)}
        return said | {"interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True, eq=False)
class Hits:
    """Whether each product is answered rightly, (P,) each; None where it cannot be known."""

    levels: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None, NDArray[np.bool_]]
    top5: NDArray[np.bool_] | None

    def named(self) -> dict[str, NDArray[np.bool_] | None]:
        """Return them by the names that ``Accuracy`` has."""
        return dict(zip(("level1", "level2", "level3"), self.levels, strict=True)) | {
            "top5": self.top5
        }

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
    top5 = None if answers.shape[1] == 1 else (answers[:, :5] == truth[:, None]).any(axis=1)
    return Hits(level_hits(taxonomy, truth, answers[:, 0]), top5)


def level_hits(
    taxonomy: Taxonomy, truth: NDArray[np.int32], answer: NDArray[np.int32]
) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None, NDArray[np.bool_]]:
    """Return whether one answer a product is right on levels 1, 2 and 3, (P,) each."""
    leaf: NDArray[np.bool_] = answer == truth
    if taxonomy.is_flat:
        return None, None, leaf
    above = [nodes_of(taxonomy, 1, answer), nodes_of(taxonomy, 2, answer)]
    first, second = (
        nodes == taxonomy.nodes(level)[truth] for level, nodes in zip((1, 2), above, strict=True)
    )
    return first, second, leaf


def nodes_of(taxonomy: Taxonomy, level: int, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the node on ``level`` of each leaf row, -1 for -1."""
    nodes: NDArray[np.int32] = np.append(taxonomy.nodes(level), np.int32(-1))[rows]
    return nodes


def most_frequent(labels: NDArray[np.int32]) -> int:
    """Return the leaf row that occurs most often, the lower one of equals; -1 is no label.

    Raises:
        ValueError: there is no label.
    """
    return int(np.bincount(labels[labels >= 0]).argmax())


def constant_answer(taxonomy: Taxonomy, truth: NDArray[np.int32], row: int) -> Hits:
    """Return how answering every product with one leaf row does: the floor to be above."""
    return hits(taxonomy, truth, np.full((len(truth), 1), row, np.int32))
