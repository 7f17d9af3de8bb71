"""Fixtures that every test may use: real products and weights, and small real catalogues."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import bson
import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.split import split
from etalage.cli import main

# How long an example takes says nothing on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real products and weights beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with real products and weights is not here")
    return folder


def make_photo(seed: int, *, side: int = 32, form: str = "JPEG") -> bytes:
    """Return an encoded picture of random blobs, different for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC).save(file, form)
    return file.getvalue()


def make_product(
    product_id: object, images: list[bytes], category: object = None, **fields: object
) -> dict[str, Any]:
    """Return a document in the key order of the real catalogue."""
    product = {"_id": product_id, "imgs": [{"picture": image} for image in images]}
    return product | ({} if category is None else {"category_id": category}) | fields


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """``make_photo``."""
    return make_photo


@pytest.fixture(scope="session")
def product() -> Callable[..., dict[str, Any]]:
    """``make_product``."""
    return make_product


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[..., Path]:
    """Writes documents (or raw bytes) to a BSON file of the test's folder and returns its path."""

    def write(*documents: dict[str, Any] | bytes, name: str = "catalogue.bson") -> Path:
        path = tmp_path / name
        parts = [item if isinstance(item, bytes) else bson.encode(item) for item in documents]
        path.write_bytes(b"".join(parts))
        return path

    return write


class Run(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs ``etalage`` commands in this process, as its entry point does."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Run:
        """Run one command line."""
        self._capsys.readouterr()
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        captured = self._capsys.readouterr()
        return Run(code, captured.out, captured.err)

    @staticmethod
    def ids(folder: Path) -> list[object]:
        """Return the product ids of an index."""
        return list(open_index(folder).product_ids.to_pylist())


@pytest.fixture
def etalage(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line."""
    return CommandLine(capsys)


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
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Forty products of one to four images, two of them without a readable one, and a model."""
    from etalage.training import train

    folder = tmp_path_factory.mktemp("shop")
    products = [
        make_product(
            100 + row,
            [make_photo(4 * row + rank) for rank in range(1 + row % 4)],
            10 * (1 + row % 3),
        )
        for row in range(38)
    ]
    cut = make_photo(7)[:-60]
    products.insert(5, make_product(98, [], 10))
    products.insert(6, make_product(99, [cut, b"no image"], 20))
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
