"""Calibrates, finds thresholds and plans for 1,768,182 products x 20: seconds and peak memory.

    python benchmarks/predictions.py [FOLDER] [--products N] [--dense N]

FOLDER is where predictions and truth are made and left (a temporary folder by default). Every
product has a truth, drawn from its probabilities raised to a power, so that there is something to
calibrate. Each measurement is a process of its own, so that its peak memory is its own.
Calibrating, finding thresholds and planning three precisions may take 30 s together, 2 GB each.

The peer does the same as one would without this package: all probabilities in a dense array
(products, 5,270), a temperature by SciPy, isotonic regression by scikit-learn, thresholds and the
plan by pandas (where it is installed, else NumPy). It holds as many products as 2 GB take: --dense.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.folder import open_predictions
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.selective.plan import plan
from etalage.selective.thresholds import thresholds

PRODUCTS, DENSE = 1_768_182, 25_000
LEAVES, BRANCHES, ROOTS = 5270, 483, 49
PART, K = 100_000, 20
OURS = ("calibrate", "thresholds", "plan")
SECONDS, MEGABYTES = 30, 2000
PRECISIONS = (0.9, 0.95, 0.98)


def tree() -> Taxonomy:
    """Return three levels of the size of Cdiscount's."""
    names = [
        (str(leaf * ROOTS // LEAVES), str(leaf * BRANCHES // LEAVES), str(leaf))
        for leaf in range(LEAVES)
    ]
    return Taxonomy(np.arange(LEAVES, dtype=np.int64) + 1_000_000_000, tuple(names))


def part_of(start: int, products: int) -> tuple[Predictions, NDArray[np.int64]]:
    """Invent the predictions of some products, and which leaf is right for each."""
    random = np.random.default_rng(start)
    first = (random.zipf(1.3, products) % LEAVES).astype(np.int32)
    # Half of the others are neighbours in the tree: an error on the leaf is none on level 2.
    steps = np.where(np.arange(K) % 2, np.arange(K) * 37, np.arange(K)).astype(np.int32)
    categories = (first[:, None] + steps) % LEAVES
    sharp = random.gamma(2.0, 1.0, (products, 1))
    logits = -np.sort(-random.gumbel(size=(products, K + 1)) * sharp, axis=1)
    shares = np.exp(1.4 * (logits - logits[:, :1]))
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    drawn = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    everything = np.column_stack([categories, (first + 7) % LEAVES])
    right = everything[np.arange(products), drawn]
    ids = pa.array(np.arange(start, start + products))
    rest = (1 - shares[:, :K].sum(axis=1, dtype=np.float64)).clip(0, 1).astype(np.float32)
    images = np.ones(products, np.int16)
    return Predictions(ids, categories, shares[:, :K], rest, images), right.astype(np.int64)


def make(folder: Path, products: int) -> None:
    """Write PREDICTIONS and a truth of all products."""
    taxonomy = tree()
    writer = PredictionsWriter(folder / "p", taxonomy=taxonomy, source={}, overwrite=True)
    with (folder / "truth.csv").open("w", encoding="utf-8") as file:
        file.write("_id,category_id\n")
        for start in range(0, products, PART):
            part, right = part_of(start, min(PART, products - start))
            writer.write(part)
            pairs = zip(part.product_ids.to_pylist(), taxonomy.ids[right].tolist(), strict=True)
            file.writelines(f"{product},{leaf}\n" for product, leaf in pairs)
    writer.finish()


def calibrate(folder: Path) -> object:
    """Fit a temperature and an isotonic map, and measure before and after."""
    from etalage.calibration.calibrate import calibrate as fit

    made = fit(
        folder / "p",
        folder / "calibration.json",
        truth=folder / "truth.csv",
        method="isotonic",
        overwrite=True,
    )
    return f"ECE {made.before.ece:.4f}, after {made.after.ece:.4f}"


def choose(folder: Path, by: str = "all") -> object:
    """Find thresholds for one precision."""
    options: dict[str, Any] = {"precision": 0.95, "truth": folder / "truth.csv", "by": by}
    made = thresholds(folder / "p", folder / "thresholds.json", overwrite=True, **options)
    return f"{sum(group.met for group in made.groups)} of {len(made.groups)} groups met"


def make_plan(folder: Path) -> object:
    """Plan three precisions for two lengths of a review."""
    made = plan(folder / "p", precision=PRECISIONS, minutes=(0.5, 2), truth=folder / "truth.csv")
    return ", ".join(f"{each.precision:g}: {each.total.share:.3f}" for each in made.targets)


def peer(folder: Path, products: int) -> object:
    """Do the same on dense arrays of the first products."""
    from sklearn.isotonic import IsotonicRegression

    part = next(open_predictions(folder / "p").parts())
    dense = np.full((products, LEAVES), 1e-12, np.float32)
    rows = np.arange(products)
    kept = np.maximum(part.probabilities[:products], 1e-12)
    np.put_along_axis(dense, part.categories[:products], kept, axis=1)
    truth = np.loadtxt(
        folder / "truth.csv", dtype=np.int64, delimiter=",", skiprows=1, max_rows=products
    )[:, 1]
    right = truth - 1_000_000_000
    logs = np.log(dense)

    def loss(temperature: float) -> float:
        scaled = logs / np.float32(temperature)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, right]).mean())

    temperature = minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x
    hit = dense.argmax(axis=1) == right
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(dense.max(axis=1), hit)
    honest = isotonic.predict(dense.max(axis=1))
    shares = [_peer_plan(dense.argmax(axis=1), honest, hit, each) for each in PRECISIONS]
    return f"T {temperature:.3f}, automatic {', '.join(f'{share:.3f}' for share in shares)}"


def _peer_plan(
    leaf: NDArray[np.int64],
    confidence: NDArray[np.float64],
    hit: NDArray[np.bool_],
    precision: float,
) -> float:
    """Return the automatic share at the laxest threshold that keeps the precision here."""
    try:
        import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        order = np.argsort(-confidence)
        kept = np.flatnonzero(np.cumsum(hit[order]) >= precision * np.arange(1, len(hit) + 1))
        return float(kept.max(initial=-1) + 1) / len(hit)
    table = pd.DataFrame({"leaf": leaf, "confidence": confidence, "hit": hit})
    table = table.sort_values("confidence", ascending=False)
    table["precision"] = table["hit"].expanding().mean()
    kept = table[table["precision"] >= precision]
    threshold = kept["confidence"].min() if len(kept) else 2.0
    table["automatic"] = table["confidence"] >= threshold
    return float(table.groupby("leaf")["automatic"].sum().sum() / len(table))


JOBS: dict[str, Callable[[Path, int], object]] = {
    "calibrate": lambda folder, _: calibrate(folder),
    "thresholds": lambda folder, _: choose(folder),
    "plan": lambda folder, _: make_plan(folder),
    "thresholds by category": lambda folder, _: choose(folder, "category"),
    "peer (dense)": peer,
}


def measure(job: str, folder: Path, dense: int) -> dict[str, object]:
    """Run a job in this process and return what it cost; peak memory includes what is imported."""
    wall, processor = time.perf_counter(), time.process_time()
    result = JOBS[job](folder, dense)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": wall, "cpu": processor, "peak_mb": peak, "result": str(result)}


def main() -> int:
    """Make the files, run every job in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--dense", type=int, default=DENSE)
    parser.add_argument("--job", choices=["make", *JOBS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job == "make":
        make(options.folder, options.products)
    elif options.job:
        print(json.dumps(measure(options.job, options.folder, options.dense)))
    else:
        with tempfile.TemporaryDirectory() as place:
            return report(options.folder or Path(place), options.products, options.dense)
    return 0


def run(folder: Path, *options: str) -> str:
    """Run this script in a fresh process: a child would inherit its parent's peak memory."""
    return subprocess.check_output([sys.executable, __file__, str(folder), *options], text=True)


def report(folder: Path, products: int, dense: int) -> int:
    """Print a line for each job; return 1 when ours are over the limit."""
    folder.mkdir(parents=True, exist_ok=True)
    run(folder, "--job", "make", "--products", str(products))
    head = f"{'job':22} {'products':>10} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}  result"
    print(f"{products:,} products x {K}\n{head}")
    seconds, most = 0.0, 0
    dense = min(dense, products, PART)
    for job in JOBS:
        found = json.loads(run(folder, "--job", job, "--dense", str(dense)))
        held = dense if job.startswith("peer") else products
        cost = f"{found['seconds']:8.2f} {found['cpu']:8.2f} {found['peak_mb']:8,}"
        print(f"{job:22} {held:10,} {cost}  {found['result']}", flush=True)
        if job in OURS:
            seconds, most = seconds + found["seconds"], max(most, found["peak_mb"])
    over = seconds > SECONDS or most > MEGABYTES
    limit = f"{SECONDS} s and {MEGABYTES:,} MB"
    print(
        f"{' + '.join(OURS)}: {seconds:.1f} s, {most:,} MB; {'over' if over else 'within'} {limit}"
    )
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
