"""What products are drawn from: flat shapes in a unit box, x to the right, y down, both -1 to 1.

A shape is a tuple of primitives painted in order. A primitive is a polygon and a tone: the body
carries the product's pattern, the others are plain.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


class Tone(IntEnum):
    """What a primitive is painted with."""

    BODY = 0
    SECOND = 1
    DARK = 2
    PALE = 3
    METAL = 4


@dataclass(frozen=True, eq=False)
class Primitive:
    """A filled polygon, points of shape (N, 2)."""

    tone: Tone
    points: Points


@dataclass(frozen=True, eq=False)
class Shape:
    """The points of all primitives in one array, and which belong to which."""

    points: Points
    ends: tuple[int, ...]
    tones: tuple[Tone, ...]
    body: tuple[float, float, float, float]  # x0, y0, x1, y1 of the patterned primitives


def poly(tone: Tone, *points: tuple[float, float]) -> Primitive:
    """Return a polygon."""
    return Primitive(tone, np.array(points, np.float32))


def box(tone: Tone, x0: float, y0: float, x1: float, y1: float, round_: float = 0.0) -> Primitive:
    """Return a rectangle whose corners are rounded by ``round_``."""
    if not round_:
        return poly(tone, (x0, y0), (x1, y0), (x1, y1), (x0, y1))
    quarter = np.linspace(0, np.pi / 2, 6, dtype=np.float32)
    centres = ((x1 - round_, y1 - round_), (x0 + round_, y1 - round_),
               (x0 + round_, y0 + round_), (x1 - round_, y0 + round_))  # fmt: skip
    arcs = [
        np.stack([cx + round_ * np.cos(quarter + turn), cy + round_ * np.sin(quarter + turn)], 1)
        for (cx, cy), turn in zip(centres, np.arange(4) * np.pi / 2, strict=True)
    ]
    return Primitive(tone, np.concatenate(arcs).astype(np.float32))


def oval(tone: Tone, cx: float, cy: float, rx: float, ry: float | None = None) -> Primitive:
    """Return an ellipse."""
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    ry = rx if ry is None else ry
    points = np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], 1)
    return Primitive(tone, points.astype(np.float32))


def lathe(tone: Tone, *profile: tuple[float, float]) -> Primitive:
    """Return a figure symmetric about x = 0 from pairs of y and half width."""
    right = [(width, y) for y, width in profile]
    left = [(-width, y) for y, width in reversed(profile)]
    return poly(tone, *right, *left)


def bar(tone: Tone, x0: float, y0: float, x1: float, y1: float, width: float) -> Primitive:
    """Return a thick line."""
    along = np.array([x1 - x0, y1 - y0], np.float32)
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6) * width / 2
    a, b = np.array([x0, y0]), np.array([x1, y1])
    return Primitive(tone, np.array([a + across, b + across, b - across, a - across], np.float32))


def arch(
    tone: Tone,
    cx: float,
    cy: float,
    rx: float,
    ry: float,
    width: float,
    turns: tuple[float, float] = (0.5, 1.0),
) -> Primitive:
    """Return a bent band: part of a ring, ``turns`` of a full circle clockwise from the right."""
    angle = np.linspace(turns[0], turns[1], 24) * 2 * np.pi
    rim = np.stack([np.cos(angle), np.sin(angle)], 1)
    outer = rim * (rx, ry) + (cx, cy)
    inner = rim[::-1] * (rx - width, ry - width) + (cx, cy)
    return Primitive(tone, np.concatenate([outer, inner]).astype(np.float32))


def compose(primitives: tuple[Primitive, ...]) -> Shape:
    """Join primitives to a shape."""
    sizes = np.cumsum([len(primitive.points) for primitive in primitives])
    body = np.concatenate([p.points for p in primitives if p.tone == Tone.BODY])
    (x0, y0), (x1, y1) = body.min(0), body.max(0)
    return Shape(
        np.concatenate([primitive.points for primitive in primitives]),
        tuple(sizes.tolist()),
        tuple(primitive.tone for primitive in primitives),
        (float(x0), float(y0), float(x1), float(y1)),
    )
