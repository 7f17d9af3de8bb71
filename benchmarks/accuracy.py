"""How well trained models answer, beside scikit-learn and other trainers, on the same splits.

    python benchmarks/accuracy.py myntra|clothing|views|luma|generated|reduced|table|all -o FOLDER

Each subcommand prepares its data set in FOLDER, answers with each method and seed that has no row
yet, and prints its table; ``table`` prints all tables there are, ``all`` does everything in turn.
A stopped run goes on.

    myntra, clothing  one image a product; split 80/10/10 by duplicate groups, three seeds: the
                      recipe ``frozen``, fine-tuning from there, logistic regression and k-NN on the
                      same features, and the other trainers where their environments are given
    views             80 objects, 1, 2 and 3 training products of each, five seeds; tested on
                      products of 2 to 4 views; no validation part
    luma              20 splits 70/30 by duplicate groups; no validation part
    generated         ``etalage synth``, 10 % wrong labels, views of the same object; split 80/10/10
                      by duplicate groups, three seeds; tested against the clean labels
    reduced           a small generated catalogue at 64 px, end to end: collage and specialists
                      beside the mean

The network is MobileNetV2 with the weights in ``shared/weights``, images of 180 pixels, features
the mean over an image and its mirror image, alike for every method. ``--timm PYTHON`` and
``--fastai PYTHON`` name the interpreters of environments that have these trainers; without them
their rows are left out. They get the images of the same split in folders, and the same weights.
"""

import argparse
import logging
import platform
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import etalage
from accuracy_answers import WEIGHTS, Place, embed, logistic, nearest, ours
from accuracy_peers import peer
from accuracy_rows import Answered, table, take
from etalage.catalogue.split import split as split_by_duplicates
from etalage.catalogue.split import write_split
from etalage.generator import synth

FROZEN_FUSIONS = ("mean", "logits", "max", "whitened", "attention", "set")
SEEDS = range(3)
TUNED = {
    "epochs": "2",
    "learning_rate": "3e-4",
    "image_size": "160",
    "load_size": "180",
    "mirror": "true",
}
SPECIALISTS = '[{"name": "one", "count": "1"}, {"name": "several", "count": "2+"}]'


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes:
        shared: the folder with data and weights.
        output: where everything goes.
        products: of the generated catalogue.
        timm: interpreter of the environment of timm's own training, if there is one.
        fastai: likewise.
    """

    shared: Path
    output: Path
    products: int
    timm: Path | None
    fastai: Path | None

    @property
    def weights(self) -> Path:
        """The backbone's weights."""
        return self.shared / WEIGHTS


def main() -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=(*SETS, "table", "all"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared")
    parser.add_argument("--products", type=int, default=50_000, help="of the generated catalogue")
    parser.add_argument("--timm", type=Path, help="a Python with timm")
    parser.add_argument("--fastai", type=Path, help="a Python with fastai")
    given = parser.parse_args()
    what = given.what
    logging.getLogger().setLevel(logging.WARNING)
    # Absolute, not resolved: the interpreter of an environment is a link that must stay one.
    paths = (given.shared, given.output, given.timm, given.fastai)
    shared, output, timm, fastai = (path and path.absolute() for path in paths)
    options = Options(shared, output, given.products, timm, fastai)
    for name in SETS if what == "all" else (what,):
        if name in SETS:
            SETS[name](options)
    print_tables(options.output, None if what in ("table", "all") else what)


def real(options: Options, name: str) -> Place:
    """Index one of the real sets and embed its images."""
    place = Place(options.output / name, options.weights)
    data = options.shared / "data" / name
    if not place.index.is_dir():
        etalage.index([data / "catalogue.bson"], place.index, taxonomy=data / "category_names.csv")
    embed(place)
    return place


def one_image(name: str) -> Callable[[Options], None]:
    """Return the measurement of a real set with one image a product."""

    def measure(options: Options) -> None:
        place = real(options, name)
        rows = place.folder / "rows" / "frozen and fine-tuned"
        for seed in SEEDS:
            split = safe_split(place, seed, validation=0.1, test=0.1)
            take(rows, "logistic regression", seed, logistic(place, split))
            take(rows, "k nearest neighbours", seed, nearest(place, split))
            take(rows, "etalage frozen", seed, ours(place, split, seed, {}))
            first = place.folder / f"frozen-{seed}"
            take(rows, "etalage fine-tuned", seed, fine_tuned(place, split, seed, first))
            for trainer in ("timm", "fastai"):
                python = getattr(options, trainer)
                if python:
                    take(rows, trainer, seed, peer(trainer, python, place, split, seed))
                else:
                    print(f"  {trainer}: left out, no --{trainer} PYTHON")

    return measure


def fine_tuned(place: Place, split: Path, seed: int, first: Path) -> Callable[[], Answered]:
    """Return the work of training a frozen head, then everything from there."""

    def work() -> Answered:
        ours(place, split, seed, {})()
        (place.folder / "model").rename(first)
        started = replace(place, weights=first)
        return ours(started, split, seed, TUNED, recipe="quick")()

    return work


def views(options: Options) -> None:
    """Measure fusion on few products of the same objects."""
    place = real(options, "views")
    for products in (1, 2, 3):
        for seed in range(5):
            split = few_split(place, products, seed)
            compare(place, split, seed, f"{products} training products")


def luma(options: Options) -> None:
    """Measure fusion on a small shop."""
    place = real(options, "luma")
    for seed in range(20):
        split = safe_split(place, seed, validation=0, test=0.3)
        compare(place, split, seed, "20 splits")


def generated(options: Options) -> None:
    """Measure fusion on a generated catalogue with wrong labels."""
    place = catalogue(options, "generated", options.products)
    embed(place)
    for seed in SEEDS:
        split = safe_split(place, seed, validation=0.1, test=0.1)
        compare(place, split, seed, f"{options.products} products")


def compare(place: Place, split: Path, seed: int, setting: str) -> None:
    """Answer with all fusions of frozen features, and with logistic regression on the mean.

    All learn as the recipe ``frozen`` says, whose own fusion is ``whitened``.
    """
    rows = place.folder / "rows" / setting
    take(rows, "logistic regression", seed, logistic(place, split))
    for fusion in FROZEN_FUSIONS:
        take(rows, fusion, seed, ours(place, split, seed, {"fusion": fusion}))


def reduced(options: Options) -> None:
    """Measure collage and specialists beside the mean, end to end, small."""
    place = catalogue(options, "reduced", min(options.products, 4000))
    size = {"image_size": "64", "load_size": "64", "epochs": "3"}
    for seed in SEEDS:
        split = safe_split(place, seed, validation=0.1, test=0.1)
        rows = place.folder / "rows" / "64 px, end to end"
        for fusion in ("mean", "attention", "collage"):
            work = ours(place, split, seed, size | {"fusion": fusion}, recipe="quick")
            take(rows, fusion, seed, work)
        work = ours(place, split, seed, size | {"parts": SPECIALISTS}, recipe="quick")
        take(rows, "specialists by number", seed, work)


def catalogue(options: Options, name: str, products: int) -> Place:
    """Generate a catalogue and index its labelled file."""
    folder = options.output / name
    made = folder / "catalogue"
    place = Place(folder, options.weights, made / "train_truth.csv")
    if not made.is_dir():
        synth(made, products=products, test=0.02)
    if not place.index.is_dir():
        etalage.index([made / "train.bson"], place.index, taxonomy=made / "category_names.csv")
    return place


def safe_split(place: Place, seed: int, *, validation: float, test: float) -> Path:
    """Return a SPLIT that leaves no duplicate group on two sides."""
    path = place.folder / f"split-{seed}.parquet"
    if not path.is_file():
        split_by_duplicates(place.index, path, validation=validation, test=test, seed=seed)
    return path


def few_split(place: Place, products: int, seed: int) -> Path:
    """Return a SPLIT with so many training products of each leaf, tested on 2 to 4 images.

    No image occurs twice in ``views``, so that any split is duplicate-safe.
    """
    path = place.folder / f"split-{products}-{seed}.parquet"
    if path.is_file():
        return path
    index, part = place.opened, np.full(len(place.opened), -1, np.int8)
    generator = np.random.default_rng([seed, products])
    part[index.image_count > 1] = 2
    for members in _by_leaf(index.labels):
        part[generator.choice(members, products, replace=False)] = 0
    record = {"schema": 1, "by": "product", "seed": seed, "index": index.fingerprint}
    write_split(path, index.product_ids, part, record, overwrite=False)
    return path


def _by_leaf(labels: NDArray[np.int32]) -> Iterator[NDArray[np.int64]]:
    for leaf in np.unique(labels):
        yield np.flatnonzero(labels == leaf)


SETS: dict[str, Callable[[Options], None]] = {
    "myntra": one_image("myntra"),
    "clothing": one_image("clothing"),
    "views": views,
    "luma": luma,
    "generated": generated,
    "reduced": reduced,
}


def print_tables(output: Path, only: str | None) -> None:
    """Print the tables of the rows there are, and what they were made with."""
    print(f"\n{platform.platform()}, {torch.get_num_threads()} threads, {_version()}")
    for name in SETS if only is None else (only,):
        for setting in sorted((output / name / "rows").glob("*")):
            against = "logits" if name == "generated" else "mean"
            if name in ("myntra", "clothing"):
                against = "logistic regression"
            print("\n".join(table(setting, against)))


def _version() -> str:
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"etalage {done.stdout.strip()}, torch {torch.__version__}"


if __name__ == "__main__":
    main()
