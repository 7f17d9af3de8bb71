"""A small catalogue whose categories can be learned, its index and split, and a tiny recipe."""

import csv
import io
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from PIL import Image

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import split
from etalage.catalogue.taxonomy import HEADER
from etalage.training import Recipe, TrainReport, train
from etalage.training.examples import find_examples
from etalage.training.plan import Data

PRODUCTS = 60
COLOURS = np.array([[220, 40, 40], [40, 220, 40], [40, 40, 220]])
TINY = Recipe(
    name="tiny",
    backbone="test_byobnet",
    image_size=32,
    load_size=36,
    epochs=2,
    batch_products=8,
    learning_rate=1e-2,
    warmup=0.2,
    checkpoint_minutes=0.0,
)


def picture(product: int, rank: int) -> bytes:
    """Return an image whose colour tells the category, product 5's second and all of 6's broken."""
    if product == 6 or (product == 5 and rank == 1):
        return b"\xff\xd8 no image"
    noise = np.random.default_rng([product, rank]).integers(-40, 40, (6, 6, 3))
    pixels = (COLOURS[product % 3] + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((40, 40)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of ``catalogue.bson``, its ``index`` and ``split``.

    Every 20th product has no label.
    """
    place = tmp_path_factory.mktemp("shop")
    with (place / "catalogue.bson").open("wb") as file:
        for product in range(PRODUCTS):
            images = [{"picture": picture(product, rank)} for rank in range(1 + product % 4)]
            label = {} if product % 20 == 19 else {"category_id": 10 + product % 3}
            file.write(bson.encode({"_id": product, "imgs": images} | label))
    index([place / "catalogue.bson"], place / "index")
    split(place / "index", place / "split", validation=0.2, test=0.1)
    return place


@pytest.fixture(scope="session")
def begin(shop: Path) -> Callable[..., TrainReport]:
    """Trains on the shop, or on another folder of ``index`` and ``split``, without weights."""

    def run(
        model: Path, recipe: Recipe = TINY, *, place: Path = shop, **options: Any
    ) -> TrainReport:
        given: dict[str, Any] = {"split": place / "split", "recipe": recipe, "weights": "none"}
        return train(place / "index", model, **given | options)

    return run


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """Return a recipe that trains in a second."""
    return TINY


@pytest.fixture
def make_data(tmp_path: Path) -> Callable[..., Data]:
    """Makes the data of products without images, one for each label (a row of the taxonomy)."""

    def make(labels: list[int], paths: list[tuple[str, str, str]], **values: Any) -> Data:
        place = Path(tempfile.mkdtemp(dir=tmp_path))
        documents = [{"_id": row, "category_id": each} for row, each in enumerate(labels)]
        (place / "c.bson").write_bytes(b"".join(map(bson.encode, documents)))
        with (place / "names.csv").open("w", encoding="utf-8", newline="") as file:
            lines = [(row, *path) for row, path in enumerate(paths)]
            csv.writer(file).writerows([HEADER, *lines])
        index([place / "c.bson"], place / "index", taxonomy=place / "names.csv")
        opened = open_index(place / "index")
        rows = np.arange(len(labels))
        examples = find_examples(opened, rows, max_images=None, distinct=False)
        data = Data(opened, examples.epoch(), rows, opened.labels, examples)
        return replace(data, **values)

    return make
