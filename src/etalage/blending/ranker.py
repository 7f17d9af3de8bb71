"""The second level: boosted trees rank the candidates that the models put forward.

Of the union of the models' candidates the most probable by the weighted mean are described by what
each model says of them (``features``), and trees fitted on products whose category is known say how
likely each is the right one: a row for each candidate, a binary target, one booster, as the best
teams of 2017 did. The probability that the mean gives these candidates together stays theirs, and
is dealt out anew by a softmax of the scores; what lies outside them stays as it is. So the answer
is a whole distribution again, and the second level can only change the order among candidates.

What the ranker was fitted on it would answer too well. So K further rankers are fitted, each
without one fold of the products, and those answer the products of their fold, whenever they come.
Products with the very same answer of the first model (copies) are in the same fold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from etalage.blending.features import candidate_features
from etalage.blending.means import Stack
from etalage.blending.trees import Trees, from_booster
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError

CANDIDATES = 10
FOLDS = 5
COLDEST, HOTTEST = 0.05, 20.0
BOOSTER: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_iter": 150,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
}

Answer = tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]
"""Leaf rows (P, k), their probabilities, and the mass outside them, as ``means.blended`` gives."""


@dataclass(frozen=True, eq=False)
class Ranker:
    """A fitted second level.

    Attributes:
        trees: those that answer products it was not fitted on.
        folds: of each fold, trees fitted without it.
        candidates: how many candidates of a product are ranked.
        temperature: what scores are divided by.
        prior: mean probability of each category over the products it was fitted on, (C,).
        branches: nodes of each leaf on levels 1 and 2, (2, C).
    """

    trees: Trees
    folds: tuple[Trees, ...]
    candidates: int
    temperature: float
    prior: NDArray[np.float32]
    branches: NDArray[np.int32]

    def answer(self, given: Stack, mean: Answer, fold: NDArray[np.int8]) -> Answer:
        """Return the mean answer with its first candidates ranked anew.

        Args:
            given: what the models say of P products.
            mean: their weighted mean.
            fold: the fold of each product, -1 for one it was not fitted on, (P,).
        """
        features = candidate_features(given, *mean[:2], self.candidates, self.branches, self.prior)
        scores = np.empty((len(fold), self.candidates))
        rows = features.reshape(len(fold), self.candidates, -1)
        for number, trees in enumerate((self.trees, *self.folds), start=-1):
            chosen = np.flatnonzero(fold == number)
            if len(chosen):
                flat = rows[chosen].reshape(-1, rows.shape[2])
                scores[chosen] = trees.scores(flat).reshape(len(chosen), -1)
        # Of a product without an image all that is known is the prior: there is nothing to rank.
        seen = given.images.max(axis=0) > 0
        return dealt(mean, scores, self.temperature, seen)


def dealt(
    mean: Answer, scores: NDArray[np.float64], temperature: float, seen: NDArray[np.bool_]
) -> Answer:
    """Deal the probability of the first candidates out anew, by their scores, (P, n)."""
    count = scores.shape[1]
    probabilities = mean[1].astype(np.float64)
    odds = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    shares = odds / odds.sum(axis=1, keepdims=True)
    together = probabilities[:, :count].sum(axis=1, keepdims=True)
    probabilities[:, :count] = np.where(seen[:, None], together * shares, probabilities[:, :count])
    found = probabilities.astype(np.float32).clip(0, 1)
    order = np.lexsort((mean[0], -found), axis=-1)
    return np.take_along_axis(mean[0], order, 1), np.take_along_axis(found, order, 1), mean[2]


def branches(taxonomy: Taxonomy) -> NDArray[np.int32]:
    """Return the nodes of each leaf on levels 1 and 2, (2, C)."""
    return np.stack([taxonomy.nodes(1), taxonomy.nodes(2)])


def mean_share(mean: Answer, leaves: int) -> NDArray[np.float32]:
    """Return the mean probability of each category over some products, (C,)."""
    kept = np.bincount(mean[0].ravel(), mean[1].ravel(), minlength=leaves)
    rest = float(mean[2].sum(dtype=np.float64)) / leaves
    return ((kept + rest) / len(mean[2])).astype(np.float32)


def fit_ranker(
    given: Stack,
    mean: Answer,
    truth: NDArray[np.int32],
    taxonomy: Taxonomy,
    *,
    candidates: int,
    folds: int,
    seed: int,
) -> tuple[Ranker, NDArray[np.int8], Answer]:
    """Fit the second level.

    Args:
        given: what the models say of n products, each from at least one image.
        mean: their weighted mean.
        truth: leaf row of each product, (n,).
        taxonomy: the categories.
        candidates: how many of each product are ranked.
        folds: how many, at least 2.
        seed: of the folds and the booster.

    Returns:
        The ranker; the fold of each product, (n,); its out-of-fold answers.

    Raises:
        PredictionsError: products too few, or so that there is nothing to learn.
    """
    count = min(candidates, mean[0].shape[1])
    prior, nodes = mean_share(mean, len(taxonomy)), branches(taxonomy)
    features = candidate_features(given, *mean[:2], count, nodes, prior)
    right = np.asarray(mean[0][:, :count] == truth[:, None])
    fold = deal_folds(given, folds, seed)
    _require_something_to_learn(right, fold, folds)
    rows = features.reshape(len(truth), count, -1)
    made = [_fit(rows[chosen], right[chosen], seed) for chosen in _chosen(fold, folds)]
    scores = np.empty(right.shape)
    for number, trees in enumerate(made[1:]):
        mine = np.flatnonzero(fold == number)
        scores[mine] = trees.scores(rows[mine].reshape(-1, rows.shape[2])).reshape(-1, count)
    temperature = fit_temperature(scores, right)
    ranker = Ranker(made[0], tuple(made[1:]), count, temperature, prior, nodes)
    seen = np.ones(len(truth), np.bool_)
    return ranker, fold, dealt(mean, scores, temperature, seen)


def _chosen(fold: NDArray[np.int8], folds: int) -> Iterator[NDArray[np.bool_]]:
    yield np.ones(len(fold), np.bool_)
    for number in range(folds):
        yield fold != number


def _require_something_to_learn(
    right: NDArray[np.bool_], fold: NDArray[np.int8], folds: int
) -> None:
    within = np.asarray(right.any(axis=1))
    least = min(int(within[chosen].sum()) for chosen in _chosen(fold, folds))
    if least < 1 or right.all() or len(np.unique(fold)) < folds:
        raise PredictionsError(
            f"a second level cannot be fitted on {len(right):,} products in {folds} folds: the "
            f"category of {int(within.sum()):,} of them is among the candidates",
            hint="give more products whose category is known, or leave out --ranker",
        )


def _fit(features: NDArray[np.float32], right: NDArray[np.bool_], seed: int) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier  # takes a second to load

    booster = HistGradientBoostingClassifier(random_state=seed, **BOOSTER)
    booster.fit(features.reshape(-1, features.shape[2]), right.ravel())
    return from_booster(booster, features.shape[2])


def fit_temperature(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return what scores (n, candidates) are to be divided by: least log-loss of the right ones."""
    known = right.any(axis=1)
    mine, place = scores[known], right[known].argmax(axis=1)
    mine = mine - mine.max(axis=1, keepdims=True)

    def loss(log_temperature: float) -> float:
        heated = mine / np.exp(log_temperature)
        log_sums = np.log(np.exp(heated).sum(axis=1))
        return float((log_sums - heated[np.arange(len(place)), place]).mean())

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return round(float(np.exp(found.x)), 4)


def deal_folds(given: Stack, folds: int, seed: int) -> NDArray[np.int8]:
    """Return the fold of each product, (n,): those that the first model answers alike share one."""
    first = np.hstack(
        [
            given.categories[0],
            given.probabilities[0].view(np.int32),
            given.rest[0, :, None].view("i4"),
        ]
    )
    _, group = np.unique(first, axis=0, return_inverse=True)
    group = group.ravel()
    lot = np.random.Generator(np.random.PCG64(seed)).permutation(int(group.max()) + 1)
    return (lot[group] % folds).astype(np.int8)
