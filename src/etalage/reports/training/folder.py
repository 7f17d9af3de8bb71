"""What the files of a MODEL say; neither its weights nor PyTorch are needed.

    model.json        categories with their prior; ``parts`` where it is made of other models
    run.json          recipe, plan and result of the training; ``changed``: what the named recipe
                      says of each value that was set to another; ``category_products``: training
                      products of each category, ascending by id
    metrics.jsonl     the course of the training
    validation/       PREDICTIONS of the validation products
    validation.csv    their given labels, ``_id,category_id``

All but ``model.json`` may be absent, and of ``run.json`` any key: then that much less is known.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import CatalogueError, ModelError, PredictionsError
from etalage.files import read_json
from etalage.predictions.folder import PredictionsTable, read_predictions
from etalage.predictions.labelled_csv import read_labelled_csv
from etalage.predictions.product_ids import positions

DESCRIPTION, RUN, METRICS = "model.json", "run.json", "metrics.jsonl"
VALIDATION, LABELS = "validation", "validation.csv"
_AGAIN = "train it again with: etalage train INDEX -o MODEL --split SPLIT --yes"


@dataclass(frozen=True, eq=False)
class Trained:
    """The files of a MODEL, read.

    Attributes:
        folder: where they lie.
        description: ``model.json``.
        record: ``run.json``, empty where there is none.
        lines: ``metrics.jsonl``.
        answers: the validation products with their answers, None where there are none.
    """

    folder: Path
    description: dict[str, Any]
    record: dict[str, Any]
    lines: list[dict[str, Any]]
    answers: PredictionsTable | None

    def part(self, name: str) -> dict[str, Any]:
        """Return an object of ``run.json``, empty where it is absent."""
        found = self.record.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def is_flat(self) -> bool:
        """Whether the taxonomy has leaves only."""
        if self.answers is not None:
            return self.answers.taxonomy.is_flat
        categories = self.description.get("categories") or []
        return bool(categories) and not any(any(each["path"][:2]) for each in categories)

    def training_products(self, taxonomy: Taxonomy) -> NDArray[np.int64] | None:
        """Return the training products of each category, (C,); None where nothing says so."""
        categories = self.description.get("categories")
        if not categories:
            return None
        counts = self.record.get("category_products")
        if counts is None or len(counts) != len(categories):
            every = self.part("plan").get("train_products", 0)
            counts = [round(category.get("prior", 0.0) * every) for category in categories]
        rows = taxonomy.rows(np.array([category["id"] for category in categories], np.int64))
        found = np.zeros(len(taxonomy) + 1, np.int64)  # the last one for what is no leaf
        found[rows] = counts
        return found[:-1] if found[:-1].any() else None


def read_trained(folder: Path, *, answers: bool = True) -> Trained:
    """Read the files of a MODEL.

    Args:
        folder: the MODEL.
        answers: whether to read those of the validation products.

    Raises:
        ModelError: one of them is damaged.
        PredictionsError: the predictions of its validation products are.
    """
    run, validation = folder / RUN, folder / VALIDATION
    return Trained(
        folder,
        read_json(folder / DESCRIPTION, ModelError, _AGAIN),
        read_json(run, ModelError, _AGAIN) if run.is_file() else {},
        _read_lines(folder / METRICS),
        read_predictions(validation) if answers and validation.is_dir() else None,
    )


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{path}: line {number}: is no JSON: {error}", hint=_AGAIN) from error
        if not isinstance(line, dict):
            raise ModelError(f"{path}: line {number}: is no JSON object", hint=_AGAIN)
        lines.append(line)
    return lines


def given_labels(trained: Trained, index: Index | None) -> NDArray[np.int32] | None:
    """Return the given label of each validation product as a leaf row, -1 for none, (P,).

    Args:
        trained: a MODEL with answers.
        index: where the labels are looked up if the MODEL does not hold them.

    Returns:
        None where nobody knows them.

    Raises:
        PredictionsError: the file of labels is damaged.
    """
    answers = trained.answers
    if answers is None:
        return None
    if (trained.folder / LABELS).is_file():
        table = read_labelled_csv(trained.folder / LABELS, answers.taxonomy, error=PredictionsError)
        ids, labels = table.product_ids, answers.taxonomy.rows(table.categories)
    elif index is not None:
        ids = index.product_ids
        labels = _append(answers.taxonomy.rows(index.taxonomy.ids))[index.labels]
    else:
        return None
    return _append(labels)[positions(answers.product_ids, ids)]


def _append(rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Put a -1 at the end, which is what row -1 then means."""
    return np.append(rows, np.int32(-1))


def require_same_index(trained: Trained, index: Index) -> None:
    """Raise ``CatalogueError`` when the model was trained on another index."""
    known = trained.part("identity").get("index")
    if known is not None and known != index.fingerprint:
        raise CatalogueError(
            f"{index.folder}: is not the index that {trained.folder} was trained on: its "
            f"fingerprint is {index.fingerprint}, expected {known}",
            hint="give that INDEX, or leave out --index: the page then has no pictures",
        )
