"""How a training ends: the best weights are calibrated and become the MODEL.

``validation/`` of the MODEL is a PREDICTIONS folder: the calibrated answers for the validation
products that were looked at, top 20, in the order of the index.

``run.json`` of the MODEL: run (command, versions, machine, time), identity (recipe with all its
values, seed, weights, fingerprints of index, split and taxonomy: what a resumed run must have in
common), architecture, plan (what was derived: steps, warm-up, classes...), report (the result).
"""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from etalage.calibration.temperature import fit_temperature, log_loss
from etalage.errors import ModelError
from etalage.files import fingerprint_bytes, read_json, run_record, write_json
from etalage.models.checkpoint import Architecture, save_model
from etalage.predictions.table import TOP, Predictions, top_k
from etalage.predictions.writer import PredictionsWriter
from etalage.training.evaluate import Answers, Evaluation, answers, check, gathered
from etalage.training.loop import Job, Loop
from etalage.training.plan import Data
from etalage.training.record import details, write_labels
from etalage.training.resume import RUN, VALIDATION, drop_checkpoints, require_same, restore_best
from etalage.training.tally import peak_memory

log = logging.getLogger(__name__)

_RETRAIN = "train it again with --yes"
_PART = 4096
"""Validation products that are written at a time."""
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
        expected_seconds: what it was expected to take by the last run's first steps, None where
            there were too few.
        peak_memory: most memory of the GPU, or of the process, that the last run used, in bytes.
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
    expected_seconds: float | None = None
    peak_memory: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self) | {"model": str(self.model)}


def finish(job: Job, loop: Loop, architecture: Architecture) -> TrainReport:
    """Calibrate the best weights and write the MODEL, its description last.

    Every process answers its share of the validation products; the first one writes.
    """
    network, team = loop.network, job.team
    if team.first:
        restore_best(job.folder, network)
    team.same_start(network)
    own = answers(network, job.data, job.source, job.recipe, job.plan, team)
    table = gathered(own, job.data, job.recipe, team)
    report = _write(job, loop, architecture, table) if team.first else None
    told: TrainReport = team.told(report)
    return told


def _write(job: Job, loop: Loop, architecture: Architecture, table: Answers) -> TrainReport:
    """Write all files of the MODEL; ``table`` holds the answers of the best weights."""
    data, prior = job.data, job.data.prior()
    temperature, calibrated = calibrate(table.seen(), data)
    report = _report(job, loop, table, temperature, calibrated)
    write_validation(job.folder, job.identity, data, table, prior=prior, temperature=temperature)
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
        loop.network,
        architecture,
        data.index.taxonomy,
        temperature=temperature,
        prior=prior,
    )
    drop_checkpoints(job.folder)
    return report


def _report(
    job: Job, loop: Loop, table: Answers, temperature: float, calibrated: float | None
) -> TrainReport:
    state = loop.state
    return TrainReport(
        model=job.folder,
        recipe=job.recipe.name,
        epochs=-(-state.step // job.plan.steps_per_epoch),
        steps=state.step,
        best_step=state.best_step,
        train_products=job.data.examples.products,
        images=state.images,
        unreadable=state.unreadable,
        without_images=state.without_images,
        validation=check([table], job.data),
        temperature=temperature,
        calibrated_log_loss=calibrated,
        seconds=round(state.seconds, 1),
        expected_seconds=loop.pace.expected,
        peak_memory=peak_memory(job.plan.device),
    )


def calibrate(table: Answers, data: Data) -> tuple[float, float | None]:
    """Return the temperature, and the log-loss with it (None without validation products)."""
    if not len(table.rows):
        return 1.0, None
    targets = data.labels[table.rows].astype(np.int64)
    enough = len(targets) >= _ENOUGH_TO_FIT
    temperature = fit_temperature(table.logits, targets) if enough else 1.0
    return temperature, log_loss(table.logits, targets, temperature)


def write_validation(
    folder: Path,
    identity: dict[str, Any],
    data: Data,
    table: Answers,
    *,
    prior: NDArray[np.float32],
    temperature: float,
) -> None:
    """Write the PREDICTIONS of the validation products; nothing where there are none."""
    if not len(table.rows):
        return
    source = {
        "training": fingerprint_bytes(json.dumps(identity).encode()),
        "index": identity["index"],
        "split": identity["split"],
        "part": "validation",
        "max_images": identity["recipe"]["max_images"],
        "top": TOP,
    }
    taxonomy, count = data.index.taxonomy, len(table.rows)
    writer = PredictionsWriter(
        folder / VALIDATION, taxonomy=taxonomy, source=source, products=count, overwrite=True
    )
    for start in range(writer.done_products, count, _PART):
        part = slice(start, start + _PART)
        writer.write(_predicted(data, table, part, prior, temperature))
    writer.finish()


def _predicted(
    data: Data, table: Answers, part: slice, prior: NDArray[np.float32], temperature: float
) -> Predictions:
    """Return the most probable categories; of a product without a readable image the prior's."""
    logits = torch.from_numpy(table.logits[part])
    probabilities = (logits / temperature).softmax(1).numpy()
    probabilities[table.images[part] == 0] = prior
    ids = data.index.product_ids.take(pa.array(table.rows[part]))
    images = table.images[part].clip(max=2**15 - 1).astype(np.int16)
    return Predictions(ids, *top_k(probabilities), images)


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
