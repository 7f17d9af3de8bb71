"""What the headers of an image say."""

import io
from collections.abc import Callable
from pathlib import Path

import bson
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from etalage.images.headers import (
    CHROMAS,
    FORMATS,
    ODDITIES,
    Header,
    Make,
    header_at,
    read_header,
    read_make,
)

WIDTH, HEIGHT = 37, 23


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", exif=exif, comment=b"\xff\xc0" * 9000)


def animated() -> bytes:
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue")]
    return encoded("WEBP", save_all=True, append_images=frames)


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: encoded("JPEG"),
    "jpeg progressive": lambda: encoded("JPEG", progressive=True),
    "jpeg grey": lambda: encoded("JPEG", "L"),
    "jpeg cmyk": lambda: encoded("JPEG", "CMYK"),
    "jpeg exif": with_exif,
    "png": lambda: encoded("PNG"),
    "png palette": lambda: encoded("PNG", "P"),
    "png bits": lambda: encoded("PNG", "1"),
    "png alpha": lambda: encoded("PNG", "RGBA"),
    "webp": lambda: encoded("WEBP"),
    "webp lossless": lambda: encoded("WEBP", lossless=True),
    "webp alpha": lambda: encoded("WEBP", "RGBA"),
    "webp exif": lambda: encoded("WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    "webp animated": animated,
}


@pytest.mark.parametrize("name", FILES)
def test_the_header_tells_what_pillow_tells(name: str) -> None:
    data = FILES[name]()
    with Image.open(io.BytesIO(data)) as image:
        assert read_header(data) == Header(str(image.format).lower(), *image.size)


@pytest.mark.parametrize("name", FILES)
def test_an_image_cut_anywhere_tells_its_size_or_nothing(name: str) -> None:
    data = FILES[name]()
    answers = {read_header(data[:length]) for length in range(len(data))}
    assert answers <= {Header("", 0, 0), read_header(data)}


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", *(file()[:40] for file in FILES.values())]),
    st.integers(0, 40),
    st.binary(max_size=60),
)
def test_no_bytes_make_it_raise(start: bytes, kept: int, rest: bytes) -> None:
    kind, width, height = read_header(start[:kept] + rest)
    assert kind in FORMATS
    assert (width > 0 and height > 0) == bool(kind)
    make = read_make(start[:kept] + rest)
    assert 0 <= make.quality <= 100
    assert make.chroma in CHROMAS
    assert make.oddity in ODDITIES
    assert kind == "jpeg" or make == Make(0, "", "")


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"GIF89a" + bytes(40), b"BM" + bytes(60), b"RIFF\0\0\0\0WAVE" + bytes(40)],
)
def test_other_files_are_no_image(data: bytes) -> None:
    assert read_header(data) == Header("", 0, 0)


@pytest.mark.parametrize("name", ["jpeg", "png"])
def test_a_size_of_zero_is_no_image(name: str) -> None:
    size = HEIGHT.to_bytes(2, "big")
    data = FILES[name]()
    assert read_header(data.replace(size, bytes(2), 1)) == Header("", 0, 0)


def test_jpeg_tables_and_fill_bytes_before_the_frame_are_passed_over() -> None:
    tables = b"\xff\xd8\xff\xc4\x00\x04ab\xff\xff\xff\xcc\x00\x02\xff\xd0"
    frame = b"\xff\xc9\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11\x00"
    assert read_header(tables + frame) == Header("jpeg", 3, 2)


def test_a_jpeg_segment_that_lies_about_its_length_ends_the_search() -> None:
    frame = b"\xff\xc0\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11\x00"
    answers = {read_header(b"\xff\xd8\xff\xe0" + lie + frame) for lie in (b"\0\0", b"\0\1", b"zz")}
    assert answers == {Header("", 0, 0)}


def test_an_image_inside_a_larger_buffer_is_read_within_its_bounds() -> None:
    data = with_exif()
    buffer = np.frombuffer(b"before" + data + b"after", np.uint8)
    whole = header_at(buffer, 6, 6 + len(data))
    assert whole == (FORMATS.index("jpeg"), WIDTH, HEIGHT, 75, CHROMAS.index("4:2:0"), 0)
    assert header_at(buffer, 6, 6 + 1000) == (0,) * 6


def test_bounds_outside_the_buffer_are_no_image() -> None:
    buffer = np.frombuffer(FILES["png"](), np.uint8)[:20]
    assert header_at(buffer, 0, 10**9) == header_at(buffer, -5, -1) == (0,) * 6


def standard_table(quality: int, *, largest: int = 255) -> list[int]:
    """Return the luminance table of a quality, as Pillow gives it: row by row."""
    with JpegImageFile(io.BytesIO(encoded("JPEG", quality=50))) as image:
        base = np.array(image.quantization[0])
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [int(entry) for entry in ((base * scale + 50) // 100).clip(1, largest)]


def with_table(
    entries: list[int], entry_bytes: int, *, table: int = 0, late: bool = False
) -> bytes:
    """Return a JPEG of nothing but a frame header and one quantisation table."""
    values = b"".join(entry.to_bytes(entry_bytes, "big") for entry in entries)
    content = bytes([(entry_bytes - 1) << 4 | table]) + values
    tables = b"\xff\xdb" + (2 + len(content)).to_bytes(2, "big") + content
    frame = b"\xff\xc1\x00\x0b\x08\x00\x02\x00\x03\x01\x01\x11" + bytes([table])
    return b"\xff\xd8" + (frame + tables if late else tables + frame) + b"\xff\xd9"


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_is_the_one_asked_of_the_encoder(quality: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert read_make(encoded("JPEG", quality=quality)).quality == quality
    assert read_make(simplejpeg.encode_jpeg(pixels, quality)).quality == quality


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("table", range(4))
@given(quality=st.integers(1, 100))
def test_the_quality_is_found_in_any_table_of_either_precision(
    quality: int, table: int, late: bool
) -> None:
    wide = with_table(standard_table(quality, largest=32767), 2, table=table, late=late)
    narrow = with_table(standard_table(quality), 1, table=table, late=late)
    assert read_make(wide) == read_make(narrow) == Make(quality, "grey", "")


@given(st.integers(1, 99), st.data())
def test_a_table_between_two_standard_ones_has_one_of_their_qualities(
    quality: int, data: st.DataObject
) -> None:
    lower, higher = standard_table(quality), standard_table(quality + 1)
    entries = [
        data.draw(st.integers(min(pair), max(pair))) for pair in zip(lower, higher, strict=True)
    ]
    assert read_make(with_table(entries, 1)).quality in (quality, quality + 1)


def test_without_its_table_a_jpeg_has_no_quality() -> None:
    other = with_table(standard_table(75), 1, table=1)
    assert read_make(other[:-3] + b"\x00\xff\xd9") == Make(0, "grey", "")
    assert read_make(FILES["jpeg exif"]()).quality == 75
    assert read_make(FILES["png"]()) == read_make(FILES["webp"]()) == Make(0, "", "")


LAYOUTS = {"444": "4:4:4", "422": "4:2:2", "420": "4:2:0", "440": "4:4:0", "411": "4:1:1"}


@pytest.mark.parametrize("subsampling", LAYOUTS)
def test_the_chroma_is_the_one_asked_of_the_encoder(subsampling: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    data = simplejpeg.encode_jpeg(pixels, 75, "RGB", subsampling)
    assert read_make(data).chroma == LAYOUTS[subsampling]
    assert simplejpeg.decode_jpeg_header(data)[3] == subsampling
    assert read_make(data[:-2]) == Make(75, LAYOUTS[subsampling], "no end marker")


def test_grey_and_cmyk_are_told_from_the_number_of_components() -> None:
    assert read_make(FILES["jpeg grey"]()).chroma == "grey"
    assert read_make(FILES["jpeg cmyk"]()).chroma == "cmyk"


def chroma_of(*factors: int) -> str:
    components = b"".join(bytes([row, factor, 0]) for row, factor in enumerate(factors))
    length = (8 + len(components)).to_bytes(2, "big")
    frame = b"\xff\xc0" + length + b"\x08\0\2\0\3" + bytes([len(factors)]) + components
    return read_make(b"\xff\xd8" + frame + b"\xff\xd9").chroma


def test_sampling_factors_are_seen_as_ratios() -> None:
    assert chroma_of(0x22, 0x22, 0x22) == "4:4:4"
    assert chroma_of(0x22, 0x12, 0x12) == "4:2:2"
    assert chroma_of(0x42, 0x21, 0x21) == "4:2:0"
    assert chroma_of(0x22, 0x21, 0x21) == "4:4:0"
    assert {chroma_of(0x22, 0x11, 0x21), chroma_of(0x31, 0x11, 0x11)} == {"other"}
    assert {chroma_of(0x11, 0x11), chroma_of(0, 0, 0), chroma_of(*[0x11] * 5)} == {"other"}
    assert chroma_of() == ""


def test_an_end_marker_may_be_padded_with_a_few_zeros() -> None:
    data = FILES["jpeg"]()
    ends = [data + bytes(16), data + bytes(17), data[:-1], data + b"x", data + b"x\xff\xd9"]
    odd = "no end marker"
    assert [read_make(end).oddity for end in ends] == ["", odd, odd, odd, ""]


@given(st.data())
def test_flipped_and_cut_bytes_of_a_jpeg_never_reach_outside_it(data: st.DataObject) -> None:
    image = bytearray(FILES["jpeg"]()[: data.draw(st.integers(0, 700))])
    for _ in range(data.draw(st.integers(0, 3)) if image else 0):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    alone = header_at(np.frombuffer(bytes(image), np.uint8), 0, len(image))
    for around in (b"\xff" * 200, b"\0" * 200, FILES["jpeg"]()):
        buffer = np.frombuffer(around + bytes(image) + around, np.uint8)
        assert header_at(buffer, len(around), len(around) + len(image)) == alone


def test_the_real_pictures_have_quality_75_and_halved_chroma(shared: Path) -> None:
    products = bson.decode_all((shared / "data/cdiscount/train_example.bson").read_bytes())
    makes = [read_make(image["picture"]) for product in products for image in product["imgs"]]
    assert len(makes) == 110
    assert set(makes) == {Make(75, "4:2:0", "")}
