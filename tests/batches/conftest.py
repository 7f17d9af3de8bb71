"""A small catalogue with every kind of image in it."""

import io
from pathlib import Path

import bson
import pytest
from PIL import Image

from etalage.catalogue.build import index
from etalage.catalogue.index import Index, open_index

SIDE = 24
PRODUCTS = 40


def colour(product: int, rank: int) -> tuple[int, int, int]:
    """Return the colour by which the tests know an image again."""
    return 6 * product, 60 * rank, 128


def image(product: int, rank: int) -> bytes:
    """Return a JPEG, PNG or WebP; of the right size, larger, or not square."""
    kind = ("JPEG", "PNG", "WEBP")[(product + rank) % 3]
    size = ((SIDE, SIDE), (SIDE * 5, SIDE * 5), (SIDE, SIDE), (SIDE * 2, SIDE))[product % 4]
    file = io.BytesIO()
    Image.new("RGB", size, colour(product, rank)).save(file, kind, quality=95, subsampling=0)
    return file.getvalue()


def images(product: int) -> list[bytes]:
    """Return 0 to 4 images: of product 7 one is empty, one cut, one fine; of product 9 all bad."""
    whole = [image(product, rank) for rank in range(product % 5)]
    if product == 7:
        return [b"", image(7, 1)[:-9], image(7, 2)]
    return [b"no image"] * 2 if product == 9 else whole


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``catalogue.bson`` and its INDEX ``index``."""
    place = tmp_path_factory.mktemp("batches")
    with (place / "catalogue.bson").open("wb") as file:
        for product in range(PRODUCTS):
            pictures = [{"picture": data} for data in images(product)]
            file.write(bson.encode({"_id": product, "category_id": 5, "imgs": pictures}))
    index([place / "catalogue.bson"], place / "index")
    return place


@pytest.fixture
def mixed(folder: Path) -> Index:
    """Return the opened index of the small catalogue."""
    return open_index(folder / "index")
