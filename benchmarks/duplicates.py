"""How fast duplicates are found at full size, and what near duplicates are.

    python benchmarks/duplicates.py exact category_stats.csv
    python benchmarks/duplicates.py join INDEX... [--images 12400000]
    python benchmarks/duplicates.py quality INDEX...
    python benchmarks/duplicates.py speed INDEX [--images 4000]

``exact`` makes the catalogue of ``benchmarks/split.py`` (7.07 million products, 12.37 million
images) and finds its duplicates, tables included. ``join`` draws looks of which any two bits are as
correlated as in the catalogues given, copies some of them with noise in heavy-tailed numbers, and
joins them. ``quality`` encodes real pictures anew and resizes them, and prints how far they go and
how far others are. ``speed`` compares with imagehash where that is installed. The first two measure
in a process of their own, with its peak memory (Linux).
"""

import argparse
import io
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import norm

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.ledger.folder import write_tables
from etalage.catalogue.ledger.ledger import make_ledger
from etalage.catalogue.ledger.near.clusters import make_clusters
from etalage.catalogue.ledger.near.find import DISTANCE, TONE
from etalage.catalogue.ledger.near.join import find_pairs
from etalage.catalogue.ledger.near.looks import Looks
from etalage.catalogue.ledger.report import make_report, report_rows
from etalage.catalogue.sources import Sources, write_sources
from etalage.catalogue.taxonomy import Taxonomy
from etalage.images.perceptual import TONES, look_at
from split import cross, hashes_of, make_shop, peak, read_counts

SIDES = (90, 120, 150, 173, 240, 300)
QUALITIES = (50, 60, 75, 85, 95)


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=["exact", "join", "quality", "speed"])
    parser.add_argument("inputs", type=Path, nargs="+")
    parser.add_argument("--images", type=int, default=0)
    options = parser.parse_args()
    if options.what == "exact":
        alone(make_arrays, exact, options.inputs)
    elif options.what == "join":
        alone(draw_looks, joined, options.inputs, options.images or 12_400_000)
    elif options.what == "quality":
        for folder in options.inputs:
            quality(open_index(folder))
    else:
        speed(open_index(options.inputs[0]), options.images or 4000)


def alone(make: Callable[..., None], measure: Callable[[Path], None], *arguments: object) -> None:
    """Make arrays in one process, measure in another: neither's memory counts for the other."""
    with tempfile.TemporaryDirectory() as folder:
        for work, given in ((make, (Path(folder), *arguments)), (measure, (Path(folder),))):
            process = multiprocessing.get_context("spawn").Process(target=work, args=given)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(process.exitcode)


def make_arrays(folder: Path, inputs: list[Path]) -> None:
    """Save the arrays of a made catalogue."""
    rng = np.random.default_rng(0)
    shop = cross(
        make_shop(read_counts(inputs[0]), rng, families=True), rng, siblings=True, tail=True
    )
    np.save(folder / "product", shop.image_product)
    np.save(folder / "hash", hashes_of(shop.content))
    np.save(folder / "label", shop.category)
    np.save(folder / "branch", np.stack([shop.counts.level1, shop.counts.level2]))


def made_index(folder: Path) -> Index:
    """Return an index of arrays instead of files."""
    product, words, labels = (
        np.load(folder / f"{name}.npy") for name in ("product", "hash", "label")
    )
    level1, level2 = np.load(folder / "branch.npy")
    paths = tuple(
        (str(a), str(b), str(c)) for c, (a, b) in enumerate(zip(level1, level2, strict=True))
    )
    counts = {"products": len(labels)}
    write_sources(folder, [], folder)
    record = {"counts": counts, "fingerprint": "made", "hash": "made"}
    index = Index(folder, record, Sources(folder, folder))
    index.__dict__ |= {
        "image_product": product,
        "hashes": words,
        "labels": labels,
        "readable": np.ones(len(product), np.bool_),
        "product_ids": pa.array(np.arange(len(labels)) * 3),
        "taxonomy": Taxonomy(np.arange(len(paths)) * 10 + 1_000_000_000, paths),
    }
    return index


def exact(folder: Path) -> None:
    """Find the duplicates of a made catalogue."""
    index = made_index(folder)
    few = made_index(folder)
    few.__dict__ |= {"image_product": index.image_product[:9], "hashes": index.hashes[:9]}
    few.__dict__ |= {"readable": index.readable[:9]}
    make_ledger(few)  # compiles
    print(f"{len(index):,} products, {len(index.image_product):,} images, {peak():.2f} GB before")
    started, spent = time.perf_counter(), time.process_time()
    ledger = make_ledger(index)
    told("ledger", started, spent)
    report = make_report(ledger, [], None)
    told("and report", started, spent)
    write_tables(folder, ledger, None)
    told("and tables", started, spent)
    for path in sorted(folder.glob("*.parquet")):
        print(f"{path.name} {path.stat().st_size / 1e6:.1f} MB")
    for row in report_rows(report):
        print(" | ".join(row))


def told(what: str, started: float, spent: float) -> None:
    """Print seconds and memory until now."""
    clock, busy = time.perf_counter() - started, time.process_time() - spent
    print(f"{what}: {clock:.1f} s, {busy:.1f} s of processor, peak {peak():.2f} GB", flush=True)


def looks_of(index: Index, rows: NDArray[np.int64]) -> NDArray[np.void]:
    """Return what the images of an index look like."""
    return look_at(index.images(rows))


def distinct(index: Index) -> NDArray[np.int64]:
    """Return the first rows of an index's distinct images."""
    return np.sort(np.unique(index.hashes[:, 0], return_index=True)[1])


def unpacked(looks: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return the 256 bits of looks, (N, 256)."""
    packed = np.ascontiguousarray(looks["bits"]).view(np.uint8).reshape(len(looks), -1)
    return np.unpackbits(packed, axis=1, bitorder="little")


def draw_looks(folder: Path, inputs: list[Path], total: int) -> None:
    """Save looks whose bits are as likely and as correlated as in real catalogues."""
    rng = np.random.default_rng(0)
    real = np.concatenate([looks_of(index, distinct(index)) for index in map(open_index, inputs)])
    bits = unpacked(real[real["state"] == 0]).astype(np.float64)
    factor, threshold = latent(bits)
    copies = np.minimum(rng.zipf(2.5, total), 20_000)
    copies = copies[: np.searchsorted(copies.cumsum(), total) + 1]
    picture = np.repeat(np.arange(len(copies)), copies)[:total]
    base = np.empty((len(copies), 32), np.uint8)
    for start in range(0, len(copies), 100_000):
        values = (
            rng.standard_normal((min(100_000, len(copies) - start), 256), np.float32) @ factor.T
        )
        base[start : start + len(values)] = np.packbits(values > threshold, axis=1)
    picture = picture[rng.permutation(total)]
    packed = base[picture]
    flips = rng.poisson(3, total)
    for time_over in range(int(flips.max())):
        rows = np.flatnonzero(flips > time_over)
        bit = rng.integers(0, 256, len(rows))
        packed[rows, bit // 8] ^= (1 << (bit % 8)).astype(np.uint8)
    template = rng.integers(0, len(real), len(copies))
    tones = np.empty((total, TONES), np.uint8)
    for start in range(0, total, 100_000):
        some = real["tones"][template[picture[start : start + 100_000]]].astype(np.int16)
        some += rng.integers(-1, 2, some.shape, np.int16)
        tones[start : start + len(some)] = some.clip(0, 255)
    np.save(folder / "bits", packed.view(np.uint32))
    np.save(folder / "tones", tones)
    print(f"{total:,} looks of {len(copies):,} pictures, drawn after {len(real):,} real ones")


def latent(bits: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return factor and thresholds of normal variables that give such bits: a Gaussian copula."""
    mean = bits.mean(axis=0).clip(0.001, 0.999)
    scaled = (bits - mean) / np.sqrt(mean * (1 - mean))
    correlation = np.sin(np.pi / 2 * (scaled.T @ scaled / len(bits)).clip(-1, 1))
    values, vectors = np.linalg.eigh(correlation)
    factor = vectors * np.sqrt(values.clip(1e-6))
    factor /= np.linalg.norm(factor, axis=1, keepdims=True)
    return factor.astype(np.float32), norm.ppf(1 - mean).astype(np.float32)


def joined(folder: Path) -> None:
    """Join looks that were drawn."""
    bits, tones = np.load(folder / "bits.npy"), np.load(folder / "tones.npy")
    state = np.zeros(len(bits), np.uint8)
    looks = Looks(bits, tones, state, state)
    few = Looks(bits[:99], tones[:99], state[:99], state[:99])
    limits = {"distance": DISTANCE, "tone": TONE}
    make_clusters(few, find_pairs(few, **limits), **limits)  # compiles
    print(f"{len(bits):,} looks, {peak():.2f} GB before")
    started, spent = time.perf_counter(), time.process_time()
    pairs = find_pairs(looks, **limits)
    told("pairs", started, spent)
    clusters = make_clusters(looks, pairs, **limits)
    told("and clusters", started, spent)
    sizes = clusters.size[clusters.size > 1]
    print(f"{len(pairs.pairs):,} pairs, {pairs.crowded} crowded, {pairs.cut} cut buckets")
    print(f"{len(sizes):,} clusters of {sizes.sum():,}, at most {sizes.max()}")


def variants(data: bytes) -> dict[str, bytes]:
    """Return a picture encoded anew and resized."""
    pixels = simplejpeg.decode_jpeg(data, "RGB")
    made = {f"quality {q}": simplejpeg.encode_jpeg(pixels, q, "RGB", "420") for q in QUALITIES}
    for side in SIDES:
        scale = side / max(pixels.shape[:2])
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how)
        made[f"{side} px, quality 75"] = simplejpeg.encode_jpeg(resized, 75, "RGB", "420")
        if side == min(SIDES):
            made[f"{side} px, quality 50"] = simplejpeg.encode_jpeg(resized, 50, "RGB", "420")
    made["cropped by 2 px"] = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels[2:-2, 2:-2]), 85, "RGB", "420"
    )
    return made


def quality(index: Index) -> None:
    """Print how far variants of pictures are, and how many others are as near."""
    rows = distinct(index)
    looks = looks_of(index, rows)
    sample = np.arange(0, len(rows), max(1, len(rows) // 1500))
    made = [variants(data) for data in index.images(rows[sample])]
    print(f"\n{index.folder.name}: {len(sample):,} of {len(rows):,} pictures\n")
    print("| variant | bits: p50 / p99 / most | tones: p50 / p99 / most | same band | found |")
    print("|---|---|---|---|---|")
    for name in made[0]:
        print(variant_row(name, looks[sample], look_at([each[name] for each in made])))
    strangers(looks)


def variant_row(name: str, looks: NDArray[np.void], again: NDArray[np.void]) -> str:
    """Return a line of the table of variants."""
    differing = unpacked(looks) != unpacked(again)
    bits = differing.sum(axis=1)
    tones = np.abs(looks["tones"].astype(int) - again["tones"].astype(int)).max(axis=1)
    banded = (~differing.reshape(-1, 8, 32).any(axis=2)).any(axis=1)
    found = banded & (bits <= DISTANCE) & (tones <= TONE)
    spread = [
        " / ".join(f"{value:.0f}" for value in (*np.percentile(far, [50, 99]), far.max()))
        for far in (bits, tones)
    ]
    return f"| {name} | {spread[0]} | {spread[1]} | {banded.mean():.2%} | {found.mean():.2%} |"


def strangers(looks: NDArray[np.void]) -> None:
    """Print how many pairs of different pictures are within some limits."""
    signs = unpacked(looks).astype(np.float32) * 2 - 1
    near: list[NDArray[np.int64]] = []
    for start in range(0, len(signs), 2000):
        between = (256 - signs[start : start + 2000] @ signs.T) / 2
        one, other = np.nonzero(between <= 24)
        kept = one + start < other
        near.append(np.stack([one[kept] + start, other[kept], between[one[kept], other[kept]]]))
    one, other, bits = np.concatenate(near, axis=1).astype(np.int64)
    tones = looks["tones"].astype(int)
    apart = np.abs(tones[one] - tones[other]).max(axis=1)
    print(f"\npairs of {len(looks) * (len(looks) - 1) // 2:,} different pictures within\n")
    print("| bits | any tones | 12 | 10 | 8 | 6 |\n|---|---|---|---|---|---|")
    for most in (8, 12, 16, 20, 24):
        counts = [int(((bits <= most) & (apart <= tone)).sum()) for tone in (255, 12, 10, 8, 6)]
        print(f"| {most} | " + " | ".join(f"{count:,}" for count in counts) + " |")


def speed(index: Index, count: int) -> None:
    """Print images looked at per second of processor, here and by imagehash."""
    images = index.images(distinct(index)[:count])
    look_at(images[:10])
    print(f"{len(images):,} images of {np.mean([len(data) for data in images]):,.0f} bytes")
    best = dict.fromkeys(peers(), float("inf"))
    for _ in range(5):
        for name, work in peers().items():
            best[name] = min(best[name], timed(work, images))
    for name, seconds in best.items():
        print(f"{name}: {len(images) / seconds:,.0f} images per CPU-second")


def timed(work: Callable[[list[bytes]], object], images: list[bytes]) -> float:
    """Return the seconds of processor that some work takes."""
    started = time.process_time()
    work(images)
    return time.process_time() - started


def peers() -> dict[str, Callable[[list[bytes]], object]]:
    """Return what is compared; imagehash only where it is installed."""
    found: dict[str, Callable[[list[bytes]], object]] = {"etalage": look_at}
    try:
        imagehash = import_module("imagehash")
    except ImportError:
        return found

    def hashed(how: Callable[..., object]) -> Callable[[list[bytes]], object]:
        return lambda images: [how(Image.open(io.BytesIO(data))) for data in images]

    return found | {f"imagehash.{n}": hashed(getattr(imagehash, n)) for n in ("phash", "dhash")}


if __name__ == "__main__":
    main()
