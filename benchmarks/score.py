"""Scores 1,768,182 answers, as the competition's judge would have to: seconds and peak memory.

    python benchmarks/score.py [FOLDER] [--products N]

FOLDER is where the answers are made and left (a temporary folder by default). Each measurement is
a process of its own, so that its peak memory is its own. The peer reads both files with pandas,
where it is installed, else with the csv module and a dictionary, and compares the leaves only.
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

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy
from etalage.predictions.submission import read_submission, submit
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.reports.score.make import write_score_page
from etalage.scoring.score import score

PRODUCTS = 1_768_182
LEAVES, BRANCHES, ROOTS = 5270, 483, 49
PART = 100_000
LIMITS = {"score a submission": (5, 1000), "score predictions": (5, 1000)}
SLOPPY = "other.csv"


def tree() -> Taxonomy:
    """Return three levels of the size of Cdiscount's."""
    names = [(str(leaf % ROOTS), str(leaf % BRANCHES), str(leaf)) for leaf in range(LEAVES)]
    return Taxonomy(np.arange(LEAVES, dtype=np.int64) + 1_000_000_000, tuple(names))


def answers(products: int) -> Predictions:
    """Invent top-20 predictions with a long tail of categories."""
    random = np.random.default_rng(products)
    first = (random.zipf(1.3, products) % LEAVES).astype(np.int32)
    categories = (first[:, None] + np.arange(20, dtype=np.int32) * 37) % LEAVES
    shares = random.dirichlet(np.full(21, 0.2), products)[:, :20].astype(np.float32)
    shares = -np.sort(-shares, axis=1)
    rest = np.clip(1 - shares.sum(axis=1, dtype=np.float64), 0, 1).astype(np.float32)
    images = random.integers(1, 5, products).astype(np.int16)
    ids = pa.array(random.permutation(products).astype(np.int64))
    return Predictions(ids, categories, shares, rest, images)


def part_of(whole: Predictions, rows: slice) -> Predictions:
    """Return some consecutive rows."""
    return Predictions(
        whole.product_ids[rows],
        whole.categories[rows],
        whole.probabilities[rows],
        whole.rest[rows],
        whole.images[rows],
    )


def make(folder: Path, products: int) -> None:
    """Write PREDICTIONS, the submission made of them, and a truth half of which agrees."""
    taxonomy, whole = tree(), answers(products)
    writer = PredictionsWriter(folder / "p", taxonomy=taxonomy, source={}, overwrite=True)
    for start in range(0, products, PART):
        writer.write(part_of(whole, slice(start, start + PART)))
    writer.finish()
    submit(folder / "p", folder / "submission.csv", overwrite=True)
    submit(folder / "p", folder / "submission.csv.zip", overwrite=True)
    write_taxonomy(taxonomy, folder / "names.csv")
    random = np.random.default_rng(0)
    second = taxonomy.ids[whole.categories[np.arange(products), random.integers(0, 2, products)]]
    write_labels(folder / SLOPPY, whole.product_ids, second)
    choice = random.integers(0, 2, products) * random.integers(1, 20, products)
    leaves = taxonomy.ids[whole.categories[np.arange(products), choice]]
    write_labels(folder / "truth.csv", whole.product_ids, leaves)


def write_labels(path: Path, ids: pa.Array, leaves: NDArray[np.int64]) -> None:
    """Write a CSV of products and categories."""
    with path.open("w", encoding="utf-8") as file:
        file.write("_id,category_id\n")
        pairs = zip(ids.to_pylist(), leaves.tolist(), strict=True)
        file.writelines(f"{product},{leaf}\n" for product, leaf in pairs)


def page(folder: Path) -> float:
    """Score predictions and write the page."""
    found = score(folder / "p", folder / "truth.csv")
    write_score_page(found, folder / "p", folder / "page.html", overwrite=True)
    return found.accuracy.level3


def peer(folder: Path) -> float:
    """Score the leaves as one would without this package."""
    files = folder / "submission.csv", folder / "truth.csv"
    try:
        import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return _peer_without_pandas(*files)
    answer, truth = (pd.read_csv(file) for file in files)
    both = truth.merge(answer, on="_id", how="left", suffixes=("", "_given"))
    return float((both["category_id"] == both["category_id_given"]).mean())


def _peer_without_pandas(answer: Path, truth: Path) -> float:
    import csv

    tables = []
    for path in (answer, truth):
        with path.open(encoding="utf-8", newline="") as file:
            tables.append(
                {int(row["_id"]): int(row["category_id"]) for row in csv.DictReader(file)}
            )
    given, right = tables
    return sum(given.get(product) == leaf for product, leaf in right.items()) / len(right)


JOBS: dict[str, Callable[[Path], object]] = {
    "read a submission": lambda folder: len(read_submission(folder / "submission.csv", tree())),
    "read it zipped": lambda folder: len(read_submission(folder / "submission.csv.zip", tree())),
    "write a submission": lambda folder: submit(folder / "p", folder / "again.csv", overwrite=True),
    "score a submission": lambda folder: (
        score(
            folder / "submission.csv", folder / "truth.csv", taxonomy=folder / "names.csv"
        ).accuracy
    ),
    "score predictions": lambda folder: score(folder / "p", folder / "truth.csv").accuracy,
    "... with the page": page,
    "... and another one": lambda folder: (
        score(folder / "p", folder / "truth.csv", against=folder / SLOPPY).comparison
    ),
    "peer (leaf only)": peer,
}


def measure(job: str, folder: Path) -> dict[str, object]:
    """Run a job in this process and return what it cost; peak memory includes what is imported."""
    wall, processor = time.perf_counter(), time.process_time()
    result = JOBS[job](folder)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": wall, "cpu": processor, "peak_mb": peak, "result": str(result)}


def main() -> int:
    """Make the files, run every job in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--job", choices=["make", *JOBS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job == "make":
        make(options.folder, options.products)
    elif options.job:
        print(json.dumps(measure(options.job, options.folder)))
    else:
        with tempfile.TemporaryDirectory() as place:
            return report(options.folder or Path(place), options.products)
    return 0


def run(folder: Path, *options: str) -> str:
    """Run this script in a fresh process: a child would inherit its parent's peak memory."""
    return subprocess.check_output([sys.executable, __file__, str(folder), *options], text=True)


def report(folder: Path, products: int) -> int:
    """Print a line for each job; return 1 when one is over its limit."""
    folder.mkdir(parents=True, exist_ok=True)
    run(folder, "--job", "make", "--products", str(products))
    print(f"{products:,} products\n{'job':20} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}  result")
    over = False
    for job in JOBS:
        found = json.loads(run(folder, "--job", job))
        cost = f"{found['seconds']:8.2f} {found['cpu']:8.2f} {found['peak_mb']:8,}"
        print(f"{job:20} {cost}  {found['result'][:120]}", flush=True)
        seconds, megabytes = LIMITS.get(job, (float("inf"), float("inf")))
        over |= found["seconds"] > seconds or found["peak_mb"] > megabytes
    print("over the limit" if over else "within the limit", "of 5 s and 1,000 MB a score")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
