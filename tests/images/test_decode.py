"""From bytes to pixels and back."""

import io
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from etalage.errors import ImageFormatError
from etalage.images.decode import decode, decode_into, encode_jpeg
from etalage.images.headers import read_header


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """Return a smooth picture, coloured differently in each corner."""
    corners = np.array([[[250, 30, 20], [20, 240, 30]], [[30, 20, 250], [240, 240, 60]]], np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(int) - other).mean())


FILES = {
    "jpeg": encoded(picture(), "JPEG"),
    "jpeg progressive": encoded(picture(), "JPEG", progressive=True),
    "jpeg grey": encoded(picture().convert("L"), "JPEG"),
    "jpeg cmyk": encoded(picture().convert("CMYK"), "JPEG"),
    "jpeg rgb": encoded(picture(), "JPEG", keep_rgb=True),
    "png": encoded(picture(), "PNG"),
    "png grey": encoded(picture().convert("L"), "PNG"),
    "png palette": encoded(picture().convert("P"), "PNG"),
    "png bits": encoded(picture().convert("1"), "PNG"),
    "webp": encoded(picture(), "WEBP"),
    "webp lossless": encoded(picture(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_pillow(name: str) -> None:
    with Image.open(io.BytesIO(FILES[name])) as image:
        expected = np.array(image.convert("RGB"))
    pixels = decode(FILES[name])
    assert pixels.dtype == np.uint8
    assert difference(pixels, expected) < 1.5


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(kind: str, mode: str) -> None:
    image = picture().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 48))
    pixels = decode(encoded(image.convert(mode), kind, lossless=True))
    assert (pixels[:, :32] == 255).all()
    assert pixels[:, 33:].min() < 160


def test_sixteen_bits_of_grey_keep_the_upper_eight() -> None:
    deep = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    pixels = decode(encoded(Image.fromarray(deep), "PNG"))
    assert (pixels == (deep >> 8)[:, :, None]).all()


def test_the_first_frame_of_an_animation_counts() -> None:
    second = Image.new("RGB", (64, 48), "black")
    data = encoded(picture(), "WEBP", save_all=True, append_images=[second], lossless=True)
    assert (decode(data) == np.array(picture())).all()


@pytest.mark.parametrize("name", ["jpeg", "jpeg progressive", "png", "webp"])
def test_an_image_cut_in_its_middle_is_refused_with_its_reason(name: str) -> None:
    cut = FILES[name][: len(FILES[name]) // 2]
    with pytest.raises(ImageFormatError, match=f"damaged {name.split()[0]} of {len(cut)} bytes"):
        decode(cut)


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(50), b"no image at all"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(ImageFormatError, match=f"no JPEG, PNG or WebP image in {len(data)} bytes"):
        decode_into(data, np.empty((8, 8, 3), np.uint8))


def test_an_absurd_size_is_refused_before_decoding() -> None:
    side = (60_000).to_bytes(4, "big")
    bomb = FILES["png"][:16] + side + side + FILES["png"][24:]
    with pytest.raises(ImageFormatError, match="60000 x 60000 pixels"):
        decode(bomb)


@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_flipped_byte_gives_pixels_or_a_refusal(name: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[name])
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert decode(bytes(damaged)).shape[2] == 3
    except ImageFormatError as error:
        assert "image" in error.message or "damaged" in error.message or "more" in error.message


def test_a_jpeg_of_the_right_size_is_decoded_in_place_to_the_same_pixels() -> None:
    data = encoded(picture(40, 40), "JPEG")
    batch = np.zeros((3, 40, 40, 3), np.uint8)
    decode_into(data, batch[1])
    assert (batch[1] == decode(data)).all()
    assert not batch[[0, 2]].any()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("side", [20, 40, 50, 100, 170, 300])
def test_other_sizes_look_the_same(kind: str, side: int) -> None:
    out = np.empty((side, side, 3), np.uint8)
    decode_into(encoded(picture(200, 200), kind, quality=95), out)
    assert difference(out, np.array(picture(200, 200).resize((side, side)))) < 3


@pytest.mark.parametrize(("width", "height"), [(200, 100), (50, 100), (30, 1), (7, 400)])
def test_an_oblong_image_is_padded_with_white_and_not_distorted(width: int, height: int) -> None:
    out = np.zeros((60, 60, 3), np.uint8)
    decode_into(encoded(Image.new("RGB", (width, height), "red"), "JPEG"), out)
    red = out[:, :, 1] < 128
    assert np.unique(red.sum(axis=0)).tolist()[-1] == max(
        1, round(60 * height / max(width, height))
    )
    assert np.unique(red.sum(axis=1)).tolist()[-1] == max(1, round(60 * width / max(width, height)))
    assert (out[~red] > 250).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_upright_image_is_turned_as_its_exif_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture(), "JPEG", exif=exif, quality=95)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.array(ImageOps.exif_transpose(image))
    assert (decode(data, upright=True) == expected).all()
    assert (decode(data) == decode(encoded(picture(), "JPEG", quality=95))).all()


def test_an_image_with_damaged_exif_stays_as_it_is() -> None:
    data = encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert (decode(data, upright=True) == decode(data)).all()


def test_upright_images_are_fitted_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = np.empty((64, 64, 3), np.uint8)
    decode_into(encoded(picture(), "JPEG", exif=exif), out, upright=True)
    assert (out[:, [0, -1]] == 255).all()
    assert out[0, 32].min() < 200


def test_a_written_jpeg_reads_back_alike_at_a_quarter_of_the_colour() -> None:
    pixels = np.array(picture(64, 64))
    data = encode_jpeg(pixels[:, ::-1])
    with Image.open(io.BytesIO(data)) as image:
        assert image.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]
    assert read_header(data) == ("jpeg", 64, 64)
    assert difference(decode(data), pixels[:, ::-1]) < 3


def test_scaling_an_image_down_again_and_again_loses_no_memory() -> None:
    data = encode_jpeg(np.zeros((180, 180, 3), np.uint8))
    out = np.empty((72, 72, 3), np.uint8)
    peaks = []
    for _ in range(2):
        for _ in range(4000):
            decode_into(data, out)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert peaks[1] - peaks[0] < 4096  # KiB; a refused buffer of simplejpeg's would cost 17 MiB
