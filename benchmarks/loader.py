"""Images per second of Étalage's loader and of what people use instead, on the same JPEGs.

    python benchmarks/loader.py [CATALOGUE.bson INDEX] [--images 20000] [--rounds 5]

Without a catalogue it generates one: random smooth pictures, 180x180, quality 75, about 4.7 KB.
Every contestant reads the same images in the same random order, in turns; the best of its rounds
counts, since other work on the machine only ever slows one down; the CPU time of an image hardly
feels it. Files are in the page cache and workers started before the clock runs. The contestants:

    bare decoding           simplejpeg on every core, bytes in memory, pixels into one array
    etalage                 etalage.batches.load at the images' own size
    classic DataLoader      2 workers: seek, bson.decode, Pillow, float, normalise
    DataLoader + offsets    2 workers: pread by offset, simplejpeg, uint8
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import bson
import cv2
import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from etalage.batches.loader import load
from etalage.batches.order import in_order
from etalage.catalogue import build
from etalage.catalogue.index import Index, open_index
from etalage.engines.local import usable_cores
from etalage.images.decode import encode_jpeg

SIDE = 180
BATCH = 256
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def generate(folder: Path, images: int) -> tuple[Path, Path]:
    """Write a catalogue of 1 to 4 images a product and its index; return both paths."""
    random = np.random.default_rng(0)
    catalogue, product = folder / "catalogue.bson", 0
    with catalogue.open("wb") as file:
        while images > 0:
            pictures = [{"picture": drawing(random)} for _ in range(min(images, 1 + product % 4))]
            file.write(bson.encode({"_id": product, "imgs": pictures, "category_id": product % 9}))
            product, images = product + 1, images - len(pictures)
    build.index([catalogue], folder / "index")
    return catalogue, folder / "index"


def drawing(random: np.random.Generator) -> bytes:
    """Return a JPEG of a random smooth picture."""
    coarse = random.integers(0, 256, (10, 10, 3), np.uint8)
    return encode_jpeg(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


class Documents(Dataset[torch.Tensor]):
    """The classic: one image an item, its whole document decoded, Pillow, float, normalised."""

    def __init__(self, catalogue: Path, index: Index, images: NDArray[np.int64]) -> None:
        self.catalogue = catalogue
        self.images = images
        self.products = index.image_product[images]
        self.ranks = images - index.image_start[self.products]
        self.offsets = document_offsets(catalogue)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, item: int) -> torch.Tensor:
        offset, length = self.offsets[self.products[item]]
        with self.catalogue.open("rb") as file:
            file.seek(offset)
            document = bson.decode(file.read(length))
        picture = document["imgs"][self.ranks[item]]["picture"]
        pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(picture)).convert("RGB")))
        planes = pixels.permute(2, 0, 1).contiguous().float()
        return planes.div_(255).sub_(MEAN).div_(DEVIATION)


def document_offsets(catalogue: Path) -> list[tuple[int, int]]:
    """Return (offset, length) of every document."""
    found, offset, end = [], 0, catalogue.stat().st_size
    with catalogue.open("rb") as file:
        while offset < end:
            file.seek(offset)
            length = int.from_bytes(file.read(4), "little")
            found.append((offset, length))
            offset += length
    return found


class Offsets(Dataset[torch.Tensor]):
    """One image an item, read at its offset, decoded by simplejpeg, left in uint8."""

    def __init__(self, index: Index, images: NDArray[np.int64]) -> None:
        self.index = index
        self.images = images.tolist()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, item: int) -> torch.Tensor:
        data = self.index.image_bytes(self.images[item])
        return torch.from_numpy(simplejpeg.decode_jpeg(data, "RGB"))


def bare(index: Index, images: NDArray[np.int64]) -> Callable[[], int]:
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


def torch_loader(dataset: Dataset[torch.Tensor]) -> Callable[[], int]:
    """Return a round through a ``DataLoader`` of two workers, which are started once."""
    loader: DataLoader[torch.Tensor] = DataLoader(
        dataset, batch_size=BATCH, num_workers=2, persistent_workers=True
    )
    return lambda: sum(len(batch) for batch in loader)


def ours(index: Index, products: NDArray[np.int64]) -> Callable[[], int]:
    """Return a round of ``etalage.batches.load``, about as many images to a batch."""
    size = max(1, BATCH * len(products) // int(index.image_count[products].sum()))
    return lambda: sum(len(b.pixels) for b in load(index, in_order(products, size), size=SIDE))


@dataclass
class Figures:
    """Of every round: images per second, and this process's CPU time in microseconds an image."""

    speeds: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def take(self, run: Callable[[], int]) -> None:
        """Time a round."""
        start, cpu = time.perf_counter(), time.process_time()
        images = run()
        self.speeds.append(images / (time.perf_counter() - start))
        self.costs.append(1e6 * (time.process_time() - cpu) / images)


def measure(contestants: dict[str, Callable[[], int]], rounds: int) -> dict[str, Figures]:
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


def compare(catalogue: Path, index: Index, limit: int, rounds: int) -> None:
    """Print a table of images per second and the ratios to bare decoding and the classic."""
    shuffle = np.random.default_rng(1).permutation(len(index))
    products = shuffle[np.cumsum(index.image_count[shuffle]) <= limit]
    first, count = index.image_start[products], index.image_count[products]
    images = np.concatenate([np.arange(a, a + n) for a, n in zip(first, count, strict=True)])
    contestants = {
        "classic DataLoader": torch_loader(Documents(catalogue, index, images)),
        "DataLoader + offsets": torch_loader(Offsets(index, images)),
        "etalage": ours(index, products),
        "bare decoding": bare(index, images),
    }
    figures = measure(contestants, rounds)
    length = np.mean([len(index.image_bytes(row)) for row in images[:1000].tolist()])
    load_now = f"load {os.getloadavg()[0]:.1f}"
    print(f"{len(images):,} images of {length:,.0f} bytes, {usable_cores()} cores, {load_now}")
    report(figures)


def report(figures: dict[str, Figures]) -> None:
    """Print a line for each contestant."""
    best = {name: max(each.speeds) for name, each in figures.items()}
    print(f"{'':22}{'images/s':>10}{'of bare':>10}{'x classic':>10}{'CPU us':>8}   rounds")
    for name, speed in best.items():
        of_bare, times = speed / best["bare decoding"], speed / best["classic DataLoader"]
        cost = "workers" if "DataLoader" in name else f"{min(figures[name].costs):.1f}"
        each = " ".join(f"{value:,.0f}" for value in figures[name].speeds)
        print(f"{name:22}{speed:>10,.0f}{of_bare:>10.2f}{times:>10.1f}{cost:>8}   {each}")


if __name__ == "__main__":
    main()
