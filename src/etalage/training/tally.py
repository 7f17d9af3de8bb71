"""What is counted on the way: losses, images, how fast it goes, what it will take."""

import logging
import math
import resource
import sys
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from etalage.batches.loader import Batch
from etalage.embedding.batches import FeatureBatch
from etalage.training.distributed import Team
from etalage.training.plan import Plan
from etalage.training.recipe import Recipe
from etalage.training.resume import State
from etalage.training.schedule import image_side
from etalage.training.step import examples

log = logging.getLogger(__name__)

_LOSSES_AT_ONCE = 20
"""Losses fetched from a GPU together: each fetch makes it wait."""
_WARM, _MEASURED = 3, 20
"""Steps of a run before its speed is measured, and those by which it is."""
_CHECK_COST = 1 / 3
"""What checking a product costs, of what learning from it does: the way forth without the way
back."""


class Tally:
    """Losses and counts of this process since they were last added up with those of the others.

    Args:
        team: the processes.
        device: where losses lie.
    """

    def __init__(self, team: Team, device: str) -> None:
        self.loss = math.nan
        self._team = team
        self._waiting: list[tuple[int, Tensor, int]] = []
        self._most = _LOSSES_AT_ONCE if device.startswith("cuda") else 1
        self._steps = 0
        self._sums = [0.0] * 5

    def add(self, batches: Sequence[Batch | FeatureBatch], step: int, loss: Tensor | None) -> None:
        """Count a step."""
        weight = sum(map(examples, batches))
        unreadable = sum(len(batch.unreadable) for batch in batches)
        images = sum(len(batch.product) for batch in batches) + unreadable
        missing = sum(len(batch.rows) for batch in batches) - weight
        self._count(0.0, 0.0, images, unreadable, missing)
        self._steps += 1
        if loss is not None:
            self._waiting.append((step, loss, weight))

    def _count(self, *amounts: float) -> None:
        self._sums = [sum(pair) for pair in zip(self._sums, amounts, strict=True)]

    @property
    def full(self) -> bool:
        """Whether enough steps were taken since losses were last looked at."""
        return self._steps >= self._most

    def fetch(self) -> tuple[int, float] | None:
        """Look at the losses of the last steps; return the first that is no finite number."""
        waiting, self._waiting, self._steps = self._waiting, [], 0
        if not waiting:
            return None
        values = torch.stack([loss for _, loss, _ in waiting]).tolist()
        for (step, _, weight), value in zip(waiting, values, strict=True):
            if not math.isfinite(value):
                return step, value
            self._count(value * weight, weight, 0, 0, 0)
        self.loss = values[-1]
        return None

    def settle(self, state: State, *, wish: bool) -> bool:
        """Add the counts of all processes to ``state``; return whether the first has the wish."""
        asked = float(wish and self._team.first)
        *sums, asked = self._team.total([*self._sums, asked])
        self._sums = [0.0] * 5
        state.loss_sum += sums[0]
        state.loss_weight += sums[1]
        state.images += round(sums[2])
        state.unreadable += round(sums[3])
        state.without_images += round(sums[4])
        return asked > 0


class Pace:
    """How fast this run goes, checking and saving left out.

    Attributes:
        expected: seconds that the whole training will take, None before it was measured.
    """

    def __init__(self, recipe: Recipe, plan: Plan) -> None:
        self.expected: float | None = None
        self._recipe, self._plan = recipe, plan
        self._steps, self._products, self._images = 0, 0, 0
        self._busy = self._begun = 0.0
        self._started = time.monotonic()

    def start(self) -> None:
        """Begin to count time."""
        self._started = time.monotonic()

    def add(self, batches: Sequence[Batch | FeatureBatch], side: int) -> None:
        """Count the step that was begun at ``start``, or after the last one."""
        self._steps += 1
        mark = self._steps in (_WARM, _WARM + _MEASURED)
        if mark and self._plan.device.startswith("cuda"):
            torch.cuda.synchronize(self._plan.device)
        now = time.monotonic()
        self._busy += now - self._started
        self._started = now
        self._products += sum(len(batch.rows) for batch in batches)
        self._images += sum(len(batch.product) for batch in batches)
        if self._steps == _WARM:
            self._begun = self._busy
        elif mark:
            self._tell((self._busy - self._begun) / _MEASURED, side)

    def _tell(self, step: float, side: int) -> None:
        self.expected = expected_seconds(step, side, self._recipe, self._plan)
        log.info(
            "%.2f s a step: the whole training takes about %s with validation; memory at its "
            "peak %.1f GB", step, _duration(self.expected), peak_memory(self._plan.device) / 1e9,
        )  # fmt: skip

    @property
    def products(self) -> float:
        """Products per second, of all processes."""
        return self._plan.processes * self._products / max(self._busy, 1e-9)

    @property
    def images(self) -> float:
        """Images per second, of all processes."""
        return self._plan.processes * self._images / max(self._busy, 1e-9)


def expected_seconds(step: float, side: int, recipe: Recipe, plan: Plan) -> float:
    """Return what a training takes whose steps take ``step`` seconds with images of ``side``.

    An image costs as much as it has pixels; checking a product a third of learning from it.
    """
    areas = [(image_side(epoch, recipe) / side) ** 2 for epoch in range(recipe.epochs)]
    product = step * plan.steps_per_epoch / plan.examples
    area = (recipe.image_size / side) ** 2
    check = product * plan.validation_products * area * _CHECK_COST
    return step * plan.steps_per_epoch * sum(areas) + recipe.epochs * check


def peak_memory(device: str) -> int:
    """Return the most memory in use so far, in bytes: of the GPU, or of this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
