"""No bytes make an image decoder crash, hang or fill the memory."""

import io
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from conftest import make_photo
from etalage.errors import ImageFormatError
from etalage.images.decode import decode, decode_into
from etalage.images.headers import read_header, read_make
from fuzz.bounds import bounded, fuzzed
from fuzz.catalogues import damaged

MEGABYTES = 1200  # 89 million pixels of three bytes, and what a decoder holds meanwhile
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 40, 3), np.uint8)


def encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, form, **options)
    return file.getvalue()


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", exif=exif)


FILES = [
    make_photo(1),
    encoded("JPEG", progressive=True),
    encoded("JPEG", "CMYK"),
    encoded("JPEG", "L", restart_marker_rows=1),
    with_exif(),
    encoded("PNG"),
    encoded("PNG", "P", transparency=1),
    encoded("PNG", "RGBA"),
    encoded("PNG", "I;16"),
    encoded("WEBP"),
    encoded("WEBP", lossless=True),
]
IMAGES = st.sampled_from(FILES)
SIZES = st.sampled_from([b"\xff\xff", b"\0\0", b"\0\1", b"\x24\x00", b"\x7f\xff"])


@st.composite
def resized(draw: st.DrawFn) -> bytes:
    """Return an image that has two bytes of its headers changed, for one its width or height."""
    data = draw(IMAGES)
    at = draw(st.integers(0, min(len(data) - 2, 700)))
    return data[:at] + draw(SIZES) + data[at + 2 :]


STRANGE = IMAGES.flatmap(damaged) | resized() | st.binary(max_size=80)


def attempt(read: Callable[[], object]) -> object:
    """Return what is read, None where it is refused as it should be."""
    try:
        with bounded(megabytes=MEGABYTES):
            return read()
    except ImageFormatError:
        return None


@fuzzed
@given(data=STRANGE, upright=st.booleans())
def test_any_bytes_are_decoded_or_refused(data: bytes, upright: bool) -> None:
    pixels = attempt(lambda: decode(data, upright=upright))
    header = read_header(data)
    assert 0 <= read_make(data).quality <= 100
    if pixels is not None:
        assert isinstance(pixels, np.ndarray)
        assert pixels.dtype == np.uint8
        assert {pixels.shape[0], pixels.shape[1]} == {header.width, header.height}


@fuzzed
@given(data=STRANGE, side=st.integers(1, 64))
def test_any_bytes_are_fitted_or_refused_within_their_place(data: bytes, side: int) -> None:
    guarded = np.full((3, side, side, 3), 7, np.uint8)
    attempt(lambda: decode_into(data, guarded[1]))
    assert (guarded[[0, 2]] == 7).all()
