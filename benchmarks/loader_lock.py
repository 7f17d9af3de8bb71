"""How long the loader holds Python's interpreter lock for an image, and what that bounds.

    python benchmarks/loader_lock.py [--images 4000] [--rounds 20]

Threads decode side by side, but whatever holds the lock they do one after another: its time per
image bounds the images per second of one process on any number of cores. A small library, compiled
with ``cc`` and loaded before Python's own (Linux, a shared libpython), notes when the lock is let
go and taken again; what is left of the processor time of one decoding thread is the time it was
held, and some tenths of a microsecond for asking the clock four times. The least of many slices of
a batch counts, as other work on the machine only adds to it. What the main thread does for a batch
(plan it, hand it out, put it together) counts in full.
"""

import argparse
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from etalage.batches.loader import _SLICE, _Decoder, load
from etalage.batches.order import in_order
from etalage.catalogue.index import Index, open_index
from loader_pictures import SIDE, generate

_CORES = 16
_PROBE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void *(*save)(void);
static void (*restore)(void *);
static __thread double since;
static __thread double let_go;
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
void *PyEval_SaveThread(void) {
    if (!save) save = dlsym(RTLD_NEXT, "PyEval_SaveThread");
    void *state = save();
    since = now();
    return state;
}
void PyEval_RestoreThread(void *state) {
    if (!restore) restore = dlsym(RTLD_NEXT, "PyEval_RestoreThread");
    let_go += now() - since;
    restore(state);
}
double seconds_without_lock(void) { return let_go; }
"""


def lock_time(index: Path, images: int, rounds: int) -> str:
    """Measure in a process of its own; return what it says, or why nothing can be measured."""
    if not shutil.which("cc"):
        return "interpreter lock: not measured, there is no compiler cc"
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "probe.c", Path(folder) / "probe.so"
        source.write_text(_PROBE, encoding="utf-8")
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        job = [sys.executable, __file__, "--index", str(index), "--probe", str(library)]
        job += ["--images", str(images), "--rounds", str(rounds)]
        done = subprocess.run(
            job,
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"LD_PRELOAD": library},
        )
    return str(done.stdout).strip()


def measure(index: Index, library: Path, images: int, rounds: int) -> None:
    """Print the time one decoding thread and the main thread hold the lock for an image."""
    without_lock = ctypes.CDLL(str(library)).seconds_without_lock
    without_lock.restype = ctypes.c_double
    rows = np.random.default_rng(0).permutation(len(index.readable))[:images]
    pixels = np.empty((_SLICE, SIDE, SIDE, 3), np.uint8)
    decode = _Decoder(index, SIDE)
    held, whole = [], []
    for _ in range(rounds):
        for first in range(0, len(rows) - _SLICE + 1, _SLICE):
            start, free = time.thread_time(), without_lock()
            decode(rows[first : first + _SLICE], pixels, 0)
            whole.append((time.thread_time() - start) / _SLICE * 1e6)
            held.append(whole[-1] - (without_lock() - free) / _SLICE * 1e6)
    if min(held) > 0.9 * min(whole):
        print("interpreter lock: not measured, this Python has no shared library")
        return
    tell(min(held), min(whole), main_thread(index, rounds))


def main_thread(index: Index, rounds: int) -> float:
    """Return the processor time of the main thread, in microseconds an image."""
    order = list(in_order(range(len(index)), 150)) * rounds
    best, start = float("inf"), time.thread_time()
    for batch in load(index, order, size=SIDE, threads=2):
        now = time.thread_time()
        best, start = min(best, (now - start) / len(batch.pixels) * 1e6), now
    return best


def tell(held: float, whole: float, main: float) -> None:
    """Print the figures and what they bound."""
    bound, decoding = 1e6 / (held + main), _CORES * 1e6 / whole
    print(
        f"interpreter lock: held {held:.2f} us of the {whole:.1f} us of an image, and {main:.2f} us"
        f" in the main thread: at most {bound:,.0f} images/s in a process; {_CORES} cores decode"
        f" {decoding:,.0f}, for which they want the lock {decoding / bound:.0%} of the time"
    )


def main() -> None:
    """Measure on a generated catalogue."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--index", type=Path)
    parser.add_argument("--probe", type=Path)
    options = parser.parse_args()
    if options.probe:
        measure(open_index(options.index), options.probe, options.images, options.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        _, index = generate(Path(folder), options.images)
        print(lock_time(index, options.images, options.rounds))


if __name__ == "__main__":
    main()
