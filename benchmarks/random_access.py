"""Pictures at random places of a catalogue: ways to read them, cold and warm, in one run.

    python benchmarks/random_access.py [CATALOGUE.bson] [--batches 32] [--threads 2]

Every way reads the same batches of 256 pictures, on threads that take batch after batch: ``lock``
is the loader of 2017 (one file handle, a lock around seek and read); ``pread`` reads each picture
at its place; ``mapping`` copies from a mapped file as it is; ``etalage`` is ``index.images``. Cold
means that the page cache was dropped (needs root) in a fresh process; what was read from the disk
is what the system counts. Without a catalogue one of about 2 GB is generated first.
"""

import argparse
import mmap
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.generator import synth

BATCH = 256
Rows = NDArray[np.int64]
Reader = Callable[[Rows], int]


def readers(folder: Path) -> dict[str, Reader]:
    """Return the ways to read; each returns the bytes it got."""
    opened = open_index(folder)
    path = opened.sources[0]
    offset, length = (opened.column("images", name).to_numpy() for name in ("offset", "length"))
    handle, lock, descriptor = path.open("rb"), threading.Lock(), os.open(path, os.O_RDONLY)
    view = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)

    def places(rows: Rows) -> list[tuple[int, int]]:
        return list(zip(offset[rows].tolist(), length[rows].tolist(), strict=True))

    def locked(rows: Rows) -> int:
        total = 0
        for start, size in places(rows):
            with lock:
                handle.seek(start)
                total += len(handle.read(size))
        return total

    return {
        "lock": locked,
        "pread": lambda rows: sum(len(os.pread(descriptor, n, at)) for at, n in places(rows)),
        "mapping": lambda rows: sum(len(view[at : at + n]) for at, n in places(rows)),
        "etalage": lambda rows: sum(map(len, opened.images(rows))),
    }


def run(name: str, folder: Path, batches: int, threads: int, cold: bool) -> tuple[float, float]:
    """Return pictures per second, and megabytes read from the disk."""
    read = readers(folder)[name]
    count = len(open_index(folder).readable)
    rng = np.random.default_rng(0)
    work = [rng.integers(0, count, BATCH) for _ in range(batches)]
    read(work[0][:1])
    if cold:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3")
    else:
        for rows in work:
            read(rows)
    before, start = from_disk(), time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, work))
    seconds = time.perf_counter() - start
    return batches * BATCH / seconds, (from_disk() - before) / 1e6


def from_disk() -> int:
    """Return the bytes that this process caused to be read."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", nargs="?", type=Path)
    parser.add_argument("--batches", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = options.catalogue
        if path is None:
            synth(folder / "shop", products=250_000, test=0.001)
            path = folder / "shop/train.bson"
        index([path], folder / "index")
        for cold in (True, False):
            print("cold" if cold else "warm")
            for name in ("lock", "pread", "mapping", "etalage"):
                # Each in a process of its own: pages that are mapped are not dropped.
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    job = (name, folder / "index", options.batches, options.threads, cold)
                    found = [pool.apply(run, job) for _ in range(1 if cold else options.rounds)]
                speed, read = max(found)
                print(f"  {name:8} {speed:10,.0f} pictures/s {read:8.0f} MB from the disk")


if __name__ == "__main__":
    main()
