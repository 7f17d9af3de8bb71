"""Reading a cold catalogue in a global and in a window order, in pictures per second.

    python benchmarks/window.py [FOLDER] [--gigabytes 2] [--images 100000] [--decode]

Writes a catalogue of that size to a folder on the disk to be measured, drops it from the system's
memory before each round and reads the first so many pictures of an epoch as the loader does: from
two threads, batch by batch, the stretches of a window order ahead of them. The third line is how
fast the disk gives the file from front to back. ``--decode`` runs the loader itself. Dropping asks
the system to forget the file's pages and needs no rights.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path

import bson
import numpy as np
from numpy.typing import NDArray

from etalage.batches.loader import load
from etalage.batches.order import SHUFFLES, Batches, epoch_order
from etalage.batches.readahead import read_ahead
from etalage.catalogue import build
from etalage.catalogue.index import Index, open_index
from loader_pictures import SIDE, drawing

BATCH = 150
THREADS = 2


def write(catalogue: Path, size: int) -> None:
    """Write products of 1 to 4 pictures out of a thousand different ones."""
    random = np.random.default_rng(0)
    pool = [drawing(random) for _ in range(1000)]
    with catalogue.open("wb") as file:
        for product in range(size):
            chosen = random.integers(0, len(pool), 1 + product % 4)
            pictures = [{"picture": pool[number]} for number in chosen]
            file.write(bson.encode({"_id": product, "imgs": pictures, "category_id": 5}))
            if file.tell() >= size:
                return


def forget(catalogue: Path) -> None:
    """Write the file out and drop it from the system's memory."""
    with catalogue.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def images_of(index: Index, products: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the image rows of some products."""
    counts = index.image_count[products]
    first = np.repeat(index.image_start[products] - (np.cumsum(counts) - counts), counts)
    return np.asarray(first + np.arange(len(first)))


def read(index: Index, order: Batches) -> Iterator[int]:
    """Yield how many pictures each batch had; some batches are read at a time."""
    with ThreadPoolExecutor(THREADS) as pool, closing(read_ahead(index, order)) as batches:
        while some := list(islice(batches, 2 * THREADS)):
            rows = [images_of(index, products) for products in some]
            yield from map(len, pool.map(index.images, rows))


def decode(index: Index, order: Batches) -> Iterator[int]:
    """Yield how many pictures each batch had."""
    return (len(batch.pixels) for batch in load(index, order, size=SIDE))


def front_to_back(catalogue: Path) -> float:
    """Return bytes per second."""
    start, seen = time.perf_counter(), 0
    with catalogue.open("rb") as file:
        while piece := file.read(2**22):
            seen += len(piece)
    return seen / (time.perf_counter() - start)


def compare(catalogue: Path, index: Index, images: int, how: str) -> None:
    """Print a line for each order."""
    batches = 1 + images * len(index) // len(index.readable) // BATCH
    for shuffle in SHUFFLES:
        order = epoch_order(index, range(len(index)), BATCH, seed=0, epoch=0, shuffle=shuffle)
        forget(catalogue)
        start = time.perf_counter()
        reading = decode(index, order) if how == "decode" else read(index, order)
        seen = sum(islice(reading, batches))
        speed = seen / (time.perf_counter() - start)
        print(f"{shuffle:8}{seen:>10,} pictures{speed:>10,.0f}/s")
    forget(catalogue)
    print(
        f"front to back {front_to_back(catalogue) / 1e6:,.0f} MB/s; load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--decode", action="store_const", const="decode", default="read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        catalogue = Path(folder) / "catalogue.bson"
        write(catalogue, int(options.gigabytes * 1e9))
        build.index([catalogue], Path(folder) / "index")
        compare(catalogue, open_index(Path(folder) / "index"), options.images, options.decode)


if __name__ == "__main__":
    main()
