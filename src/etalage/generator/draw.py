"""Draws one picture of a product: 180 x 180 RGB, flat shapes with a pattern, light and grain.

About half a millisecond a picture. Equal seeds give equal pixels.
"""

import math
from functools import cache
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from etalage.generator import shapes, surfaces, views
from etalage.generator.looks import Look
from etalage.generator.marks import HANDLE, SHIFT, boilerplate, energy_label, paint_part, parcel
from etalage.generator.outlines import OUTLINES
from etalage.generator.surfaces import SIDE
from etalage.generator.things import Paint, Thing, below, make_thing, seed_of

Pixels = NDArray[np.uint8]
_SCENERY, _BACKDROP = 0.10, 0.25  # else the background is white


def draw(look: Look, seed: int, series: int, variant: int, rank: int) -> Pixels:
    """Draw a picture.

    Args:
        look: what the leaf looks like.
        seed: of the catalogue.
        series: the object: same series, same object.
        variant: 0, or which offer of the series: another colour of the object.
        rank: position among the images of the product.

    Returns:
        RGB pixels, shape (180, 180, 3).
    """
    rng = Random(seed_of(seed, series, variant, rank + 2))
    thing = make_thing(look, Random(seed_of(seed, series, 0, 0)), variant)
    view = views.choose_view(rank, look.labelled, rng)
    if view.kind == views.LABEL:
        return energy_label(rng)
    if view.kind == views.PACK:
        return parcel(thing.paints, rng)
    canvas = _background(view, rng)
    for each in _placed(view, rng):
        _paint(canvas, look, thing, each)
    return canvas


def draw_boilerplate(number: int, seed: int) -> Pixels:
    """Draw one of the pictures that show no product (a logo, "no picture", a label)."""
    return boilerplate(number, Random(seed_of(seed, number, 0, 1)))


def _background(view: views.View, rng: Random) -> Pixels:
    chance = rng.random()
    if view.kind == views.SCENE or chance < _SCENERY:
        canvas = _cut(surfaces.backgrounds(), rng)
    elif chance < _SCENERY + _BACKDROP:
        canvas = _backdrop(rng)
    else:
        canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    if view.kind == views.FRONT and rng.random() < 0.5:
        _cast_shadow(canvas, view, 14 + below(40, rng))
    return canvas


def _cut(kinds: tuple[Pixels, ...], rng: Random) -> Pixels:
    chosen = kinds[below(len(kinds), rng)]
    x, y = below(80, rng), below(80, rng)
    return np.ascontiguousarray(chosen[y : y + SIDE, x : x + SIDE])


def _backdrop(rng: Random) -> Pixels:
    """Return a pale studio wall, unevenly lit, with the noise of a photograph."""
    wall = np.empty((SIDE, SIDE, 3), np.uint8)
    pale = 196 + below(44, rng)
    wall[:] = (pale, min(pale - 8 + below(17, rng), 255), min(pale - 12 + below(21, rng), 255))
    light = _cut(surfaces.lights()[:: surfaces.GRAINS], rng)
    return np.asarray(cv2.multiply(wall, light, scale=1 / 190))


def _cast_shadow(canvas: Pixels, view: views.View, depth: int) -> None:
    x, y = int(SIDE / 2 * (1 + view.x)), int(SIDE / 2 * (1 + view.y + 0.96 * view.size))
    wide = int(SIDE * 0.42 * view.size)
    row = min(max(y, 0), SIDE - 1)
    red, green, blue = (max(int(tone) - depth, 0) for tone in canvas[row, SIDE // 2])
    size = (wide, max(wide // 7, 3))
    cv2.ellipse(canvas, (x, y), size, 0, 0, 360, (red, green, blue), -1, cv2.LINE_AA)


def _placed(view: views.View, rng: Random) -> list[views.View]:
    """Return the view once, or two to four smaller copies of it side by side."""
    if view.kind != views.SEVERAL:
        return [view]
    count = rng.randrange(2, 5)
    spots = ((-0.48, -0.1), (0.48, 0.1), (0.05, -0.5), (-0.05, 0.5))[:count]
    return [_moved(view, x, y, rng) for x, y in spots]


def _moved(view: views.View, x: float, y: float, rng: Random) -> views.View:
    return views.View(
        view.kind, view.pattern, view.part, view.turn + rng.uniform(-12, 12), view.size,
        view.x + x, view.y + y, view.squeeze, view.lean,
    )  # fmt: skip


def placement(thing: Thing, view: views.View) -> NDArray[np.float32]:
    """Return the affine map from the object's unit box to pixels, shape (2, 3)."""
    angle = math.radians(view.turn)
    half = SIDE / 2
    scale_x = half * view.size * thing.stretch[0] * view.squeeze
    scale_y = half * view.size * thing.stretch[1]
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([
        [cos * scale_x, cos * view.lean * scale_y - sin * scale_y, half * (1 + view.x)],
        [sin * scale_x, sin * view.lean * scale_y + cos * scale_y, half * (1 + view.y)],
    ], np.float32)  # fmt: skip


def _paint(canvas: Pixels, look: Look, thing: Thing, view: views.View) -> None:
    form = _outline(look.shape)
    place = placement(thing, view)
    handle = view.part and look.part == HANDLE
    if handle:
        paint_part(canvas, HANDLE, form.body, place, thing.paints)
    points = _fixed(form.points, place)
    left, top, right, bottom = _frame(points)
    if right <= left or bottom <= top:
        return
    inside = place - np.array([[0, 0, left], [0, 0, top]], np.float32)
    surface = _surface(look, thing, view, inside, (right - left, bottom - top))
    if view.part and not handle:
        paint_part(surface, look.part, form.body, inside, thing.paints)
    if look.printed and view.pattern:
        _print_words(surface, thing, form.body, inside)
    window = canvas[top:bottom, left:right]
    _paint_primitives(window, surface, form, points - (left << SHIFT, top << SHIFT), thing.paints)


@cache
def _outline(name: str) -> shapes.Shape:
    return shapes.compose(OUTLINES[name])


def _paint_primitives(
    window: Pixels,
    surface: Pixels,
    form: shapes.Shape,
    points: NDArray[np.int32],
    paints: tuple[Paint, ...],
) -> None:
    mask = np.zeros(window.shape[:2], np.uint8)
    start = 0
    for end, tone in zip(form.ends, form.tones, strict=True):
        outline = [points[start:end]]
        # The plain fill gives the body a smooth edge, which the mask cannot.
        cv2.fillPoly(window, outline, paints[tone], cv2.LINE_AA, SHIFT)
        if tone == shapes.Tone.BODY:
            mask[:] = 0
            cv2.fillPoly(mask, outline, 255, cv2.LINE_8, SHIFT)
            cv2.copyTo(surface, mask, window)
        start = end


def _fixed(points: NDArray[np.float32], place: NDArray[np.float32]) -> NDArray[np.int32]:
    scale = np.float32(1 << SHIFT)
    return ((points @ place[:, :2].T + place[:, 2]) * scale).astype(np.int32)


def _frame(points: NDArray[np.int32]) -> tuple[int, int, int, int]:
    """Return the pixels (left, top, right, bottom) that the points span, within the picture."""
    (left, top), (right, bottom) = points.min(0) >> SHIFT, points.max(0) >> SHIFT
    return (
        max(int(left) - 1, 0),
        max(int(top) - 1, 0),
        min(int(right) + 2, SIDE),
        min(int(bottom) + 2, SIDE),
    )


def _surface(
    look: Look, thing: Thing, view: views.View, place: NDArray[np.float32], size: tuple[int, int]
) -> Pixels:
    """Return the lit body, width and height ``size``, patterned when its pattern can be seen."""
    wide, high = size
    if view.pattern and look.pattern:
        repeat = surfaces.PERIOD * thing.grain
        back = cv2.invertAffineTransform(place)
        back[0] *= repeat * thing.stretch[0]
        back[1] *= repeat * thing.stretch[1]
        back[:, 2] += surfaces.TILE / 2
        tile = surfaces.tiles()[look.pattern]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        gray = cv2.warpAffine(tile, back, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        surface = cv2.applyColorMap(gray, thing.ramp)
    else:
        surface = np.empty((high, wide, 3), np.uint8)
        surface[:] = thing.paints[0]
    light = surfaces.lights()[thing.light]
    x, y = thing.phase
    return np.asarray(cv2.multiply(surface, light[y : y + high, x : x + wide], scale=1 / 200))


def _print_words(
    surface: Pixels,
    thing: Thing,
    body: tuple[float, float, float, float],
    place: NDArray[np.float32],
) -> None:
    x0, y0, x1, y1 = body
    dark = sum(thing.paints[0]) > 380
    ink = (24, 22, 30) if dark else (250, 248, 240)
    for number, top in zip(thing.words, (0.1, 0.7), strict=True):
        strip = surfaces.words()[number]
        wide = (x1 - x0) * 0.86
        left = x0 + (x1 - x0) * 0.07
        high = wide / 4
        at = y0 + (y1 - y0) * top
        into = place @ np.array([[wide / 256, 0, left], [0, high / 64, at], [0, 0, 1]], np.float32)
        if into[0, 0] < 0:
            into = place @ np.array(
                [[-wide / 256, 0, x1 - left + x0], [0, high / 64, at], [0, 0, 1]], np.float32
            )
        mask = cv2.warpAffine(strip, into, surface.shape[1::-1], flags=cv2.INTER_LINEAR)
        surface[mask > 110] = ink
