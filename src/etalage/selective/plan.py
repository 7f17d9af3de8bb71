"""``plan``: what a precision costs in reviews and hours, and how many errors it leaves.

The automatic share of these predictions is counted, not estimated; its interval says where that of
another such catalogue lies. Errors left are the share of wrong answers among the labelled products
that the same thresholds answer, times all products they answer; the person who reviews is taken to
make none. A branch or category with fewer than 30 labelled answers on a level takes the share of
its branch, or of all products.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etalage.calibration.evidence import Evidence, evidence_of
from etalage.calibration.noise import Noise
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError
from etalage.predictions.folder import open_predictions
from etalage.selective.cost import Cost, LevelCost, borrowed, costs, level_cost, risks
from etalage.selective.curve import CurvePoint, curve
from etalage.selective.document import Thresholds
from etalage.selective.judged import Judged, judge
from etalage.selective.levels import levels_of
from etalage.selective.pools import ALL, node_label
from etalage.selective.summary import unmet
from etalage.selective.tally import Tally, tally
from etalage.selective.thresholds import find_thresholds

SCHEMA = 1


@dataclass(frozen=True)
class Target:
    """One precision asked for, and what it costs.

    Attributes:
        precision: share of right answers among the automatic ones, at least.
        groups: number of groups with a threshold of their own.
        groups_met: in how many of them anything is answered.
        statement: what may be said of the automatic answers.
        unmet: sentences about the groups in which nothing is, with the best there is.
        total: all products.
        levels: each level.
        branches: by level 1 of the most probable category; empty in a flat taxonomy.
        categories: by the most probable category, those with the most reviews first.
    """

    precision: float
    groups: int
    groups_met: int
    statement: str
    unmet: list[str]
    total: Cost
    levels: list[LevelCost]
    branches: list[Cost]
    categories: list[Cost]


@dataclass(frozen=True)
class Course:
    """The curve of risk of one level on what tests, by the score chosen."""

    level: int
    score: str
    aurc: float
    points: list[CurvePoint]


@dataclass(frozen=True)
class Plan:
    """Everything that ``plan`` says; ``truth`` is "audited" or "given"."""

    schema: int
    truth: str
    products: int
    labelled: int
    testing: int
    confidence: float
    by: str
    jointly: bool
    back_off: bool
    minutes: list[float]
    noise: dict[str, float] | None
    fitted_on: dict[str, Any]
    areas: dict[int, dict[str, dict[str, float]]]
    curves: list[Course]
    targets: list[Target]

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object."""
        return {"artefact": "plan", **asdict(self)}


def plan(
    predictions: Path,
    *,
    precision: Sequence[float] = (0.95, 0.98, 0.99),
    minutes: Sequence[float] = (0.5,),
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    noise: Noise | None = None,
    confidence: float = 0.95,
    by: str = ALL,
    jointly: bool = False,
    back_off: bool = True,
    score: str | None = None,
    seed: int = 0,
) -> Plan:
    """Tell what each precision costs, at each number of minutes that a review may take.

    Args:
        predictions: a finished PREDICTIONS folder: the products to plan for.
        precision: shares of the automatic answers that are right, at least.
        minutes: that a review takes.
        truth: as of ``thresholds``, like all that follow.
        audited: decisions of a person.
        split: a SPLIT to restrict both to one part of.
        part: of the split, else of a column ``part``.
        noise: what is known of the given labels.
        confidence: probability with which a promise holds.
        by: what has a promise of its own.
        jointly: all promises hold at once.
        back_off: levels 2 and 1 may be answered.
        score: for every level, instead of the best.
        seed: of the lot that divides the labelled products.

    Raises:
        ConfigError: an option out of its range, or neither truth nor audited.
        PredictionsError: predictions or truth that cannot be used.
    """
    _refuse(precision, minutes)
    evidence, known = evidence_of(
        predictions, truth=truth, audited=audited, split=split, part=part, noise=noise
    )
    judged = judge(evidence, levels_of(evidence.taxonomy, back_off=back_off), seed, score)
    options: dict[str, Any] = {"by": by, "jointly": jointly, "back_off": back_off}
    options |= {"noise": known, "confidence": confidence, "seed": seed}
    made = [
        find_thresholds(evidence, precision=each, judged=judged, **options)
        for each in sorted(precision)
    ]
    return _plan(predictions, evidence, judged, made, list(minutes))


def _refuse(precision: Sequence[float], minutes: Sequence[float]) -> None:
    if not precision:
        raise ConfigError("no --precision to plan for")
    for each in minutes:
        if not 0 < each < 24 * 60:
            raise ConfigError(f"--minutes {each:g}: expected more than 0 and less than a day")


def _plan(
    predictions: Path,
    evidence: Evidence,
    judged: Judged,
    made: list[Thresholds],
    minutes: list[float],
) -> Plan:
    opened, first = open_predictions(predictions), made[0]
    tallies, names = tally(opened, judged, made), _names(evidence.taxonomy)
    return Plan(
        schema=SCHEMA,
        truth=first.truth,
        products=opened.manifest.products,
        labelled=len(judged),
        testing=int(judged.testing.sum()),
        confidence=first.confidence,
        by=first.by,
        jointly=first.jointly,
        back_off=first.back_off,
        minutes=minutes,
        noise=None if first.noise is None else asdict(first.noise),
        fitted_on=first.fitted_on,
        areas=first.areas,
        curves=_curves(judged, first),
        targets=[
            _target(names, evidence.taxonomy, each, counts, minutes)
            for each, counts in zip(made, tallies, strict=True)
        ],
    )


def _curves(judged: Judged, made: Thresholds) -> list[Course]:
    found = []
    for place, (level, name) in enumerate(made.scores.items()):
        scores = judged.answers[place].score(name)[judged.testing]
        points = curve(scores, judged.wrong[judged.testing, place])
        found.append(Course(level, name, made.areas[level][name]["aurc"], points))
    return found


def _target(
    names: "_Names", taxonomy: Taxonomy, made: Thresholds, counts: Tally, minutes: list[float]
) -> Target:
    total = counts.total()
    everything = risks(total, made.noise)
    nodes = taxonomy.nodes(1)
    branch = counts.of(nodes, len(names.branches))
    of_branch = borrowed(risks(branch, made.noise), branch, everything)
    of_leaf = borrowed(risks(counts, made.noise), counts, of_branch[nodes])
    categories = costs(names.leaves, counts, of_leaf, minutes)
    return Target(
        precision=made.precision,
        groups=len(made.groups),
        groups_met=sum(group.met for group in made.groups),
        statement=made.statement,
        unmet=unmet(made),
        total=costs(["all"], total, everything, minutes)[0],
        levels=[level_cost(made, level, total, everything[0, level]) for level in made.levels],
        branches=[] if taxonomy.is_flat else costs(names.branches, branch, of_branch, minutes),
        categories=sorted(categories, key=lambda cost: -cost.reviews),
    )


@dataclass(frozen=True)
class _Names:
    """What leaves and level-1 categories are called, by their numbers."""

    leaves: list[str]
    branches: list[str]


def _names(taxonomy: Taxonomy) -> _Names:
    _, first = np.unique(taxonomy.nodes(1), return_index=True)
    return _Names(
        [taxonomy.label(leaf) for leaf in range(len(taxonomy))],
        [node_label(taxonomy, 1, leaf) for leaf in first.tolist()],
    )
