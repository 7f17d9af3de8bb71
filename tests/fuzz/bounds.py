"""How many examples, and an end to one that takes too long or too much memory, wherever it hangs.

Time is that of the processor. What hangs is ended by a thread of ``faulthandler``, which needs
neither the interpreter nor its lock: compiled code that never returns is ended too, with the
traceback of where it was. Memory is the highest resident size that Linux saw during the example;
elsewhere it is not looked at.

The tests run a few examples, the same ones every time; ``make fuzz`` (see ``run``) sets
FUZZ_EXAMPLES and a seed, and runs as many others as its time allows.
"""

import faulthandler
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, settings

EXAMPLES = "FUZZ_EXAMPLES"
fuzzed = settings(
    max_examples=int(os.environ.get(EXAMPLES, "30")),
    derandomize=EXAMPLES not in os.environ,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
SECONDS = 10.0
HANGS = 120.0
MEGABYTES = 600

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def _resident(name: str) -> float:
    """Return a line of the process's status (VmRSS: now, VmHWM: the highest) in megabytes."""
    if not _STATUS.exists():
        return 0.0
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text())
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def bounded(*, seconds: float = SECONDS, megabytes: float = MEGABYTES) -> Iterator[None]:
    """Check that the block keeps its bounds; end the process when it hangs."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")  # the highest size starts again from the present one
    before, start = _resident("VmRSS"), time.process_time()
    faulthandler.dump_traceback_later(HANGS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
    took, grew = time.process_time() - start, _resident("VmHWM") - before
    assert took <= seconds, f"took {took:.1f} s, at most {seconds} s"
    assert grew <= megabytes, f"took {grew:.0f} MB, at most {megabytes} MB"
