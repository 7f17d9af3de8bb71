"""A file read in stretches on every core gives what reading it from end to end gives."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.bson.scan import Reading
from etalage.catalogue.bson.stretches import cut, read_stretches
from etalage.catalogue.build import index
from etalage.catalogue.index import open_index
from etalage.catalogue.sources import describe
from etalage.errors import CatalogueError
from indexes import tables

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
HIDDEN = b"".join(bson.encode({"_id": 7000 + row, "imgs": []}) for row in range(5))


def small_product(row: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """Return a document; the pictures of some hold whole products themselves."""
    pictures = [HIDDEN if row % 3 == 0 else random_bytes(40) for _ in range(row % 4)]
    images = [{"picture": picture} for picture in pictures]
    return bson.encode({"_id": row, "imgs": images, "category_id": row % 5})


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(st.integers(0, 10**6), st.integers(200, 3000), st.integers(0, 4))
def test_any_stretches_give_the_same_index(
    tmp_path: Path, seed: int, each: int, faults: int
) -> None:
    drawn = random.Random(seed)
    data = bytearray(b"".join(small_product(row, drawn.randbytes) for row in range(40)))
    for _ in range(faults):
        data[drawn.randrange(len(HIDDEN), len(data))] ^= 1 << drawn.randrange(8)
    (tmp_path / "c.bson").write_bytes(data)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    index([tmp_path / "c.bson"], whole, overwrite=True, workers=1)
    index([tmp_path / "c.bson"], parts, overwrite=True, workers=1, stretch_bytes=each)
    assert tables(parts) == tables(whole)


def test_processes_give_the_same_index_as_one(
    tmp_path: Path, product: Product, photo: Photo
) -> None:
    products = [bson.encode(product(row, [photo(row)] * (row % 3), 1)) for row in range(300)]
    (tmp_path / "c.bson").write_bytes(b"".join(products))
    index([tmp_path / "c.bson"], tmp_path / "one", workers=1)
    index([tmp_path / "c.bson"], tmp_path / "two", workers=2, stretch_bytes=20_000)
    assert tables(tmp_path / "two") == tables(tmp_path / "one")


def test_a_stretch_that_begins_inside_a_picture_is_read_again(tmp_path: Path) -> None:
    documents = [bson.encode({"_id": 1, "imgs": [{"picture": HIDDEN * 40}]}) for _ in range(1)]
    path = tmp_path / "c.bson"
    path.write_bytes(documents[0] + bson.encode({"_id": 2, "imgs": []}))
    stretches = cut(describe(path), Reading(0, "xxh3"), tmp_path / "scan", each=500)
    ends = read_stretches(stretches, workers=1)
    index([path], tmp_path / "x", stretch_bytes=500)
    assert ends == {0: path.stat().st_size}
    assert open_index(tmp_path / "x").product_ids.to_pylist() == [1, 2]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_is_no_catalogue_is_refused_whatever_the_workers(
    tmp_path: Path, workers: int
) -> None:
    (tmp_path / "c.bson").write_bytes(random.Random(1).randbytes(40_000))
    with pytest.raises(CatalogueError, match="is not a BSON catalogue"):
        index([tmp_path / "c.bson"], tmp_path / "x", workers=workers, stretch_bytes=10_000)
    assert [path.name for path in tmp_path.iterdir()] == ["c.bson"]
