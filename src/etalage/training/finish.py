"""How a training ends: the best weights are calibrated and become the MODEL.

``run.json`` of the MODEL: run (command, versions, machine, time), identity (recipe with all its
values, seed, weights, fingerprints of index, split and taxonomy: what a resumed run must have in
common), architecture, plan (what was derived: steps, warm-up, classes...), report (the result).
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etalage.errors import ModelError
from etalage.files import read_json, run_record, write_json
from etalage.models.checkpoint import Architecture, save_model
from etalage.predictions.calibration import fit_temperature, log_loss
from etalage.training.evaluate import Answers, Evaluation, answers, check
from etalage.training.loop import Job, Loop
from etalage.training.record import details, write_labels
from etalage.training.resume import RUN, drop_checkpoints, require_same, restore_best

log = logging.getLogger(__name__)

_RETRAIN = "train it again with --yes"
_ENOUGH_TO_FIT = 50
"""Validation products that a temperature can be fitted on; from fewer it is noise."""


@dataclass(frozen=True)
class TrainReport:
    """What came out of a training.

    Attributes:
        model: the MODEL folder.
        recipe: name of the recipe.
        epochs: epochs trained.
        steps: steps trained.
        best_step: the step whose weights were kept.
        train_products: products learned from.
        images: images of them.
        unreadable: images of them that cannot be read.
        without_images: products among them without a readable image, left out.
        validation: the kept weights on the validation products, None without such.
        temperature: what logits are divided by.
        calibrated_log_loss: log-loss on the validation products with that temperature.
        seconds: spent on it, over all runs.
    """

    model: Path
    recipe: str
    epochs: int
    steps: int
    best_step: int
    train_products: int
    images: int
    unreadable: int
    without_images: int
    validation: Evaluation | None
    temperature: float
    calibrated_log_loss: float | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self) | {"model": str(self.model)}


def finish(job: Job, loop: Loop, architecture: Architecture) -> TrainReport:
    """Calibrate the best weights and write the MODEL, its description last."""
    network, data, state = loop.network, job.data, loop.state
    restore_best(job.folder, network)
    answered = list(answers(network, data, job.source, job.recipe, job.plan))
    temperature, calibrated = calibrate(answered)
    report = TrainReport(
        model=job.folder,
        recipe=job.recipe.name,
        epochs=job.recipe.epochs,
        steps=state.step,
        best_step=state.best_step,
        train_products=data.examples.products,
        images=state.images,
        unreadable=state.unreadable,
        without_images=state.without_images,
        validation=check(answered, data.index.taxonomy),
        temperature=temperature,
        calibrated_log_loss=calibrated,
        seconds=round(state.seconds, 1),
    )
    record = {
        "run": run_record(),
        "identity": job.identity,
        "architecture": job.architecture,
        "plan": job.plan.record(),
        "report": report.to_json(),
        **details(job.recipe, data),
    }
    write_labels(job.folder, data)
    write_json(job.folder / RUN, record)
    save_model(
        job.folder,
        network,
        architecture,
        data.index.taxonomy,
        temperature=temperature,
        prior=data.prior(),
    )
    drop_checkpoints(job.folder)
    return report


def calibrate(batches: list[Answers]) -> tuple[float, float | None]:
    """Return the temperature, and the log-loss with it (None without validation products)."""
    if not batches:
        return 1.0, None
    logits = np.concatenate([logits for logits, _ in batches])
    targets = np.concatenate([targets for _, targets in batches])
    temperature = fit_temperature(logits, targets) if len(targets) >= _ENOUGH_TO_FIT else 1.0
    return temperature, log_loss(logits, targets, temperature)


def already_finished(folder: Path, identity: dict[str, Any]) -> TrainReport:
    """Return the report of a training that has ended.

    Raises:
        ModelError: it was another training.
    """
    record = read_json(folder / RUN, ModelError, _RETRAIN)
    require_same(folder / RUN, record["identity"], identity)
    log.info("%s: its training has ended already", folder)
    values = record["report"]
    validation = Evaluation(**values["validation"]) if values["validation"] else None
    return TrainReport(**values | {"model": folder, "validation": validation})
