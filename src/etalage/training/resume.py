"""Checkpoints of an unfinished training, and going on from them.

Within the MODEL folder::

    checkpoints/step-00001200.pt  after so many steps, the last ones: a dictionary of schema,
                                  identity (JSON: recipe, seed, weights, index, split, taxonomy),
                                  architecture (JSON), state, network, optimiser, average (of the
                                  weights, or None); tensors and plain values only
    checkpoints/best.safetensors  the network with the best validation accuracy so far
    metrics.jsonl                 one JSON object a line, appended as training goes

What is random in a step derives from the seed and the number of the step, so nothing of it is kept.
"""

import json
import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from etalage.calibration.artefact import IN_MODEL
from etalage.errors import ModelError, OutputError
from etalage.files import refuse_existing, whole_file, writing
from etalage.models.checkpoint import DESCRIPTION, PARTS, WEIGHTS
from etalage.models.weights import DAMAGE, read_tensors
from etalage.training.record import LABELS

log = logging.getLogger(__name__)

SCHEMA = 2
CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
RUN = "run.json"
BEST = "best.safetensors"
VALIDATION = "validation"
_OURS = {DESCRIPTION, WEIGHTS, RUN, METRICS, CHECKPOINTS, VALIDATION, LABELS, PARTS, IN_MODEL}
_AGAIN = "start again with --yes, or choose another -o"


@dataclass
class State:
    """How far a training is.

    Attributes:
        step: steps done.
        seconds: time spent, over all runs.
        loss_sum: of the products since the last line of metrics.
        loss_weight: their number.
        images: images asked for in this epoch.
        unreadable: those of them that cannot be read.
        without_images: products of this epoch without a readable image.
        best_step: the step of the best evaluation, -1 before the first.
        best_accuracy: its accuracy on the leaf.
        best_log_loss: its log-loss.
    """

    step: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    images: int = 0
    unreadable: int = 0
    without_images: int = 0
    best_step: int = -1
    best_accuracy: float = -1.0
    best_log_loss: float = 0.0


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Check that a training may write to ``folder``.

    Raises:
        OutputError: a finished or half-made model stands there and neither option allows it, or
            the folder holds other things.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is no folder", hint="choose another -o")
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if foreign := sorted(name for name in found - _OURS if not name.startswith(".")):
        raise OutputError(
            f"{folder}: holds {foreign[0]!r}, which is no part of a model", hint="choose another -o"
        )
    if not found or resume or overwrite:
        return
    if DESCRIPTION in found:
        refuse_existing(folder, overwrite=False)
    raise OutputError(
        f"{folder}: holds a training that has not ended",
        hint="go on with --resume, or start again with --yes",
    )


def start_folder(folder: Path, *, resume: bool) -> None:
    """Make the folder, without what an earlier training left unless it goes on."""
    with writing(folder):
        if not resume:
            # The description first: what is left is no model at any moment.
            for name in (DESCRIPTION, WEIGHTS, RUN, METRICS, LABELS, IN_MODEL):
                (folder / name).unlink(missing_ok=True)
            for name in (CHECKPOINTS, VALIDATION, PARTS):
                shutil.rmtree(folder / name, ignore_errors=True)
        (folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)


def save_checkpoint(
    folder: Path,
    identity: dict[str, Any],
    architecture: dict[str, Any],
    state: State,
    *,
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, Tensor] | None = None,
    keep: int = 0,
) -> None:
    """Write a checkpoint, whole or not at all, then drop all before it but the last ``keep``."""
    document = {
        "schema": SCHEMA,
        "identity": json.dumps(identity),
        "architecture": json.dumps(architecture),
        "state": asdict(state),
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average,
    }
    place = folder / CHECKPOINTS / f"step-{state.step:08d}.pt"
    with whole_file(place, overwrite=True) as part:
        torch.save(document, part)
    for old in _newest_first(folder)[1 + keep :]:
        old.unlink()


def _newest_first(folder: Path) -> list[Path]:
    return sorted((folder / CHECKPOINTS).glob("step-*.pt"), reverse=True)


def read_checkpoint(folder: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Read the newest checkpoint that is not damaged; None where there is none.

    Raises:
        ModelError: all are damaged, or it has another schema or is of a training with another
            identity.
    """
    damaged: list[Path] = []
    for path in _newest_first(folder):
        document = _load(path)
        if document is None:
            damaged.append(path)
            continue
        if document.get("schema") != SCHEMA:
            message = f"{path}: has schema {document.get('schema')}, this version reads {SCHEMA}"
            raise ModelError(message, hint=_AGAIN)
        require_same(path, json.loads(document["identity"]), identity)
        for each in damaged:
            log.warning("%s: cannot be read, it is damaged: the one before it is taken", each)
        return document
    if damaged:
        raise ModelError(f"{damaged[0]}: cannot be read, it is damaged", hint=_AGAIN)
    return None


def _load(path: Path) -> dict[str, Any] | None:
    """Return what a checkpoint holds, None when it is damaged."""
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, *DAMAGE):
        return None
    return document if isinstance(document, dict) else None


def require_same(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Check that a training to go on with is the one that was begun.

    Raises:
        ModelError: it is not; the message names what differs.
    """
    old, new = _flat(before), _flat(now)
    differing = [key for key in new if old.get(key) != new[key]]
    if differing:
        told = ", ".join(f"{key} ({new[key]} now, {old.get(key)} then)" for key in differing[:4])
        raise ModelError(
            f"{path}: belongs to another training, it differs in {told}",
            hint="resume with the options it was begun with; or " + _AGAIN,
        )


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        inner = value.items() if key == "recipe" else [("", value)]
        flat |= {".".join(filter(None, (key, name))): each for name, each in inner}
    return flat


class Metrics:
    """``metrics.jsonl``: appended line by line, cut back to a step on resuming."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / METRICS
        kept = [line for line in self._lines() if 0 <= _step(line) <= step]
        with whole_file(self.path, overwrite=True) as part:
            part.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def _lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []

    def write(self, **values: Any) -> None:  # noqa: ANN401  any JSON value
        """Append one line."""
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")


def _step(line: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return -1  # a line that a crash cut


def restore_best(folder: Path, network: nn.Module) -> None:
    """Load the best weights so far into ``network``."""
    network.load_state_dict(read_tensors(folder / CHECKPOINTS / BEST))


def drop_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a training that has ended."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
