"""Answers for image files that belong to no catalogue: photos of one product or of several."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from etalage.errors import ConfigError, ImageFormatError
from etalage.images.decode import decode_into
from etalage.inference.mend import find_mend
from etalage.models.checkpoint import open_model
from etalage.predictions.table import TOP, Predictions, top_k


@dataclass(frozen=True)
class Guess:
    """One category that a product may be of."""

    category_id: int
    category: str
    probability: float


@dataclass(frozen=True)
class Answer:
    """What the model says of one product.

    Attributes:
        images: the files it rests on.
        guesses: the most probable categories, most probable first.
    """

    images: tuple[Path, ...]
    guesses: tuple[Guess, ...]


def classify(
    model: Path,
    images: list[Path],
    *,
    together: bool = False,
    top: int = 5,
    device: str = "auto",
    runtime: str = "auto",
) -> list[Answer]:
    """Classify image files (JPEG, PNG, WebP), turned upright as their EXIF says.

    The MODEL's ``calibration.json``, where there is one, makes the probabilities honest.

    Args:
        model: the MODEL folder.
        images: the files.
        together: whether they all show one product; else each is a product of its own.
        top: categories to name.
        device: ``auto``, ``cpu`` or ``cuda``.
        runtime: what computes the features of images, as for ``predict``.

    Raises:
        ImageFormatError: a file that cannot be read or decoded; the message names it.
        ModelError: the model cannot be used.
    """
    if not images:
        raise ConfigError("no image given", hint="etalage classify MODEL photo.jpg ...")
    network = open_model(model, device=device)
    network.use_runtime(runtime, images=len(images))
    pixels = np.empty((len(images), network.size, network.size, 3), np.uint8)
    for position, path in enumerate(images):
        _read(path, pixels[position])
    each = np.arange(len(images))
    product, rank = (np.zeros_like(each), each) if together else (each, np.zeros_like(each))
    count = int(product[-1]) + 1
    taxonomy = network.taxonomy
    best = top_k(network.probabilities(pixels, product, rank, count), max(top, TOP))
    found = Predictions(pa.array(range(count)), *best, np.bincount(product).astype(np.int16))
    mend = find_mend(model, None, taxonomy, 0.0)
    if mend is not None:
        found = mend.done_to(found)
    return [
        Answer(
            tuple(path for path, owner in zip(images, product, strict=True) if owner == row),
            tuple(
                Guess(int(taxonomy.ids[leaf]), taxonomy.label(leaf), float(probability))
                for leaf, probability in zip(
                    found.categories[row, :top], found.probabilities[row, :top], strict=True
                )
            ),
        )
        for row in range(count)
    ]


def _read(path: Path, out: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> None:
    try:
        decode_into(path.read_bytes(), out, upright=True)
    except OSError as error:
        raise ImageFormatError(f"{path}: cannot be read: {error.strerror}") from error
    except ImageFormatError as error:
        raise ImageFormatError(f"{path}: {error.message}") from error
