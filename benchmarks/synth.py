"""How hard a generated catalogue is, and how fast it is written.

    python benchmarks/synth.py difficulty --weights model.safetensors [--products 20000]
    python benchmarks/synth.py speed [--products 120000]

Difficulty, on a catalogue with the default number of categories: trained on the given labels of
``train.bson`` (a tenth is wrong), tested against the clean labels of ``test.bson``; a product is in
one of the two files. Figures are given for all test products and, duplicate-safe, for those that
share no image with train. Weights: a MobileNetV2 1.0 backbone under timm's names, as safetensors.
"""

import argparse
import csv
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import bson
import cv2
import numpy as np
import simplejpeg
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from etalage.generator import synth
from etalage.generator.draw import draw
from etalage.generator.looks import leaf_looks
from etalage.generator.taxonomy import own_taxonomy
from etalage.images.decode import encode_jpeg

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]
_DRAWN = 4000
_BATCH = 64


@dataclass(frozen=True)
class Part:
    """Products of one file: category of each, and its images as rows of the distinct images."""

    labels: NDArray[np.int64]
    images: list[list[int]]


def _read(path: Path, labels: dict[int, int], rows: dict[bytes, int]) -> Part:
    images, categories = [], []
    with path.open("rb") as file:
        for product in bson.decode_file_iter(file):
            pictures = [image["picture"] for image in product["imgs"]]
            images.append([rows.setdefault(picture, len(rows)) for picture in pictures])
            categories.append(labels[product["_id"]])
    return Part(np.array(categories), images)


def _truth(path: Path, column: str) -> dict[int, int]:
    with path.open(encoding="utf-8", newline="") as file:
        return {int(row["_id"]): int(row[column]) for row in csv.DictReader(file)}


def _thumbnails(pictures: list[bytes]) -> Floats:
    small = np.stack([_resized(jpeg, 16).ravel() for jpeg in pictures])
    return np.divide(small, 255, dtype=np.float32)


def _features(pictures: list[bytes], weights: Path, size: int) -> Floats:
    network = _frozen_network(weights, size)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    made = []
    with torch.inference_mode():
        for first in range(0, len(pictures), _BATCH):
            pixels = np.stack([_resized(jpeg, size) for jpeg in pictures[first : first + _BATCH]])
            batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
            made.append(network((batch - mean) / std).numpy())
    return np.concatenate(made)


def _frozen_network(weights: Path, size: int) -> torch.jit.ScriptModule:
    network = timm.create_model("mobilenetv2_100", num_classes=0)
    state = {k: v for k, v in load_file(weights).items() if not k.startswith("classifier.")}
    network.load_state_dict(state)
    network.eval().to(memory_format=torch.channels_last)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is old but twice as fast on a processor
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            network, torch.zeros(_BATCH, 3, size, size)
        )
        return torch.jit.optimize_for_inference(torch.jit.freeze(traced))


def _resized(jpeg: bytes, size: int) -> NDArray[np.uint8]:
    pixels = simplejpeg.decode_jpeg(jpeg)
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA))


def _means(features: Floats, part: Part, most: int | None = None) -> Floats:
    return np.stack([features[rows[:most]].mean(0, dtype=np.float32) for rows in part.images])


def _answers(train: Floats, labels: Ids, test: Floats, penalty: float) -> Ids:
    scale = StandardScaler().fit(train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digit is not needed
        model = LogisticRegression(C=penalty, max_iter=80).fit(scale.transform(train), labels)
    return np.asarray(model.predict(scale.transform(test)))


def difficulty(folder: Path, weights: Path, products: int, size: int, seed: int) -> None:
    """Print how well three simple classifiers do."""
    catalogue = folder / "catalogue"
    print(synth(catalogue, products=products, seed=seed, overwrite=True), flush=True)
    rows: dict[bytes, int] = {}
    given = _truth(catalogue / "train_truth.csv", "given_category_id")
    train = _read(catalogue / "train.bson", given, rows)
    known = len(rows)
    clean = _truth(catalogue / "test_truth.csv", "category_id")
    test = _read(catalogue / "test.bson", clean, rows)
    hits = _hits(list(rows), train, test, weights, size)
    safe = np.array([min(images) >= known for images in test.images])
    several = np.array([len(images) > 1 for images in test.images])
    groups = {"all": safe | True, "2 to 4 images": several, "safe": safe}
    groups["safe, 2 to 4 images"] = safe & several
    print("leaf accuracy".ljust(24) + "".join(f"{name:>21}" for name in groups))
    print("test products".ljust(24) + "".join(f"{mask.sum():>21}" for mask in groups.values()))
    for name, hit in hits.items():
        print(name.ljust(24) + "".join(f"{hit[mask].mean():>21.3f}" for mask in groups.values()))


def _hits(
    pictures: list[bytes], train: Part, test: Part, weights: Path, size: int
) -> dict[str, NDArray[np.bool_]]:
    values, counts = np.unique(train.labels, return_counts=True)
    hits = {"most frequent category": test.labels == values[counts.argmax()]}
    small, deep = _thumbnails(pictures), _features(pictures, weights, size)
    for name, features, most, penalty in (
        ("16 x 16 thumbnails", small, None, 0.003),
        ("frozen, first image", deep, 1, 0.003),
        ("frozen, all images", deep, None, 0.003),
    ):
        seen = _means(features, train, most)
        answers = _answers(seen, train.labels, _means(features, test, most), penalty)
        hits[name] = np.asarray(test.labels == answers)
    return hits


def speed(folder: Path, products: int, seed: int) -> None:
    """Print how fast pictures are drawn on one core, and how fast a catalogue is written."""
    looks = leaf_looks(own_taxonomy(166, seed))
    start = time.process_time()
    for number in range(_DRAWN):
        encode_jpeg(draw(looks[number % len(looks)], seed, number, 0, number % 3))
    print(f"{_DRAWN / (time.process_time() - start):.0f} drawings a second of one core")
    begin = time.perf_counter()
    report = synth(folder / "catalogue", products=products, seed=seed, overwrite=True)
    seconds = time.perf_counter() - begin
    print(report)
    print(
        f"{report.bytes / 1e9:.2f} GB in {seconds:.1f} s: {report.bytes / seconds / 1e6:.0f} MB/s"
    )


def main() -> None:
    """Run one of the two measurements."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("difficulty", "speed"))
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.what == "speed":
            speed(Path(folder), options.products, options.seed)
        else:
            difficulty(Path(folder), options.weights, options.products, options.size, options.seed)


if __name__ == "__main__":
    main()
