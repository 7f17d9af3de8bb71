"""Small predictions, the folders they are written to, a taxonomy with the traps of real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter

SOURCE = {"model": "m1", "index": "i1"}
NAMES = [
    ("FOOD", "TEA", "GREEN TEA "),
    ("FOOD", "TEA", "=BLACK, \u0152OLONG"),
    ("FOOD", "CAKE", "GREEN TEA "),
    ("GARDEN", "TEA", "SEED"),
    ("GARDEN", "TOOL", "SPADE"),
    ("GARDEN", "TOOL", "RAKE"),
    ("TOYS", "TOOL", "SPADE"),
]


@pytest.fixture(scope="session")
def taxonomy() -> Taxonomy:
    """Seven leaves under three branches; leaf and level-2 names occur twice."""
    return Taxonomy(np.arange(7, dtype=np.int64) * 3 + 1_000_000_000, tuple(NAMES))


@pytest.fixture(scope="session")
def predict() -> Callable[..., Predictions]:
    """Return a function that invents predictions for some ids."""

    def invent(ids: Sequence[Any], *, seed: int = 0, k: int = 3, leaves: int = 7) -> Predictions:
        random = np.random.default_rng(seed)
        logits = random.normal(size=(len(ids), leaves)).round(1) * 2
        shares = np.exp(logits)
        shares /= shares.sum(axis=1, keepdims=True)
        top = top_k(shares.astype(np.float32), k)
        kind = pa.string() if len(ids) and isinstance(ids[0], str) else pa.int64()
        images = random.integers(0, 6, len(ids)).astype(np.int16)
        return Predictions(pa.array(ids, kind), *top, images)

    return invent


def cut(predictions: Predictions, start: int, stop: int) -> Predictions:
    return Predictions(
        predictions.product_ids[start:stop],
        predictions.categories[start:stop],
        predictions.probabilities[start:stop],
        predictions.rest[start:stop],
        predictions.images[start:stop],
    )


@pytest.fixture(scope="session")
def slices() -> Callable[..., list[Predictions]]:
    """Return a function that cuts predictions into parts of at most so many rows."""

    def parts(predictions: Predictions, rows: int) -> list[Predictions]:
        starts = range(0, len(predictions), rows)
        return [cut(predictions, start, start + rows) for start in starts]

    return parts


@pytest.fixture(scope="session")
def write(
    taxonomy: Taxonomy, slices: Callable[..., list[Predictions]]
) -> Callable[[Path, Predictions, int], Path]:
    """Return a function that writes a finished folder in parts of so many rows."""

    def finished(folder: Path, predictions: Predictions, rows: int = 4) -> Path:
        writer = PredictionsWriter(folder, taxonomy=taxonomy, source=SOURCE)
        for part in slices(predictions, rows):
            writer.write(part)
        writer.finish()
        return folder

    return finished
