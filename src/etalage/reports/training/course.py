"""The course of a training: what ``metrics.jsonl`` says, step by step and epoch by epoch."""

from dataclasses import dataclass
from typing import Any

import numpy as np

_POINTS = 400


@dataclass(frozen=True)
class Moment:
    """A line about some steps; what an older trainer did not write is None."""

    step: int
    epoch: int | None
    loss: float | None
    learning_rate: float | None
    products_per_second: float | None
    images_per_second: float | None
    image_size: int | None


@dataclass(frozen=True)
class Check:
    """The validation after an epoch."""

    step: int
    epoch: int | None
    products: int | None
    level1: float | None
    level2: float | None
    level3: float | None
    log_loss: float | None


@dataclass(frozen=True)
class Course:
    """A training from its beginning to its end.

    Attributes:
        moments: at most some hundred of the lines about steps, evenly spaced, the last included.
        lines: how many there are.
        checks: all validations.
    """

    moments: list[Moment]
    lines: int
    checks: list[Check]


def course_of(lines: list[dict[str, Any]]) -> Course:
    """Sort the lines of ``metrics.jsonl``; those without a step are none of ours."""
    dated = [line for line in lines if isinstance(line.get("step"), int)]
    moments = [_moment(line) for line in dated if "validation" not in line]
    checks = [_check(line) for line in dated if isinstance(line.get("validation"), dict)]
    return Course(_thin(moments), len(moments), checks)


def _thin(moments: list[Moment]) -> list[Moment]:
    places = np.linspace(0, len(moments) - 1, min(_POINTS, len(moments))).round()
    return [moments[int(place)] for place in places]


def _moment(line: dict[str, Any]) -> Moment:
    return Moment(
        step=line["step"],
        epoch=line.get("epoch"),
        loss=line.get("loss"),
        learning_rate=line.get("learning_rate"),
        products_per_second=line.get("products_per_second"),
        images_per_second=line.get("images_per_second"),
        image_size=line.get("image_size"),
    )


def _check(line: dict[str, Any]) -> Check:
    found = line["validation"]
    numbers = {name: found.get(name) for name in ("level1", "level2", "level3", "log_loss")}
    return Check(line["step"], line.get("epoch"), found.get("products"), **numbers)
