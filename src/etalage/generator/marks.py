"""What is drawn on or instead of a product: a leaf's part, a parcel, energy labels, boilerplate."""

from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from etalage.generator import shapes
from etalage.generator.nouns import BRANDS
from etalage.generator.surfaces import SIDE

Pixels = NDArray[np.uint8]
Paint = tuple[int, int, int]
Box = tuple[float, float, float, float]
HANDLE, BAND, TAG, BUTTONS, BOW = range(1, 6)
SHIFT = 4  # fractional bits of the coordinates given to cv2
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CLASSES = ((0, 140, 70), (80, 170, 60), (180, 205, 50), (245, 225, 40), (245, 175, 40),
            (235, 110, 40), (220, 40, 40))  # fmt: skip
_NOTICES = (
    "PHOTO NON DISPONIBLE", "LIVRAISON 24H", "GARANTIE 2 ANS", "PROMO -20%", "STOCK FRANCE",
    "PRIX CHOC", "NOUVEAU", "SATISFAIT", "PAIEMENT 4X", "CONTACT", "MERCI", "ENERGIE",
)  # fmt: skip


def paint_part(
    target: Pixels, part: int, body: Box, place: NDArray[np.float32], paints: tuple[Paint, ...]
) -> None:
    """Paint a leaf's part: a handle onto the picture, before the body; others onto the body."""
    for primitive, paint in _part_primitives(part, body, paints):
        points = (primitive.points @ place[:, :2].T + place[:, 2]) * (1 << SHIFT)
        cv2.fillPoly(target, [points.astype(np.int32)], paint, cv2.LINE_AA, SHIFT)


def _part_primitives(
    part: int, body: Box, paints: tuple[Paint, ...]
) -> list[tuple[shapes.Primitive, Paint]]:
    x0, y0, x1, y1 = body
    cx, cy, hx, hy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    tone = shapes.Tone.SECOND
    ink = (30, 30, 34) if sum(paints[0]) > 330 else (250, 250, 245)
    if part == HANDLE:
        ring = shapes.arch(tone, x0, cy, 0.42, min(0.62 * hy + 0.1, 0.6), 0.13, (0.22, 0.78))
        return [(ring, (62, 52, 48))]
    if part == BAND:
        return [
            (shapes.box(tone, x0 - 0.1, cy - 0.26 * hy, x1 + 0.1, cy + 0.26 * hy), ink),
            (shapes.box(tone, x0 - 0.1, cy - 0.18 * hy, x1 + 0.1, cy + 0.18 * hy), paints[1]),
        ]
    if part == TAG:
        return _tag(cx, cy, hx, hy)
    if part == BUTTONS:
        radius = 0.17 * min(hx, hy) + 0.05
        rows = [(cx, cy + step * hy) for step in (-0.55, 0.0, 0.55)]
        discs = [(shapes.oval(tone, x, y, radius * 1.3), ink) for x, y in rows]
        return discs + [(shapes.oval(tone, x, y, radius), paints[4]) for x, y in rows]
    if part == BOW:
        return _bow(cx, cy, 0.62 * min(hx, hy) + 0.12, paints[1], ink)
    return []


def _tag(cx: float, cy: float, hx: float, hy: float) -> list[tuple[shapes.Primitive, Paint]]:
    tone = shapes.Tone.PALE
    wide, high = 0.58 * hx, 0.42 * hy
    lines = [
        shapes.box(tone, cx - 0.7 * wide, cy + y * high, cx + reach * wide, cy + (y + 0.16) * high)
        for y, reach in ((-0.58, 0.7), (-0.08, 0.3), (0.37, 0.6))
    ]
    edge, tall = wide * 1.08, high * 1.12
    return [
        (shapes.box(tone, cx - edge, cy - tall, cx + edge, cy + tall), (40, 40, 44)),
        (shapes.box(tone, cx - wide, cy - high, cx + wide, cy + high), (252, 251, 246)),
        *((line, (70, 70, 76)) for line in lines),
    ]


def _bow(
    cx: float, cy: float, size: float, paint: Paint, ink: Paint
) -> list[tuple[shapes.Primitive, Paint]]:
    made = []
    for scale, colour in ((1.18, ink), (1.0, paint)):
        reach, high = size * scale, size * 0.62 * scale
        for side in (-1, 1):
            wing = ((cx, cy), (cx + side * reach, cy - high), (cx + side * reach, cy + high))
            made.append((shapes.poly(shapes.Tone.SECOND, *wing), colour))
    knot = shapes.oval(shapes.Tone.SECOND, cx, cy, size * 0.26)
    return [*made, (knot, ink)]


def parcel(paints: tuple[Paint, ...], rng: Random) -> Pixels:
    """Draw a closed box with a brand: the picture tells nothing of its content."""
    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    brown = (186 + rng.randrange(-15, 15), 150 + rng.randrange(-15, 15), 108)
    x, y = rng.randrange(20, 45), rng.randrange(45, 70)
    wide, high = rng.randrange(80, 110), rng.randrange(70, 95)
    lid = np.array([[x, y], [x + 22, y - 24], [x + wide + 22, y - 24], [x + wide, y]], np.int32)
    side = np.array([[x + wide, y], [x + wide + 22, y - 24], [x + wide + 22, y + high - 24],
                     [x + wide, y + high]], np.int32)  # fmt: skip
    cv2.rectangle(canvas, (x, y), (x + wide, y + high), brown, -1)
    cv2.fillPoly(canvas, [lid], tuple(min(c + 22, 255) for c in brown), cv2.LINE_AA)
    cv2.fillPoly(canvas, [side], tuple(c - 34 for c in brown), cv2.LINE_AA)
    cv2.rectangle(canvas, (x + 8, y + high // 3), (x + wide - 8, y + high * 2 // 3), paints[0], -1)
    name = BRANDS[rng.randrange(len(BRANDS))].encode("ascii", "ignore").decode()
    cv2.putText(
        canvas, name[:9], (x + 12, y + high // 2 + 6), _FONT, 0.5, (250, 250, 250), 1, cv2.LINE_AA
    )
    return canvas


def energy_label(rng: Random) -> Pixels:
    """Draw an energy label: coloured arrows A to G, one of them pointed at."""
    canvas = np.full((SIDE, SIDE, 3), 252, np.uint8)
    cv2.rectangle(canvas, (22, 6), (158, 174), (30, 70, 140), 2)
    cv2.rectangle(canvas, (22, 6), (158, 30), (30, 70, 140), -1)
    cv2.putText(canvas, "ENERGIE", (34, 25), _FONT, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    best = rng.randrange(len(_CLASSES))
    for row, paint in enumerate(_CLASSES):
        y, reach = 38 + 14 * row, 62 + 8 * row
        arrow = np.array([[28, y], [reach, y], [reach + 7, y + 5], [reach, y + 11], [28, y + 11]])
        cv2.fillPoly(canvas, [arrow.astype(np.int32)], paint, cv2.LINE_AA)
        cv2.putText(
            canvas, "ABCDEFG"[row], (31, y + 10), _FONT, 0.35, (255, 255, 255), 1, cv2.LINE_AA
        )
    y = 38 + 14 * best
    cv2.rectangle(canvas, (132, y - 2), (153, y + 13), (20, 20, 20), -1)
    cv2.putText(
        canvas, "ABCDEFG"[best], (137, y + 10), _FONT, 0.45, (255, 255, 255), 1, cv2.LINE_AA
    )
    for row in range(3):
        text = f"{rng.randrange(20, 400)} {('kWh/an', 'litres', 'dB')[row]}"
        cv2.putText(canvas, text, (34, 146 + 12 * row), _FONT, 0.35, (60, 60, 60), 1, cv2.LINE_AA)
    return canvas


def boilerplate(number: int, rng: Random) -> Pixels:
    """Draw a picture that resellers put under anything."""
    text = _NOTICES[number % len(_NOTICES)]
    if text == "ENERGIE":
        return energy_label(rng)
    tint = (
        (226, 226, 228)
        if number == 0
        else (rng.randrange(30, 220), rng.randrange(30, 200), rng.randrange(60, 220))
    )
    canvas = np.full((SIDE, SIDE, 3), 245, np.uint8)
    cv2.circle(canvas, (90, 74), 50, tint, -1, cv2.LINE_AA)
    cv2.rectangle(
        canvas, (58, 56), (122, 98), (150, 150, 154) if number == 0 else (255, 255, 255), 4
    )
    cv2.circle(
        canvas, (90, 77), 13, (150, 150, 154) if number == 0 else (255, 255, 255), 4, cv2.LINE_AA
    )
    scale = min(0.7, 160 / (len(text) * 17.0))
    cv2.putText(canvas, text, (12, 152), _FONT, scale, (70, 70, 74), 1, cv2.LINE_AA)
    return canvas
