"""Runs a function over shards in processes of this machine.

Shards are small descriptions (a file and a range of it), results small summaries: what is large
goes from worker to reader through files. Processes are joblib's, which need no guard around a
user's main module.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from etalage.errors import EngineError

Shard = TypeVar("Shard")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_shards(
    work: Callable[[Shard], Result], shards: Sequence[Shard], *, workers: int | None = None
) -> Iterator[Result]:
    """Yield the result of ``work`` for each shard, in their order, while the next ones are worked.

    Args:
        work: a function of a module, called in another process unless there is but one worker.
        shards: what it is called with; picklable.
        workers: processes; None for one on each core this process may use.

    Raises:
        EngineError: a process was killed. What ``work`` raises is raised here.
    """
    workers = min(workers or usable_cores(), len(shards))
    if workers <= 1:
        yield from map(work, shards)
        return
    parallel = Parallel(n_jobs=workers, return_as="generator", batch_size=1, max_nbytes=None)
    try:
        yield from parallel(delayed(work)(shard) for shard in shards)
    except TerminatedWorkerError as error:
        raise EngineError(
            f"one of {workers} worker processes was killed, by the system for memory or by hand",
            hint="run the same command again: it goes on where it stopped",
        ) from error
