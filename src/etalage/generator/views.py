"""What a picture shows of a product: which side, how near, on what background.

A leaf differs from its siblings by a pattern and by a part. A view may show both, or only one: the
other side is plain, a close-up leaves the part out. So one picture is often not enough.
"""

from dataclasses import dataclass
from random import Random

FRONT, BACK, ZOOM, SCENE, SEVERAL, LABEL, PACK = range(7)
_FIRST = ((FRONT, 0.76), (BACK, 0.08), (ZOOM, 0.03), (SCENE, 0.08), (SEVERAL, 0.05))
_LATER = ((FRONT, 0.34), (BACK, 0.2), (ZOOM, 0.2), (SCENE, 0.13), (SEVERAL, 0.07), (PACK, 0.06))
_BOTH, _PATTERN_ONLY = 0.26, 0.41  # else the part only
_LABEL_ONLY = 0.04
_TILTED = 0.45


@dataclass(frozen=True)
class View:
    """One picture of an object.

    Attributes:
        kind: FRONT, BACK, ZOOM, SCENE, SEVERAL, LABEL or PACK.
        pattern: whether the pattern can be seen.
        part: whether the part can be seen.
        turn: degrees the object is turned in the picture.
        size: half the object's height in the unit of half the picture.
        x: centre, -1 to 1.
        y: centre, -1 to 1.
        squeeze: factor of the width: an object seen from the side is narrower.
        lean: shear.
    """

    kind: int
    pattern: bool
    part: bool
    turn: float
    size: float
    x: float
    y: float
    squeeze: float
    lean: float


def choose_view(rank: int, labelled: bool, rng: Random) -> View:
    """Return the view of the image at ``rank``."""
    if labelled and rank == 0 and rng.random() < _LABEL_ONLY:
        return View(LABEL, False, False, 0, 1, 0, 0, 1, 0)
    kind = _pick(_LATER if rank else _FIRST, rng)
    pattern, part = _visible(kind, rng)
    turn = rng.uniform(-100, 100) if rng.random() < _TILTED else rng.gauss(0, 15)
    squeeze = rng.uniform(0.62, 0.9) if rng.random() < 0.35 else rng.uniform(0.9, 1.05)
    size, shift = _distance(kind, rng)
    mirror = -1 if rng.random() < 0.5 else 1
    return View(
        kind, pattern, part, turn, size, rng.uniform(-shift, shift), rng.uniform(-shift, shift),
        mirror * squeeze, rng.uniform(-0.16, 0.16),
    )  # fmt: skip


def _pick(chances: tuple[tuple[int, float], ...], rng: Random) -> int:
    draw = rng.random()
    for kind, chance in chances:
        draw -= chance
        if draw < 0:
            return kind
    return chances[0][0]


def _visible(kind: int, rng: Random) -> tuple[bool, bool]:
    if kind == BACK:
        return False, rng.random() < 0.7
    if kind == ZOOM:
        return True, rng.random() < 0.5
    draw = rng.random()
    return draw < _BOTH + _PATTERN_ONLY, draw < _BOTH or draw >= _BOTH + _PATTERN_ONLY


def _distance(kind: int, rng: Random) -> tuple[float, float]:
    if kind == ZOOM:
        return rng.uniform(1.3, 1.9), 0.35
    if kind == SCENE:
        return rng.uniform(0.42, 0.75), 0.28
    if kind == SEVERAL:
        return rng.uniform(0.4, 0.55), 0.06
    size = rng.uniform(0.48, 0.92)
    return size, 0.05 + 0.65 * (0.95 - size)
