"""The training loop: epochs, what is counted and written on the way, checkpoints.

The order of an epoch derives from the seed and its number, what is random in a step from the seed
and the step's: a training that was stopped anywhere and resumed ends with the same numbers, on the
same machine with the same number of threads.
"""

import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from etalage.batches.loader import Batch
from etalage.batches.order import shuffled
from etalage.embedding.batches import FeatureBatch
from etalage.errors import CatalogueError, ModelError
from etalage.models.checkpoint import save_weights
from etalage.models.network import ProductModel
from etalage.training.evaluate import Evaluation, evaluate
from etalage.training.plan import Data, Plan
from etalage.training.progress import Progress, Report
from etalage.training.recipe import Recipe
from etalage.training.resume import BEST, CHECKPOINTS, Metrics, State, save_checkpoint
from etalage.training.schedule import learning_rate
from etalage.training.source import Source
from etalage.training.step import learn

log = logging.getLogger(__name__)

_ENOUGH_IMAGES = 200
"""Images of an epoch to have seen before their unreadable share says anything."""
_LOSSES_AT_ONCE = 20
"""Losses fetched from a GPU together: each fetch makes it wait."""


@dataclass(frozen=True, eq=False)
class Job:
    """All that stays the same during a training.

    Attributes:
        folder: the MODEL to be.
        data: what to learn from.
        source: of its batches.
        recipe: how.
        plan: what was derived from both.
        seed: of everything random.
        identity: what a run must have in common with this one to resume it.
        architecture: of the network, as JSON knows it.
    """

    folder: Path
    data: Data
    source: Source
    recipe: Recipe
    plan: Plan
    seed: int
    identity: dict[str, Any]
    architecture: dict[str, Any]


class Loop:
    """A training under way: a network, its optimiser, and how far they are."""

    def __init__(
        self, job: Job, network: ProductModel, optimiser: torch.optim.Optimizer, state: State
    ) -> None:
        self.job = job
        self.network = network
        self.optimiser = optimiser
        self.state = state
        self.metrics = Metrics(job.folder, state.step)
        self._losses: list[tuple[int, Tensor]] = []
        self._loss = math.nan
        self._clock = self._saved = time.monotonic()
        self._products, self._busy = 0, 0.0
        self._at_once = _LOSSES_AT_ONCE if job.plan.device.startswith("cuda") else 1

    def run(self, report: Report) -> None:
        """Train to the end of the last epoch, calling ``report`` after each step.

        Raises:
            ModelError: the loss is no finite number.
            CatalogueError: too many images cannot be read.
        """
        while self.state.step < self.job.plan.steps:
            self._epoch(self.state.step // self.job.plan.steps_per_epoch, report)

    def _epoch(self, epoch: int, report: Report) -> None:
        recipe, plan, data = self.job.recipe, self.job.plan, self.job.data
        done = self.state.step % plan.steps_per_epoch
        if not done:
            self.state.images = self.state.unreadable = self.state.without_images = 0
        order = shuffled(data.train, recipe.batch_products, seed=self.job.seed, epoch=epoch)
        self.network.train()
        started = time.monotonic()
        for batch in self.job.source.batches(order.after(done)):
            self._step(batch)
            self._busy += time.monotonic() - started
            self._products += len(batch.rows)
            self._write_what_is_due(epoch)
            report(self._progress(epoch))
            started = time.monotonic()
        self._end_epoch(epoch)

    def _step(self, batch: Batch | FeatureBatch) -> None:
        job, state = self.job, self.state
        state.images += len(batch.product) + len(batch.unreadable)
        state.unreadable += len(batch.unreadable)
        state.without_images += len(batch.rows) - len(set(batch.product.tolist()))
        loss = learn(
            self.network,
            self.optimiser,
            batch,
            job.data,
            state.step,
            recipe=job.recipe,
            plan=job.plan,
            seed=job.seed,
        )
        if loss is not None:
            self._losses.append((state.step, loss))
        state.step += 1

    def _write_what_is_due(self, epoch: int) -> None:
        plan, step = self.job.plan, self.state.step
        last = step % plan.steps_per_epoch == 0
        line = last or step % plan.log_every == 0
        unsaved = time.monotonic() - self._saved
        # After an epoch's last step the evaluation comes first, or a resumed run would miss it.
        save = not last and unsaved >= 60 * self.job.recipe.checkpoint_minutes
        if line or save or len(self._losses) >= self._at_once:
            self._fetch_losses()
        if line:
            self._check_images(whole=last)
            self._write_line(epoch)
        if save:
            self._save()

    def _fetch_losses(self) -> None:
        if not self._losses:
            return
        values = torch.stack([loss for _, loss in self._losses]).tolist()
        for (step, _), value in zip(self._losses, values, strict=True):
            if not math.isfinite(value):
                raise self._diverged(step, value)
        self._losses.clear()
        self._loss = values[-1]
        self.state.loss_sum += sum(values)
        self.state.loss_steps += len(values)

    def _diverged(self, step: int, value: float) -> ModelError:
        rate = self.job.recipe.learning_rate
        return ModelError(
            f"{self.job.folder}: the loss is {value} at step {step + 1} of {self.job.plan.steps}, "
            "the last good checkpoint stands",
            hint=f"start again with --yes --set learning_rate={rate / 3:.2g}, "
            "or with --set precision=none",
        )

    def _check_images(self, *, whole: bool) -> None:
        state, most = self.state, self.job.recipe.max_unreadable
        enough = whole or state.images >= _ENOUGH_IMAGES
        if enough and state.unreadable > most * state.images:
            raise CatalogueError(
                f"{self.job.data.index.folder}: {state.unreadable:,} of {state.images:,} images "
                f"cannot be read, more than {most:.0%}",
                hint="look at its issues.csv; allow more with --set max_unreadable=SHARE",
            )

    def _write_line(self, epoch: int) -> None:
        state, plan = self.state, self.job.plan
        peak = self.job.recipe.learning_rate
        self.metrics.write(
            step=state.step,
            epoch=epoch + 1,
            loss=state.loss_sum / max(1, state.loss_steps),
            learning_rate=learning_rate(
                state.step - 1,
                steps=plan.steps,
                warmup=plan.warmup_steps,
                peak=peak,
                drops=self.job.recipe.drops,
            ),
            products_per_second=round(self._rate(), 1),
        )
        state.loss_sum, state.loss_steps = 0.0, 0

    def _end_epoch(self, epoch: int) -> None:
        job, state = self.job, self.state
        found = evaluate(self.network, job.data, job.source, job.recipe, job.plan)
        if found:
            self.metrics.write(step=state.step, epoch=epoch + 1, validation=asdict(found))
            log.info(
                "epoch %d of %d: loss %.3f, validation %.1f %% on the leaf, %s products/s",
                epoch + 1, job.recipe.epochs, self._loss, 100 * found.level3,
                f"{self._rate():,.0f}",
            )  # fmt: skip
        if found is None or self._is_better(found):
            save_weights(job.folder / CHECKPOINTS / BEST, self.network)
            state.best_step = state.step
        self._save()

    def _is_better(self, found: Evaluation) -> bool:
        state = self.state
        now, best = (found.level3, -found.log_loss), (state.best_accuracy, -state.best_log_loss)
        if now <= best:
            return False
        state.best_accuracy, state.best_log_loss = found.level3, found.log_loss
        return True

    def _save(self) -> None:
        job = self.job
        now = time.monotonic()
        self.state.seconds += now - self._clock
        self._clock = self._saved = now
        save_checkpoint(
            job.folder, job.identity, job.architecture, self.state, self.network, self.optimiser
        )

    def _rate(self) -> float:
        return self._products / max(self._busy, 1e-9)

    def _progress(self, epoch: int) -> Progress:
        return Progress(self.state.step, self.job.plan.steps, epoch + 1, self._loss, self._rate())
