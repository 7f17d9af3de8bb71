"""Indexing from small to full size: time and memory of the whole command, warm and cold.

    python benchmarks/index_size.py [--products 7069896] [--steps 4] [--bytes 600] [--folder F]
                                    [--hash xxh3] [--cold]

Catalogues of a quarter, half ... of the products are written first: documents in the form of the
real file, 1 to 4 images in its proportions, ids ascending with gaps, 5,270 categories, a third of
the images copies of earlier ones. Each image is a real small JPEG made different by its comment
segment, and as long as ``--bytes`` says, so that 12.4 million of them fit a disk. The command
``etalage index`` then runs as a process of its own. Memory is the peak of what it and its workers
hold together, sampled ten times a second, without pages of the mapped catalogue. ``--cold`` drops
the page cache before each run (needs root).
"""

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import bson
import numpy as np
import simplejpeg
from numpy.typing import NDArray

PROPORTIONS = (4_369_441, 1_128_588, 542_792, 1_029_075)
"""Products with 1, 2, 3 and 4 images in the real catalogue."""
_BLOCK = 1000
_MARK = b"COPY-NUMBER:0000"
_SAMPLE_SECONDS = 0.1


def picture(length: int) -> bytes:
    """Return a JPEG of ``length`` bytes with a comment that holds a number to be overwritten."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    data: bytes = simplejpeg.encode_jpeg(pixels, 75, "RGB", "420")
    text = _MARK + b" " * max(0, length - len(data) - 4 - len(_MARK))
    return data[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + data[2:]


def blocks(products: int, length: int) -> Iterator[bytes]:
    """Yield the bytes of a catalogue, a thousand products of one number of images at a time."""
    rng = np.random.default_rng(1)
    image = picture(length)
    share = np.array(PROPORTIONS) / sum(PROPORTIONS)
    made, images = 0, 0
    while made < products:
        count = int(rng.choice(4, p=share)) + 1
        block = min(_BLOCK, products - made)
        document = bson.encode(
            {"_id": 2**30, "imgs": [{"picture": image}] * count, "category_id": 2**30}
        )
        table = np.tile(np.frombuffer(document, np.uint8), (block, 1))
        put(table, 9, (made + np.arange(block)) * 3 + 10)
        put(table, len(document) - 5, 1_000_000_000 + rng.integers(0, 5270, block))
        for number in range(count):
            place = find(document, _MARK, number) + len(_MARK) - 4
            new = images + np.arange(block)
            copied = rng.random(block) < 0.37
            put(table, place, np.where(copied, rng.integers(0, images + 1, block), new))
            images += block
        made += block
        yield table.tobytes()


def find(document: bytes, mark: bytes, number: int) -> int:
    """Return where the mark occurs for the ``number``-th time."""
    at = -1
    for _ in range(number + 1):
        at = document.index(mark, at + 1)
    return at


def put(table: NDArray[np.uint8], column: int, values: NDArray[np.int64]) -> None:
    """Write int32 values into four columns of bytes."""
    table[:, column : column + 4] = values.astype("<i4")[:, None].view(np.uint8)


def write(path: Path, products: int, length: int) -> None:
    """Write a catalogue."""
    with path.open("wb") as file:
        for block in blocks(products, length):
            file.write(block)
        os.fsync(file.fileno())


def private_memory(parent: int) -> int:
    """Return the bytes that a process and its descendants hold that no file backs."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                children[int(state[1])].append(int(entry.name))
        except OSError:
            continue
    waiting, total = [parent], 0
    while waiting:
        process = waiting.pop()
        waiting += children[process]
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(
            int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:")
        )
    return total * 1024


def run(path: Path, output: Path, hash_name: str) -> tuple[float, int]:
    """Return the seconds and the peak memory of ``etalage index``."""
    command = [sys.executable, "-m", "etalage", "index", str(path), "-o", str(output), "--yes"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--hash", hash_name], stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, private_memory(process.pid))
        time.sleep(_SAMPLE_SECONDS)
    if process.returncode:
        raise SystemExit(f"etalage index ended with {process.returncode}")
    return time.perf_counter() - start, peak


def drop_caches() -> None:
    """Make the next reading come from the disk."""
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, default=sum(PROPORTIONS))
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--bytes", type=int, default=600)
    parser.add_argument("--hash", default="xxh3")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--cold", action="store_true")
    options = parser.parse_args()
    names = ("products", "GB", "", "s", "k products/s", "GB/s", "GB held")
    print("{:>12} {:>6} {:5} {:>7} {:>13} {:>6} {:>8}".format(*names))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "catalogue.bson"
        for step in range(1, options.steps + 1):
            products = options.products * step // options.steps
            write(path, products, options.bytes)
            size = path.stat().st_size / 1e9
            for state in ("cold", "warm") if options.cold else ("warm",):
                if state == "cold":
                    drop_caches()
                seconds, peak = run(path, Path(folder) / "index", options.hash)
                print(
                    f"{products:12,} {size:6.2f} {state:5} {seconds:7.1f} "
                    f"{products / seconds / 1000:13.0f} {size / seconds:6.2f} {peak / 1e9:8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
