"""The BLEND folder: how to blend the answers of certain models, fitted where the truth is known.

    blend.json              the mean, its weights, what they were fitted on and what that gained
    ranker.safetensors      where there is a second level: its trees (see ``trees``)
    fold-0.safetensors ...  trees fitted without a fold
    fitted.parquet          product_id, and the fold (int8) it was in
    prior.safetensors       ``prior`` float32 (C,): mean probability of each category
    run.json                command, versions, machine, time

``blend.json``, schema 1::

    {"artefact": "blend", "schema": 1, "mean": "geometric", "exponent": 0.0, "weights": [0.6, 0.4],
     "categories": {"count": 5270, "hash": "..."}, "members": [{"model": "..."}, ...],
     "fitted_on": {"truth": "given", "products": 50000, "file": "...", "split": null, "part": null},
     "figures": {"members": [{"log_loss": 1.2, "accuracy": 0.7}, ...], "equal": {...},
                 "weights": {...}, "ranker": {...}},
     "ranker": {"candidates": 10, "folds": 5, "temperature": 0.9, "seed": 0, "features": [...]}}

``model`` is the fingerprint that the predictions record, or null. ``ranker`` is null without a
second level. Nothing in it is executed: numbers in JSON, safetensors and Parquet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from etalage.blending.aligned import Members
from etalage.blending.features import names
from etalage.blending.means import Mean, make_mean
from etalage.blending.ranker import Ranker, branches
from etalage.blending.trees import AGAIN, read_trees, write_trees
from etalage.errors import ConfigError, PredictionsError
from etalage.files import fingerprint, fingerprint_bytes, read_json, run_record, write_json
from etalage.predictions.manifest import taxonomy_hash
from etalage.predictions.product_ids import as_ids, positions

NAME = "blend.json"
SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Fitted:
    """A BLEND, read.

    Attributes:
        path: the folder.
        document: ``blend.json``.
        mean: the weighted mean.
        fingerprint: of all that answers depend on.
        product_ids: what the second level was fitted on, (n,).
        fold: the fold of each of these, (n,).
        ranker: the second level, or None.
    """

    path: Path
    document: dict[str, Any]
    mean: Mean
    fingerprint: str
    product_ids: pa.Array
    fold: NDArray[np.int8]
    ranker: Ranker | None

    def folds(self, ids: pa.Array) -> NDArray[np.int8]:
        """Return the fold of each product, -1 for those that nothing was fitted on."""
        return np.append(self.fold, np.int8(-1))[positions(ids, self.product_ids)]


def member_record(members: Members) -> list[dict[str, Any]]:
    """Return what tells which models answered."""
    return [{"model": opened.manifest.source.get("model")} for opened in members.opened]


def write_fitted(
    folder: Path,
    document: dict[str, Any],
    ranker: Ranker | None,
    product_ids: pa.Array,
    fold: NDArray[np.int8],
) -> None:
    """Write a BLEND into an empty folder."""
    if ranker is not None:
        write_trees(ranker.trees, folder / "ranker.safetensors")
        for number, trees in enumerate(ranker.folds):
            write_trees(trees, folder / f"fold-{number}.safetensors")
        (folder / "prior.safetensors").write_bytes(save({"prior": ranker.prior}))
        table = pa.table({"product_id": product_ids, "fold": pa.array(fold, pa.int8())})
        pq.write_table(table, folder / "fitted.parquet", compression="zstd")
    write_json(folder / NAME, document)
    write_json(folder / "run.json", run_record())


def open_fitted(folder: Path, members: Members) -> Fitted:
    """Read a BLEND that is to be applied to some predictions.

    Raises:
        PredictionsError: none, of another schema, damaged, or fitted on other models or categories.
    """
    document = _document(folder)
    _require_fit(folder, document, members)
    try:
        mean = _mean(document)
        described = document["ranker"]
        files = [NAME]
        ids, fold, ranker = pa.array([], pa.int64()), np.empty(0, np.int8), None
        if described is not None:
            ids, fold = _products(folder / "fitted.parquet")
            ranker = _ranker(folder, described, members)
            files += ["ranker.safetensors", "prior.safetensors", "fitted.parquet"]
            files += [f"fold-{number}.safetensors" for number in range(len(ranker.folds))]
    except (KeyError, TypeError, ValueError) as cause:
        if isinstance(cause, ConfigError):
            raise PredictionsError(f"{folder / NAME}: {cause.message}", hint=AGAIN) from cause
        raise PredictionsError(f"{folder / NAME}: is damaged: {cause!r}", hint=AGAIN) from cause
    prints = [fingerprint(folder / name).encode() for name in files]
    return Fitted(folder, document, mean, fingerprint_bytes(*prints), ids, fold, ranker)


def _document(folder: Path) -> dict[str, Any]:
    document = read_json(folder / NAME, PredictionsError, hint=AGAIN)
    version = document.get("schema")
    if document.get("artefact") != "blend" or version != SCHEMA:
        raise PredictionsError(
            f"{folder / NAME}: is {document.get('artefact')} of schema {version}, "
            f"expected blend of schema {SCHEMA}",
            hint=AGAIN,
        )
    return document


def _require_fit(folder: Path, document: dict[str, Any], members: Members) -> None:
    fitted: Sequence[dict[str, Any]] = document.get("members", [])
    if len(fitted) != len(members):
        raise PredictionsError(
            f"{folder}: was fitted on {len(fitted)} predictions, {len(members)} are given",
            hint="give the same models, in the same order",
        )
    now = member_record(members)
    for number, (then, opened) in enumerate(zip(now, members.opened, strict=True)):
        wanted = fitted[number].get("model")
        if None not in (wanted, then["model"]) and wanted != then["model"]:
            raise PredictionsError(
                f"{opened.folder}: is of model {then['model']}, where {folder} was fitted on "
                f"model {wanted}, number {number + 1} of {len(members)}",
                hint="give the same models, in the same order",
            )
    if document.get("categories", {}).get("hash") != taxonomy_hash(members.taxonomy):
        raise PredictionsError(
            f"{folder}: was fitted on another taxonomy, of "
            f"{document.get('categories', {}).get('count')} categories; {members.opened[0].folder} "
            f"has {len(members.taxonomy):,}",
            hint=AGAIN,
        )


def _mean(document: dict[str, Any]) -> Mean:
    name, weights = document["mean"], document["weights"]
    return make_mean(name, len(weights), weights, document["exponent"] if name == "power" else None)


def _products(path: Path) -> tuple[pa.Array, NDArray[np.int8]]:
    try:
        table = pq.read_table(path)
        fold = table["fold"].to_numpy().astype(np.int8)
        return as_ids(table["product_id"]), fold
    except (pa.ArrowException, OSError) as cause:
        raise PredictionsError(f"{path}: cannot be read: {cause}", hint=AGAIN) from cause


def _ranker(folder: Path, described: dict[str, Any], members: Members) -> Ranker:
    every = [f"fold-{number}" for number in range(int(described["folds"]))]
    trees = [read_trees(folder / f"{name}.safetensors") for name in ("ranker", *every)]
    wanted = len(names(len(members)))
    if any(int(each.columns[0]) != wanted for each in trees):
        raise PredictionsError(f"{folder}: its trees do not look at {wanted} features", hint=AGAIN)
    path = folder / "prior.safetensors"
    try:
        prior = load(path.read_bytes())["prior"]
    except (OSError, SafetensorError, KeyError) as cause:
        raise PredictionsError(f"{path}: cannot be read: {cause}", hint=AGAIN) from cause
    if prior.shape != (len(members.taxonomy),) or prior.dtype != np.float32:
        raise PredictionsError(f"{path}: is damaged: no share for each category", hint=AGAIN)
    candidates, temperature = int(described["candidates"]), float(described["temperature"])
    if not (1 <= candidates <= max(members.kept) and temperature > 0):
        raise PredictionsError(
            f"{folder}: ranks {candidates} candidates, {max(members.kept)} are kept here",
            hint=AGAIN,
        )
    nodes = branches(members.taxonomy)
    return Ranker(trees[0], tuple(trees[1:]), candidates, temperature, prior, nodes)
