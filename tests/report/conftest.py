"""A shop in which everything that a report shows occurs, a model of it, and their reports."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import make_photo, make_product
from etalage.catalogue.build import index
from etalage.images.decode import encode_jpeg
from etalage.reports import report
from report.models import write_model

NAMES = """category_id,category_level1,category_level2,category_level3
10,MAISON,VAISSELLE,ASSIETTE
20,MAISON,VAISSELLE,<b>VERRE</b>
30,JEUX,PLATEAU,DAMIER
40,JEUX,VAISSELLE,ASSIETTE
"""
LOGO = make_photo(1000)


def white(side: int = 32) -> bytes:
    """Return a JPEG of nothing."""
    return encode_jpeg(np.full((side, side, 3), 255, np.uint8))


def write_shop(folder: Path, products: list[dict[str, Any]], name: str) -> Path:
    """Write and index products."""
    (folder / f"{name}.bson").write_bytes(b"".join(map(bson.encode, products)))
    (folder / "names.csv").write_text(NAMES, encoding="utf-8")
    index([folder / f"{name}.bson"], folder / name, taxonomy=folder / "names.csv", overwrite=True)
    return folder / name


def add_column(folder: Path, table: str, name: str, values: pa.Array) -> None:
    """Put a column into a table of an index, in the place of one of that name."""
    path = folder / f"{table}.parquet"
    old = pq.read_table(path)
    old = old.drop_columns([name]) if name in old.column_names else old
    pq.write_table(old.append_column(name, values), path)


def make_products(first: int, *, labels: bool = True) -> list[dict[str, Any]]:
    """Return forty products of one to four images, a logo on every fourth, and what is odd."""
    products = [
        make_product(
            first + row,
            [make_photo(first + 4 * row + rank) for rank in range(1 + row % 4)],
            10 * (1 + row % 3) if labels else None,
            title=f"Title {row}" if row % 2 else "  ",
            reseller=f"shop {row % 3}" if row % 5 else None,
        )
        for row in range(40)
    ]
    for row in range(1, 40, 4):
        products[row]["imgs"].append({"picture": LOGO})
    products.append(make_product(first + 90, [white()] * 2, 10 if labels else None))
    cut = make_photo(7, side=64)[:-300]
    products.append(make_product(first + 91, [cut, b"no image", b""], 20 if labels else None))
    products.append(make_product(first + 92, [], 20 if labels else None, price=3.5))
    return products


class Page(HTMLParser):
    """What stands in a page: tags with their attributes, numbers, rows of tables, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.numbers: dict[str, tuple[str, str]] = {}
        self.rows: dict[str, int] = {}
        self.text = ""
        self._number = ("", "")
        self._table = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "data":
            self._number = (found["data-of"], found["value"])
        elif tag == "table":
            self._table = found["data-rows"]
            self.rows[self._table] = -1  # the head is a row too
        elif tag == "tr":
            self.rows[self._table] += 1

    def handle_data(self, data: str) -> None:
        self.text += data
        place, value = self._number
        if place:
            self.numbers[place] = (value, data)
            self._number = ("", "")

    def attributes(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@dataclass(frozen=True)
class Made:
    """A report: of what, where, its JSON and its page."""

    index: Path
    path: Path
    document: dict[str, Any]
    page: Page


@pytest.fixture(scope="session")
def make_report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Made]:
    """Makes the report of an index or a model; options as ``report`` has them."""

    def make(folder: Path, **options: Any) -> Made:
        path = tmp_path_factory.mktemp("page") / "report.html"
        document = json.loads(json.dumps(report(folder, path, **options)))
        return Made(folder, path, document, Page(path.read_text(encoding="utf-8")))

    return make


@pytest.fixture(scope="session")
def stall(tmp_path_factory: pytest.TempPathFactory, make_report: Callable[..., Made]) -> Made:
    """The report of a shop in which everything occurs, against another one."""
    folder = tmp_path_factory.mktemp("stall")
    here = write_shop(folder, make_products(100), "train")
    there = write_shop(folder, make_products(220), "test")
    images = pq.read_metadata(here / "images.parquet").num_rows
    qualities = np.array([75, 90, 0], np.uint8)[np.arange(images) % 3]
    for shop in (here, there):
        rows = pq.read_metadata(shop / "images.parquet").num_rows
        add_column(shop, "images", "quality", pa.array(np.resize(qualities, rows)))
        chroma = pa.array(["4:2:0", "4:4:4", "cmyk", ""]).take(pa.array(np.arange(rows) % 4))
        add_column(shop, "images", "chroma", chroma.dictionary_encode())
    (folder / "words.csv").write_text("name,translation\nMAISON,HOME\nJEUX,GAMES\n")
    return make_report(here, against=there, translations=folder / "words.csv")


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, stall: Made, make_report: Callable[..., Made]
) -> Made:
    """The report of a model that was trained on the shop, with pictures from its index."""
    model = write_model(tmp_path_factory.mktemp("trained") / "model", stall.index)
    return make_report(model, index=stall.index)


@pytest.fixture
def model(trained: Made, tmp_path: Path) -> Path:
    """A copy of that model, to be changed."""
    return Path(shutil.copytree(trained.index, tmp_path / "model"))


@pytest.fixture(scope="session", params=["stall", "trained"])
def made(request: pytest.FixtureRequest) -> Made:
    """The report of a catalogue, and that of a model."""
    page: Made = request.getfixturevalue(request.param)
    return page
