"""What the first bytes of an image say."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from etalage.images.headers import FORMATS, Header, header_at, read_header

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
    assert whole == (FORMATS.index("jpeg"), WIDTH, HEIGHT)
    assert header_at(buffer, 6, 6 + 1000) == (0, 0, 0)


def test_bounds_outside_the_buffer_are_no_image() -> None:
    buffer = np.frombuffer(FILES["png"](), np.uint8)[:20]
    assert header_at(buffer, 0, 10**9) == header_at(buffer, -5, -1) == (0, 0, 0)
