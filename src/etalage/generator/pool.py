"""The pool of drawn pictures: JPEG bytes in temporary files, drawn by several processes.

``pool.K.bin`` holds the JPEGs of a range of drawings one after the other, ``pool.K.npy`` their
lengths (int32). What to draw is in ``drawings.npy`` (a structured array) and ``looks.json`` beside
them, so that a worker needs nothing but the folder and its range. All of it is deleted when the
catalogue is written.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from etalage.errors import OutputError
from etalage.generator.draw import draw, draw_boilerplate
from etalage.generator.looks import Look
from etalage.images.decode import encode_jpeg
from etalage.progress import progress_bar

JPEG_QUALITY = 75
_ALONE = 3000  # fewer drawings are not worth starting a process for
_STEP = 500
_ROWS, _LOOKS = "drawings.npy", "looks.json"
DRAWING = np.dtype([
    ("leaf", np.int32), ("series", np.int64), ("variant", np.int64), ("rank", np.int8),
])  # fmt: skip


class Pool:
    """Drawn pictures: a file of JPEGs one after the other, read picture by picture.

    Attributes:
        start: first byte of each, and the number of bytes last, shape (D + 1,).
    """

    def __init__(self, path: Path, start: NDArray[np.int64]) -> None:
        self.start = start
        self._file = path.open("rb")

    def __len__(self) -> int:
        return len(self.start) - 1

    def read(self, rows: NDArray[np.int32]) -> list[bytes]:
        """Return the bytes of some pictures."""
        file, begins = self._file.fileno(), self.start[rows].tolist()
        lengths = (self.start[rows + 1] - self.start[rows]).tolist()
        return [os.pread(file, *where) for where in zip(lengths, begins, strict=True)]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def make_pool(folder: Path, drawings: NDArray[np.void], looks: tuple[Look, ...], seed: int) -> Pool:
    """Draw every row of ``drawings`` (dtype ``DRAWING``; rank -1 is boilerplate ``series``).

    Raises:
        OutputError: a process could not write its part.
    """
    np.save(folder / _ROWS, drawings)
    record = {"seed": seed, "looks": [asdict(look) for look in looks]}
    (folder / _LOOKS).write_text(json.dumps(record), encoding="utf-8")
    workers = _processors() if len(drawings) > _ALONE else 1
    edges = np.linspace(0, len(drawings), workers + 1).astype(int).tolist()
    with progress_bar("draw", len(drawings)) as advance:
        if workers == 1:
            for done in draw_range(folder, 0, len(drawings)):
                advance(done)
        else:
            _draw_in_processes(folder, edges, advance)
    return _gather(folder, edges[:-1])


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _draw_in_processes(folder: Path, edges: list[int], advance: Callable[[float], None]) -> None:
    running = [_start(folder, first, last) for first, last in pairwise(edges)]
    try:
        while any(process.poll() is None for process in running):
            for process in running:
                advance(int(_line(process.stdout) or 0))
        for process in running:
            if process.wait():
                raise OutputError(f"{folder}: drawing failed: {_last_line(process.stderr)}")
    finally:
        for process in running:
            process.kill()
            process.communicate()


def _start(folder: Path, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "etalage.generator.pool", str(folder), str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _line(stream: IO[str] | None) -> str:
    return stream.readline() if stream else ""


def _last_line(stream: IO[str] | None) -> str:
    return (stream.read().strip().splitlines() or ["no message"])[-1] if stream else ""


def draw_range(folder: Path, first: int, last: int) -> Iterator[int]:
    """Draw some of the rows into ``pool.FIRST.bin``; yield how many more are done."""
    record = json.loads((folder / _LOOKS).read_text(encoding="utf-8"))
    looks = [Look(**look) for look in record["looks"]]
    rows = np.load(folder / _ROWS, mmap_mode="r")[first:last].tolist()
    lengths = np.zeros(len(rows), np.int32)
    with (folder / f"pool.{first}.bin").open("wb") as file:
        for number, (leaf, series, variant, rank) in enumerate(rows):
            if rank < 0:
                pixels = draw_boilerplate(series, record["seed"])
            else:
                pixels = draw(looks[leaf], record["seed"], series, variant, rank)
            lengths[number] = file.write(encode_jpeg(pixels, quality=JPEG_QUALITY))
            if number % _STEP == _STEP - 1:
                yield _STEP
    np.save(folder / f"pool.{first}.npy", lengths)


def _gather(folder: Path, firsts: list[int]) -> Pool:
    whole = folder / "pool.bin"
    with whole.open("wb") as file:
        for first in firsts:
            part = folder / f"pool.{first}.bin"
            with part.open("rb") as source:
                while chunk := source.read(1 << 24):
                    file.write(chunk)
            part.unlink()
    lengths = np.concatenate([np.load(folder / f"pool.{first}.npy") for first in firsts])
    start = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Pool(whole, start)


def _main() -> None:
    cv2.setNumThreads(1)
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for done in draw_range(folder, first, last):
        sys.stdout.write(f"{done}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
