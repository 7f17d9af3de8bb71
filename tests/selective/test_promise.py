"""A promise is broken no more often than stated: shown by redrawing the sample 1,000 times."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import binom

from etalage.selective.rules import Part, apply_rules, find_rules
from etalage.selective.sequence import Sample, find_threshold, least_products

REDRAWS = 1000
CHANCE = 0.05
ALLOWED = int(binom.ppf(0.999, REDRAWS, CHANCE))  # 75: with luck a right method breaks no more


@dataclass(frozen=True)
class Population:
    """Every product there is: scores and errors on three levels, errors nested."""

    whole: Part

    def draw(self, products: int, random: np.random.Generator) -> tuple[Part, Part]:
        rows = random.integers(0, len(self.whole.scores), products)
        cut = products // 4
        return tuple(
            Part(self.whole.scores[r], self.whole.wrong[r]) for r in (rows[:cut], rows[cut:])
        )


def populate(seed: int = 0, products: int = 40_000) -> Population:
    """Scores that say something, not all, and flatter themselves; some are equal."""
    random = np.random.default_rng(seed)
    ease = random.normal(1.2, 2.0, products)
    doubt = [ease + random.normal(0, 0.8, products) + shift for shift in (0, 0.7, 1.6)]
    scores = np.column_stack([1 / (1 + np.exp(-1.5 * each)) for each in doubt]).astype(np.float32)
    scores[:, 0] = scores[:, 0].round(3)
    luck = random.random(products)
    wrong = np.column_stack([luck > 1 / (1 + np.exp(-(ease + s) * 1.3)) for s in (0, 0.9, 2.2)])
    return Population(Part(scores, wrong))


@pytest.fixture(scope="module")
def population() -> Population:
    return populate()


def leaf(part: Part) -> Sample:
    return Sample(part.scores[:, 0], part.wrong[:, 0])


def naive_threshold(sample: Sample, target: float) -> float:
    """The laxest threshold that keeps the target on the sample itself."""
    tried = np.unique(sample.scores)[::-1]
    held, errors = sample.counts(tried)
    kept = np.flatnonzero(errors <= target * held)
    return float(tried[kept[-1]]) if len(kept) else np.inf


def risk(sample: Sample, threshold: float | None) -> float:
    if threshold is None:
        return 0.0
    held, errors = sample.counts(np.array([threshold], np.float32))
    return float(errors[0] / max(1, held[0]))


def test_a_promise_is_broken_no_more_often_than_stated(population: Population) -> None:
    random, everything = np.random.default_rng(1), leaf(population.whole)
    broken, naive, kept = 0, 0, 0
    for _ in range(REDRAWS):
        choosing, testing = (leaf(part) for part in population.draw(1200, random))
        found = find_threshold(choosing, testing, 0.05, CHANCE)
        broken += risk(everything, found.threshold) > 0.05
        kept += found.threshold is not None
        naive += risk(everything, naive_threshold(testing, 0.05)) > 0.05
    assert broken <= ALLOWED
    assert kept > 0.8 * REDRAWS
    assert naive > 4 * ALLOWED


def breaks(rules: tuple, whole: Part) -> bool:
    """Whether any level answers with more errors than its target."""
    scores = [np.ascontiguousarray(whole.scores[:, place]) for place in range(3)]
    level = apply_rules([rules], np.zeros(len(whole.scores), np.int32), scores)
    shares = [whole.wrong[level == rule.level, place] for place, rule in enumerate(rules)]
    return any(wrong.any() and wrong.mean() > rule.target for wrong, rule in zip(shares, rules))


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.03, 0.1])
def test_backing_off_keeps_the_promise_on_every_level_at_once(
    population: Population, target: float
) -> None:
    random = np.random.default_rng(2)
    broken = backed = 0
    for _ in range(REDRAWS):
        choosing, testing = population.draw(2400, random)
        rules = find_rules(choosing, testing, (3, 2, 1), [target] * 3, CHANCE)
        broken += breaks(rules, population.whole)
        backed += rules[1].met or rules[2].met
    assert broken <= ALLOWED
    assert backed > 0.3 * REDRAWS


def test_149_products_without_an_error_promise_98_percent() -> None:
    assert least_products(0.02, 0.05) == 149
    scores, none = np.linspace(1, 0.5, 149, dtype=np.float32), np.zeros(149, np.bool_)
    choosing = Sample(scores, none)
    assert find_threshold(choosing, choosing, 0.02, 0.05).threshold is not None
    fewer = Sample(scores[:-1], none[:-1])
    assert find_threshold(choosing, fewer, 0.02, 0.05).threshold is None
