"""MODEL folders for reports: all their files but the weights, which no report reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter

RECIPE = {"name": "tiny", "backbone": "test_byobnet", "epochs": 2, "mixup": 0.0}
LINES: list[dict[str, Any]] = [
    {"step": 1, "epoch": 1, "loss": 2.5, "learning_rate": 1e-3, "products_per_second": 9.5},
    {"step": 2, "epoch": 1, "loss": 2.0, "learning_rate": 2e-3, "products_per_second": 10.0,
     "images_per_second": 20.0, "image_size": 32},
    {"step": 2, "epoch": 1, "validation":
     {"products": 40, "level1": 0.7, "level2": 0.6, "level3": 0.5, "log_loss": 1.25}},
    {"step": 4, "epoch": 2, "loss": 1.5, "learning_rate": 0.0, "products_per_second": 11.0},
    {"step": 4, "epoch": 2, "validation":
     {"products": 40, "level1": 0.9, "level2": 0.9, "level3": 0.8, "log_loss": 0.75}},
]  # fmt: skip


def answers(truth: np.ndarray[Any, Any], leaves: int) -> np.ndarray[Any, Any]:
    """Return probabilities: right but for every fourth of row 0, and every eighth of row 1."""
    said = truth.copy()
    said[np.flatnonzero(truth == 0)[::4]] = 1
    said[np.flatnonzero(truth == 1)[::8]] = 0
    said[np.flatnonzero(truth == 2)[:1]] = 0
    found = np.full((len(truth), leaves), 0.02, np.float32)
    found[np.arange(len(truth)), said] = 0.5 + 0.4 * np.arange(len(truth)) / len(truth)
    return found


def write_answers(
    folder: Path, taxonomy: Taxonomy, ids: pa.Array, truth: np.ndarray[Any, Any], images: Any
) -> None:
    """Write ``validation`` and ``validation.csv``."""
    writer = PredictionsWriter(folder / "validation", taxonomy=taxonomy, source={})
    top = top_k(answers(truth, len(taxonomy)))
    writer.write(Predictions(ids, *top, np.asarray(images, np.int16)))
    writer.finish()
    lines = zip(ids.to_pylist(), taxonomy.ids[truth].tolist(), strict=True)
    rows = "".join(f"{product},{category}\n" for product, category in lines)
    (folder / "validation.csv").write_text(f"_id,category_id\n{rows}", encoding="utf-8")


def run_of(index: Index, counts: list[int]) -> dict[str, Any]:
    """Return a ``run.json``."""
    return {
        "run": {"command": "etalage train", "etalage": "1.0", "machine": "m", "time": "t"},
        "identity": {"recipe": RECIPE, "seed": 3, "index": index.fingerprint, "split": "s"},
        "changed": {"epochs": 9},
        "category_products": counts,
        "plan": {"classes": len(counts), "train_products": sum(counts), "device": "cpu"},
        "report": {
            "train_products": sum(counts), "images": 80, "unreadable": 2, "without_images": 1,
            "epochs": 2, "steps": 4, "best_step": 4, "temperature": 1.25, "seconds": 2.5,
            "calibrated_log_loss": 0.7, "validation": LINES[-1]["validation"],
        },
    }  # fmt: skip


def write_model(folder: Path, shop: Path) -> Path:
    """Write a MODEL trained on an index, whose labelled products with images it answers."""
    index = open_index(shop)
    folder.mkdir()
    rows = np.flatnonzero((index.labels >= 0) & (index.image_count > 0))
    truth, ids = index.labels[rows], index.product_ids.take(pa.array(rows))
    write_answers(folder, index.taxonomy, ids, truth, index.image_count[rows])
    counts = [1, 5, 50, 0]
    write(folder / "run.json", run_of(index, counts[: len(index.taxonomy)]))
    write(folder / "model.json", {"schema": 1, "categories": categories(index.taxonomy)})
    lines = "".join(json.dumps(line) + "\n" for line in LINES)
    (folder / "metrics.jsonl").write_text(lines, encoding="utf-8")
    return folder


def categories(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Return the ``categories`` of ``model.json``."""
    pairs = zip(taxonomy.ids.tolist(), taxonomy.paths, strict=True)
    return [{"id": leaf, "path": path, "prior": 0.25} for leaf, path in pairs]


def write(path: Path, document: Any) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(document), encoding="utf-8")


def change(path: Path, **values: Any) -> None:
    """Set keys of a JSON file; None removes them."""
    document = json.loads(path.read_text(encoding="utf-8")) | values
    write(path, {key: value for key, value in document.items() if value is not None})
