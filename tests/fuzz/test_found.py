"""What was found by fuzzing, or by thinking like it, in its smallest form."""

import struct
import zlib
from pathlib import Path

import pytest

import etalage
from conftest import make_photo
from etalage.errors import CatalogueError, ImageFormatError
from etalage.images.decode import MAX_SCANNED_PIXELS, decode
from fuzz import raw_bson as raw
from fuzz.bounds import bounded
from fuzz.catalogues import CATALOGUE_INSIDE, Piece, Product, plain
from fuzz.reading import check, check_all_bytes, read_found, read_issues, write
from fuzz.test_bson import make_index


def product(number: int, *images: bytes) -> Piece:
    return Piece(plain(number, *images), Product(str(number), None, images))


def found_in(pieces: list[Piece], place: Path) -> list[str]:
    """Index the pieces, check every promise, and return the ids of the products."""
    write(pieces, place / "found.bson")
    assert make_index(place / "found.bson", place / "found")
    data = (place / "found.bson").read_bytes()
    found, issues = read_found(place / "found", data), read_issues(place / "found")
    check(pieces, found, issues)
    check_all_bytes(len(data), found, issues)
    return [each.product.product_id for each in found]


@pytest.mark.parametrize("lost", range(1, 40))
def test_a_product_that_lost_its_end_takes_nothing_of_the_next(place: Path, lost: int) -> None:
    cut = Piece(plain(1, b"\1" * 90)[:-lost], None)
    assert found_in([cut, product(2, b"\2"), product(3, b"\3")], place)[-2:] == ["2", "3"]


def test_a_label_is_never_completed_with_the_next_product(place: Path) -> None:
    cut = Piece(plain(1, b"picture", category=7)[:-3], None)
    assert found_in([cut, product(2, b"\2")], place) == ["2"]


def test_of_two_products_that_overlap_before_damage_the_later_is_read(place: Path) -> None:
    cut = Piece(plain(1, b"picture", category=7)[:-3], None)
    assert found_in([cut, product(2), Piece(bytes(40), None), product(3)], place) == ["2", "3"]


def test_products_in_a_picture_of_a_damaged_one_are_none(place: Path) -> None:
    damaged = bytearray(plain(1, CATALOGUE_INSIDE, CATALOGUE_INSIDE))
    damaged[4] = 0x77
    pieces = [product(0, b"\0"), Piece(bytes(damaged), None), product(2, b"\2")]
    assert found_in(pieces, place) == ["0", "2"]


def test_products_in_a_picture_of_a_whole_one_between_damage_are_none(place: Path) -> None:
    pieces = [product(1), Piece(b"\xff" * 9, None), product(2, CATALOGUE_INSIDE),
              Piece(bytes(9), None), product(3)]  # fmt: skip
    assert set(found_in(pieces, place)) <= {"1", "2", "3"}


@pytest.mark.parametrize("length", [0x3003, 0x3103, 0x3903])
def test_the_length_of_the_next_product_is_not_taken_for_a_key(place: Path, length: int) -> None:
    rest = length - len(plain(2, b""))
    pieces = [Piece(b"\xff" * 9, None), product(1, b"\1"), product(2, b"\2" * rest), product(3)]
    assert len(pieces[2].data) == length
    assert found_in(pieces, place) == ["1", "2", "3"]


@pytest.mark.parametrize("last", [0x10, 0x55])
def test_a_document_at_every_seventh_byte_takes_no_longer_than_others(
    place: Path, last: int
) -> None:
    count = 70_000
    starts = b"".join(b"\x10a\0" + struct.pack("<i", 7 * (count - row) - 2) for row in range(count))
    bomb = bytearray(starts + b"\0")
    bomb[-8] = last
    assert found_in([product(1), Piece(bytes(bomb), None), product(2)], place) == ["1", "2"]


def test_an_id_with_a_carriage_return_stays_in_its_line_of_the_list(place: Path) -> None:
    document = raw.document([raw.text(b"_id", b"a\rb"), raw.array(b"imgs", [])])
    assert found_in([Piece(document, Product("a\rb", None, ()))], place) == ["a\rb"]
    assert [issue.product_id for issue in read_issues(place / "found")] == ["a\rb"]


@pytest.mark.slow
def test_a_product_over_16_mib_is_found_far_behind_damage(place: Path) -> None:
    pieces = [product(1), Piece(bytes(239 * 2**20), None), product(2, b"\2" * 20 * 2**20),
              product(3)]  # fmt: skip
    write(pieces, place / "large.bson")
    assert make_index(place / "large.bson", place / "large")
    found = read_found(place / "large", (place / "large.bson").read_bytes())
    assert [each.product.product_id for each in found] == ["1", "2", "3"]


def test_a_jpeg_of_very_many_scans_is_refused_before_decoding() -> None:
    data = make_photo(1, side=8)
    scan = data[data.index(b"\xff\xda") : -2]
    frame = data.index(b"\xff\xc0")
    large = data[: frame + 5] + struct.pack(">HH", 9000, 9000) + data[frame + 9 : -2]
    scans = MAX_SCANNED_PIXELS // 9000**2 + 1
    with pytest.raises(ImageFormatError, match=f"in {scans} scans"), bounded(seconds=1):
        decode(large + scan * (scans - 1) + b"\xff\xd9")


@pytest.mark.slow
def test_the_largest_picture_with_transparency_keeps_within_memory() -> None:
    width = height = 9400
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes((4 * width + 1) * height))),
              (b"IEND", b"")]  # fmt: skip
    parts = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
             for kind, data in chunks]  # fmt: skip
    with bounded(megabytes=900, seconds=60):
        assert decode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).min() == 255


@pytest.mark.parametrize("table", [b"\x80\n", b"_id,\x80\n1,2\n", b"_id,title\n1,a,\xff\n2,b\n"])
def test_a_table_of_texts_that_is_not_utf8_is_refused(place: Path, table: bytes) -> None:
    (place / "shop.bson").write_bytes(plain(1))
    (place / "texts.csv").write_bytes(table)
    with pytest.raises(CatalogueError, match="is not UTF-8 near byte"):
        etalage.index([place / "shop.bson"], place / "x", text=place / "texts.csv", workers=1)


def test_texts_of_another_id_that_spells_the_same_number_are_not_taken(place: Path) -> None:
    (place / "shop.bson").write_bytes(plain(1) + plain(2))
    (place / "texts.csv").write_bytes(b"_id,title\n01,other\n+2,other\n2,own\n")
    etalage.index([place / "shop.bson"], place / "y", text=place / "texts.csv", workers=1)
    index = etalage.open_index(place / "y")
    assert index.column("products", "title").to_pylist() == [None, "own"]


# Cut at 145 it is whole, to where a product in the next picture ends: what no reader can know.
@pytest.mark.parametrize("kept", sorted(set(range(60, 200, 5)) - {145}))
def test_a_picture_of_products_that_was_cut_hides_nothing_of_the_next(
    place: Path, kept: int
) -> None:
    cut = plain(1, CATALOGUE_INSIDE)[:kept]
    after = [plain(2, CATALOGUE_INSIDE), plain(3), plain(4)]
    (place / "found.bson").write_bytes(b"".join([plain(0), cut, *after]))
    assert make_index(place / "found.bson", place / "found")
    ids = etalage.open_index(place / "found").product_ids.to_pylist()
    assert (ids[0], ids[-3:]) == (0, [2, 3, 4])


def test_a_product_behind_a_cut_picture_of_products_ends_the_file(place: Path) -> None:
    cut = Piece(plain(1, CATALOGUE_INSIDE)[:101], None)
    assert found_in([product(0), cut, product(2, CATALOGUE_INSIDE)], place) == ["0", "2"]
