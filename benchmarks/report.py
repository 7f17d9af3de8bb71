"""``etalage report`` at full size: seconds and peak memory of the whole process.

    python benchmarks/report.py category_stats.csv [FOLDER] [--part 1.0]

Makes a small catalogue of drawings, indexes it, and multiplies the rows of its tables to the
published counts: 7.07 million products in the 5,270 categories of the file, 12.37 million images of
which 7.77 million are different, titles, descriptions and 10,000 resellers. Every image row still
points at a real JPEG of the small catalogue, so pictures are read and decoded as ever. Copies lie
on neighbouring products; 114,209 images also lie in other categories. A second index, of the size
of the competition's test set and with half its images in the first, is there to be compared with.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import etalage
from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy

PER_IMAGES = np.array([4_369_441, 1_128_588, 542_792, 1_029_075])
DISTINCT_SHARE = 7_772_910 / 12_371_293
CROSSING = 114_209
MOST_COPIES = 16_643
TEST_SHARE = 1_768_182 / 7_069_896
RESELLERS = 10_000
LIMIT_SECONDS, LIMIT_GB = 120, 4.0

Ints = NDArray[np.int64]


def read_stats(path: Path) -> tuple[Taxonomy, Ints]:
    """Return the taxonomy of a ``category_stats.csv`` and the products of each leaf."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["category_id"]))
    names = ("category_level1", "category_level2", "category_level3")
    paths = tuple((row[names[0]], row[names[1]], row[names[2]]) for row in rows)
    ids = np.array([int(row["category_id"]) for row in rows], np.int64)
    return Taxonomy(ids, paths), np.array([int(row["products"]) for row in rows])


def contents(images: int, random: np.random.Generator) -> Ints:
    """Return the content of each image: a heavy tail of copies, next to each other."""
    distinct = round(images * DISTINCT_SHARE)
    copies = np.ones(distinct, np.int64)
    copied = distinct // 8
    weights = np.minimum(random.pareto(1.15, copied) + 1, MOST_COPIES)
    copies[:copied] += random.multinomial(images - distinct, weights / weights.sum())
    order = random.permutation(distinct)
    content = np.repeat(order, copies[order])
    crossing = random.choice(images, min(CROSSING, images // 10), replace=False)
    content[crossing] = content[random.permutation(crossing)]
    return content


def hashes_of(content: Ints) -> pa.Array:
    """Return 128 bits for each content that look like a hash."""
    words = np.empty((len(content), 2), np.uint64)
    for word in range(2):
        mixed = (content.astype(np.uint64) + np.uint64(word + 1)) * np.uint64(0x9E3779B97F4A7C15)
        words[:, word] = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(content), [None, pa.py_buffer(words)]
    )


def multiply(
    small: Path, folder: Path, taxonomy: Taxonomy, products: Ints, content: Ints, image_count: Ints
) -> None:
    """Write an index with the tables of a small one multiplied, labels and copies as given."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    total = len(image_count)
    table = pq.read_table(small / "products.parquet")
    table = table.take(pa.array(random.integers(0, len(table), total)))
    labels = np.repeat(taxonomy.ids, products)
    seller = np.minimum(random.zipf(1.3, total), RESELLERS) - 1
    names = pa.array([f"reseller {row}" for row in range(RESELLERS)])
    put(
        table,
        folder / "products.parquet",
        {
            "product_id": np.arange(total),
            "category": labels,
            "image_start": np.cumsum(image_count) - image_count,
            "image_count": image_count,
            "reseller": names.take(pa.array(seller)),
        },
    )
    del table, labels, seller
    table = pq.read_table(small / "images.parquet")
    table = table.take(pa.array(content % len(table)))
    product = np.repeat(np.arange(total), image_count)
    start = np.repeat(np.cumsum(image_count) - image_count, image_count)
    put(
        table,
        folder / "images.parquet",
        {
            "product": product,
            "rank": np.arange(len(product)) - start,
            "hash": hashes_of(content),
        },
    )
    write_taxonomy(taxonomy, folder / "categories.csv")
    (folder / "issues.csv").write_text("file,offset,product_id,kind,detail\n", encoding="utf-8")
    for extra in small.glob("sources.parquet"):
        (folder / extra.name).write_bytes(extra.read_bytes())
    record: dict[str, Any] = json.loads((small / "index.json").read_text(encoding="utf-8"))
    record["counts"] |= {"products": total, "labelled": total, "images": len(content)}
    (folder / "index.json").write_text(json.dumps(record), encoding="utf-8")


def put(table: pa.Table, path: Path, columns: dict[str, Any]) -> None:
    """Write a table with some columns replaced or added."""
    for name, values in columns.items():
        there = table.schema.get_field_index(name)
        kind = table.schema.field(there).type if there >= 0 else None
        column = pa.array(values, kind)
        if there >= 0:
            table = table.set_column(there, name, column)
        else:
            table = table.append_column(name, column)
    pq.write_table(table, path, compression="zstd")


def make(stats: Path, folder: Path, part: float) -> tuple[Path, Path]:
    """Make both indexes."""
    taxonomy, counts = read_stats(stats)
    etalage.synth(folder / "small", products=8000, text=True, overwrite=True)
    names = folder / "small/category_names.csv"
    etalage.index([folder / "small/train.bson"], folder / "index", taxonomy=names, overwrite=True)
    random = np.random.default_rng(0)
    made = []
    for name, scale in (("full", part), ("test", part * TEST_SHARE)):
        products = np.maximum(np.round(counts * scale).astype(np.int64), 1)
        image_count = random.choice(
            np.arange(1, 5), int(products.sum()), p=PER_IMAGES / PER_IMAGES.sum()
        )
        content = contents(int(image_count.sum()), random)
        if name == "test":
            # Every other image is one that the first catalogue does not have.
            content = np.where(content % 2, content, content + 10**9)
        multiply(folder / "index", folder / name, taxonomy, products, content, image_count)
        print(f"{name}: {len(image_count):,} products, {len(content):,} images", flush=True)
        made.append(folder / name)
    return made[0], made[1]


def measure(index: Path, output: Path, *options: object) -> None:
    """Run the command as a process of its own and print what it took."""
    command = [sys.executable, "-m", "etalage", "report", index, "-o", output, "--yes", *options]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    script = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
    )
    wrapped = [sys.executable, "-c", script, *map(str, command)]
    done = subprocess.run(wrapped, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    gigabytes = int(done.stdout.split()[-1]) * 1024 / 1e9
    held = seconds <= LIMIT_SECONDS and gigabytes <= LIMIT_GB
    size = output.stat().st_size / 1e6
    print(
        f"{' '.join(map(str, options)) or 'alone'}: {seconds:.1f} s ({busy:.1f} s of processor), "
        f"{gigabytes:.2f} GB, page of {size:.1f} MB: {'within' if held else 'OVER'} "
        f"{LIMIT_SECONDS} s and {LIMIT_GB:.0f} GB",
        flush=True,
    )


def main() -> None:
    """Make the indexes and report on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("stats", type=Path, help="category_stats.csv")
    parser.add_argument("folder", type=Path, nargs="?", help="where to make and leave everything")
    parser.add_argument("--part", type=float, default=1.0, help="of the full size")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        full, test = make(options.stats, folder, options.part)
        measure(full, folder / "report.html")
        measure(full, folder / "drift.html", "--against", test)


if __name__ == "__main__":
    main()
