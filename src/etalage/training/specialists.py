"""Trains a recipe with parts: each an ordinary MODEL, then one that answers with all of them.

Within the MODEL folder, while it is unfinished::

    parts/NAME/                a MODEL, or its unfinished training
    checkpoints/identity.json  what a run must have in common with this one to go on with it

A part that is finished is not trained again. ``run.json`` has run, identity, parts (the report of
each) and report.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.batches.loader import load
from etalage.batches.order import in_order
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.errors import CatalogueError, ModelError
from etalage.files import read_json, run_record, write_json
from etalage.models.checkpoint import DESCRIPTION, PARTS, Specialists, open_model, save_specialists
from etalage.models.precision import pick_device
from etalage.models.specialists import Member
from etalage.training.evaluate import Answers, check
from etalage.training.finish import TrainReport, already_finished, calibrate
from etalage.training.part import Part
from etalage.training.plan import Data, select
from etalage.training.portion import learnable, portion
from etalage.training.recipe import Recipe
from etalage.training.record import details, write_labels
from etalage.training.resume import (
    CHECKPOINTS,
    RUN,
    check_folder,
    drop_checkpoints,
    require_same,
    start_folder,
)
from etalage.training.start import identify

log = logging.getLogger(__name__)

_TINY = np.finfo(np.float32).tiny
_AGAIN = "start again with --yes"


@dataclass(frozen=True)
class Whole:
    """A training of several parts: the arguments of ``train``."""

    index: Path
    output: Path
    split: Path
    recipe: Recipe
    weights: str
    seed: int
    device: str
    teacher: Path | None


def train_parts(
    whole: Whole, train: Callable[..., TrainReport], *, resume: bool, overwrite: bool
) -> TrainReport:
    """Train all parts that have something to learn from, and write the MODEL of all of them.

    Args:
        whole: what to train.
        train: trains one part: ``train`` with all arguments but folder, recipe and weights.
        resume: go on with what was stopped.
        overwrite: start again.

    Raises:
        Whatever ``train`` raises.
    """
    check_folder(whole.output, resume=resume, overwrite=overwrite)
    opened = open_index(whole.index)
    data = select(opened, read_split(whole.split), whole.recipe)
    identity = identify(
        whole.recipe,
        opened,
        whole.split,
        weights=whole.weights,
        seed=whole.seed,
        teacher=whole.teacher,
    )
    if resume and (whole.output / DESCRIPTION).is_file():
        return already_finished(whole.output, identity)
    parts = _parts_with_products(whole, opened)
    _begin(whole.output, identity, resume=resume)
    reports: dict[str, TrainReport] = {}
    for part in parts:
        folder = whole.output / PARTS / part.name
        weights = str(whole.output / PARTS / part.start) if part.start in reports else whole.weights
        log.info("%s: part %s, %d of %d", whole.output, part.name, len(reports) + 1,
                 len(parts))  # fmt: skip
        recipe = whole.recipe.of(part)
        reports[part.name] = train(folder, recipe=recipe, weights=weights, resume=True)
    return _finish(whole, data, identity, reports)


def _begin(output: Path, identity: dict[str, Any], *, resume: bool) -> None:
    path = output / CHECKPOINTS / "identity.json"
    if resume and path.is_file():
        require_same(path, read_json(path, ModelError, _AGAIN), identity)
    start_folder(output, resume=resume)
    write_json(path, identity)


def _parts_with_products(whole: Whole, opened: Index) -> list[Part]:
    """Return the parts that have a labelled training product, telling the others."""
    rows = read_split(whole.split).rows(opened, "train")
    found = []
    for part in whole.recipe.parts:
        most = whole.recipe.of(part).max_images
        if learnable(portion(opened, part.images, part.count, most), rows):
            found.append(part)
        else:
            log.warning(
                "%s: part %s is left out: no training product has images %s, number %s",
                whole.output, part.name, part.images, part.count,
            )  # fmt: skip
    if not found:
        recipe = whole.recipe
        raise CatalogueError(
            f"{whole.index}: none of the {len(recipe.parts)} parts of recipe {recipe.name!r} has "
            "a labelled training product",
            hint="train one network instead, with --set parts=[]",
        )
    return found


def _finish(
    whole: Whole, data: Data, identity: dict[str, Any], reports: dict[str, TrainReport]
) -> TrainReport:
    """Calibrate the answer of all parts together and write the MODEL, its description last."""
    model = _open(whole, data, reports)
    answered = list(_answers(model, data, whole.recipe))
    temperature, calibrated = calibrate(answered)
    images = _images(data.index, data.examples.rows)
    report = TrainReport(
        model=whole.output,
        recipe=whole.recipe.name,
        epochs=max(report.epochs for report in reports.values()),
        steps=sum(report.steps for report in reports.values()),
        best_step=-1,
        train_products=data.examples.products,
        images=int(images[0].sum()),
        unreadable=int((images[0] - images[1]).sum()),
        without_images=int((images[1] == 0).sum()),
        validation=check(answered, data.index.taxonomy),
        temperature=temperature,
        calibrated_log_loss=calibrated,
        seconds=round(sum(report.seconds for report in reports.values()), 1),
    )
    record = {
        "run": run_record(),
        "identity": identity,
        "parts": {name: each.to_json() for name, each in reports.items()},
        "report": report.to_json(),
        **details(whole.recipe, data),
    }
    write_labels(whole.output, data)
    write_json(whole.output / RUN, record)
    save_specialists(
        whole.output, model.members, model.taxonomy, temperature=temperature, prior=model.prior
    )
    drop_checkpoints(whole.output)
    return report


def _open(whole: Whole, data: Data, reports: dict[str, TrainReport]) -> Specialists:
    members = [
        Member(part.name, part.scope, part.weight, open_model(
            whole.output / PARTS / part.name, device=whole.device))
        for part in whole.recipe.parts
        if part.name in reports
    ]  # fmt: skip
    return Specialists(
        members,
        data.index.taxonomy,
        temperature=1.0,
        prior=data.prior(),
        fingerprint="",
        device=pick_device(whole.device),
    )


def _answers(model: Specialists, data: Data, recipe: Recipe) -> Iterator[Answers]:
    """Yield log-probabilities (P, C) and targets (P,) of the validation products with images."""
    order = in_order(data.validation, recipe.batch_products)
    for batch in load(data.index, order, size=model.size, max_images=model.max_images):
        present = np.unique(batch.product)
        if len(present):
            answer = model.probabilities(batch.pixels, batch.product, batch.rank, len(batch.rows))
            targets = data.labels[batch.rows[present]].astype(np.int64)
            yield np.log(np.maximum(answer[present], _TINY)), targets


def _images(index: Index, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of images of products, and of those with a readable header, (2, P)."""
    readable = np.concatenate([[0], np.cumsum(index.readable)])
    start, count = index.image_start[rows], index.image_count[rows].astype(np.int64)
    return np.stack([count, readable[start + count] - readable[start]])
