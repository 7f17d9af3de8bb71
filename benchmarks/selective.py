"""Whether promises hold and scores rank on real products: the developer sets, many splits, pooled.

    python benchmarks/honesty.py -o FOLDER        predictions and truths of validation and test
    python benchmarks/selective.py FOLDER [--raw]

For each split of each set a temperature is fitted, the score is chosen and thresholds are found on
the validation products, and measured on the test products; --raw leaves the temperature out.
Agreement with the given labels throughout.

AURC: mean over the splits of the area under the curve of risk of the leaf on the test products, for
each of the four scores and for the one chosen. ``over the best`` is the chosen one's less that of
the score with the smallest mean, and its 95 % interval over the splits. Promises: the share of
wrong answers among the automatic test products of all splits, on all levels together, and in how
many splits a level had surely more than the target (exact one-sided test at 5 %).

Ends with status 1 where the chosen score is surely worse than the best of the four, or where a
promise is broken more often than stated.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, t

from etalage.calibration.evidence import Evidence, gather
from etalage.predictions.truth import read_truth
from etalage.selective.curve import area
from etalage.selective.judged import Judged, judge
from etalage.selective.levels import SCORES
from etalage.selective.rules import apply_rules
from etalage.selective.thresholds import find_thresholds

PRECISIONS = (0.8, 0.9, 0.95)
LEVELS = (3, 2, 1)
FOUR = SCORES[1:]


def splits(folder: Path, *, raw: bool) -> list[tuple[Evidence, Evidence]]:
    """Return the validation and test products of every split."""
    places = [place for place in sorted(folder.glob("[0-9]*")) if (place / "test.csv").is_file()]
    validation, test = (
        [gather(place / part, read_truth(place / f"{part}.csv")) for place in places]
        for part in ("validation", "test")
    )
    if raw:
        return list(zip(validation, test, strict=True))
    return [calibrated(*pair) for pair in zip(validation, test, strict=True)]


def calibrated(validation: Evidence, test: Evidence) -> tuple[Evidence, Evidence]:
    """Return both at the temperature that fits the validation products."""
    from etalage.calibration.artefact import apply_to
    from etalage.calibration.calibrate import fit

    found, leaves = fit(validation), len(validation.taxonomy)
    return apply_to(found, validation, leaves), apply_to(found, test, leaves)


def areas(validation: Judged, test: Judged) -> list[float]:
    """Return the area of each score, and of the one chosen on the validation products."""
    found = {name: area(test.answers[0].score(name), test.wrong[:, 0]).aurc for name in SCORES}
    return [*(found[name] for name in FOUR), found[validation.names[0]]]


def compare(name: str, found: NDArray[np.float64]) -> bool:
    """Print the areas of one set, (splits, 5); return whether the chosen one is as good."""
    mean = found.mean(axis=0)
    best = int(mean[:4].argmin())
    over = found[:, 4] - found[:, best]
    wide = t.ppf(0.975, max(1, len(over) - 1)) * over.std(ddof=1) / np.sqrt(len(over))
    shown = "".join(f"{value:>16.5f}" for value in mean)
    middle, low, high = over.mean(), over.mean() - wide, over.mean() + wide
    print(f"{name:9}{shown}  {middle:+.5f} ({low:+.5f} to {high:+.5f})", flush=True)
    return bool(low <= 1e-9)


def kept(
    pairs: list[tuple[Evidence, Evidence]], judged: list[tuple[Judged, Judged]], precision: float
) -> list[int]:
    """Return automatic, wrong, all test products, rules tried and rules surely broken."""
    sums = np.zeros(5, np.int64)
    for (validation, _), (chosen, test) in zip(pairs, judged, strict=True):
        made = find_thresholds(validation, precision=precision, judged=chosen)
        scores = [each.score(made.scores[each.level]) for each in test.answers]
        groups = made.group_of_leaves(validation.taxonomy)[test.first]
        level = apply_rules([group.rules for group in made.groups], groups, scores)
        sums[2] += len(test)
        for place, rule in enumerate(made.groups[0].rules):
            wrong = test.wrong[level == rule.level, place]
            sums[:2] += len(wrong), int(wrong.sum())
            sums[3] += rule.met
            sums[4] += bool(binom.sf(int(wrong.sum()) - 1, len(wrong), 1 - precision) < 0.05)
    counts: list[int] = sums.tolist()
    return counts


def main() -> int:
    """Print a table of areas and one of promises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--raw", action="store_true")
    options = parser.parse_args()
    good, everything = True, {}
    heads = "".join(f"{name:>16}" for name in (*FOUR, "chosen"))
    print(f"{'AURC':9}{heads}  over the best")
    for place in sorted(options.folder.iterdir()):
        if len(pairs := splits(place, raw=options.raw)) < 2:
            continue
        levels = LEVELS[:1] if pairs[0][0].taxonomy.is_flat else LEVELS
        judged = [(judge(one, levels, seed=0), judge(two, levels, seed=0)) for one, two in pairs]
        everything[place.name] = pairs, judged
        good &= compare(place.name, np.array([areas(*pair) for pair in judged]))
    print("\nPromises: precision asked, automatic, wrong among them, rules, surely broken")
    for name, (pairs, judged) in everything.items():
        for precision in PRECISIONS:
            automatic, wrong, products, rules, broken = kept(pairs, judged, precision)
            share = wrong / max(1, automatic)
            counts = f"{automatic / products:7.3f} {share:7.4f} {rules:4} {broken:3}"
            print(f"{name:9} {precision:5g} {counts}", flush=True)
            # A test at 5 % finds 5 % of the true promises broken, and 5 % of them may be.
            good &= broken <= binom.ppf(0.999, max(1, rules), 0.1)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
