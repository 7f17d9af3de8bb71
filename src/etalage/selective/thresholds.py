"""``thresholds``: from which confidence on an answer may be used unseen, and with what promise."""

from pathlib import Path

import numpy as np

from etalage.calibration.evidence import Evidence, evidence_of
from etalage.calibration.noise import Noise
from etalage.errors import ConfigError
from etalage.files import refuse_existing
from etalage.predictions.folder import open_predictions
from etalage.selective.document import Group, Thresholds, taxonomy_record, write_thresholds
from etalage.selective.judged import Judged, judge
from etalage.selective.levels import levels_of
from etalage.selective.pools import ALL, Pool, group_of_leaves, pool_leaves
from etalage.selective.rules import Part, chances, find_rules
from etalage.selective.sequence import Sample, least_products, likely_share

_ENOUGH = 4  # times the error-free sure products that a promise takes: some of them will be wrong


def thresholds(
    predictions: Path,
    output: Path,
    *,
    precision: float,
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
    overwrite: bool = False,
) -> Thresholds:
    """Choose thresholds so that among the automatic answers few enough are wrong, and write them.

    Args:
        predictions: a finished PREDICTIONS folder.
        output: the THRESHOLDS file to write.
        precision: share of the automatic answers that are right, at least.
        truth: given labels of these products, or of some: a labelled INDEX, LABELS or a CSV.
        audited: blind decisions on a random sample of these products: LABELS or a CSV.
        split: a SPLIT to restrict both to one part of.
        part: of the split, else of a column ``part``.
        noise: what is known of the given labels.
        confidence: probability with which a promise holds.
        by: a promise for "all", for each "level1" branch, or for each "category"; pooled where
            products are few.
        jointly: all promises hold at once with this probability, not each.
        back_off: whether levels 2 and 1 may be answered where no leaf is sure.
        score: one of ``SCORES`` for every level; by default half-margin, or where another has a
            clearly smaller area under the curve of risk on the products that choose, that.
        seed: of the lot that divides the labelled products.
        overwrite: replace a file that is there.

    Raises:
        ConfigError: an option out of its range, or neither truth nor audited.
        PredictionsError: predictions or truth that cannot be used.
        OutputError: ``output`` exists, or cannot be written.
    """
    refuse_existing(output, overwrite=overwrite)
    found, known = evidence_of(
        predictions, truth=truth, audited=audited, split=split, part=part, noise=noise
    )
    made = find_thresholds(
        found,
        precision=precision,
        noise=known,
        confidence=confidence,
        by=by,
        jointly=jointly,
        back_off=back_off,
        score=score,
        seed=seed,
    )
    made.fitted_on["source"] = open_predictions(predictions).manifest.source
    write_thresholds(made, output, overwrite=overwrite)
    return made


def find_thresholds(
    evidence: Evidence,
    *,
    precision: float,
    noise: Noise | None = None,
    confidence: float = 0.95,
    by: str = ALL,
    jointly: bool = False,
    back_off: bool = True,
    score: str | None = None,
    seed: int = 0,
    judged: Judged | None = None,
) -> Thresholds:
    """Choose thresholds on evidence in memory: see ``thresholds``.

    ``judged`` spares the work where the same evidence is asked several targets.
    """
    _refuse(precision, confidence)
    levels = levels_of(evidence.taxonomy, back_off=back_off)
    if judged is None:
        judged = judge(evidence, levels, seed, score)
    targets = _targets(levels, precision, None if evidence.audited else noise)
    pools = _pools(evidence, judged, by, targets, 1 - confidence)
    chance = (1 - confidence) / (len(pools) if jointly else 1)
    testing = int(judged.testing.sum())
    return Thresholds(
        audited=evidence.audited,
        precision=precision,
        confidence=confidence,
        by=by,
        jointly=jointly,
        back_off=back_off,
        noise=None if evidence.audited else noise,
        scores=dict(zip(levels, judged.names, strict=True)),
        areas=judged.areas,
        taxonomy=taxonomy_record(evidence.taxonomy),
        fitted_on={
            **evidence.record,
            "choosing": len(judged) - testing,
            "testing": testing,
            "seed": seed,
        },
        groups=_groups(evidence, judged, pools, targets, chance),
    )


def _refuse(precision: float, confidence: float) -> None:
    for name, value in (("precision", precision), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ConfigError(f"--{name} {value:g}: expected a share between 0 and 1")


def _targets(levels: tuple[int, ...], precision: float, noise: Noise | None) -> list[float]:
    """Return the share of errors, on each level, that is tested for.

    Of given labels of which at least ``noise.low`` are wrong, right leaves differ from so many.
    On levels 2 and 1 fewer are wrong, nobody knows how many: nothing is allowed for there.
    """
    leaf = precision if noise is None else precision * (1 - noise.low)
    return [round(1 - each, 12) for each in (leaf, *[precision] * (len(levels) - 1))]


def _pools(
    evidence: Evidence,
    judged: Judged,
    by: str,
    targets: list[float],
    chance: float,
) -> list[Pool]:
    """Return the groups; all that decides about them are the products that choose."""
    leaves, chosen = len(evidence.taxonomy), ~judged.testing
    if by == ALL:
        return [Pool("all", 0, False, np.arange(leaves))]
    rate = judged.testing.sum() / max(1, int(chosen.sum()))
    expected = rate * np.bincount(judged.first[chosen], minlength=leaves)
    least = least_products(targets[0], chances(len(targets), chance)[0])
    sure = likely_share(Sample(judged.scores[chosen, 0], judged.wrong[chosen, 0]), targets[0])
    return pool_leaves(evidence.taxonomy, expected, by, _ENOUGH * least / max(sure, 1e-9))


def _groups(
    evidence: Evidence,
    judged: Judged,
    pools: list[Pool],
    targets: list[float],
    chance: float,
) -> tuple[Group, ...]:
    number = group_of_leaves(pools, len(evidence.taxonomy))[judged.first]
    # Sorted once: with thousands of groups, a mask for each would read every product each time.
    order = np.argsort(number * 2 + judged.testing, kind="stable")
    starts = np.searchsorted((number * 2 + judged.testing)[order], np.arange(2 * len(pools) + 1))
    levels = tuple(answers.level for answers in judged.answers)

    def part(which: int) -> Part:
        rows = order[starts[which] : starts[which + 1]]
        return Part(judged.scores[rows], judged.wrong[rows])

    groups = []
    for place, pool in enumerate(pools):
        choosing, testing = part(2 * place), part(2 * place + 1)
        rules = find_rules(choosing, testing, levels, targets, chance)
        named = None if pool.level == 0 else tuple(evidence.taxonomy.ids[pool.leaves].tolist())
        groups.append(Group(pool.name, pool.level, pool.rest, named, len(testing.scores), rules))
    return tuple(groups)
