"""What the catalogue remembers at full size: seconds and peak memory, from files to files.

    python benchmarks/memory.py exact category_stats.csv [--share 1.0]
    python benchmarks/memory.py near [--known 100000] [--asked 5000] [--width 1280]

``exact`` makes the catalogue of ``benchmarks/split.py`` with a quarter more products (8.84 million
products, 15.5 million images), takes a fifth of them as the test (1.77 million) and invents top-20
answers of a network that is right in three of four cases; then fits a memory on 350,000 products of
the known ones, remembers the others for the test, and does the same by the rule of 2017. ``near``
draws vectors in clusters and finds the twenty most similar ones, all of them and by cells, with the
share of the true ones found. Each measurement is a process of its own (Linux).
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from duplicates import alone, told
from etalage.blending.memory.cells import find_by_cells, share_found
from etalage.blending.memory.fit import memory
from etalage.blending.memory.neighbours import Neighbours, Vectors, find_neighbours
from etalage.blending.memory.remember import remember
from etalage.catalogue.index import open_index
from etalage.catalogue.sources import write_sources
from etalage.catalogue.split import write_split
from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.scoring.score import score
from split import Counts, Shop, cross, hashes_of, make_shop, read_counts

PART, TOP, RIGHT = 16_384, 20, 0.75
VALIDATION = 0.05


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=["exact", "near"])
    parser.add_argument("stats", type=Path, nargs="?", help="category_stats.csv, for exact")
    parser.add_argument("--share", type=float, default=1.0, help="of the products")
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=5_000)
    parser.add_argument("--width", type=int, default=1_280)
    options = parser.parse_args()
    if options.what == "exact":
        alone(make, exact, options.stats, options.share)
    else:
        alone(draw, near, options.known, options.asked, options.width)


def make(folder: Path, stats: Path, share: float) -> None:
    """Write two indexes, a split of the known one, and answers for its validation and the test."""
    random = np.random.default_rng(0)
    counts = larger(read_counts(stats), 1.25 * share)
    shop = cross(make_shop(counts, random, families=True), random, siblings=True, tail=True)
    taxonomy = tree(counts)
    asked = random.random(len(shop.category)) < 0.2
    for name, chosen in (("test", asked), ("known", ~asked)):
        write_index(folder / name, shop, np.flatnonzero(chosen), taxonomy)
    known = open_index(folder / "known")
    part = (random.random(len(known)) < VALIDATION).astype(np.int8)
    record = {"schema": 1, "by": "product", "seed": 0, "index": known.fingerprint, "report": {}}
    write_split(folder / "split", known.product_ids, part, record, overwrite=False)
    for name, rows in (("test", np.arange(int(asked.sum()))), ("known", np.flatnonzero(part))):
        write_answers(folder, name, rows, taxonomy, random)


def larger(counts: Counts, factor: float) -> Counts:
    """Return the counts of a catalogue of more products."""
    products = np.ceil(counts.products * factor).astype(np.int64)
    images = np.maximum(np.ceil(counts.images * factor).astype(np.int64), products)
    unique = np.ceil(counts.unique * factor).astype(np.int64)
    return Counts(products, images, unique.clip(1), counts.level1, counts.level2)


def tree(counts: Counts) -> Taxonomy:
    """Return leaves under numbered branches."""
    pairs = zip(counts.level1.tolist(), counts.level2.tolist(), strict=True)
    paths = tuple((str(one), str(two), str(leaf)) for leaf, (one, two) in enumerate(pairs))
    return Taxonomy(np.arange(len(paths), dtype=np.int64) + 1_000_000_000, paths)


def write_index(folder: Path, shop: Shop, products: NDArray[np.int64], taxonomy: Taxonomy) -> None:
    """Write what a memory reads of an INDEX, for some products of a made catalogue."""
    folder.mkdir()
    number = np.full(len(shop.category), -1, np.int32)
    number[products] = np.arange(len(products), dtype=np.int32)
    image = np.flatnonzero(number[shop.image_product] >= 0)
    product = number[shop.image_product[image]]
    counts = np.bincount(product, minlength=len(products))
    hashes = hashes_of(shop.content[image])
    table = {
        "product_id": pa.array(products * 3),
        "category": pa.array(taxonomy.ids[shop.category[products]]),
        "image_start": pa.array(np.cumsum(counts) - counts),
        "image_count": pa.array(counts.astype(np.int32)),
    }
    pq.write_table(pa.table(table), folder / "products.parquet")
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(hashes), [None, pa.py_buffer(np.ascontiguousarray(hashes))]
    )
    width = pa.array(np.full(len(image), 180, np.int32))
    table = {"product": pa.array(product), "hash": column, "width": width}
    pq.write_table(pa.table(table), folder / "images.parquet")
    write_taxonomy(taxonomy, folder / "categories.csv")
    write_sources(folder, [], folder)
    record = {
        "schema": 2, "root": ".", "sources": 0, "counts": {"products": len(products)},
        "taxonomy": "given", "fingerprint": folder.name, "hash": "made",
    }  # fmt: skip
    (folder / "index.json").write_text(json.dumps(record), encoding="utf-8")


def write_answers(
    folder: Path,
    name: str,
    rows: NDArray[np.int64],
    taxonomy: Taxonomy,
    random: np.random.Generator,
) -> None:
    """Invent the answers of a network for some products of an index."""
    index = open_index(folder / name)
    writer = PredictionsWriter(folder / f"answers-{name}", taxonomy=taxonomy, source={})
    for start in range(0, len(rows), PART):
        chosen = rows[start : start + PART]
        ids = index.product_ids.take(pa.array(chosen))
        writer.write(invent(ids, index.labels[chosen], len(taxonomy), random))
    writer.finish()


def invent(
    ids: pa.Array, labels: NDArray[np.int32], leaves: int, random: np.random.Generator
) -> Predictions:
    """Return answers whose first is right as often as its probability says."""
    confidence = random.beta(3, 1, len(labels))
    right = random.random(len(labels)) < confidence
    first = random.integers(0, leaves, len(labels))
    step = 1 + 263 * np.arange(TOP)  # different categories: 263 and 5,270 have no divisor in common
    place = np.where(right, 0, random.integers(1, 2 * TOP, len(labels)))
    listed = (first[:, None] + step) % leaves
    inside = np.flatnonzero(place < TOP)
    listed[inside] = (labels[inside, None] + (step[None, :] - step[place[inside], None])) % leaves
    fall = 0.6 ** np.arange(TOP - 1)
    others = (1 - confidence)[:, None] * 0.9 * fall / fall.sum()
    shares = np.column_stack([confidence, np.minimum(others, confidence[:, None])])
    shares = shares.astype(np.float32)
    rest = (1 - shares.sum(axis=1, dtype=np.float64)).clip(0, 1).astype(np.float32)
    return Predictions(ids, listed.astype(np.int32), shares, rest, np.ones(len(ids), np.int16))


def exact(folder: Path) -> None:
    """Fit and remember, then remember by the rule of 2017."""
    warm_up = open_index(folder / "known")
    print(f"{len(warm_up):,} known products, {len(warm_up.column('images', 'product')):,} images")
    del warm_up
    train: dict[str, Any] = {"split": folder / "split", "part": "train"}
    known, test = folder / "known", folder / "test"
    steps: dict[str, Callable[[], object]] = {
        "fit": lambda: (
            memory(
                folder / "answers-known", known, folder / "memory.json", truth=known, **train
            ).found
        ),
        "remember": lambda: remember(
            folder / "answers-test", test, folder / "r", memory=folder / "memory.json", known=known
        ),
        "override": lambda: remember(
            folder / "answers-test", test, folder / "o", override=True, known=known
        ),
    }
    for name, step in steps.items():
        started, spent = time.perf_counter(), time.process_time()
        print(step())
        told(name, started, spent)
    for name in ("answers-test", "r", "o"):
        print(name, score(folder / name, test).accuracy)


def draw(folder: Path, known: int, asked: int, width: int) -> None:
    """Save vectors of a heavy-tailed number of looks, positive as those behind a ReLU."""
    random = np.random.default_rng(0)
    basis = random.normal(size=(64, width)).astype(np.float32)
    looks = random.normal(size=(known // 50, 64)).astype(np.float32)
    for name, count in (("known", known), ("asked", asked)):
        which = random.zipf(1.5, count) % len(looks)
        near = looks[which] + random.normal(scale=0.5, size=(count, 64)).astype(np.float32)
        np.save(folder / name, np.maximum(near @ basis, 0).astype(np.float16))


def near(folder: Path) -> None:
    """Find neighbours among all, and by cells."""
    asked, known = (vectors(np.load(folder / f"{name}.npy")) for name in ("asked", "known"))
    searches: dict[str, Callable[..., Neighbours]] = {
        "all": find_neighbours,
        "cells": find_by_cells,
    }
    for name, search in searches.items():
        search(vectors(np.eye(8, dtype=np.float16)), vectors(np.eye(8, dtype=np.float16)), 2)
        started, spent = time.perf_counter(), time.process_time()
        found = search(asked, known, 20)
        told(f"{name}: {len(asked):,} of {len(known):,}", started, spent)
    print(f"share of the true neighbours found by cells: {share_found(asked, known, found):.4f}")


def vectors(values: NDArray[np.float16]) -> Vectors:
    """Return vectors in memory, each a group of its own kind."""
    groups = np.arange(len(values), dtype=np.int32) % 1000
    return Vectors(lambda at: values[at].astype(np.float32), groups, values.shape[1])


if __name__ == "__main__":
    main()
