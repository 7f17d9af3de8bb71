"""What is exported and imported again is what it was, in each form, whatever the catalogue."""

import csv
import tempfile
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import make_photo
from etalage.catalogue.build import index
from etalage.catalogue.index import Index, open_index
from etalage.exchange.exporter import export
from etalage.exchange.importer import import_catalogue
from etalage.exchange.manifest import FORMATS

PHOTOS = [make_photo(row, form=("JPEG", "PNG", "WEBP")[row % 3]) for row in range(6)]
KEPT = {"product_id", "category", "image_count"}
PLACES = {"file", "offset", "length", "image_start"}

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
pictures = st.sampled_from([*PHOTOS, b"", b"no image", b"\xff\xd8\xff"]).map(
    lambda data: {"picture": data}
)
images = st.lists(st.one_of(pictures, st.just({})), max_size=4)
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1).map(Int64), st.integers(-3, 3))
names = st.one_of(words.filter(bool), st.sampled_from(["007", "12", "-0", "a/b", "..", "a.b", "%"]))
fields = st.fixed_dictionaries(
    {},
    optional={
        "category_id": st.sampled_from([1, 2, -1, 77, 2**40]),
        "title": words,
        "description": words,
        "brand": st.sampled_from(["", '"', "a\r\nb", "\x00", " ", "NULL"]),
        "reseller": words,
        "price": st.floats(),
    },
)
levels = words.map(lambda name: name.replace("\r", ""))
paths = st.tuples(levels, levels, levels)


@st.composite
def products(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Documents of a catalogue, ids all integers or all texts."""
    ids = draw(st.lists(draw(st.sampled_from([numbers, names])), min_size=1, max_size=6))
    return [{"_id": name, "imgs": draw(images), **draw(fields)} for name in ids]


def write(folder: Path, documents: list[dict[str, Any]], leaves: dict[int, Any]) -> Path:
    """Index documents with these categories."""
    (folder / "shop.bson").write_bytes(b"".join(map(bson.encode, documents)))
    with (folder / "names.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("category_id", *(f"category_level{level}" for level in (1, 2, 3))))
        writer.writerows((leaf, *path) for leaf, path in leaves.items())
    index([folder / "shop.bson"], folder / "index", taxonomy=folder / "names.csv", workers=1)
    return folder / "index"


def contents(opened: Index) -> dict[str, Any]:
    """Return everything an index says of its products, but where it lies.

    A text column in which no product has a value says nothing.
    """
    found = {name: opened.column("products", name) for name in opened.columns("products")}
    said: dict[str, Any] = {
        name: (str(column.type), repr(column.to_pylist()))
        for name, column in found.items()
        if name not in PLACES and (name in KEPT or column.null_count < len(column))
    }
    kept = [name for name in opened.columns("images") if name not in PLACES]
    said |= {f"image {name}": repr(opened.column("images", name).to_pylist()) for name in kept}
    lengths = opened.column("images", "length").to_pylist()
    shown = [opened.image_bytes(row) if length else b"" for row, length in enumerate(lengths)]
    return said | {"taxonomy": opened.taxonomy, "images": shown, "is": opened.fingerprint}


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents=products(), leaves=st.dictionaries(st.sampled_from([1, 2, -1, 2**40]), paths))
def test_a_catalogue_that_went_out_and_came_back_is_the_same(
    form: str, documents: list[dict[str, Any]], leaves: dict[int, Any]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = open_index(write(folder, documents, leaves))
        export(folder / "index", folder / "out", form=form, shard_bytes=2000)
        import_catalogue([folder / "out"], folder / "back", workers=1)
        assert contents(open_index(folder / "back")) == contents(before)
