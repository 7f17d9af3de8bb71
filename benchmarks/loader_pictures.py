"""The pictures of the loader's benchmarks: a catalogue of random smooth ones and its index."""

from pathlib import Path

import bson
import cv2
import numpy as np

from etalage.catalogue import build
from etalage.images.decode import encode_jpeg

SIDE = 180


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
