"""Every row of docs/bad-input.md: made, run, its message and exit status compared."""

import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest

from documented import matches, rows
from etalage import open_index
from fuzz import raw_bson as raw

NAMES = "category_id,category_level1,category_level2,category_level3\n1,A,B,C\n"

Photo = Callable[..., bytes]
Product = Callable[..., dict[str, Any]]
Run = Any


def make_bad_catalogue(case: str, photo: Photo, product: Product) -> bytes:
    """Return a BSON file that has two sound products and the fault of the case."""
    sound = [bson.encode(product(row, [photo(row)], 1)) for row in (101, 102)]
    other = bson.encode(product(103, [photo(3), photo(4)], 1))
    no_utf8 = bson.encode(product(9, [photo(1)], 1, title="caf?")).replace(b"caf?", b"caf\xe9")
    odd_size = b"".join(
        bson.encode(product(row, [photo(row, side=40 if row == 9 else 32)], 1)) for row in range(20)
    )
    faults = {
        "last document cut": other[:-40],
        "a length field that lies": other[:1] + b"\x55" + other[2:],
        "a negative length field": struct.pack("<i", -9) + other[4:],
        "a document that lost bytes and ends inside the next one": other[:-3],
        "a document over 16 MiB, more than MongoDB stores": bson.encode(
            product(9, [photo(1) + bytes(17 * 2**20) + b"\xff\xd9"], 1)
        ),
        "a key that occurs twice in a document": raw.document(
            [raw.int32(b"_id", 9), *[raw.array(b"imgs", [raw.picture(b"0", photo(1))])] * 2]
        ),
        "an array `imgs` with holes in its numbers": raw.document(
            [
                raw.int32(b"_id", 9),
                raw.array(b"imgs", [raw.picture(key, photo(1)) for key in (b"0", b"2")]),
            ]
        ),
        "a JPEG that does not end as one": bson.encode(product(9, [photo(1)[:-2]], 1)),
        "a document that is no product": bson.encode({"name": "x"}),
        "a product without images": bson.encode(product(103, [], 1)),
        "an image that is no JPEG, PNG or WebP": bson.encode(product(9, [b"GIF89a"], 1)),
        "an image of 0 bytes": bson.encode(product(103, [b"", photo(1)], 1)),
        "an entry of `imgs` without a picture": bson.encode({"_id": 9, "imgs": [{"a": 1}]}),
        "an image of another size than nearly all": odd_size,
        "two products of one `_id`": sound[0],
        "a category that is not in the taxonomy": bson.encode(product(9, [photo(1)], 77)),
        "a category that is no whole number": bson.encode(product(9, [photo(1)], "shoe")),
        "text that is not UTF-8": no_utf8,
        "an empty file among others": b"",
    }
    bad = faults[case]
    comes_first = (
        "a length field that lies",
        "a negative length field",
        "a document that lost bytes and ends inside the next one",
    )
    return bad + sound[1] if case in comes_first else sound[0] + sound[1] + bad


@pytest.mark.parametrize(
    "case", [case for case, row in rows("Catalogues").items() if row.exit == 0]
)
def test_an_oddity_in_a_catalogue_is_listed_and_costs_nothing_else(
    case: str, photo: Photo, product: Product, tmp_path: Path, etalage: Run
) -> None:
    row = rows("Catalogues")[case]
    (tmp_path / "shop.bson").write_bytes(make_bad_catalogue(case, photo, product))
    (tmp_path / "other.bson").write_bytes(b"")
    (tmp_path / "names.csv").write_text(NAMES)
    files = ["other.bson"] if case == "an empty file among others" else []
    sources = [tmp_path / name for name in (*files, "shop.bson")]
    run = etalage("index", *sources, "-o", tmp_path / "x", "--taxonomy", tmp_path / "names.csv")
    listed = (tmp_path / "x/issues.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert run.code == row.exit
    assert len(listed) == 1
    assert all(matches(message, listed[0]) for message in row.messages)
    assert "102" in str(etalage.ids(tmp_path / "x"))


TINY = bytes.fromhex("ffd8ffc0000b080002000301011100ffd9")  # a JPEG of nothing but its headers


def make_strange_catalogue(case: str) -> list[bytes]:
    """Return the documents of the case; every one is a sound product of one image."""
    inner = raw.document([raw.int32(b"_id", 5), raw.array(b"imgs", [raw.picture(b"0", TINY)])])
    holder = TINY[:-2] + inner * 4 + TINY[-2:]
    image = holder if case == "an image that holds whole products" else TINY
    extra = {
        "fields that hold whole products": [
            raw.element(0x03, b"variant", inner),
            raw.array(b"variants", [raw.element(0x03, b"%d" % row, inner) for row in range(4)]),
        ],
        "a field nested a thousand deep": [raw.nested(b"deep", 1000)],
        "NUL bytes in a text": [raw.text(b"title", b"nul\0inside")],
    }
    images = raw.array(b"imgs", [raw.picture(b"0", image)])
    count = 20_000 if case == "thousands of tiny documents" else 3
    return [
        raw.document([raw.int32(b"_id", row), *extra.get(case, []), images]) for row in range(count)
    ]


@pytest.mark.parametrize("case", rows("Strange but sound"))
def test_what_is_strange_but_sound_is_read_as_it_stands(
    case: str, tmp_path: Path, etalage: Run
) -> None:
    documents = make_strange_catalogue(case)
    (tmp_path / "shop.bson").write_bytes(b"".join(documents))
    run = etalage("index", tmp_path / "shop.bson", "-o", tmp_path / "x")
    index = open_index(tmp_path / "x")
    assert run.code == rows("Strange but sound")[case].exit
    assert index.record["counts"]["issues"] == {}
    assert index.product_ids.to_pylist() == list(range(len(documents)))
    assert index.image_bytes(1) in documents[1]
    if case == "NUL bytes in a text":
        assert index.column("products", "title").to_pylist() == ["nul\0inside"] * 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    # Lazily: a caught error may still hold a file of it open.
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_one_line_and_with_room_the_same_command_goes_on(
    small_disk: Path, photo: Photo, product: Product, tmp_path: Path, etalage: Run
) -> None:
    row = rows("Catalogues")["a full disk"]
    products = [bson.encode(product(row, [photo(row)] * 9, 1)) for row in range(2000)]
    (tmp_path / "shop.bson").write_bytes(b"".join(products))
    command = ("index", tmp_path / "shop.bson", "-o", small_disk / "x")
    run = etalage(*command)
    assert (run.code, (small_disk / "x").exists()) == (row.exit, False)
    assert matches(row.messages[0], run.err)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert etalage(*command).code == 0
    assert [path.name for path in small_disk.iterdir()] == ["x"]


@pytest.mark.parametrize(
    "case",
    [case for case, row in rows("Catalogues").items() if row.exit == 1 and case != "a full disk"],
)
def test_a_catalogue_that_cannot_be_used_is_one_line(
    case: str, photo: Photo, product: Product, tmp_path: Path, etalage: Run
) -> None:
    row = rows("Catalogues")[case]
    sound = bson.encode(product(1, [photo(1)], 1))
    shop, names, output = tmp_path / "shop.bson", tmp_path / "names.csv", tmp_path / "x"
    content = {"nothing but an empty file": b"", "a file that is not BSON": b"\xff\xd8" * 999}
    shop.write_bytes(content.get(case, sound))
    names.write_text(
        NAMES + "2,A,B\n"
        if case != "a category file with a row too short"
        else NAMES.replace("1,A,B,C", "1,A,B")
    )
    if case == "a folder without BSON files":
        shop = tmp_path / "empty"
        shop.mkdir()
    if case == "an output that exists":
        output.mkdir()
    taxonomy = ["--taxonomy", names] if case.startswith("a category file") else []
    run = etalage("index", shop, "-o", output, *taxonomy)
    assert run.code == row.exit
    assert matches(row.messages[0], run.err)
    assert "Traceback" not in run.err
