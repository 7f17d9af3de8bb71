"""The small predictions of the predictions' tests, and two catalogues that show the same images."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import bson
import pytest

from conftest import make_photo, make_product
from etalage.catalogue.build import index
from predictions.conftest import predict, slices, taxonomy, write

__all__ = ["predict", "slices", "taxonomy", "write"]

NAMES = """category_id,category_level1,category_level2,category_level3
10,MAISON,VAISSELLE,ASSIETTE
20,MAISON,VAISSELLE,VERRE
30,JEUX,PLATEAU,DAMIER
"""
# Of each product its id, its images by number, and its category.
TRAIN = [(1, [1], 10), (2, [2], 10), (3, [3, 4], 20), (4, [5], None)]
TEST = [
    (11, [1, 21], 10),  # an image of training
    (12, [22], 10),
    (13, [22, 23], 20),  # a copy of the one before under another label
    (14, [24], 30),
    (15, [24], 30),
    (16, [4], 20),  # an image of training
    (17, [], 30),
    (18, [5], 30),  # an image of a training product without a label
]
SAID = {11: 10, 12: 10, 13: 10, 14: 30, 15: 10, 16: 20, 17: 10, 19: 10}


class Shops(NamedTuple):
    """Two indexes and the answers to the products of the second."""

    train: Path
    test: Path
    answers: Path


def shop(folder: Path, name: str, products: list[Any], **options: Any) -> Path:
    """Write and index a catalogue."""
    documents = [
        make_product(product, [make_photo(image) for image in images], category)
        for product, images, category in products
    ]
    (folder / f"{name}.bson").write_bytes(b"".join(map(bson.encode, documents)))
    (folder / "names.csv").write_text(NAMES)
    place = folder / f"{name}{options.get('hash_name', '')}"
    index([folder / f"{name}.bson"], place, taxonomy=folder / "names.csv", **options)
    return place


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Shops:
    folder = tmp_path_factory.mktemp("shops")
    with (folder / "s.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("_id", "category_id"), *SAID.items()])
    return Shops(shop(folder, "train", TRAIN), shop(folder, "test", TEST), folder / "s.csv")
