"""Weighted means of the answers of several models: arithmetic, geometric, power.

A model says of a product the probabilities of k categories, and the mass outside them. That mass is
taken to be spread evenly over the C - k other categories, which gives every model a probability of
every category, and the mean is that of whole distributions: for each category

    arithmetic   sum of w p
    geometric    product of p ** w
    power        (sum of w p ** e) ** (1 / e)      e = 1 is the arithmetic mean, e near 0 the other

then divided by the sum over all C categories, those that no model names included. Nothing of size C
is made: categories that no model names all get the same number. Of the union of the candidates the
most probable are kept. An answer from the prior (of a product without a readable image) counts
where no model has a better one. For all but the arithmetic mean a probability counts as 1e-10 at
least: below that a float32 that is 1 minus a sum says nothing, and a zero would be a veto.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.blending.kernels import blend_products
from etalage.engines.local import usable_cores
from etalage.errors import ConfigError
from etalage.predictions.table import Predictions

MEANS = ("arithmetic", "geometric", "power")
STEEPEST = 10.0


@dataclass(frozen=True)
class Mean:
    """A weighted mean.

    Attributes:
        name: ``arithmetic``, ``geometric`` or ``power``.
        exponent: of the power mean; 1 of the arithmetic, 0 of the geometric one.
        weights: of each model, adding up to 1.
    """

    name: str
    exponent: float
    weights: tuple[float, ...]

    def record(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {"mean": self.name, "exponent": self.exponent, "weights": list(self.weights)}


def make_mean(
    name: str, members: int, weights: Sequence[float] | None = None, exponent: float | None = None
) -> Mean:
    """Return the mean of that name, its weights made to add up to 1.

    Args:
        name: one of ``MEANS``.
        members: number of models.
        weights: of each model, none negative; None for equal ones.
        exponent: of the power mean: -10 to 10, not 0.

    Raises:
        ConfigError: no such mean, weights that do not fit, an exponent where none belongs.
    """
    if name not in MEANS:
        raise ConfigError(f"mean {name!r} is none of {', '.join(MEANS)}")
    if (name == "power") != (exponent is not None):
        raise ConfigError(
            f"mean {name!r} with exponent {exponent}: the power mean has one, no other does",
            hint="--mean power --exponent 0.5",
        )
    if exponent is not None and not (0 < abs(exponent) <= STEEPEST):
        raise ConfigError(f"exponent is {exponent}: expected -10 to 10, and not 0")
    given = [1.0] * members if weights is None else [float(each) for each in weights]
    total = sum(given)
    if len(given) != members:
        raise ConfigError(f"{len(given)} weights for {members} predictions: one each is needed")
    if not (np.isfinite(given).all() and min(given) >= 0 and total > 0):
        shown = ", ".join(f"{each:g}" for each in given)
        raise ConfigError(f"weights are {shown}: expected numbers from 0 up, not all 0")
    steep = {"arithmetic": 1.0, "geometric": 0.0}.get(name, exponent or 0.0)
    return Mean(name, steep, tuple(each / total for each in given))


@dataclass(frozen=True, eq=False)
class Stack:
    """What M models say of the same P products, in arrays of one shape.

    Attributes:
        categories: leaf rows, (M, P, K) int32; -1 behind those of a model that keeps fewer.
        probabilities: of these, (M, P, K) float32.
        kept: categories that each model keeps, (M,) int64.
        fill: probability of each other category, (M, P) float64.
        rest: mass outside those kept, (M, P) float32.
        images: that the answer rests on, (M, P) int16.
        leaves: number of categories, C.
    """

    categories: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    kept: NDArray[np.int64]
    fill: NDArray[np.float64]
    rest: NDArray[np.float32]
    images: NDArray[np.int16]
    leaves: int

    def weights(self, weights: Sequence[float]) -> NDArray[np.float64]:
        """Return the weights for each product, (P, M): those from the prior have none."""
        seen = np.asarray(weights) * (self.images.T > 0)
        blind = seen.sum(axis=1) <= 0
        seen[blind] = weights
        normalised: NDArray[np.float64] = seen / seen.sum(axis=1, keepdims=True)
        return normalised

    def take(self, rows: NDArray[Any] | slice) -> "Stack":
        """Return some of the products, in memory of their own."""
        return Stack(
            np.ascontiguousarray(self.categories[:, rows]),
            np.ascontiguousarray(self.probabilities[:, rows]),
            self.kept,
            np.ascontiguousarray(self.fill[:, rows]),
            np.ascontiguousarray(self.rest[:, rows]),
            np.ascontiguousarray(self.images[:, rows]),
            self.leaves,
        )


def stack(tables: Sequence[Predictions], leaves: int) -> Stack:
    """Put the answers of several models for the same products into arrays of one shape."""
    most = max(table.k for table in tables)
    shape = (len(tables), len(tables[0]), most)
    categories, probabilities = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    for number, table in enumerate(tables):
        categories[number, :, : table.k] = table.categories
        probabilities[number, :, : table.k] = table.probabilities
    kept = np.array([table.k for table in tables])
    rest = np.stack([table.rest for table in tables])
    fill = rest.astype(np.float64) / np.maximum(1, leaves - kept)[:, None]
    images = np.stack([table.images for table in tables])
    return Stack(categories, probabilities, kept, fill, rest, images, leaves)


def blended(
    given: Stack, mean: Mean, top: int
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the weighted mean of what several models say.

    Args:
        given: their answers.
        mean: which mean.
        top: categories to keep, at most as many as the model that keeps most.

    Returns:
        Leaf rows (P, top), their probabilities (P, top) descending (of equal ones the lower row
        first), and the mass outside them (P,).
    """
    products = given.categories.shape[1]
    weights = given.weights(mean.weights)
    categories = np.empty((products, top), np.int32)
    probabilities = np.empty((products, top), np.float32)
    rest = np.empty(products, np.float32)

    def work(rows: slice) -> None:
        part = given.take(rows)
        blend_products(
            part.categories,
            part.probabilities,
            part.fill,
            given.kept,
            weights[rows],
            mean.exponent,
            given.leaves,
            (categories[rows], probabilities[rows], rest[rows]),
        )

    cores = usable_cores()
    step = max(1, -(-products // cores))
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, [slice(at, at + step) for at in range(0, products, step)]))
    return categories, probabilities, rest
