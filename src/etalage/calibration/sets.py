"""Prediction sets: for each product the few categories among which the right one is.

Split conformal prediction (Vovk et al. 2005) with adaptive scores (APS, Romano et al. 2020; RAPS,
Angelopoulos et al. 2021). The score of a category is the probability of all that are more probable
for that product, plus a penalty for each place beyond some first ones. A set holds the categories
whose score is not above a threshold: the score that at least a share ``coverage`` of products whose
truth is known, and one more, do not exceed with their truth. Over the draw of these products and a
new one the truth is then in the new one's set with at least that probability, whatever the model.

The first category has score 0 and is in every set; nothing is drawn by lot, so that a product has
one set. Where the first category alone is right often enough, sets hold just that, and cover more
than was asked.

Of a top-k table nothing beyond the k can be in a set. A truth beyond the k, or beyond the size cap,
counts as infinitely far: the threshold makes up for such products by covering more of the others,
and where they are too many the coverage cannot be had. Sets that end at the cap and not by the
threshold are counted and marked.

A threshold for each branch of level 1 holds within the branch (Mondrian conformal prediction):
among the products whose *first category* lies in it, since that is known of a new product. Branches
with fewer than 100 products share one threshold, which holds for them together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.calibration.calibrate import folds
from etalage.calibration.evidence import Evidence
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import ConfigError, PredictionsError
from etalage.predictions.intervals import clopper_pearson
from etalage.predictions.table import Predictions

LEAST_OF_A_BRANCH = 100
_BLOCK = 1 << 17


@dataclass(frozen=True)
class SetRule:
    """What sets are to be.

    Attributes:
        coverage: how often the truth shall be in the set, above 0 and below 1.
        cap: most categories in a set; None for all of the table.
        by_branch: a threshold for each branch of level 1.
        penalty: added to the score for each place beyond ``free``.
        free: places without penalty.
    """

    coverage: float = 0.9
    cap: int | None = None
    by_branch: bool = False
    penalty: float = 0.0
    free: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.coverage < 1:
            raise ConfigError(f"coverage is {self.coverage:g}: expected between 0 and 1")
        if self.cap is not None and self.cap < 1:
            raise ConfigError(f"cap is {self.cap}: a set holds at least 1 category")
        if self.penalty < 0 or self.free < 0:
            raise ConfigError(
                f"penalty {self.penalty:g} and free {self.free}: expected neither below 0"
            )


@dataclass(frozen=True, eq=False)
class Thresholds:
    """A rule fitted: whose truths have at most which score.

    Attributes:
        rule: what the sets are to be.
        common: of products of no branch of their own.
        pool: of the branches, by number: the row of ``own`` that holds for it, -1 for ``common``.
        own: thresholds of branches that have one.
    """

    rule: SetRule
    common: float
    pool: NDArray[np.int64]
    own: NDArray[np.float64]

    def of(self, branch: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the threshold for products whose first category lies in a branch."""
        limits: NDArray[np.float64] = np.append(self.own, self.common)[self.pool[branch]]
        return limits


def scores(probabilities: NDArray[np.float32], rule: SetRule) -> NDArray[np.float64]:
    """Return the score of each of the k categories and of the next one outside, (n, k + 1)."""
    products, k = probabilities.shape
    found = np.zeros((products, k + 1), np.float64)
    np.cumsum(probabilities, axis=1, dtype=np.float64, out=found[:, 1:])
    return found + rule.penalty * (np.arange(1, k + 2) - rule.free).clip(min=0)


def fit_sets(evidence: Evidence, rule: SetRule, least: int = LEAST_OF_A_BRANCH) -> Thresholds:
    """Fit the thresholds.

    Args:
        evidence: products with truth.
        rule: what the sets are to be.
        least: products with which a branch has a threshold of its own.

    Raises:
        PredictionsError: the coverage cannot be reached with so few products, or with the cap or
            the k: the message says what can.
    """
    found, branch = truth_scores(evidence, rule), branch_of(evidence, evidence.taxonomy)
    names = branch_names(evidence.taxonomy)
    enough = np.bincount(branch, minlength=len(names)) >= least
    if not rule.by_branch or evidence.taxonomy.is_flat:
        enough[:] = False
    where = str(evidence.record.get("predictions"))
    own = [
        quantile(found[branch == number], rule.coverage, f"{where}: branch {names[number]!r}")
        for number in np.flatnonzero(enough).tolist()
    ]
    thin = found[~enough[branch]]
    # Too few thin ones to say anything of them alone: all products speak for them.
    common = quantile(thin if len(thin) >= least else found, rule.coverage, where)
    pool = np.where(enough, np.cumsum(enough) - 1, -1)
    return Thresholds(rule, common, pool, np.array(own, np.float64))


def branch_names(taxonomy: Taxonomy) -> list[str]:
    """Return the names of level 1 in the order of their numbers."""
    return sorted({path[0] for path in taxonomy.paths})


def branch_of(table: Evidence | Predictions, taxonomy: Taxonomy) -> NDArray[np.int32]:
    """Return the branch of level 1 of each first category, (n,)."""
    found: NDArray[np.int32] = taxonomy.nodes(1)[table.categories[:, 0]]
    return found


def truth_scores(evidence: Evidence, rule: SetRule) -> NDArray[np.float64]:
    """Return the score of each truth, infinite beyond the cap or the k, (N,)."""
    place, k = evidence.place, evidence.probabilities.shape[1]
    found = np.full(len(place), np.inf)
    for start in range(0, len(place), _BLOCK):
        block = slice(start, start + _BLOCK)
        own = scores(evidence.probabilities[block], rule)
        found[block] = own[np.arange(len(own)), place[block]]
    found[place >= min(k, rule.cap or k)] = np.inf
    return found


def quantile(values: NDArray[np.float64], coverage: float, where: str) -> float:
    """Return the smallest threshold that covers ``coverage`` of the values and one more.

    Raises:
        PredictionsError: there is none; the message says what coverage there is one for.
    """
    count = len(values)
    rank = int(np.ceil(coverage * (count + 1)))
    finite = int(np.isfinite(values).sum())
    if rank <= finite:
        return float(np.partition(values, rank - 1)[rank - 1])
    best = np.floor(1000 * finite / (count + 1)) / 1000
    if rank > count:
        raise PredictionsError(
            f"{where}: a coverage of {coverage:g} needs more than {count:,} products with truth: "
            f"{best:g} is the best they give",
            hint=f"give the truth of more products, or ask for --coverage {best:g}",
        )
    raise PredictionsError(
        f"{where}: a coverage of {coverage:g} cannot be reached: {finite:,} of {count:,} products "
        f"have their category among those a set may hold: {best:g} is the best",
        hint=f"ask for --coverage {best:g}, allow larger sets, or predict with a larger --top",
    )


def set_sizes(
    table: Evidence | Predictions, fitted: Thresholds, taxonomy: Taxonomy
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return how many categories each set holds, and whether the cap or the k ended it, (n,)."""
    k = table.probabilities.shape[1]
    limit = fitted.of(branch_of(table, taxonomy))
    wanted = np.empty(len(table), np.int64)
    for start in range(0, len(wanted), _BLOCK):
        block = slice(start, start + _BLOCK)
        own = scores(table.probabilities[block], fitted.rule)
        wanted[block] = (own <= limit[block, None]).sum(axis=1)
    # There is no next category outside where the table has them all.
    wanted = wanted.clip(1, min(k + 1, len(taxonomy)))
    cap = min(k, fitted.rule.cap or k)
    return wanted.clip(max=cap), wanted > cap


@dataclass(frozen=True)
class Coverage:
    """How often sets held the truth of products they were not fitted on.

    Attributes:
        name: of the branch; "all".
        products: number of them.
        coverage: share whose set held the truth.
        low: lower end of its interval of 95 %.
        high: upper end.
        size: mean number of categories in a set.
        single: share of sets with one category.
        cut: share of sets that the cap or the k ended.
    """

    name: str
    products: int
    coverage: float
    low: float
    high: float
    size: float
    single: float
    cut: float


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Sets of products whose thresholds were fitted on others: sizes, cut and covered, (N,)."""

    sizes: NDArray[np.int64]
    cut: NDArray[np.bool_]
    covered: NDArray[np.bool_]


def held_out_sets(evidence: Evidence, rule: SetRule, seed: int = 0) -> HeldOut:
    """Make sets of products by thresholds fitted on products of other folds.

    Raises:
        PredictionsError: as ``fit_sets``.
    """
    fold, count = folds(len(evidence), seed), len(evidence)
    sizes, cut = np.empty(count, np.int64), np.empty(count, np.bool_)
    of = int(fold.max()) + 1
    least = LEAST_OF_A_BRANCH * (of - 1) // of
    for number in range(of):
        own = np.flatnonzero(fold == number)
        fitted = fit_sets(evidence.take(fold != number), rule, least)
        sizes[own], cut[own] = set_sizes(evidence.take(own), fitted, evidence.taxonomy)
    return HeldOut(sizes, cut, evidence.place < sizes)


def coverage_table(evidence: Evidence, made: HeldOut) -> list[Coverage]:
    """Return the coverage of all products, then of those of each branch, the largest first."""
    everything = np.ones(len(evidence), np.bool_)
    rows = [_coverage("all", made, everything)]
    if evidence.taxonomy.is_flat:
        return rows
    names = branch_names(evidence.taxonomy)
    branch = branch_of(evidence, evidence.taxonomy)
    counts = np.bincount(branch, minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    chosen = [number for number in order.tolist() if counts[number]]
    return rows + [_coverage(names[number], made, branch == number) for number in chosen]


def _coverage(name: str, made: HeldOut, rows: NDArray[np.bool_]) -> Coverage:
    products, covered = int(rows.sum()), int(made.covered[rows].sum())
    low, high = clopper_pearson(covered, products)
    sizes = made.sizes[rows]
    return Coverage(
        name,
        products,
        covered / products,
        float(low),
        float(high),
        float(sizes.mean()),
        float((sizes == 1).mean()),
        float(made.cut[rows].mean()),
    )
