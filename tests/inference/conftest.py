"""A small shop, an index, a split and a model trained on it for a moment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import pytest

from etalage.catalogue.build import index
from etalage.catalogue.split import split
from etalage.training import train

NAMES = """category_id,category_level1,category_level2,category_level3
10,MAISON,VAISSELLE,ASSIETTE
20,MAISON,VAISSELLE,VERRE
30,JEUX,PLATEAU,DAMIER
"""


@dataclass(frozen=True)
class Shop:
    """Paths of the artefacts."""

    folder: Path
    index: Path
    split: Path
    model: Path


@pytest.fixture(scope="session")
def shop(
    tmp_path_factory: pytest.TempPathFactory,
    photo: Callable[..., bytes],
    product: Callable[..., dict[str, Any]],
) -> Shop:
    """Forty products of one to four images; two have no image that can be read."""
    folder = tmp_path_factory.mktemp("shop")
    products = [
        product(
            100 + row, [photo(4 * row + rank) for rank in range(1 + row % 4)], 10 * (1 + row % 3)
        )
        for row in range(38)
    ]
    cut = photo(7)[:-60]
    products.insert(5, product(98, [], 10))
    products.insert(6, product(99, [cut, b"no image"], 20))
    products[7]["imgs"].append({"picture": cut})
    (folder / "shop.bson").write_bytes(b"".join(map(bson.encode, products)))
    (folder / "names.csv").write_text(NAMES, encoding="utf-8")
    index([folder / "shop.bson"], folder / "index", taxonomy=folder / "names.csv")
    split(folder / "index", folder / "split.parquet", validation=0.2, test=0.2)
    train(
        folder / "index",
        folder / "model",
        split=folder / "split.parquet",
        recipe="demo",
        weights="none",
        settings={"image_size": "32", "load_size": "36", "epochs": "1", "batch_products": "8"},
        device="cpu",
    )
    return Shop(folder, folder / "index", folder / "split.parquet", folder / "model")
