"""Predictions whose truth is drawn from them: honest by construction, or spoiled on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter


def tree(leaves: int = 30) -> Taxonomy:
    """Return leaves in threes under level 2, in tens under level 1."""
    paths = [(f"A{leaf // 10}", f"B{leaf // 3}", f"C{leaf}") for leaf in range(leaves)]
    return Taxonomy(np.arange(leaves, dtype=np.int64) + 1000, tuple(paths))


@dataclass(frozen=True, eq=False)
class Simulated:
    """Predictions in memory, and the leaf row that is right for each product."""

    predictions: Predictions
    truth: NDArray[np.int64]
    taxonomy: Taxonomy

    def write(self, folder: Path, *, rows: int = 1000) -> Path:
        """Write the PREDICTIONS folder, parts of so many rows."""
        writer = PredictionsWriter(folder, taxonomy=self.taxonomy, source={"model": "m"})
        columns = vars(self.predictions)
        for start in range(0, len(self.truth), rows):
            part = {name: column[start : start + rows] for name, column in columns.items()}
            writer.write(Predictions(**part))
        writer.finish()
        return folder

    def write_truth(self, path: Path, rows: Sequence[int] | slice = slice(None)) -> Path:
        """Write the right categories of some products."""
        ids = np.array(self.predictions.product_ids.to_pylist(), object)[rows]
        return write_csv(path, ids.tolist(), self.taxonomy.ids[self.truth[rows]].tolist())


def write_csv(path: Path, ids: Sequence[Any], categories: Sequence[int]) -> Path:
    """Write a truth."""
    lines = [f"{product},{leaf}\n" for product, leaf in zip(ids, categories, strict=True)]
    path.write_text("_id,category_id\n" + "".join(lines), encoding="utf-8")
    return path


def simulate(
    products: int,
    *,
    leaves: int = 30,
    k: int = 20,
    temperature: float = 1.0,
    sharpness: float = 2.0,
    texts: bool = False,
    seed: int = 0,
) -> Simulated:
    """Draw logits, a truth from their softmax, and predictions of logits times ``temperature``."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(products, leaves)) * sharpness
    # The largest of logits plus Gumbel noise is a draw from their softmax.
    truth = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    spoiled = np.exp(temperature * (logits - logits.max(axis=1, keepdims=True)))
    shares = (spoiled / spoiled.sum(axis=1, keepdims=True)).astype(np.float32)
    images = random.integers(1, 5, products).astype(np.int16)
    numbers = range(500, 500 + products)
    ids = pa.array([f"p{number}" for number in numbers] if texts else list(numbers))
    return Simulated(Predictions(ids, *top_k(shares, k), images), truth, tree(leaves))
