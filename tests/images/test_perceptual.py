"""What a picture looks like survives encoding and resizing, and tells pictures apart."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from etalage.images.perceptual import LOOK, STATES, look_at


def scene(seed: int) -> Image.Image:
    """Return a picture of 180 x 180 pixels with structure of all sizes, on white."""
    rng = np.random.default_rng(seed)
    layers = [
        Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).resize(
            (140, 140), Image.Resampling.BICUBIC
        )
        for side in (3, 7, 20)
    ]
    picture = Image.new("RGB", (180, 180), "white")
    blended = Image.blend(Image.blend(layers[0], layers[1], 0.4), layers[2], 0.2)
    picture.paste(blended, (20, 25))
    return picture


def encoded(picture: Image.Image, form: str = "JPEG", **options: int) -> bytes:
    """Return a picture's file."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def bits_apart(one: NDArray[np.void], other: NDArray[np.void]) -> int:
    """Return in how many bits two looks differ."""
    differing = one["bits"] ^ other["bits"]
    return int(np.unpackbits(differing.view(np.uint8)).sum())


def tones_apart(one: NDArray[np.void], other: NDArray[np.void]) -> int:
    """Return the largest difference of a mean colour."""
    return int(np.abs(one["tones"].astype(int) - other["tones"].astype(int)).max())


@pytest.mark.parametrize("quality", [50, 75, 95])
@pytest.mark.parametrize("side", [90, 133, 180, 300])
def test_another_encoding_and_size_looks_the_same(quality: int, side: int) -> None:
    for seed in range(5):
        again = scene(seed).resize((side, side), Image.Resampling.LANCZOS)
        one, other = look_at([encoded(scene(seed)), encoded(again, quality=quality)])
        assert bits_apart(one, other) <= 16
        assert tones_apart(one, other) <= 8


def test_another_picture_looks_different() -> None:
    looks = look_at([encoded(scene(seed)) for seed in range(20)])
    apart = [bits_apart(looks[a], looks[b]) for a in range(20) for b in range(a)]
    assert min(apart) > 32


def test_another_colour_has_the_same_bits_and_other_tones() -> None:
    red, green = (Image.new("RGB", (180, 180), "white") for _ in range(2))
    red.paste((200, 30, 30), (40, 50, 120, 150))
    green.paste((30, 117, 30), (40, 50, 120, 150))
    one, other = look_at([encoded(red, quality=95), encoded(green, quality=95)])
    assert bits_apart(one, other) <= 16
    assert tones_apart(one, other) > 30


def test_the_format_does_not_matter() -> None:
    looks = look_at([encoded(scene(1), form) for form in ("PNG", "JPEG", "WEBP")])
    assert max(bits_apart(looks[0], other) for other in looks) <= 16


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (encoded(Image.new("RGB", (64, 64), (250, 250, 250))), "blank"),
        (encoded(scene(1).resize((15, 40))), "tiny"),
        (encoded(scene(1))[:-900], "undecodable"),
        (b"", "undecodable"),
    ],
)
def test_what_cannot_be_compared_says_why(data: bytes, why: str) -> None:
    assert STATES[int(look_at([data])["state"][0])] == why


def test_a_look_is_exact_and_does_not_depend_on_its_neighbours(
    photo: Callable[..., bytes],
) -> None:
    images = [photo(seed, side=40 + seed) for seed in range(8)]
    alone = np.concatenate([look_at([data]) for data in reversed(images)])[::-1]
    assert (look_at(images) == alone).all()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2000))
def test_no_bytes_make_it_raise(garbage: bytes, at: int) -> None:
    data = encoded(scene(2).resize((60, 44)))
    looks = look_at([garbage, data[:at] + garbage + data[at + len(garbage) :]])
    assert looks.dtype == LOOK


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from(["JPEG", "PNG"]))
def test_tones_are_the_mean_colours_whatever_the_size(width: int, height: int, form: str) -> None:
    look = look_at([encoded(Image.new("RGB", (width, height), (90, 160, 220)), form)])[0]
    assert np.abs(look["tones"].reshape(-1, 3).astype(int) - (90, 160, 220)).max() <= 3
    assert STATES[int(look["state"])] == ("tiny" if min(width, height) < 16 else "blank")
