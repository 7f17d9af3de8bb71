"""Bytes of any images of an index, in any order, from any thread."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.build import index
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.mapped import MAPPED
from etalage.errors import CatalogueError

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
Catalogue = Callable[..., Path]


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    """Two hundred pictures of all lengths, none among them."""
    rng = np.random.default_rng(0)
    return [rng.bytes(int(length)) for length in rng.integers(0, 9000, 200)]


@pytest.fixture
def opened(tmp_path: Path, pictures: list[bytes]) -> Index:
    """An index of these pictures in three files."""
    for number in range(3):
        own = pictures[number::3]
        documents = [{"_id": 1000 * number + row, "imgs": [{"picture": data}]} for row, data in
                     enumerate(own)]  # fmt: skip
        (tmp_path / f"{number}.bson").write_bytes(b"".join(map(bson.encode, documents)))
    files = [tmp_path / f"{number}.bson" for number in range(3)]
    index(files, tmp_path / "x")
    return open_index(tmp_path / "x")


def in_order(pictures: list[bytes]) -> list[bytes]:
    return [picture for number in range(3) for picture in pictures[number::3]]


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(rows=st.lists(st.integers(0, 199), max_size=60))
def test_images_come_in_the_order_asked(
    opened: Index, pictures: list[bytes], rows: list[int]
) -> None:
    expected = in_order(pictures)
    assert opened.images(rows) == [expected[row] for row in rows]


def test_threads_read_at_once_and_each_gets_its_own(opened: Index, pictures: list[bytes]) -> None:
    expected = in_order(pictures)
    wrong: list[int] = []

    def read(seed: int) -> None:
        rows = np.random.default_rng(seed).integers(0, 200, 2000).tolist()
        wrong.extend(
            row
            for row, data in zip(rows, opened.images(rows), strict=True)
            if data != expected[row]
        )

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_file_cut_while_it_is_open_is_an_error_not_a_crash(opened: Index, tmp_path: Path) -> None:
    assert len(opened.images([0, 199])) == 2
    (tmp_path / "2.bson").write_bytes(b"short")
    with pytest.raises(CatalogueError, match=r"2\.bson: is cut: it has 5 bytes"):
        opened.images([0, 199])
    assert len(opened.images([0])) == 1


def test_very_many_files_are_not_all_kept_open(
    tmp_path: Path, product: Product, photo: Photo
) -> None:
    count = MAPPED + 20
    for row in range(count):
        path = tmp_path / f"shop/{row:03}.bson"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bson.encode(product(row, [photo(row % 7)], 1)))
    index([tmp_path / "shop"], tmp_path / "x")
    opened = open_index(tmp_path / "x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert opened.images(range(count)) == [photo(row % 7) for row in range(count)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_every_image_can_be_verified(
    tmp_path: Path, product: Product, photo: Photo, catalogue: Catalogue, etalage: Any
) -> None:
    whole, cut = photo(1), photo(2)[:-60]
    damaged = cut + b"\xff\xd9"
    source = catalogue(product(1, [whole, cut], 1), product(2, [damaged], 1))
    quick = etalage("index", source, "-o", tmp_path / "quick", "--json")
    thorough = etalage("index", source, "-o", tmp_path / "all", "--verify", "--json")
    assert '"issues": {"no end marker": 1}' in quick.out
    assert '"issues": {"does not decode": 2}' in thorough.out
