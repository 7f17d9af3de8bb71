"""One object that is for sale: its colours, proportions and print, the same in all its pictures."""

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from etalage.generator.looks import Look
from etalage.generator.nouns import COLOURS

Paint = tuple[int, int, int]
_MIX = 0x9E3779B97F4A7C15
_FADE = np.arange(256)[:, None]


@dataclass(frozen=True, eq=False)
class Thing:
    """One object: what all its pictures have in common.

    Attributes:
        paints: colour of each ``shapes.Tone`` (the body's first colour at BODY).
        ramp: the 256 mixes of the two colours of the pattern, shape (256, 1, 3).
        stretch: factors of width and height.
        grain: pattern repeats per unit of the object.
        phase: where in the light the object stands.
        light: which of ``surfaces.lights``.
        words: which of ``surfaces.words`` are printed on it.
    """

    paints: tuple[Paint, ...]
    ramp: NDArray[np.uint8]
    stretch: tuple[float, float]
    grain: float
    phase: tuple[int, int]
    light: int
    words: tuple[int, int]


def seed_of(*numbers: int) -> int:
    """Mix numbers to a 64-bit seed."""
    mixed = 0
    for number in numbers:
        mixed = ((mixed ^ (number + 1)) * _MIX) & 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 29
    return mixed


def make_thing(look: Look, rng: Random, variant: int) -> Thing:
    """Draw what is particular to one object."""
    stretch = look.stretch[0] * rng.uniform(0.86, 1.16), look.stretch[1] * rng.uniform(0.86, 1.16)
    grain = rng.uniform(1.5, 2.5)
    phase = below(80, rng), below(80, rng)
    light, words = below(12, rng), (below(25, rng), below(25, rng))
    if variant:
        rng = Random(seed_of(rng.getrandbits(60), variant))
    first, other = _two_colours(rng)
    second = _colour(rng)
    dark, pale, metal = 20 + below(55, rng), 215 + below(33, rng), 140 + below(60, rng)
    paints = (first, second, (dark, dark, dark + 4), (pale, pale, pale - 4), (metal, metal, metal))
    ramp = (_FADE[::-1] * np.array(first) + _FADE * np.array(other)) // 255
    return Thing(paints, ramp.astype(np.uint8)[:, None], stretch, grain, phase, light, words)


def below(limit: int, rng: Random) -> int:
    """Return a number from 0 up to ``limit``, quicker than ``randrange``."""
    return int(rng.random() * limit)


def _colour(rng: Random) -> Paint:
    red, green, blue = COLOURS[below(len(COLOURS), rng)][1]
    return _near(red, rng), _near(green, rng), _near(blue, rng)


def _near(value: int, rng: Random) -> int:
    return min(max(value - 18 + below(37, rng), 0), 255)


def _two_colours(rng: Random) -> tuple[Paint, Paint]:
    first = _colour(rng)
    for _ in range(8):
        other = _colour(rng)
        if abs(sum(first) - sum(other)) > 210:
            return first, other
    return first, (245, 243, 238) if sum(first) < 400 else (36, 36, 42)
