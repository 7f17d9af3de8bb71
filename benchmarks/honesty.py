"""Whether probabilities are honest on real products: the developer sets, many splits, pooled.

    python benchmarks/honesty.py -o FOLDER [--shared ../shared] [--splits 10] [--sets luma,...]

Of each set in ``shared/data`` every image is embedded once (MobileNetV2 at 160 pixels), products
are split duplicate-safe with another seed each time (half of them train, a quarter each validate
and test), a logistic regression learns from the mean vector of each product, calibrations and sets
are fitted on the validation products, and measured on the test products of all splits together.
Agreement with the given labels throughout.

FOLDER keeps what was computed, for this and for other measurements::

    SET/index, SET/embeddings
    SET/00/validation, SET/00/validation.csv    PREDICTIONS and the truth of split 0
    SET/00/test, SET/00/test.csv

Ends with status 1 where the calibration error of a set, after a temperature, is more than a point
above its floor.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from etalage.calibration.artefact import apply_to
from etalage.calibration.calibrate import METHODS, fit
from etalage.calibration.evidence import Evidence, gather
from etalage.calibration.measure import Figures, measure
from etalage.calibration.sets import SetRule, fit_sets, set_sizes
from etalage.catalogue.build import index as build_index
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split, split
from etalage.embedding.folder import read_embeddings
from etalage.errors import PredictionsError
from etalage.predictions.intervals import clopper_pearson
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.truth import read_truth
from etalage.predictions.writer import PredictionsWriter

SETS = {"luma": 1.0, "views": 1.0, "clothing": 0.003, "myntra": 0.03}
"""Each with the inverse strength of the penalty on its weights, for about the best log-loss."""
WEIGHTS = "weights/mobilenetv2_100_tv_backbone/model.safetensors"
PARTS = ("validation", "test")
ABOVE_FLOOR = 0.01
RULES = (SetRule(0.9), SetRule(0.9, by_branch=True), SetRule(0.95, cap=5))


def vectors(folder: Path, data: Path, weights: Path) -> tuple[Index, NDArray[np.float32]]:
    """Return the index of a set and the mean vector of each product, made where they are not."""
    if not (folder / "index").is_dir():
        names = data / "category_names.csv"
        build_index([data / "catalogue.bson"], folder / "index", taxonomy=names)
    if not (folder / "embeddings").is_dir():
        from etalage.embedding.write import embed

        embed(
            None, folder / "index", folder / "embeddings", backbone="mobilenetv2_100",
            weights=str(weights), mirror=False,
        )  # fmt: skip
    index, embeddings = open_index(folder / "index"), read_embeddings(folder / "embeddings")
    found = embeddings.vectors(np.arange(int(index.image_count.sum())))
    begins = np.append(0, np.cumsum(index.image_count)[:-1]).astype(np.int64)
    mean = np.add.reduceat(found, begins) / index.image_count[:, None]
    return index, mean.astype(np.float32)


def write_split(folder: Path, index: Index, features: NDArray[np.float32], seed: int) -> None:
    """Learn on the training products of a split; write predictions and truth of the others."""
    folder.mkdir(parents=True, exist_ok=True)
    split(
        folder.parent / "index",
        folder / "split.parquet",
        validation=0.25,
        test=0.25,
        seed=seed,
        overwrite=True,
    )
    parts = read_split(folder / "split.parquet")
    train = parts.rows(index, "train")
    model = make_pipeline(
        StandardScaler(),
        PCA(256, random_state=0),
        LogisticRegression(C=SETS[folder.parent.name], max_iter=1000),
    )
    if len(train) < 257:
        model.set_params(pca__n_components=len(train) // 2)
    model.fit(features[train], index.labels[train])
    for part in PARTS:
        rows = parts.rows(index, part)
        shares = np.zeros((len(rows), len(index.taxonomy)), np.float32)
        shares[:, model.classes_] = model.predict_proba(features[rows])
        write_part(folder / part, index, rows, shares.clip(0, 1))


def write_part(
    folder: Path, index: Index, rows: NDArray[np.int64], shares: NDArray[np.float32]
) -> None:
    """Write the PREDICTIONS of some products, and their given labels."""
    ids = index.product_ids.take(pa.array(rows))
    images = index.image_count[rows].astype(np.int16)
    writer = PredictionsWriter(folder, taxonomy=index.taxonomy, source={}, overwrite=True)
    writer.write(Predictions(ids, *top_k(shares), images))
    writer.finish()
    leaves = index.taxonomy.ids[index.labels[rows]].tolist()
    lines = [f"{product},{leaf}\n" for product, leaf in zip(ids.to_pylist(), leaves, strict=True)]
    folder.with_suffix(".csv").write_text("_id,category_id\n" + "".join(lines), encoding="utf-8")


def prepared(
    folder: Path, data: Path, weights: Path, splits: int
) -> Iterator[tuple[Evidence, Evidence]]:
    """Yield the validation and the test products of each split, with predictions and truth."""
    made: tuple[Index, NDArray[np.float32]] | None = None
    for seed in range(splits):
        place = folder / f"{seed:02d}"
        if not all((place / part / "manifest.json").is_file() for part in PARTS):
            made = made or vectors(folder, data, weights)
            write_split(place, *made, seed)
        validation, test = (
            gather(place / part, read_truth(place / f"{part}.csv")) for part in PARTS
        )
        yield validation, test


def pooled(some: list[Evidence]) -> Evidence:
    """Return the rows of all; a product may occur in several splits."""
    columns: dict[str, Any] = {
        each.name: np.concatenate([getattr(one, each.name) for one in some])
        for each in fields(Evidence)
        if isinstance(getattr(some[0], each.name), np.ndarray)
    }
    ids = pa.concat_arrays([one.product_ids for one in some])
    return Evidence(product_ids=ids, taxonomy=some[0].taxonomy, audited=False, **columns)


def line(name: str, what: str, found: Figures) -> str:
    """Return the figures of one calibration."""
    low, high = found.ece_interval
    return (
        f"{name:9} {what:12} {found.products:7,} {found.accuracy:6.3f} {found.confidence:6.3f} "
        f"{100 * found.ece:6.2f} ({100 * low:5.2f} to {100 * high:5.2f}) "
        f"{100 * found.ece_floor:6.2f} {found.log_loss:9.3f} {found.brier:7.3f}"
    )


def show_probabilities(name: str, pairs: list[tuple[Evidence, Evidence]]) -> bool:
    """Print how honest they are before and after; return whether a temperature meets the aim."""
    leaves, met = len(pairs[0][0].taxonomy), True
    print(line(name, "as they are", measure(pooled([test for _, test in pairs]))))
    for method in METHODS:
        made = [apply_to(fit(validation, method), test, leaves) for validation, test in pairs]
        found = measure(pooled(made))
        good = found.ece <= found.ece_floor + ABOVE_FLOOR
        print(line(name, method, found), "" if good else "  over", flush=True)
        met &= good or method != METHODS[0]
    return met


def show_sets(name: str, pairs: list[tuple[Evidence, Evidence]]) -> None:
    """Print how often sets of calibrated probabilities hold the truth, and how large they are."""
    leaves = len(pairs[0][0].taxonomy)
    for rule in RULES:
        sizes: list[NDArray[np.int64]] = []
        covered: list[NDArray[np.bool_]] = []
        what = f"{rule.coverage:g}" + (" by branch" if rule.by_branch else "")
        what += f" cap {rule.cap}" if rule.cap else ""
        try:
            for validation, test in pairs:
                calibration = fit(validation)
                one, other = (apply_to(calibration, each, leaves) for each in (validation, test))
                held = set_sizes(other, fit_sets(one, rule), other.taxonomy)[0]
                sizes.append(held)
                covered.append(other.place < held)
        except PredictionsError as refused:
            print(f"{name:9} {what:14} {refused.message.split(': ', 1)[1]}")
            continue
        right, all_sizes = np.concatenate(covered), np.concatenate(sizes)
        low, high = clopper_pearson(int(right.sum()), len(right))
        print(
            f"{name:9} {what:14} {right.mean():.3f} ({low:.3f} to {high:.3f}), "
            f"{all_sizes.mean():.2f} categories, {(all_sizes == 1).mean():.2f} of one",
            flush=True,
        )


def main() -> int:
    """Print a table of errors and one of sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--sets", default=",".join(SETS))
    options = parser.parse_args()
    print(f"{'set':9} {'calibration':12} {'tested':>7} {'right':>6} {'sure':>6} "
          f"{'error, points':>23} {'floor':>6} {'log-loss':>9} {'Brier':>7}")  # fmt: skip
    met, kept = True, {}
    for name in options.sets.split(","):
        data = options.shared / "data" / name
        weights = options.shared / WEIGHTS
        kept[name] = list(prepared(options.output / name, data, weights, options.splits))
        met &= show_probabilities(name, kept[name])
    print("\nSets: how often the truth is in them, with its interval")
    for name, pairs in kept.items():
        show_sets(name, pairs)
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
