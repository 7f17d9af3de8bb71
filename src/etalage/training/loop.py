"""The training loop: epochs, what is counted and written on the way, checkpoints.

The order of an epoch derives from the seed and its number, what is random in a step from the seed
and the step's: a training that was stopped anywhere and resumed ends with the same numbers, on the
same machine with the same number of threads.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from etalage.batches.loader import Batch
from etalage.batches.order import epoch_order
from etalage.embedding.batches import FeatureBatch
from etalage.errors import CatalogueError, ModelError
from etalage.models.checkpoint import save_weights
from etalage.models.network import ProductModel
from etalage.training.average import Average, judged
from etalage.training.board import Board
from etalage.training.compiled import compile_backbone
from etalage.training.distributed import ALONE, Team
from etalage.training.evaluate import Evaluation, evaluate
from etalage.training.gradients import Gradients
from etalage.training.norms import set_training
from etalage.training.plan import Data, Plan
from etalage.training.progress import Progress, Report
from etalage.training.recipe import Recipe
from etalage.training.resume import BEST, CHECKPOINTS, Metrics, State, save_checkpoint
from etalage.training.schedule import image_side, learning_rate
from etalage.training.source import Source
from etalage.training.step import learn
from etalage.training.tally import Pace, Tally

log = logging.getLogger(__name__)

_ENOUGH_IMAGES = 200
"""Images of an epoch to have seen before their unreadable share says anything."""


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
        team: the processes that train it.
        board: folder for TensorBoard, None for none.
    """

    folder: Path
    data: Data
    source: Source
    recipe: Recipe
    plan: Plan
    seed: int
    identity: dict[str, Any]
    architecture: dict[str, Any]
    team: Team = ALONE
    board: Path | None = None


class Loop:
    """A training under way: a network, its optimiser, the average of its weights, how far it is."""

    def __init__(
        self,
        job: Job,
        network: ProductModel,
        optimiser: torch.optim.Optimizer,
        state: State,
        average: Average | None = None,
    ) -> None:
        self.job = job
        self.network = network
        self.optimiser = optimiser
        self.state = state
        self.average = average
        self.pace = Pace(job.recipe, job.plan)
        self._tally = Tally(job.team, job.plan.device)
        self._gradients = _summed(network, job.team)
        self._metrics = Metrics(job.folder, state.step) if job.team.first else None
        self._board = Board(job.board, state.step) if job.board and job.team.first else None
        self._clock = self._saved = time.monotonic()
        if job.recipe.compile:
            compile_backbone(network)

    def run(self, report: Report) -> None:
        """Train to the end of the last epoch, calling ``report`` after each step.

        Raises:
            ModelError: the loss or its gradient is no finite number.
            CatalogueError: too many images cannot be read.
        """
        while not self._has_ended():
            self._epoch(self.state.step // self.job.plan.steps_per_epoch, report)
        if self._board:
            self._board.close()

    def _has_ended(self) -> bool:
        state, plan, patience = self.state, self.job.plan, self.job.recipe.patience
        if state.step >= plan.steps:
            return True
        waited = state.step - max(0, state.best_step)
        if patience is None or waited < patience * plan.steps_per_epoch:
            return False
        log.info("no better validation in %d epochs: the training ends here", patience)
        return True

    def _epoch(self, epoch: int, report: Report) -> None:
        recipe, plan, data, team = self.job.recipe, self.job.plan, self.job.data, self.job.team
        done = self.state.step % plan.steps_per_epoch
        if not done:
            self.state.images = self.state.unreadable = self.state.without_images = 0
        order = epoch_order(
            data.index,
            data.train,
            recipe.batch_products,
            seed=self.job.seed,
            epoch=epoch,
            shuffle=recipe.shuffle,
        )
        share = order.after(done * recipe.accumulate).share(team.rank, team.of)
        side = image_side(epoch, recipe)
        set_training(self.network, freeze_norm=recipe.freeze_norm)
        self.pace.start()
        for group in _groups(self.job.source.batches(share), recipe.accumulate):
            self._step(group, side)
            self.pace.add(group, side)
            self._write_what_is_due(epoch)
            report(self._progress(epoch))
            self.pace.start()
        self._end_epoch(epoch)

    def _step(self, batches: list[Batch | FeatureBatch], side: int) -> None:
        job, state = self.job, self.state
        loss = learn(
            self.network,
            self.optimiser,
            batches,
            job.data,
            state.step,
            recipe=job.recipe,
            plan=job.plan,
            side=side,
            seed=job.seed,
            gradients=self._gradients,
        )
        if self.average and (loss is not None or self._gradients):
            self.average.update(self.network)
        self._tally.add(batches, state.step, loss)
        state.step += 1

    def _write_what_is_due(self, epoch: int) -> None:
        plan, step = self.job.plan, self.state.step
        last = step % plan.steps_per_epoch == 0
        line = last or step % plan.log_every == 0
        # Several processes come together at lines only; after an epoch's last step the evaluation
        # comes first, or a resumed run would miss it.
        overdue = time.monotonic() - self._saved >= 60 * self.job.recipe.checkpoint_minutes
        settle = line or (overdue and self.job.team.of == 1)
        if settle or self._tally.full:
            self._look_at_losses()
        if not settle:
            return
        save = self._tally.settle(self.state, wish=overdue)
        if line:
            self._check_images(whole=last)
            self._write_line(epoch)
        if save and not last:
            self._save()

    def _look_at_losses(self) -> None:
        if bad := self._tally.fetch():
            step, value = bad
            rate = self.job.recipe.learning_rate
            raise ModelError(
                f"{self.job.folder}: the loss or its gradient is {value} at step {step + 1} of "
                f"{self.job.plan.steps}, the last good checkpoint stands",
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
        self._note(
            epoch,
            loss=state.loss_sum / max(1.0, state.loss_weight),
            learning_rate=learning_rate(
                state.step - 1,
                steps=plan.steps,
                warmup=plan.warmup_steps,
                peak=peak,
                drops=self.job.recipe.drops,
            ),
            image_size=image_side(epoch, self.job.recipe),
            products_per_second=round(self.pace.products, 1),
            images_per_second=round(self.pace.images, 1),
        )
        state.loss_sum = state.loss_weight = 0.0

    def _note(self, epoch: int, **values: Any) -> None:  # noqa: ANN401  any JSON value
        for place in (self._metrics, self._board):
            if place:
                place.write(step=self.state.step, epoch=epoch + 1, **values)

    def _end_epoch(self, epoch: int) -> None:
        job, state = self.job, self.state
        network = judged(self.network, self.average)
        self._agree()
        found = evaluate(network, job.data, job.source, job.recipe, job.plan, job.team)
        if found:
            self._note(epoch, validation=asdict(found))
            log.info(
                "epoch %d of %d: loss %.3f, validation %.1f %% on the leaf, %s products/s",
                epoch + 1, job.recipe.epochs, self._tally.loss, 100 * found.level3,
                f"{self.pace.products:,.0f}",
            )  # fmt: skip
        if found is None or self._is_better(found):
            if job.team.first:
                save_weights(job.folder / CHECKPOINTS / BEST, network)
            state.best_step = state.step
        self._save()

    def _is_better(self, found: Evaluation) -> bool:
        state = self.state
        now, best = (found.level3, -found.log_loss), (state.best_accuracy, -state.best_log_loss)
        if self.job.recipe.freeze_backbone and state.best_step >= 0:
            now, best = now[::-1], best[::-1]
        if now <= best:
            return False
        state.best_accuracy, state.best_log_loss = found.level3, found.log_loss
        return True

    def _agree(self) -> None:
        """Give all processes the same batch statistics."""
        self.job.team.mean_buffers(self.network)
        if self.average:
            self.job.team.mean_buffers(self.average.network)

    def _save(self) -> None:
        job = self.job
        now = time.monotonic()
        self.state.seconds += now - self._clock
        self._clock = self._saved = now
        self._agree()
        if job.team.first:
            save_checkpoint(
                job.folder,
                job.identity,
                job.architecture,
                self.state,
                network=self.network,
                optimiser=self.optimiser,
                average=self.average.state_dict() if self.average else None,
                keep=job.recipe.keep_checkpoints,
            )

    def _progress(self, epoch: int) -> Progress:
        now, loss = self.state.step, self._tally.loss
        return Progress(now, self.job.plan.steps, epoch + 1, loss, self.pace.products)


def _groups(
    batches: Iterable[Batch | FeatureBatch], size: int
) -> Iterator[list[Batch | FeatureBatch]]:
    """Yield lists of ``size`` batches, the last one perhaps shorter."""
    group: list[Batch | FeatureBatch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def _summed(network: ProductModel, team: Team) -> Gradients | None:
    """Return what sums gradients over the processes, None where there is but one."""
    if team.of == 1:
        return None
    return Gradients(team, [p for p in network.parameters() if p.requires_grad])
