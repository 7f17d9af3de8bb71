"""Damage stays where it is: no byte cut or flipped changes any document but its own."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.catalogue.bson.scan import Reading, scan
from etalage.catalogue.build import index
from etalage.errors import CatalogueError

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
Catalogue = Callable[..., Path]

SMALL = [
    bson.encode(
        {
            "_id": 1000 + row,
            "imgs": [{"picture": bytes([row, image]) * 5} for image in range(1 + row % 3)],
            "category_id": row,
        }
    )
    for row in range(5)
]
STARTS = [sum(map(len, SMALL[:row])) for row in range(len(SMALL) + 1)]
WHOLE = b"".join(SMALL)


def read(path: Path) -> dict[int, tuple[Any, ...]]:
    """Return (id, category, images) of every document emitted, by its offset."""
    data = path.read_bytes()
    found: dict[int, tuple[Any, ...]] = {}
    for part, _, _ in scan(path, Reading(0, "xxh3")):
        images = iter(part.images.to_pylist())
        for product in part.products.to_pylist():
            own = [next(images) for _ in range(product["image_count"])]
            start, stop = product["offset"], product["offset"] + product["length"]
            inside = [start <= i["offset"] <= i["offset"] + i["length"] <= stop for i in own]
            assert all(inside), "an image lies outside its own document"
            pictures = tuple(data[i["offset"] : i["offset"] + i["length"]] for i in own)
            name = product["id_integer"] or product["id_text"]
            found[start] = (stop, name, product["category"], pictures)
    return found


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Any, ...]]:
    path = tmp_path_factory.mktemp("intact") / "c.bson"
    path.write_bytes(WHOLE)
    return read(path)


def check(path: Path, data: bytes, damaged: int, intact: dict[int, tuple[Any, ...]]) -> None:
    """Write ``data`` and check that all documents but number ``damaged`` are as they were."""
    path.write_bytes(data)
    start, stop = STARTS[damaged], STARTS[damaged + 1]
    found = read(path)
    others = {offset: product for offset, product in found.items() if not start <= offset < stop}
    assert others == {offset: product for offset, product in intact.items() if offset != start}
    assert all(found[offset][0] <= stop for offset in found if start <= offset < stop)


def test_every_bit_flipped_anywhere_touches_no_other_document(
    tmp_path: Path, intact: dict[int, tuple[Any, ...]]
) -> None:
    for position in range(len(WHOLE)):
        damaged = max(row for row in range(len(SMALL)) if STARTS[row] <= position)
        for bit in (0, 6):
            data = bytearray(WHOLE)
            data[position] ^= 1 << bit
            check(tmp_path / "c.bson", bytes(data), damaged, intact)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_any_byte_changed_touches_no_other_document(
    tmp_path: Path, intact: dict[int, tuple[Any, ...]], position: int, change: int
) -> None:
    data = bytearray(WHOLE)
    data[position] ^= change
    damaged = max(row for row in range(len(SMALL)) if STARTS[row] <= position)
    check(tmp_path / "c.bson", bytes(data), damaged, intact)


def test_a_cut_anywhere_keeps_every_document_before_it(
    tmp_path: Path, intact: dict[int, tuple[Any, ...]]
) -> None:
    path = tmp_path / "c.bson"
    for length in range(STARTS[1], len(WHOLE)):
        path.write_bytes(WHOLE[:length])
        expected = {start: product for start, product in intact.items() if product[0] <= length}
        assert read(path) == expected


def test_bytes_of_nothing_between_documents_cost_no_document(
    tmp_path: Path, intact: dict[int, tuple[Any, ...]]
) -> None:
    path = tmp_path / "c.bson"
    path.write_bytes(SMALL[0] + b"\x00" * 999 + b"\xff" * 99 + SMALL[1])
    names = [product[1:] for product in read(path).values()]
    assert names == [product[1:] for product in list(intact.values())[:2]]


def test_a_whole_document_between_two_damaged_ones_is_found(tmp_path: Path) -> None:
    path = tmp_path / "c.bson"
    broken = SMALL[2][:4] + b"\x77" + SMALL[2][5:]
    path.write_bytes(SMALL[0] + broken + SMALL[1] + broken + SMALL[3][:-9])
    assert [product[1] for product in read(path).values()] == [1000, 1001]


def test_a_product_inside_a_damaged_one_is_not_taken_for_one(tmp_path: Path) -> None:
    inner = {"_id": 5, "imgs": [{"picture": b"inner"}]}
    outer = bytearray(bson.encode({"_id": 1, "variants": [inner, inner], "imgs": []}))
    outer[4] = 0x77
    path = tmp_path / "c.bson"
    path.write_bytes(SMALL[0] + bytes(outer) + SMALL[1])
    assert [product[1] for product in read(path).values()] == [1000, 1001]


def listed(folder: Path) -> list[tuple[str, str, str]]:
    with (folder / "issues.csv").open(encoding="utf-8") as file:
        return [(row["product_id"], row["kind"], row["detail"]) for row in csv.DictReader(file)]


def test_a_truncated_last_document_is_listed_with_its_place(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    whole = bson.encode(product(1, [photo(1)], 1))
    source = catalogue(whole, whole[:-10])
    index([source], tmp_path / "index")
    with (tmp_path / "index/issues.csv").open() as file:
        row = next(csv.DictReader(file))
    assert (int(row["offset"]), row["kind"]) == (len(whole), "damaged document")
    assert f"says {len(whole)} bytes, {len(whole) - 10} are left" in row["detail"]


def test_a_document_that_is_no_product_is_listed(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    nameless = [{"name": "x"}, product(None, [photo(1)]), product(1.5, []), product("", [])]
    index([catalogue(*nameless, product(1, [photo(1)], 1))], tmp_path / "index")
    assert [kind for _, kind, _ in listed(tmp_path / "index")] == ["not a product"] * 4


def test_images_that_cannot_be_used_are_listed_and_keep_their_rank(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    document = product(8, [b"", b"GIF89a no", photo(1)], 1)
    document["imgs"] += [{"url": "x"}, "y", {"picture": "text"}]
    index([catalogue(document)], tmp_path / "index")
    assert listed(tmp_path / "index") == [
        ("8", "empty image", "rank 0"),
        ("8", "not an image", "rank 1"),
        ("8", "no picture", "rank 3"),
        ("8", "no picture", "rank 4"),
        ("8", "no picture", "rank 5"),
    ]


def test_an_image_of_another_size_is_listed(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    others = [product(row, [photo(row)], 1) for row in range(20)]
    index([catalogue(*others, product(99, [photo(1, side=48)], 1))], tmp_path / "index")
    assert listed(tmp_path / "index") == [("99", "unusual size", "rank 0: 48x48")]


def test_the_later_product_of_an_id_is_listed_and_left_out(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(product(7, [photo(1)], 1), product(7, [photo(2)] * 2, 2))
    counts = index([source], tmp_path / "index")["counts"]
    assert (counts["products"], counts["images"]) == (1, 1)
    assert listed(tmp_path / "index") == [("7", "duplicate id", "an earlier one counts")]


def test_an_unknown_category_is_listed_and_the_product_has_no_label(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    names = tmp_path / "names.csv"
    names.write_text("category_id,category_level1,category_level2,category_level3\n1,A,B,C\n")
    source = catalogue(product(7, [photo(1)], 1), product(8, [photo(2)], 44))
    counts = index([source], tmp_path / "index", taxonomy=names)["counts"]
    assert counts["labelled"] == 1
    assert listed(tmp_path / "index") == [("8", "unknown category", "44")]


def test_a_category_that_is_no_integer_is_listed(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    source = catalogue(product(7, [photo(1)], 1), product(8, [photo(2)], "shoes"))
    index([source], tmp_path / "index")
    assert listed(tmp_path / "index") == [("8", "no category", "category_id is no integer")]


def test_text_that_is_not_utf8_is_listed_and_mended(
    catalogue: Catalogue, product: Product, photo: Photo, tmp_path: Path
) -> None:
    raw = bson.encode(product(7, [photo(1)], 1, title="caf?"))
    source = catalogue(raw.replace(b"caf?", b"caf\xe9"))
    index([source], tmp_path / "index")
    assert listed(tmp_path / "index") == [("7", "text is not UTF-8", "title")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a single product (empty file)"),
        (b"\xff\xd8\xff\xe0" + bytes(5000), "is not a BSON catalogue"),
        (b"_id,category_id\n" * 300, "is not a BSON catalogue"),
        (bson.encode({"name": "x"}), "not a single product (not a product)"),
    ],
)
def test_a_file_without_products_is_refused(
    catalogue: Catalogue, tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(CatalogueError, match=re.escape(message)):
        index([catalogue(content)], tmp_path / "index")


def test_a_packed_dump_says_how_to_unpack_it(tmp_path: Path) -> None:
    (tmp_path / "products.bson.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(CatalogueError, match=r"gunzip \*\.bson\.gz"):
        index([tmp_path], tmp_path / "index")
