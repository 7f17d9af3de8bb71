"""Rows of the accuracy table: stored one file each, so that a stopped run goes on; compared.

A row is what one method answered for the test products of one data set with one seed::

    FOLDER/DATA/rows/SETTING/METHOD.SEED.npz    product (T,) ids, right (T,) bool,
                                                several (T,) bool (2 images or more),
                                                seconds, memory (GB, peak of the process)

Differences have an interval of 95 %: products are drawn with replacement, each with all its answers
of all seeds and both methods (paired bootstrap, 4,000 draws).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Answered:
    """What a method answered.

    Attributes:
        product: ids of the test products, (T,).
        right: whether the leaf is right, (T,).
        several: whether the product has several images, (T,).
    """

    product: NDArray[np.int64]
    right: NDArray[np.bool_]
    several: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Row:
    """One method, one seed.

    Attributes:
        method: its name in the table.
        answered: what it answered.
        seconds: it took, apart from the embeddings.
        memory: highest resident memory of the process meanwhile, in GB.
    """

    method: str
    answered: Answered
    seconds: float
    memory: float


def take(folder: Path, method: str, seed: int, work: Callable[[], Answered]) -> None:
    """Do the work of a row and store it, unless it is stored already."""
    path = folder / f"{method}.{seed}.npz"
    if path.exists():
        return
    _forget_peak()
    started = time.perf_counter()
    found = work()
    seconds = time.perf_counter() - started
    store(path, found, seconds, peak())
    print(f"  {folder.name} {method}, seed {seed}: {found.right.mean():.4f}, {seconds:.0f} s")


def store(path: Path, found: Answered, seconds: float, memory: float) -> None:
    """Write a row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        product=found.product,
        right=found.right,
        several=found.several,
        seconds=seconds,
        memory=memory,
    )
    part.rename(path)


def rows(folder: Path) -> dict[str, list[Row]]:
    """Return the rows of a setting by method."""
    found: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as row:
            answered = Answered(row["product"], row["right"], row["several"])
            method = path.stem.rsplit(".", 1)[0]
            seconds, memory = float(row["seconds"]), float(row["memory"])
        found.setdefault(method, []).append(Row(method, answered, seconds, memory))
    return found


def table(folder: Path, against: str) -> Iterator[str]:
    """Yield the lines of a setting's table, each method compared with ``against``."""
    found = rows(folder)
    yield f"\n{folder.parent.parent.name}, {folder.name}: leaf accuracy, against {against}"
    yield (
        f"{'method':26} seeds     all   2 to 4 images   difference, 2 to 4 (95 %)"
        "    difference, all (95 %)     seconds   GB"
    )
    base = found.get(against)
    for method, each in sorted(found.items(), key=lambda item: -_mean(item[1], several=False)):
        several, whole = _mean(each, several=True), _mean(each, several=False)
        seconds, memory = np.mean([row.seconds for row in each]), max(row.memory for row in each)
        yield (
            f"{method:26} {len(each):5} {whole:7.4f} "
            f"{'' if np.isnan(several) else format(several, '.4f'):>15}   "
            f"{_difference(each, base, several=True):>26}"
            f"{_difference(each, base, several=False):>26} {seconds:10.1f} {memory:4.1f}"
        )


def _mean(each: list[Row], *, several: bool) -> float:
    chosen = [row.answered.right[row.answered.several | (not several)] for row in each]
    return float(np.mean([right.mean() if len(right) else np.nan for right in chosen]))


def _difference(each: list[Row], base: list[Row] | None, *, several: bool) -> str:
    if base is None or each is base or len(base) != len(each):
        return ""
    gains, products = [], []
    for row, other in zip(each, base, strict=True):
        here, there = row.answered, other.answered
        if not np.array_equal(here.product, there.product):
            return "other products"
        chosen = here.several if several else np.ones(len(here.right), np.bool_)
        gains.append((here.right.astype(float) - there.right)[chosen])
        products.append(here.product[chosen])
    if not sum(map(len, gains)):
        return ""
    low, high = interval(np.concatenate(gains), np.concatenate(products))
    return f"{np.concatenate(gains).mean():+.4f} ({low:+.4f} {high:+.4f})"


def interval(gains: NDArray[np.float64], products: NDArray[np.int64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean gain, products drawn with replacement.

    Args:
        gains: of each answer, (T,).
        products: whose answer it is; the answers of a product stay together.
    """
    _, place = np.unique(products, return_inverse=True)
    total, times = np.bincount(place, gains), np.bincount(place)
    generator = np.random.default_rng(0)
    means = []
    for _ in range(DRAWS):
        drawn = generator.integers(0, len(total), len(total))
        means.append(total[drawn].sum() / times[drawn].sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def peak() -> float:
    """Return the highest resident memory since ``_forget_peak``, in GB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e6


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
