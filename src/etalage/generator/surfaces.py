"""Surfaces made once per process: pattern tiles, light with grain, backgrounds, printed words.

Everything is drawn with fixed seeds, so every process has the same surfaces.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Colour = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]

TILE = 512
PERIOD = 64  # pixels of a tile after which a pattern repeats
SIDE = 180
_MARGIN = 80
_GRAIN = (4.0, 5.5, 8.0, 12.0)
GRAINS = len(_GRAIN)  # lights come in that many strengths of grain, the finest first
_WORDS = (
    "LE SECRET", "NUIT BLANCHE", "LES ANNEES", "VOYAGE", "LIVE 1987", "BEST OF", "TOME 2", "L ETE",
    "MEMOIRES", "LA FORET", "PARIS", "CHANSONS", "GUIDE", "OPERA", "ENIGME", "UN AMOUR", "VOL. 3",
    "HISTOIRES", "LE PHARE", "ORAGE", "SYMPHONIE", "JARDINS", "ROUGE", "EXIL", "ARCHIPEL",
)  # fmt: skip


@cache
def tiles() -> tuple[Gray, ...]:
    """Return a gray tile for each of ``nouns.PATTERNS``: 0 first colour, 255 second, TILE wide."""
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32) / PERIOD
    drawn = (
        np.zeros_like(x),
        _edge(np.sin(2 * np.pi * y)),
        _edge(0.32 - np.hypot(_centred(x), _centred(y)), 40),
        (_edge(np.sin(2 * np.pi * x)) + _edge(np.sin(2 * np.pi * y))) / 2,
        _edge(np.sin(2 * np.pi * (y + 0.6 * np.abs(_centred(x)) * 2))),
        _edge(np.sin(4 * np.pi * np.hypot(_centred(x / 2), _centred(y / 2)) * 2)),
        _petals(x, y),
        _blobs(28, 0.0, 5),
        _edge(np.sin(2 * np.pi * (x + 0.5 * y)) * np.sin(2 * np.pi * (x - 0.5 * y)), 12),
        _edge(np.sin(np.pi * 2 * x) * np.sin(np.pi * 2 * y), 30),
        _stars(x, y),
        _veins(),
    )
    return tuple((255 * np.clip(tile, 0, 1)).astype(np.uint8) for tile in drawn)


def _centred(x: Floats) -> Floats:
    return np.asarray(x - np.floor(x) - np.float32(0.5))


def _edge(x: Floats, steep: float = 10) -> Floats:
    return np.asarray(np.clip(0.5 + steep * x, 0, 1), np.float32)


def _petals(x: Floats, y: Floats) -> Floats:
    dx, dy = _centred(x * 0.8), _centred(y * 0.8)
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    petals = _edge(0.28 + 0.16 * np.cos(5 * angle) - radius, 30)
    return np.asarray(petals * (1 - 0.6 * _edge(0.09 - radius, 40)))


def _stars(x: Floats, y: Floats) -> Floats:
    dx, dy = _centred(x * 0.75), _centred(y * 0.75)
    radius, angle = np.hypot(dx, dy), np.arctan2(dx, -dy)
    wedge = np.abs(((angle / (2 * np.pi) * 5) % 1) - 0.5) * 2
    return _edge(0.13 + 0.3 * wedge**1.5 - radius, 30)


def _noise(blur: float, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(TILE, TILE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), blur, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth / smooth.std(), np.float32)


def _blobs(blur: float, level: float, seed: int) -> Floats:
    coarse, fine = _noise(blur * 0.55, seed), _noise(blur * 0.3, seed + 1)
    return 0.55 * _edge(coarse - level, 4) + 0.45 * _edge(fine - level - 0.3, 4)


def _veins() -> Floats:
    bent = _noise(26, 9)
    fine = _noise(9, 10)
    return _edge(0.16 - np.abs(bent + 0.25 * fine), 7)


@cache
def lights() -> tuple[Colour, ...]:
    """Return brightness tiles, 200 = unchanged, with a fine grain; SIDE + 80 wide, 3 channels."""
    size = SIDE + _MARGIN
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    rng = np.random.default_rng(3)
    made = []
    for turn in range(12):
        angle, bend = turn * np.pi / 6, 0.25 + 0.5 * (turn % 3)
        slope = x * np.cos(angle) + y * np.sin(angle)
        light = 190 + 60 * slope - 110 * bend * slope**2
        grain = rng.normal(0, _GRAIN[turn % GRAINS], (size, size))
        grain = cv2.GaussianBlur(grain.astype(np.float32), (0, 0), 0.8)
        tile = np.clip(light + 2.5 * grain, 60, 235).astype(np.uint8)
        made.append(np.repeat(tile[..., None], 3, axis=2))
    return tuple(made)


@cache
def backgrounds() -> tuple[Colour, ...]:
    """Return photographic backgrounds (wood, wall, cloth, lawn, stone, room), SIDE + 80 wide."""
    size = SIDE + _MARGIN
    rng = np.random.default_rng(4)
    tints = (
        (168, 128, 88), (200, 192, 180), (150, 160, 172), (96, 132, 70), (176, 170, 160),
        (214, 206, 196), (120, 92, 66), (190, 178, 200), (222, 214, 190), (140, 150, 140),
    )  # fmt: skip
    made = []
    for number, tint in enumerate(tints):
        noise = rng.normal(size=(size, size)).astype(np.float32)
        blur = ((0, 1), (18, 1.2), (1, 22), (2, 2), (6, 6))[number % 5]
        smooth = cv2.GaussianBlur(noise, (0, 0), max(blur[0], 0.8), sigmaY=max(blur[1], 0.8))
        texture = smooth / smooth.std() * (8 + 2 * (number % 4))
        colour = np.asarray(tint, np.float32) + texture[..., None]
        if number % 2:
            colour[int(size * 0.62) :] *= 0.78
        made.append(np.clip(colour, 0, 255).astype(np.uint8))
    return tuple(made)


@cache
def words() -> tuple[Gray, ...]:
    """Return printed words, white on black, each 256 x 64."""
    strips = []
    fonts = (cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)
    for number, word in enumerate(_WORDS):
        strip = np.zeros((64, 256), np.uint8)
        font = fonts[number % len(fonts)]
        (width, _), _ = cv2.getTextSize(word, font, 1.0, 2)
        scale = min(240 / width, 1.5)
        cv2.putText(strip, word, (8, 46), font, scale, 255, 3, cv2.LINE_AA)
        strips.append(strip)
    return tuple(strips)
