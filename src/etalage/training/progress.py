"""What a training shows while it runs: a bar on stderr, or a call of the user's function."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


@dataclass(frozen=True)
class Progress:
    """Where a training is.

    Attributes:
        step: steps done.
        steps: steps in all.
        epoch: the epoch under way, counted from 1.
        loss: mean of the last steps.
        products_per_second: of this run, validation left out.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    products_per_second: float


Report = Callable[[Progress], None]


@contextmanager
def reporting(steps: int, done: int, report: Report | None) -> Iterator[Report]:
    """Yield ``report``, or else what moves a bar on stderr, where that is a terminal."""
    if report is not None:
        yield report
        return
    columns = (
        TextColumn("train epoch {task.fields[epoch]}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("loss {task.fields[loss]:.3f}, {task.fields[rate]:,.0f} products/s"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    bars = Bars(*columns, console=console, disable=not sys.stderr.isatty(), transient=True)
    with bars, _logged_above(bars):
        task = bars.add_task("train", total=steps, completed=done, epoch=1, loss=0.0, rate=0.0)

        def show(now: Progress) -> None:
            bars.update(
                task,
                completed=now.step,
                epoch=now.epoch,
                loss=now.loss,
                rate=now.products_per_second,
            )

        yield show


class _Above(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(record.getMessage(), markup=False, highlight=False)


@contextmanager
def _logged_above(bars: Bars) -> Iterator[None]:
    """Let what is logged scroll above the bar, which would overwrite it."""
    logger = logging.getLogger("etalage")
    if bars.disable:
        yield
        return
    handler, propagate = _Above(bars.console), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = propagate
        logger.removeHandler(handler)
