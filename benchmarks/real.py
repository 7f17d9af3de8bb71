"""Trains, predicts and scores on a real labelled set: frozen backbone, then fine-tuned.

    python benchmarks/real.py [myntra|luma|views|clothing] [--shared ../shared] [-o FOLDER]

The set is indexed with its taxonomy and split so that no byte-identical image is on two sides. The
backbone is MobileNetV2 with the weights in ``shared/weights``. First only a linear head is learned
on the frozen backbone, then that model is fine-tuned for an epoch. Both are scored on the test
part; the baseline is the most frequent category of the training part.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import read_split, split
from etalage.inference.predict import predict
from etalage.predictions.score import Score, score
from etalage.training import RECIPES, Recipe, train

SETS = ("myntra", "luma", "views", "clothing")
WEIGHTS = "weights/mobilenetv2_100_tv_backbone/model.safetensors"
FROZEN = RECIPES["frozen"]
TUNED = replace(
    FROZEN,
    name="real-tuned",
    freeze_backbone=False,
    epochs=1,
    learning_rate=3e-4,
    weight_decay=0.05,
)


@dataclass
class Road:
    """One real set on its way to a score.

    Attributes:
        folder: where the artefacts go.
        seconds: of each stage.
    """

    folder: Path
    seconds: dict[str, float]

    def take(self, stage: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Do the work of a stage and note its seconds."""
        start = time.perf_counter()
        result = work()
        self.seconds[stage] = time.perf_counter() - start
        return result

    def train_and_score(self, name: str, recipe: Recipe, weights: str, seed: int) -> Score:
        """Train a model from some weights and score it on the test part."""
        at, part = self.folder, self.folder / "split.parquet"
        self.take(
            f"{name}: train",
            lambda: train(
                at / "index", at / name, split=part, recipe=recipe, weights=weights, seed=seed
            ),
        )
        predictions = at / f"{name}-predictions"
        self.take(f"{name}: predict", lambda: predict(at / name, at / "index", predictions))
        return score(predictions, at / "index", split=part, part="test")


def most_frequent(folder: Path) -> float:
    """Return the accuracy of always answering the most frequent training category."""
    opened = open_index(folder / "index")
    parts = read_split(folder / "split.parquet")
    train_labels, test_labels = (
        opened.labels[parts.rows(opened, part)] for part in ("train", "test")
    )
    return float((test_labels == np.bincount(train_labels).argmax()).mean())


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", nargs="?", default="myntra", choices=SETS)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("-o", "--output", type=Path, help="keep the artefacts here")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as temporary:
        run(options, options.output or Path(temporary))


def run(options: argparse.Namespace, folder: Path) -> None:
    """Index, split, train twice, predict and score."""
    data, road = options.shared / "data" / options.set, Road(folder, {})
    names = data / "category_names.csv"
    road.take("index", lambda: index([data / "catalogue.bson"], folder / "index", taxonomy=names))
    road.take("split", lambda: split(folder / "index", folder / "split.parquet", seed=options.seed))
    weights = str(options.shared / WEIGHTS)
    found = {"frozen": road.train_and_score("frozen", FROZEN, weights, options.seed)}
    frozen = str(folder / "frozen")
    found["fine-tuned"] = road.train_and_score("tuned", TUNED, frozen, options.seed)
    print(f"{options.set}: duplicate-safe split, seed {options.seed}, test products")
    print(f"{'':24} products  level 1  level 2  level 3    top 5")
    print(f"{'most frequent category':24} {'':26} {most_frequent(folder):8.4f}")
    for name, result in found.items():
        _print_score(name, result)
    for stage, seconds in road.seconds.items():
        print(f"{stage:24} {seconds:8.1f} s")


def _print_score(name: str, result: Score) -> None:
    for group in result.by_images:
        told = group.accuracy
        print(
            f"{name + ', images ' + group.name:24} {group.products:8,} {told.level1:8.4f} "
            f"{told.level2:8.4f} {told.level3:8.4f} {told.top5 or 0:8.4f}"
        )
    whole = result.accuracy
    print(
        f"{name:24} {result.products:8,} {whole.level1:8.4f} {whole.level2:8.4f} "
        f"{whole.level3:8.4f} {whole.top5 or 0:8.4f}"
    )


if __name__ == "__main__":
    main()
