import json
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from bson.raw_bson import RawBSONDocument

from etalage.generator import synth
from etalage.images.decode import decode
from etalage.images.headers import read_header


def _types(raw: bytes) -> list[tuple[str, str]]:
    document = RawBSONDocument(raw)
    return [(key, type(value).__name__) for key, value in document.items()]


def _first_document(path: Path) -> bytes:
    data = path.read_bytes()
    return data[: int.from_bytes(data[:4], "little")]


def test_a_document_has_the_keys_and_types_of_a_real_one(made: Any, shared: Path) -> None:
    real = _first_document(shared / "data/cdiscount/train_example.bson")
    ours = _first_document(made.folder / "train.bson")
    assert _types(ours) == _types(real)
    assert ours[4:13] == real[4:9] + ours[9:13]  # an int32 called _id comes first
    assert ours[-18:-5] == real[-18:-5] == b"\x10category_id\x00"


def test_a_document_adds_42_bytes_and_22_for_each_image(made: Any) -> None:
    for raw in made.documents("train.bson")[:50]:
        pictures = sum(len(image["picture"]) for image in raw["imgs"])
        assert len(bson.encode(raw)) == 42 + 22 * len(raw["imgs"]) + pictures


def test_a_test_document_has_no_category(made: Any) -> None:
    assert {tuple(document) for document in made.documents("test.bson")} == {("_id", "imgs")}


def test_the_example_is_the_first_hundred_train_products(made: Any) -> None:
    example = (made.folder / "train_example.bson").read_bytes()
    assert (made.folder / "train.bson").read_bytes().startswith(example)
    assert len(made.documents("train_example.bson")) == 100


def test_ids_ascend_with_gaps_and_train_and_test_interleave(made: Any) -> None:
    train = [document["_id"] for document in made.documents("train.bson")]
    test = [document["_id"] for document in made.documents("test.bson")]
    assert train == sorted(set(train)) and test == sorted(set(test))
    assert not set(train) & set(test)
    assert train[0] < test[-1] and test[0] < train[-1]
    assert max(train[-1], test[-1]) > 2 * (len(train) + len(test))


def test_images_are_small_baseline_jpegs_that_decode(made: Any) -> None:
    pictures = [image["picture"] for d in made.documents("test.bson") for image in d["imgs"]]
    header = read_header(pictures[0])
    assert (header.format, header.width, header.height) == ("jpeg", 180, 180)
    assert all(decode(picture).shape == (180, 180, 3) for picture in pictures[:100])
    assert 4000 < np.mean([len(picture) for picture in pictures]) < 5400


def test_text_follows_the_category_when_asked_for(tmp_path: Path) -> None:
    synth(tmp_path / "c", products=60, categories=5, text=True, fresh_drawings=20)
    document = bson.decode(_first_document(tmp_path / "c/train.bson"))
    keys = ["_id", "imgs", "category_id", "title", "description", "brand", "price"]
    assert list(document) == keys
    assert document["title"] and isinstance(document["price"], float)


@pytest.mark.parametrize("cap", [None, 30])
def test_equal_arguments_give_equal_bytes(tmp_path: Path, cap: int | None) -> None:
    for name in ("a", "b"):
        synth(tmp_path / name, products=120, categories=6, seed=3, fresh_drawings=cap)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 10
    assert all(
        (tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files
    )


def test_another_seed_gives_another_catalogue(tmp_path: Path) -> None:
    for seed in (0, 1):
        synth(tmp_path / str(seed), products=60, categories=5, seed=seed, fresh_drawings=20)
    names = [(tmp_path / str(seed) / "category_names.csv").read_text() for seed in (0, 1)]
    assert names[0] != names[1]


def test_what_was_asked_and_made_is_recorded(made: Any) -> None:
    record = json.loads((made.folder / "synth.json").read_text())
    assert record["asked"]["products"] == record["made"]["products"] == 3000
    assert record["made"]["drawings"] <= 700 + 4 * record["made"]["categories"] + 12
