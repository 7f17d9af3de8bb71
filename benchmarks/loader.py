"""Images per second of Étalage's loader and of what people use instead, on the same JPEGs.

    python benchmarks/loader.py [CATALOGUE.bson INDEX] [--images 20000] [--rounds 5]

Without a catalogue it generates one: random smooth pictures, 180x180, quality 75, about 4.7 KB.
Every contestant reads the same images in random order, in turns; the best of its rounds counts,
since other work on the machine only ever slows one down; the CPU time of an image hardly feels it.
Files are in the page cache and workers started before the clock runs. The contestants:

    bare decoding           simplejpeg on every core, bytes in memory, pixels into one array
    etalage                 etalage.batches.load at the images' own size
    classic DataLoader ...  those of ``loader_peers``, as far as they are installed

For all of them make an environment of its own (NumPy is older there) beside that of Étalage, HERE:

    python -m venv PEERS
    echo HERE/lib/python3.11/site-packages > PEERS/lib/python3.11/site-packages/etalage.pth
    PEERS/bin/pip install nvidia-dali-cuda120 litdata webdataset mosaicml-streaming datasets
    PEERS/bin/python benchmarks/loader.py

At the end it says how long the interpreter lock is held for an image (``loader_lock``).
"""

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from etalage.batches.loader import load
from etalage.batches.order import in_order
from etalage.catalogue.index import Index, open_index
from etalage.engines.local import usable_cores
from loader_lock import lock_time
from loader_peers import BATCH, PEERS, Job, Round
from loader_pictures import SIDE, generate


def bare(index: Index, images: NDArray[np.int64]) -> Round:
    """Return a round of nothing but decoding."""
    data = [index.image_bytes(row) for row in images.tolist()]
    pixels = np.zeros((BATCH, SIDE, SIDE, 3), np.uint8)

    def decode(first: int) -> None:
        for row in range(first, min(first + 32, len(data))):
            simplejpeg.decode_jpeg(data[row], "RGB", buffer=pixels[row % BATCH])

    def run() -> int:
        with ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(decode, range(0, len(data), 32)))
        return len(data)

    return run


def ours(index: Index, products: NDArray[np.int64]) -> Round:
    """Return a round of ``etalage.batches.load``, about as many images to a batch."""
    size = max(1, BATCH * len(products) // int(index.image_count[products].sum()))
    return lambda: sum(len(b.pixels) for b in load(index, in_order(products, size), size=SIDE))


@dataclass
class Figures:
    """Of every round: images per second, and this process's CPU time in microseconds an image."""

    speeds: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def take(self, run: Round) -> None:
        """Time a round."""
        start, cpu = time.perf_counter(), time.process_time()
        images = run()
        self.speeds.append(images / (time.perf_counter() - start))
        self.costs.append(1e6 * (time.process_time() - cpu) / images)


def measure(contestants: dict[str, Round], rounds: int) -> dict[str, Figures]:
    """Return the figures of every contestant; they take turns."""
    for run in contestants.values():
        run()
    figures = {name: Figures() for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            figures[name].take(run)
    return figures


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("catalogue", nargs="?", type=Path)
    parser.add_argument("index", nargs="?", type=Path)
    parser.add_argument("--images", type=int, default=20_000, help="images in a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.index is None:
            options.catalogue, options.index = generate(Path(folder), options.images)
        compare(options.catalogue, open_index(options.index), options.images, options.rounds)
        print(lock_time(options.index, min(options.images, 4000), options.rounds))


def compare(catalogue: Path, index: Index, limit: int, rounds: int) -> None:
    """Print a table of images per second and the ratios to bare decoding and the classic."""
    shuffle = np.random.default_rng(1).permutation(len(index))
    products = shuffle[np.cumsum(index.image_count[shuffle]) <= limit]
    first, count = index.image_start[products], index.image_count[products]
    images = np.concatenate([np.arange(a, a + n) for a, n in zip(first, count, strict=True)])
    with tempfile.TemporaryDirectory() as folder:
        contestants = peers(Job(catalogue, index, images, Path(folder)))
        contestants |= {"etalage": ours(index, products), "bare decoding": bare(index, images)}
        figures = measure(contestants, rounds)
    length = np.mean([len(index.image_bytes(row)) for row in images[:1000].tolist()])
    load_now = f"load {os.getloadavg()[0]:.1f}"
    print(f"{len(images):,} images of {length:,.0f} bytes, {usable_cores()} cores, {load_now}")
    report(figures)


def peers(job: Job) -> dict[str, Round]:
    """Prepare the other loaders, each in a folder of its own; say which are not installed."""
    found = {}
    for name, prepare in PEERS.items():
        folder = job.folder / name.split()[0]
        folder.mkdir()
        try:
            found[name] = prepare(replace(job, folder=folder))
        except ImportError as error:
            print(f"{name}: left out, {error}")
    return found


def report(figures: dict[str, Figures]) -> None:
    """Print a line for each contestant."""
    best = {name: max(each.speeds) for name, each in figures.items()}
    print(f"{'':22}{'images/s':>10}{'of bare':>10}{'x classic':>10}{'CPU us':>8}   rounds")
    for name, speed in best.items():
        of_bare, times = speed / best["bare decoding"], speed / best["classic DataLoader"]
        own = name in ("etalage", "bare decoding", "DALI on CPU")
        cost = f"{min(figures[name].costs):.1f}" if own else "workers"
        each = " ".join(f"{value:,.0f}" for value in figures[name].speeds)
        print(f"{name:22}{speed:>10,.0f}{of_bare:>10.2f}{times:>10.1f}{cost:>8}   {each}")


if __name__ == "__main__":
    main()
