"""Compares PREDICTIONS or a submission with the truth, in every view that helps a catalogue team.

The metric is that of the competition: the share of products whose leaf is right. A product of the
truth that has no answer counts as wrong; an answer to a product that the truth does not have is
not counted. Figures are agreement with the labels given as truth, right or wrong as these are,
except in ``audited``: there they are agreement with what a person decided blind.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.noise import Noise, corrected, estimate_noise
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy, read_taxonomy
from etalage.errors import PredictionsError
from etalage.predictions.folder import open_predictions
from etalage.predictions.product_ids import positions
from etalage.predictions.truth import Truth, read_truth
from etalage.scoring.accuracy import Accuracy, Group, Hits, Interval
from etalage.scoring.answers import Answers, Compared, compare, read_answers
from etalage.scoring.circumstances import (
    Circumstances,
    Training,
    find_circumstances,
    find_training,
)
from etalage.scoring.comparison import Comparison, compare_pairs
from etalage.scoring.confusions import Confusions, find_confusions
from etalage.scoring.groups import (
    CONFLICT,
    SEEN,
    by_branch,
    by_decile,
    by_frequency,
    by_images,
    divide,
)
from etalage.scoring.macro import Macro, macro_of
from etalage.scoring.resampling import Units, of_counts


@dataclass(frozen=True)
class TopK:
    """The share of products whose leaf is among the first ``k`` answers."""

    k: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Corrected:
    """What accuracy there would be against the real categories, given how many labels are wrong.

    Attributes:
        level3: leaf accuracy; a wrong label is taken never to equal a wrong answer.
        interval: of it, from the worst ends of the accuracy's interval and that of the noise.
        noise: rate of wrong labels, with its interval.
        estimated: whether the rate was counted on products that have both labels, not given.
    """

    level3: float
    interval: Interval
    noise: Noise
    estimated: bool


@dataclass(frozen=True)
class Score:
    """What ``score`` found. Intervals are at 95 %.

    Attributes:
        products: number of products scored: those of the truth.
        accuracy: on all of them.
        intervals: of the accuracies, by their names; None where there is none.
        units: number of duplicate groups that were resampled; None where products were.
        top: the leaf among the first k answers, k from 1 to 20; empty for a submission.
        macro: means over categories, by level; None where a flat taxonomy has no such level.
        confusions: what is taken for what.
        by_images: groups by number of images, where it is known.
        by_frequency: groups by how often the category occurs in the truth.
        by_decile: groups by how often it occurs among training products, or in the truth.
        by_branch: groups by branch of level 1.
        by_seen: groups by whether an image is one of training's; empty where not known.
        by_conflict: groups by whether the labels of the duplicate group agree; likewise.
        training: what training is; None where it is not known.
        truth: the file, split and part of the truth, and whether its labels are given or audited.
        missing: products of the truth without an answer; they count as wrong.
        extra: answers to products that are not in the truth; they do not count.
        corrected: accuracy with the noise of the labels taken out, where a rate is known.
        comparison: with other answers, where they were given.
        audited: the same against blind decisions, where they were given.
    """

    products: int
    accuracy: Accuracy
    intervals: dict[str, Interval | None]
    units: int | None
    top: tuple[TopK, ...]
    macro: dict[str, Macro | None]
    confusions: Confusions
    by_images: tuple[Group, ...]
    by_frequency: tuple[Group, ...]
    by_decile: tuple[Group, ...]
    by_branch: tuple[Group, ...]
    by_seen: tuple[Group, ...]
    by_conflict: tuple[Group, ...]
    training: str | None
    truth: dict[str, Any]
    missing: int
    extra: int
    corrected: Corrected | None = None
    comparison: Comparison | None = None
    audited: "Score | None" = None

    @property
    def top5(self) -> float | None:
        """The share of products whose leaf is among the first five answers."""
        return self.accuracy.top5

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object with everything, as a program would read it."""
        groups = {
            f"by_{name}": [group.to_json(key) for group in getattr(self, f"by_{name}")]
            for name, key in _KEYS.items()
        }
        plain = ("products", "top5", "intervals", "units", "training", "truth", "missing", "extra")
        parts = ("top", "macro", "confusions", "corrected", "comparison")
        whole = asdict(replace(self, audited=None))
        document = {"accuracy": whole["accuracy"]} | groups
        document |= {name: getattr(self, name) for name in plain}
        document |= {name: whole[name] for name in parts}
        document["audited"] = None if self.audited is None else self.audited.to_json()
        plainly: dict[str, Any] = json.loads(json.dumps(document))
        return plainly


_KEYS = {
    "images": "images",
    "frequency": "products_of_category",
    "decile": "decile",
    "branch": "branch",
    "seen": "seen",
    "conflict": "conflict",
}


def score(
    answer: Path,
    truth: Path,
    *,
    taxonomy: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    index: Path | None = None,
    known: Path | None = None,
    audited: Path | None = None,
    noise: Noise | None = None,
    against: Path | None = None,
    seed: int = 0,
) -> Score:
    """Compare answers with the truth.

    Args:
        answer: a PREDICTIONS folder, or a submission (``.csv``, or zipped).
        truth: a labelled INDEX, or a CSV with ``_id,category_id`` and perhaps ``part``.
        taxonomy: ``category_names.csv``; else that of the predictions, of ``index`` or of the
            truth's index; without any the leaf alone is scored.
        split: a SPLIT, to score one part of it; its ``train`` part is what was learned from.
        part: of the split (``test`` when not given), or of the truth's column ``part``.
        index: the INDEX of the scored products (their images, copies and conflicts); else the
            truth's. Without any, the number of images is that which the predictions rest on.
        known: the INDEX that was learned from: which images are known, which categories frequent.
        audited: blind decisions on a random sample of the products, as ``truth`` may be.
        noise: how many given labels are wrong; else estimated where ``audited`` is given.
        against: other answers, to be compared with.
        seed: of the resamples behind the intervals.

    Raises:
        PredictionsError: answer or truth cannot be used, or a category is not in the taxonomy.
        CatalogueError, SplitError: from the indexes and the split.
    """
    where = index if index is not None else truth if truth.is_dir() else None
    counted = None if where is None else open_index(where)
    tree = _tree(taxonomy, (answer, against), None if index is None else counted)
    right = read_truth(truth, tree, split=split, part=part)
    tree = tree or _named(right.taxonomy)
    first = read_answers(answer, tree)
    second = None if against is None else read_answers(against, tree)
    decided = None if audited is None else _decisions(audited, right, tree)
    if tree is None:
        leaves = [each.leaves for each in (first, second) if each is not None]
        labels = [each.categories for each in (right, decided) if each is not None]
        tree = flat_taxonomy(np.concatenate([np.unique(ids) for ids in (*leaves, *labels)]))
    training = find_training(None if known is None else open_index(known), counted, split)
    known_of = find_circumstances(right, tree, counted, training)
    scorer = _Scorer(first, second, tree, training, seed)
    result = scorer(right, known_of)
    if decided is not None:
        rows = positions(decided.product_ids, right.product_ids)
        result = replace(result, audited=scorer(decided, known_of.take(rows)))
    return _with_noise(result, right, decided, noise)


def _tree(
    taxonomy: Path | None, answers: Iterable[Path | None], index: Index | None
) -> Taxonomy | None:
    if taxonomy is not None:
        return read_taxonomy(taxonomy)
    for path in answers:
        if path is not None and path.is_dir():
            return open_predictions(path).taxonomy
    return _named(None if index is None else index.taxonomy)


def _named(taxonomy: Taxonomy | None) -> Taxonomy | None:
    """Return a taxonomy that was given as such, not one of the labels that happened to occur."""
    return None if taxonomy is None or taxonomy.is_flat else taxonomy


def _decisions(path: Path, right: Truth, taxonomy: Taxonomy | None) -> Truth:
    """Read the decisions about products of the truth."""
    decided = read_truth(path, taxonomy, audited=True)
    rows = np.flatnonzero(positions(decided.product_ids, right.product_ids) >= 0)
    if not len(rows):
        raise PredictionsError(
            f"{path}: none of its {len(decided):,} decisions is about one of the {len(right):,} "
            f"products of {right.record['file']}",
            hint="audit a random sample of the products that are scored",
        )
    return decided.take(rows)


def _with_noise(result: Score, given: Truth, decided: Truth | None, noise: Noise | None) -> Score:
    estimated = noise is None
    if noise is None:
        if decided is None:
            return result
        noise = estimate_noise(given, decided)
    low, high = result.intervals["level3"] or (0.0, 1.0)
    value, least, most = corrected(result.accuracy.level3, low, high, noise)
    return replace(result, corrected=Corrected(value, (least, most), noise, estimated))


@dataclass(frozen=True, eq=False)
class _Scorer:
    """Measures the same answers against one truth or another."""

    first: Answers
    second: Answers | None
    taxonomy: Taxonomy
    training: Training | None
    seed: int

    def __call__(self, truth: Truth, known: Circumstances) -> Score:
        compared = self._compared(self.first, truth)
        units = Units(known.unit, self.seed)
        found = compared.hits()
        images = known.images if known.images is not None else compared.images
        frequency = known.frequency
        if frequency is None:
            frequency = np.bincount(compared.truth, minlength=len(self.taxonomy))
        return Score(
            products=len(truth),
            accuracy=found.accuracy(),
            intervals={
                name: None if right is None else units.share(right)
                for name, right in found.named().items()
            },
            units=units.number,
            top=_curve(compared, units),
            macro=macro_of(compared, units),
            confusions=find_confusions(compared),
            by_images=() if images is None else by_images(found, images, units),
            by_frequency=by_frequency(found, compared.truth, units),
            by_decile=by_decile(found, compared.truth, frequency, units),
            by_branch=by_branch(found, self.taxonomy, compared.truth, units),
            by_seen=_by(found, SEEN, known.seen, units),
            by_conflict=_by(found, CONFLICT, known.conflict, units),
            training=None if self.training is None else self.training.name,
            truth=truth.record | {"labels": "audited" if truth.audited else "given"},
            missing=len(truth) - compared.answered,
            extra=compared.extra,
            comparison=self._comparison(compared, truth, units),
        )

    def _compared(self, answers: Answers, truth: Truth) -> Compared:
        found = compare(answers, truth, self.taxonomy)
        if not found.answered and not truth.audited:
            raise PredictionsError(
                f"{answers.path}: answers {found.extra:,} products, none of which is one of the "
                f"{len(truth):,} of {truth.record['file']}",
                hint="give the truth of the products that were predicted",
            )
        return found

    def _comparison(self, first: Compared, truth: Truth, units: Units) -> Comparison | None:
        if self.second is None:
            return None
        second = self._compared(self.second, truth)
        return compare_pairs(first, second, units, str(self.second.path))


def _by(
    found: Hits, names: tuple[str, ...], numbers: NDArray[np.int8] | None, units: Units
) -> tuple[Group, ...]:
    return () if numbers is None else divide(found, names, numbers, units)


def _curve(compared: Compared, units: Units) -> tuple[TopK, ...]:
    """Return the top-k accuracies; a submission, of one answer a product, has none."""
    if compared.kept == 1:
        return ()
    curve = []
    right = np.cumsum(np.bincount(compared.place + 1, minlength=compared.kept + 1)[1:]).tolist()
    for k, hits in enumerate(right, 1):
        if units.unit is None:
            interval = of_counts(hits, len(compared), units.seed)
        else:
            interval = units.share(compared.among(k))
        curve.append(TopK(k, hits / len(compared), interval))
    return tuple(curve)
