"""The whole road on a small generated catalogue: from a BSON file to a scored submission.

What it shows beside the model's accuracy is what the model has to beat: answering every product
with the most frequent category, and looking at one image only.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import split
from etalage.errors import OutputError
from etalage.files import refuse_existing, replace_folder
from etalage.generator import synth
from etalage.inference.predict import predict
from etalage.predictions.product_ids import positions
from etalage.predictions.submission import submit
from etalage.predictions.truth import read_truth
from etalage.scoring.accuracy import Group, constant_answer, most_frequent
from etalage.scoring.groups import by_images
from etalage.scoring.score import Score, score
from etalage.training import train

PRODUCTS = 8_000
CATEGORIES = 60


@dataclass
class Demo:
    """What the demo made and found.

    Attributes:
        folder: where everything lies.
        seconds: of each stage, in order.
        groups: for each way of answering, the accuracy of all test products, then by images.
        shared: share of the test products that show an image which training also shows.
    """

    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)
    groups: dict[str, tuple[Group, ...]] = field(default_factory=dict)
    shared: float = 0.0

    def path(self, name: str) -> Path:
        """Return the place of an artefact."""
        return self.folder / name

    @contextmanager
    def stage(self, name: str, announce: Callable[[str], None]) -> Iterator[None]:
        """Announce a stage and take its time."""
        announce(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def run_demo(
    output: Path,
    *,
    products: int = PRODUCTS,
    categories: int = CATEGORIES,
    recipe: str = "demo",
    seed: int = 0,
    overwrite: bool = False,
    announce: Callable[[str], None],
) -> Demo:
    """Generate a catalogue and take it to a score; every artefact stays in ``output``.

    Args:
        output: folder to write.
        products: size of the catalogue; a fifth of it is the test.
        categories: number of leaves.
        recipe: the training recipe.
        seed: of everything.
        overwrite: replace ``output``, which must be an earlier demo.
        announce: called with the name of each stage as it begins.

    Raises:
        OutputError: ``output`` exists.
    """
    clear(output, overwrite=overwrite)
    demo = Demo(output)
    at = demo.path
    names = at("catalogue/category_names.csv")
    with demo.stage("synth", announce):
        synth(at("catalogue"), products=products, categories=categories, seed=seed)
    with demo.stage("index", announce):
        for part in ("train", "test"):
            index([at(f"catalogue/{part}.bson")], at(f"index-{part}"), taxonomy=names)
    with demo.stage("split", announce):
        split(at("index-train"), at("split.parquet"), validation=0.1, test=0.0, seed=seed)
    with demo.stage("train", announce):
        train(
            at("index-train"),
            at("model"),
            split=at("split.parquet"),
            recipe=recipe,
            weights="none",
            seed=seed,
        )
    with demo.stage("predict", announce):
        predict(at("model"), at("index-test"), at("predictions"))
    with demo.stage("submit", announce):
        expected = open_index(at("index-test")).product_ids
        submit(at("predictions"), at("submission.csv"), expected=expected)
    with demo.stage("score", announce):
        _score(demo)
    return demo


def clear(output: Path, *, overwrite: bool) -> None:
    """Empty ``output`` when it holds an earlier demo, or the beginning of one.

    Raises:
        OutputError: it exists and may not be replaced, or holds something else.
    """
    refuse_existing(output, overwrite=overwrite)
    if output.exists():
        begun = output.is_dir() and all(path.name.startswith(".") for path in output.iterdir())
        if not begun and not (output / "catalogue/synth.json").is_file():
            raise OutputError(f"{output}: is no earlier demo, so it is not replaced")
        fresh = output.with_name(f".{output.name}.part")
        fresh.mkdir(exist_ok=True)
        replace_folder(fresh, output)


def _score(demo: Demo) -> None:
    at = demo.path
    predict(at("model"), at("index-test"), at("predictions-one-image"), max_images=1)
    answers = {"all images": at("submission.csv"), "one image only": at("predictions-one-image")}
    truth = at("catalogue/test_truth.csv")
    for name, answer in answers.items():
        demo.groups[name] = _groups(score(answer, truth, index=at("index-test")))
    demo.groups["most frequent category"] = _constant(demo, truth)
    demo.shared = _shared(demo)


def _groups(result: Score) -> tuple[Group, ...]:
    return (Group("all", result.products, result.accuracy), *result.by_images)


def _constant(demo: Demo, truth_path: Path) -> tuple[Group, ...]:
    train_index, test_index = (open_index(demo.path(f"index-{part}")) for part in ("train", "test"))
    truth = read_truth(truth_path, test_index.taxonomy)
    rows = test_index.taxonomy.rows(truth.categories)
    found = constant_answer(test_index.taxonomy, rows, most_frequent(train_index.labels))
    images = test_index.image_count[positions(truth.product_ids, test_index.product_ids)]
    return (Group("all", len(rows), found.accuracy()), *by_images(found, images))


def _shared(demo: Demo) -> float:
    train_index, test_index = (open_index(demo.path(f"index-{part}")) for part in ("train", "test"))
    known = {words.tobytes() for words in train_index.hashes}
    seen = np.array([words.tobytes() in known for words in test_index.hashes])
    return len(np.unique(test_index.image_product[seen])) / len(test_index)
