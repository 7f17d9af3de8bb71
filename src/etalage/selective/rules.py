"""Which answers of a group are automatic, on which level: one rule for each, the leaf first.

Back-off goes from the leaf up. A product is answered on the first level whose score reaches its
threshold. Each level keeps the promise by itself: of the answers given on it at most the target are
wrong, and with the stated confidence this holds on all levels at once.

Corrected for the levels: each of L levels gets the chance 1 / L of all. Where a level found a
threshold, the next is tested on products that its sequence has not looked at (score below the
``ceiling``): they are a fresh sample of what is left. Where the first test of a level failed, the
next takes what this one had, as if it had not been asked. Which of the two happens depends on the
labels; so a level with d levels before it is tested at a chance smaller by 2 ** d, one share for
each way things can have gone. The few products between the ceiling and the threshold are reviewed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.selective.sequence import Found, Sample, find_threshold

REVIEW = 0


@dataclass(frozen=True, eq=False)
class Part:
    """Products of a group, for choosing or for testing.

    Attributes:
        scores: for each level that may be answered, the leaf first, (P, L) float32.
        wrong: whether the answer on this level is wrong, (P, L).
    """

    scores: NDArray[np.float32]
    wrong: NDArray[np.bool_]

    def take(self, rows: NDArray[np.bool_]) -> "Part":
        """Return some products."""
        return Part(self.scores[rows], self.wrong[rows])


@dataclass(frozen=True)
class Rule:
    """What one level answers: see ``Found``; ``chance`` is that the rule breaks the promise."""

    level: int
    found: Found
    target: float
    chance: float

    @property
    def met(self) -> bool:
        """Whether this level answers anything."""
        return self.found.threshold is not None


def chances(levels: int, chance: float) -> list[float]:
    """Return the chance at which each level is tested, the leaf first."""
    return [chance / (levels * 2**before) for before in range(levels)]


def find_rules(
    choosing: Part, testing: Part, levels: tuple[int, ...], targets: list[float], chance: float
) -> tuple[Rule, ...]:
    """Return the rule of each level, so that all promises hold but for ``chance``.

    Args:
        choosing: says what is tried.
        testing: says what passes.
        levels: that may be answered, the leaf first.
        targets: share of errors on each of them, at most.
        chance: that a level has more, at most, all levels together.
    """
    rules = []
    for place, share in enumerate(chances(len(levels), chance)):
        first, second = _sample(choosing, place), _sample(testing, place)
        found = find_threshold(first, second, targets[place], share)
        rules.append(Rule(levels[place], found, targets[place], share))
        if found.ceiling is not None:
            below = np.float32(found.ceiling)
            choosing, testing = (
                part.take(part.scores[:, place] < below) for part in (choosing, testing)
            )
    return tuple(rules)


def _sample(part: Part, place: int) -> Sample:
    return Sample(part.scores[:, place], part.wrong[:, place])


def apply_rules(
    rules: list[tuple[Rule, ...]], group: NDArray[np.int32], scores: list[NDArray[np.float32]]
) -> NDArray[np.int8]:
    """Return the level on which each product is answered, ``REVIEW`` for none, (P,).

    Args:
        rules: of each group.
        group: of each product, (P,).
        scores: of each level in the order of the rules, (P,) each.
    """
    answered = np.full(len(group), REVIEW, np.int8)
    left = np.ones(len(group), np.bool_)
    for place, score in enumerate(scores):
        found = [each[place].found for each in rules]
        yes = left & (score >= _each(found, "threshold")[group])
        answered[yes] = rules[0][place].level
        left &= score < _each(found, "ceiling")[group]
    return answered


def _each(found: list[Found], name: str) -> NDArray[np.float32]:
    values = [getattr(each, name) for each in found]
    return np.array([np.inf if value is None else value for value in values], np.float32)
