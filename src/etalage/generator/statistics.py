"""The statistics of a generated catalogue as it came out, kept in ``synth.json``."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.generator.plan import Plan


@dataclass(frozen=True)
class SynthReport:
    """What was generated.

    Attributes:
        products: of which ``test_products`` in the test file.
        images: in both files; ``train_images`` in the train file.
        categories: leaves.
        resellers: sellers of at least one product.
        drawings: pictures really drawn.
        copied: share of the train images that are byte-identical copies of an earlier one.
        copies: number of distinct train images that occur once, twice, three, four times, more.
        most_copies: of one train image.
        ambiguous: share of the distinct train images under several given categories.
        wrong: share of the products whose given category is wrong.
        shared_with_train: share of the test products that have an image of the train file.
        image_counts: share of the products with 1, 2, 3, 4 images.
        largest_tenth: share of the products in the largest tenth of the categories.
        smallest_three_quarters: share of the products in the smallest three quarters.
        image_bytes: mean length of an image.
        bytes: of the two BSON files.
    """

    products: int
    test_products: int
    images: int
    train_images: int
    categories: int
    resellers: int
    drawings: int
    copied: float
    copies: tuple[int, ...]
    most_copies: int
    ambiguous: float
    wrong: float
    shared_with_train: float
    image_counts: tuple[float, ...]
    largest_tenth: float
    smallest_three_quarters: float
    image_bytes: float
    bytes: int


def measure(folder: Path, plan: Plan, categories: int, drawings: int) -> SynthReport:
    """Return the statistics of a plan written to ``folder``."""
    count = np.diff(plan.start)
    product = np.repeat(np.arange(len(plan)), count)
    hidden = plan.test[product]
    times = np.bincount(plan.picture[~hidden], minlength=plan.pictures)
    distinct = int((times > 0).sum())
    size = sum((folder / f"{name}.bson").stat().st_size for name in ("train", "test"))
    overhead = len(plan) * 25 + 17 * int((~plan.test).sum()) + 22 * len(product)
    tenth, rest = _concentration(plan.leaf, categories)
    few = [int((times == number).sum()) for number in range(1, 5)]
    return SynthReport(
        products=len(plan),
        test_products=int(plan.test.sum()),
        images=len(product),
        train_images=int((~hidden).sum()),
        categories=categories,
        resellers=len(np.unique(plan.reseller)),
        drawings=drawings,
        copied=round(1 - distinct / max(int((~hidden).sum()), 1), 5),
        copies=(*few, distinct - sum(few)),
        most_copies=int(times.max()),
        ambiguous=round(_ambiguous(plan, product, hidden) / max(distinct, 1), 5),
        wrong=round(float((plan.given != plan.leaf).mean()), 5),
        shared_with_train=round(_shared(plan, product, hidden, times), 5),
        image_counts=tuple(round(float((count == n).mean()), 5) for n in range(1, 5)),
        largest_tenth=round(tenth, 5),
        smallest_three_quarters=round(rest, 5),
        image_bytes=round((size - overhead) / len(product), 1),
        bytes=size,
    )


def _concentration(leaf: NDArray[np.int32], categories: int) -> tuple[float, float]:
    sizes = np.sort(np.bincount(leaf, minlength=categories))[::-1]
    total = float(sizes.sum())
    tenth, quarter = max(round(categories / 10), 1), categories // 4
    return float(sizes[:tenth].sum()) / total, float(sizes[quarter:].sum()) / total


def _ambiguous(plan: Plan, product: NDArray[np.int64], hidden: NDArray[np.bool_]) -> int:
    """Return how many distinct train pictures lie under several given categories."""
    given, picture = plan.given[product[~hidden]], plan.picture[~hidden]
    some = np.zeros(plan.pictures, np.int32)
    some[picture] = given
    several = np.zeros(plan.pictures, np.bool_)
    several[picture[some[picture] != given]] = True
    return int(several.sum())


def _shared(
    plan: Plan, product: NDArray[np.int64], hidden: NDArray[np.bool_], times: NDArray[np.int64]
) -> float:
    seen = (times[plan.picture] > 0) & hidden
    return len(np.unique(product[seen])) / max(int(plan.test.sum()), 1)
