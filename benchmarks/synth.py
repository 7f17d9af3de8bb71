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
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from etalage.generator import synth

Floats = NDArray[np.float32]


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
    small = [
        cv2.resize(simplejpeg.decode_jpeg(jpeg), (16, 16), interpolation=cv2.INTER_AREA).ravel()
        for jpeg in pictures
    ]
    return np.array(small, np.float32) / 255


def _features(pictures: list[bytes], weights: Path, size: int) -> Floats:
    network = timm.create_model("mobilenetv2_100", num_classes=0)
    state = {k: v for k, v in load_file(weights).items() if not k.startswith("classifier.")}
    network.load_state_dict(state)
    network.eval().to(memory_format=torch.channels_last)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    made = []
    with torch.inference_mode():
        for first in range(0, len(pictures), 64):
            pixels = [cv2.resize(simplejpeg.decode_jpeg(jpeg), (size, size), interpolation=cv2.INTER_AREA)
                      for jpeg in pictures[first : first + 64]]  # fmt: skip
            batch = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255
            made.append(network((batch - mean) / std).numpy())
    return np.concatenate(made)


def _means(features: Floats, part: Part, most: int | None = None) -> Floats:
    return np.stack([features[rows[:most]].mean(0, dtype=np.float32) for rows in part.images])


def _answers(
    train: Floats, labels: NDArray[np.int64], test: Floats, penalty: float
) -> NDArray[np.int64]:
    scale = StandardScaler().fit(train)
    model = LogisticRegression(C=penalty, max_iter=60, tol=1e-3).fit(scale.transform(train), labels)
    answers: NDArray[np.int64] = model.predict(scale.transform(test))
    return answers


def difficulty(folder: Path, weights: Path, products: int, size: int, seed: int) -> None:
    """Print how well three simple classifiers do."""
    catalogue = folder / "catalogue"
    report = synth(catalogue, products=products, seed=seed, overwrite=True)
    print(report)
    rows: dict[bytes, int] = {}
    truth = catalogue / "truth"
    train = _read(
        catalogue / "train.bson", _truth(truth / "train_truth.csv", "given_category_id"), rows
    )
    known = len(rows)
    test = _read(catalogue / "test.bson", _truth(truth / "test_truth.csv", "category_id"), rows)
    pictures = list(rows)
    safe = np.array([min(images) >= known for images in test.images])
    several = np.array([len(images) > 1 for images in test.images])
    values, counts = np.unique(train.labels, return_counts=True)
    hits = {"most frequent category": test.labels == values[counts.argmax()]}
    small = _thumbnails(pictures)
    hits["16 x 16 thumbnails"] = test.labels == _answers(
        _means(small, train), train.labels, _means(small, test), 0.001
    )
    deep = _features(pictures, weights, size)
    for name, most in (("frozen, first image", 1), ("frozen, all images", None)):
        hits[name] = test.labels == _answers(
            _means(deep, train, most), train.labels, _means(deep, test, most), 0.003
        )
    print(f"{'':28}{'test':>8}{'several':>9}{'safe':>8}{'safe, several':>15}")
    for name, hit in hits.items():
        masks = (safe | True, several, safe, safe & several)
        print(f"{name:28}" + "".join(f"{hit[mask].mean():>9.3f}" for mask in masks))
    print("products".ljust(28) + "".join(f"{int(m.sum()):>9}" for m in masks))


def speed(folder: Path, products: int, seed: int) -> None:
    """Print how fast a catalogue is written."""
    start = time.perf_counter()
    report = synth(folder / "catalogue", products=products, seed=seed, overwrite=True)
    seconds = time.perf_counter() - start
    print(report)
    print(f"{seconds:.1f} s, {report.bytes / seconds / 1e6:.0f} MB/s, {report.bytes / 1e9:.2f} GB")


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
