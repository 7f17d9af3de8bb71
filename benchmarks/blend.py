"""Blends 14 models' answers for 1,768,182 products: seconds and peak memory of every road.

    python benchmarks/blend.py [FOLDER] [--products N] [--models M] [--dense N] [--long N]

FOLDER is where the answers are made and left (a temporary folder by default; some 2 GB). Each
measurement is a process of its own, so that its peak memory is its own. The peers do the same
arithmetic mean as one would without this package, at the size they can hold: NumPy on dense float32
arrays (14 x N x 5,270), pandas on a long table of (product, category, probability).
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.blending.fit import fit_blend
from etalage.blending.write import blend
from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.folder import open_predictions
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter

PRODUCTS, MODELS, LEAVES, TOP, POOL, PART = 1_768_182, 14, 5270, 20, 30, 100_000
KNOWN = 60_000  # products whose category is in the truth
LIMIT_MB = 4000
LIMIT_S = 20 * 60


def tree() -> Taxonomy:
    """Return three levels of the size of Cdiscount's."""
    names = [(str(leaf % 49), str(leaf % 483), str(leaf)) for leaf in range(LEAVES)]
    return Taxonomy(np.arange(LEAVES, dtype=np.int64) + 1_000_000_000, tuple(names))


def pool(start: int, count: int) -> NDArray[np.int32]:
    """Return the categories that a product may be taken for, the true one first."""
    random = np.random.default_rng([1, start])
    first = (random.zipf(1.3, count) % LEAVES).astype(np.int32)
    return (first[:, None] + np.arange(POOL, dtype=np.int32) * 37) % LEAVES


def answers(model: int, start: int, count: int) -> Predictions:
    """Invent what a model says: its own noise over a doubt that all models share."""
    shape: Any = {"size": (count, POOL), "dtype": np.float32}
    scores = np.random.default_rng([3, model, start]).standard_normal(**shape)
    scores += np.float32(1.5) * np.random.default_rng([2, start]).standard_normal(**shape)
    scores[:, 0] += 3.5
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    places, kept, rest = top_k(shares, TOP)
    categories = np.take_along_axis(pool(start, count), places, 1)
    ids = pa.array(np.arange(start, start + count, dtype=np.int64) * 7)
    return Predictions(ids, categories, kept, rest, np.ones(count, np.int16))


def make(folder: Path, products: int, models: int) -> None:
    """Write the answers of all models, and the truth of some products."""
    for model in range(models):
        path = folder / f"m{model}"
        if (path / "manifest.json").is_file():
            continue
        writer = PredictionsWriter(path, taxonomy=tree(), source={"model": f"m{model}"})
        for start in range(0, products, PART):
            writer.write(answers(model, start, min(PART, products - start)))
        writer.finish()
    known = min(products, KNOWN, PART)
    right = tree().ids[pool(0, min(PART, products))[:known, 0]].tolist()
    lines = [f"{7 * row},{leaf}\n" for row, leaf in enumerate(right)]
    (folder / "truth.csv").write_text("_id,category_id\n" + "".join(lines))


def members(folder: Path, models: int) -> list[Path]:
    """Return the folders of the models."""
    return [folder / f"m{model}" for model in range(models)]


def _tables(folder: Path, models: int, products: int) -> Iterator[Predictions]:
    """Yield the first products of each model: there are no more than a part of them."""
    for path in members(folder, models):
        part = next(iter(open_predictions(path).parts()))
        columns = [column[:products] for column in vars(part).values()]
        yield Predictions(*columns)


def numpy_dense(folder: Path, models: int, products: int) -> float:
    """Average dense arrays of every category, and take the most probable 20."""
    cubes = []
    for table in _tables(folder, models, products):
        dense = np.repeat((table.rest / (LEAVES - TOP))[:, None], LEAVES, axis=1)
        np.put_along_axis(dense, table.categories, table.probabilities, 1)
        cubes.append(dense)
    mean = np.stack(cubes).mean(axis=0)
    return float(np.sort(np.partition(mean, LEAVES - TOP, axis=1)[:, -1]).mean())


def pandas_long(folder: Path, models: int, products: int) -> float:
    """Group a long table by product and category, as the notebooks of 2017 did."""
    try:
        import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return float("nan")  # not installed

    frames = [
        pd.DataFrame(
            {
                "product": np.repeat(np.arange(len(table)), TOP),
                "category": table.categories.ravel(),
                "probability": table.probabilities.ravel(),
            }
        )
        for table in _tables(folder, models, products)
    ]
    sums = pd.concat(frames).groupby(["product", "category"], as_index=False)["probability"].sum()
    best = sums.sort_values(["product", "probability"], ascending=[True, False])
    kept = best.groupby("product").head(TOP)
    return float(kept.groupby("product")["probability"].max().mean()) / models


Job = Callable[[Path, int], Any]


def jobs(dense: int, long: int) -> dict[str, Job]:
    """Return what is measured."""

    def mean(folder: Path, models: int, name: str) -> str:
        report = blend(members(folder, models), folder / f"b-{name}", mean=name, overwrite=True)
        return f"{report.products:,} products"

    def fit(folder: Path, models: int, *, ranker: bool) -> str:
        report = fit_blend(
            members(folder, models),
            folder / f"fit-{ranker}",
            truth=folder / "truth.csv",
            ranker=ranker,
            overwrite=True,
        )
        found = report.ranker or report.weights
        equal = f"equal {report.equal.accuracy:.4f} ({report.equal.log_loss:.4f})"
        return f"{equal}, fitted {found.accuracy:.4f} ({found.log_loss:.4f})"

    def ranked(folder: Path, models: int) -> str:
        paths, using = members(folder, models), folder / "fit-True"
        report = blend(paths, folder / "b-ranked", using=using, overwrite=True)
        return f"{report.products:,} products"

    return {
        "arithmetic mean": partial(mean, name="arithmetic"),
        "geometric mean": partial(mean, name="geometric"),
        "fit weights": partial(fit, ranker=False),
        "fit second level": partial(fit, ranker=True),
        "apply second level": ranked,
        f"NumPy, {dense:,} products": partial(numpy_dense, products=dense),
        f"pandas, {long:,} products": partial(pandas_long, products=long),
    }


def measure(job: Job, folder: Path, models: int) -> dict[str, object]:
    """Run a job in this process and return what it cost; peak memory includes what is imported."""
    wall, processor = time.perf_counter(), time.process_time()
    result = job(folder, models)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": wall, "cpu": processor, "peak_mb": peak, "result": str(result)}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--models", type=int, default=MODELS)
    parser.add_argument("--dense", type=int, default=4_000, help="products of the NumPy peer")
    parser.add_argument("--long", type=int, default=50_000, help="products of the pandas peer")
    parser.add_argument("--only", help="names of jobs begin with this")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Make the files, run every job in a process of its own, and print a table."""
    options = parse()
    known = jobs(options.dense, options.long)
    if options.job == "make":
        make(options.folder, options.products, options.models)
    elif options.job:
        print(json.dumps(measure(known[options.job], options.folder, options.models)))
    else:
        with tempfile.TemporaryDirectory() as place:
            return report(options.folder or Path(place), options, known)
    return 0


def report(folder: Path, options: argparse.Namespace, known: dict[str, Job]) -> int:
    """Print a line for each job; return 1 when a blend is over the limit."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = ["--products", "--models", "--dense", "--long"]
    passed = [word for name in sizes for word in (name, str(getattr(options, name[2:])))]
    command = [sys.executable, __file__, str(folder), *passed, "--job"]
    subprocess.check_call([*command, "make"])
    print(f"{options.products:,} products, {options.models} models")
    print(f"{'job':26} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}  result", flush=True)
    over = False
    for job in known:
        if options.only and not job.startswith(options.only):
            continue
        found = json.loads(subprocess.check_output([*command, job], text=True))
        cost = f"{found['seconds']:8.1f} {found['cpu']:8.1f} {found['peak_mb']:8,}"
        print(f"{job:26} {cost}  {found['result']}", flush=True)
        if not job.startswith(("NumPy", "pandas")):
            over |= found["peak_mb"] > LIMIT_MB or found["seconds"] > LIMIT_S
    print("over the limit" if over else "within the limit", f"of {LIMIT_S} s and {LIMIT_MB:,} MB")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
