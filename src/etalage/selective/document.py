"""The THRESHOLDS file: which answers are automatic, and what is promised of them. JSON, schema 1.

====================  ============================================================================
``artefact``          "thresholds", with ``schema`` 1
``truth``             "audited" or "given": what the products it was made on were compared with
``statement``         the promise (on given labels: what takes its place) in one sentence
``precision``         share of right answers asked for
``confidence``        probability with which a promise holds
``by``                "all", "level1" or "category"
``jointly``           whether it is the probability that all promises hold, or each
``back_off``          whether levels 2 and 1 may be answered
``noise``             null, or ``rate``, ``low``, ``high`` of the given labels
``scores``            for each level the score that its thresholds are on
``areas``             for each level and score: ``aurc`` and ``excess``, on what tests
``taxonomy``          ``categories`` and ``hash``
``fitted_on``         ``predictions``, ``fingerprint``, ``source``, ``truth``, ``choosing`` and
                      ``testing`` products, ``seed``
``groups``            see below
====================  ============================================================================

A group has ``name``, ``level`` (3 a leaf, 2, 1, 0 all), ``rest`` (whether it is what is left of
that path), ``categories`` (leaf ids; null for all that no other group names), ``products`` that
test, ``met`` and ``rules``, one for each level from the leaf up: ``level``, ``target`` (share of
errors), ``chance``, ``threshold``, ``ceiling``, ``best``, ``risk``, ``tested``, ``errors``,
``p_value``.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.noise import Noise
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError, PredictionsError
from etalage.files import read_json, refuse_existing, write_json
from etalage.predictions.manifest import taxonomy_hash
from etalage.selective.levels import SCORES
from etalage.selective.rules import Rule
from etalage.selective.sequence import Found

SCHEMA = 1
_AGAIN = "make it with etalage thresholds"


@dataclass(frozen=True)
class Group:
    """Products whose most probable leaf is one of ``categories``, and their rules.

    Attributes:
        name: the path the leaves have in common.
        level: of that path, 0 for all.
        rest: whether other leaves of that path have groups of their own.
        categories: leaf ids; None for all that no other group names.
        products: labelled products that tested.
        rules: of each level that may be answered, the leaf first.
    """

    name: str
    level: int
    rest: bool
    categories: tuple[int, ...] | None
    products: int
    rules: tuple[Rule, ...]

    @property
    def met(self) -> bool:
        """Whether any level answers."""
        return any(rule.met for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``_group`` reads."""
        rules = [
            {
                "level": rule.level,
                "target": rule.target,
                "chance": rule.chance,
                **asdict(rule.found),
            }
            for rule in self.rules
        ]
        named = None if self.categories is None else list(self.categories)
        own = {"name": self.name, "level": self.level, "rest": self.rest}
        return own | {
            "products": self.products,
            "met": self.met,
            "rules": rules,
            "categories": named,
        }


@dataclass(frozen=True)
class Thresholds:
    """What the file holds; attributes have the names of its keys."""

    audited: bool
    precision: float
    confidence: float
    by: str
    jointly: bool
    back_off: bool
    noise: Noise | None
    scores: dict[int, str]
    areas: dict[int, dict[str, dict[str, float]]]
    taxonomy: dict[str, Any]
    fitted_on: dict[str, Any]
    groups: tuple[Group, ...]

    @property
    def levels(self) -> tuple[int, ...]:
        """The levels that may be answered, the leaf first."""
        return tuple(self.scores)

    @property
    def truth(self) -> str:
        """``audited`` or ``given``."""
        return "audited" if self.audited else "given"

    @property
    def statement(self) -> str:
        """What may be said of the automatic answers, in one sentence."""
        return _statement(self)

    def group_of_leaves(self, taxonomy: Taxonomy) -> NDArray[np.int32]:
        """Return the number of the group of each leaf, (C,)."""
        others = [number for number, group in enumerate(self.groups) if group.categories is None]
        found = np.full(len(taxonomy), others[0] if others else 0, np.int32)
        for number, group in enumerate(self.groups):
            if group.categories is not None:
                found[taxonomy.rows(np.array(group.categories, np.int64))] = number
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that ``read_thresholds`` reads."""
        return {
            "artefact": "thresholds",
            "schema": SCHEMA,
            "truth": self.truth,
            "statement": self.statement,
            "precision": self.precision,
            "confidence": self.confidence,
            "by": self.by,
            "jointly": self.jointly,
            "back_off": self.back_off,
            "noise": None if self.noise is None else asdict(self.noise),
            "scores": {str(level): name for level, name in self.scores.items()},
            "areas": {str(level): found for level, found in self.areas.items()},
            "taxonomy": self.taxonomy,
            "fitted_on": self.fitted_on,
            "groups": [group.to_json() for group in self.groups],
        }


def _statement(made: Thresholds) -> str:
    share = f"{100 * (1 - made.precision):.3g} %"
    if not any(group.met for group in made.groups):
        return f"Nothing is answered unseen: at most {share} errors cannot be had on any level."
    each = "" if len(made.groups) == 1 else " of each group"
    levels = ", on each level," if len(made.levels) > 1 else ""
    if not made.audited:
        return (
            f"Agreement with the given labels, which is no statement about the real categories: of "
            f"the automatic answers{each}{levels} at most {share} differ from the given label "
            f"({100 * made.confidence:g} % confidence){_correction(made.noise)}."
        )
    sure = f"{100 * made.confidence:g} %"
    together = " for all groups at once" if made.jointly else " for each group by itself"
    return (
        f"Promise: of the automatic answers{each}{levels} at most {share} are wrong. It holds with "
        f"a probability of {sure}{together if each else ''}, for products drawn as the audited "
        "ones were."
    )


def _correction(noise: Noise | None) -> str:
    if noise is None:
        return ""
    return (
        f", after {100 * noise.rate:.3g} % wrong labels ({100 * noise.low:.3g} to "
        f"{100 * noise.high:.3g} %) are allowed for on the leaf level"
    )


def taxonomy_record(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return what a THRESHOLDS file says of its taxonomy."""
    return {"categories": len(taxonomy), "hash": taxonomy_hash(taxonomy)}


def write_thresholds(made: Thresholds, output: Path, *, overwrite: bool = False) -> None:
    """Write a THRESHOLDS file, whole or not at all."""
    refuse_existing(output, overwrite=overwrite)
    write_json(output, made.to_json())


def read_thresholds(path: Path) -> Thresholds:
    """Read a THRESHOLDS file.

    Raises:
        PredictionsError: cannot be read, damaged, no THRESHOLDS, or of another schema.
    """
    document = read_json(path, PredictionsError, hint=_AGAIN)
    if document.get("artefact") != "thresholds" or document.get("schema") != SCHEMA:
        raise PredictionsError(
            f"{path}: is {document.get('artefact')} of schema {document.get('schema')}, expected "
            f"thresholds of schema {SCHEMA}",
            hint=_AGAIN,
        )
    try:
        return _from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as cause:
        raise PredictionsError(f"{path}: is damaged: {cause!r}", hint=_AGAIN) from cause


def _from_json(document: dict[str, Any]) -> Thresholds:
    noise = document["noise"]
    scores = {int(level): str(name) for level, name in document["scores"].items()}
    if not set(scores.values()) <= set(SCORES) or not scores:
        raise ValueError(f"scores {scores}")
    return Thresholds(
        audited=document["truth"] == "audited",
        noise=None if noise is None else Noise(**noise),
        scores=scores,
        areas={int(level): found for level, found in document["areas"].items()},
        groups=tuple(_group(group, len(scores)) for group in document["groups"]),
        **{
            name: document[name]
            for name in (
                "precision", "confidence", "by", "jointly", "back_off", "taxonomy", "fitted_on",
            )
        },
    )  # fmt: skip


def _group(document: dict[str, Any], levels: int) -> Group:
    named = document["categories"]
    rules = tuple(_rule(rule) for rule in document["rules"])
    if len(rules) != levels:
        raise ValueError(f"{len(rules)} rules for {levels} levels")
    return Group(
        name=str(document["name"]),
        level=int(document["level"]),
        rest=bool(document["rest"]),
        categories=None if named is None else tuple(map(int, named)),
        products=int(document["products"]),
        rules=rules,
    )


def _rule(document: dict[str, Any]) -> Rule:
    found = Found(**{each.name: document[each.name] for each in fields(Found)})
    return Rule(int(document["level"]), found, float(document["target"]), float(document["chance"]))
