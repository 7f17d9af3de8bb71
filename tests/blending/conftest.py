"""Models that are right more or less often, their predictions on disk, and the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter

LEAVES = 12


def make_taxonomy(leaves: int = LEAVES) -> Taxonomy:
    names = tuple((f"A{leaf % 2}", f"B{leaf % 4}", f"C{leaf}") for leaf in range(leaves))
    return Taxonomy(np.arange(leaves, dtype=np.int64) * 10 + 100, names)


def truth_of(products: int) -> NDArray[np.int64]:
    """Return the leaf row of each product."""
    return np.random.default_rng(99).integers(0, LEAVES, products)


def invent(
    products: int,
    *,
    seed: int,
    skill: float = 2.0,
    heat: float = 1.0,
    k: int = 5,
    leaves: int = LEAVES,
) -> Predictions:
    """Return answers that are the better, the higher the skill, and the surer, the more heat."""
    logits = np.random.default_rng(seed).normal(size=(products, leaves)) * heat
    logits[np.arange(products), truth_of(products) % leaves] += skill
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    images = np.ones(products, np.int16)
    return Predictions(pa.array(np.arange(products)), *top_k(shares.astype("f4"), k), images)


def dense(table: Predictions, leaves: int) -> NDArray[np.float64]:
    """Return the probability of every category, the rest spread evenly, (P, C)."""
    others = table.rest.astype(np.float64) / max(1, leaves - table.k)
    found = np.repeat(others[:, None], leaves, axis=1)
    np.put_along_axis(found, table.categories, table.probabilities.astype(np.float64), 1)
    return found


def write(
    folder: Path, table: Predictions, *, rows: int = 100, model: str = "", leaves: int = LEAVES
) -> Path:
    source = {"model": model or folder.name, "index": "i"}
    writer = PredictionsWriter(folder, taxonomy=make_taxonomy(leaves), source=source)
    for start in range(0, len(table), rows):
        writer.write(table.take(np.arange(start, min(start + rows, len(table)))))
    writer.finish()
    return folder


@dataclass(frozen=True)
class Three:
    """Three models of different skill and k, and the file of the truth."""

    tables: tuple[Predictions, ...]
    folders: tuple[Path, ...]
    truth: Path


@pytest.fixture
def three(tmp_path: Path) -> Callable[..., Three]:
    """Write three models' answers for some products, their parts cut differently."""

    def make(products: int = 300) -> Three:
        tables = tuple(
            invent(products, seed=number, skill=skill, k=k)
            for number, (skill, k) in enumerate([(3.0, 5), (2.0, 4), (0.0, 6)])
        )
        folders = tuple(
            write(tmp_path / f"m{number}", table, rows=70 + 50 * number)
            for number, table in enumerate(tables)
        )
        leaves = make_taxonomy().ids[truth_of(products)]
        lines = [f"{product},{leaf}" for product, leaf in enumerate(leaves.tolist())]
        truth = tmp_path / "truth.csv"
        truth.write_text("_id,category_id\n" + "\n".join(lines) + "\n")
        return Three(tables, folders, truth)

    return make
