"""What joins a catalogue's products into groups, and what leaks: a simulation at full size.

    python benchmarks/split.py category_stats.csv [--seed 0] [--grid]

Reads the published counts of each category (columns category_level1, category_level2, products,
images, unique_md5), makes a catalogue with these counts and the published tails, splits it with
the package's own functions, and prints tables of group sizes, leaks, seconds and memory:

* images per product follow the published proportions, tilted to each category's mean;
* copies per image are heavy-tailed (Pareto, at most 16,643) and add up to each category's images;
* copies lie on neighbouring products of a category, as a reseller's variants do ("families"), or
  on any ("scattered");
* 114,209 images get a copy, or a heavy-tailed number of copies, in other categories: any ("random")
  or mostly siblings ("siblings": 80 % under the same level-2 branch, 15 % under the same level 1).
"""

import argparse
import csv
import multiprocessing
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.duplicates import (
    MAX_BRANCHES,
    MAX_PRODUCTS,
    MAX_SHARE,
    Groups,
    Sharing,
    connect,
    find_shared,
    group_products,
)
from etalage.catalogue.stratify import TEST, TRAIN, deal

PER_IMAGES = np.array([4_369_441, 1_128_588, 542_792, 1_029_075])
CROSSING = 114_209
MOST_COPIES = 16_643
COPIED_SHARE = 0.25
PARETO = 1.15
ANY = 10**9

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """The published counts of each category and its ancestors' numbers, each (C,)."""

    products: Ints
    images: Ints
    unique: Ints
    level1: Ints
    level2: Ints


@dataclass(frozen=True)
class Shop:
    """A made catalogue: category of each product (P,); product and content of each image (I,)."""

    counts: Counts
    category: NDArray[np.int32]
    image_product: NDArray[np.int32]
    content: NDArray[np.int32]
    copies: Ints
    home: Ints


def read_counts(path: Path) -> Counts:
    """Read ``category_stats.csv``."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    branches = [f"{row['category_level1']}\t{row['category_level2']}" for row in rows]
    return Counts(
        products=np.array([int(row["products"]) for row in rows]),
        images=np.array([int(row["images"]) for row in rows]),
        unique=np.array([int(row["unique_md5"]) for row in rows]),
        level1=np.unique([row["category_level1"] for row in rows], return_inverse=True)[1],
        level2=np.unique(branches, return_inverse=True)[1],
    )


def images_per_product(counts: Counts, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return category and number of images of every product, the published mix tilted by means."""
    extra = np.clip(counts.images / counts.products - 1, 0, 3)
    low, high = np.full(len(extra), -30.0), np.full(len(extra), 30.0)
    for _ in range(60):
        tilt = (low + high) / 2
        weights = PER_IMAGES * np.exp(tilt[:, None] * np.arange(4))
        weights /= weights.sum(axis=1, keepdims=True)
        below = weights @ np.arange(4) < extra
        low, high = np.where(below, tilt, low), np.where(below, high, tilt)
    category = np.repeat(np.arange(len(extra)), counts.products)
    steps = weights.cumsum(axis=1)[category, :3]
    return category, 1 + (rng.random((len(category), 1)) > steps).sum(axis=1)


def copies_per_content(images: int, unique: int, rng: np.random.Generator) -> Ints:
    """Return the number of copies of each of ``unique`` contents; they add up to ``images``."""
    copies = np.ones(unique, np.int64)
    copied = min(unique, int(np.ceil((images - unique) * COPIED_SHARE)))
    copies[:copied] += 1
    rest = images - unique - copied
    for _ in range(20):
        if rest <= 0 or not copied:
            break
        weights = rng.pareto(PARETO, copied)
        copies[:copied] += rng.multinomial(rest, weights / weights.sum())
        rest = int((copies - MOST_COPIES).clip(0).sum())
        copies = copies.clip(max=MOST_COPIES)
    return copies


def make_shop(counts: Counts, rng: np.random.Generator, *, families: bool) -> Shop:
    """Make a catalogue of which no image is in two categories."""
    category, per_product = images_per_product(counts, rng)
    product = np.repeat(np.arange(len(category)), per_product)
    here = category[product]
    images = np.bincount(here, minlength=len(counts.products))
    unique = np.minimum(counts.unique, images).clip(1)
    made = [copies_per_content(*pair, rng) for pair in zip(images, unique, strict=True)]
    copies, home = np.concatenate(made), np.repeat(np.arange(len(made)), [len(m) for m in made])
    content = np.repeat(np.arange(len(copies)), copies)
    content = content[np.lexsort((rng.random(len(copies))[content], home[content]))]
    rank = np.arange(len(product)) - np.repeat(np.cumsum(per_product) - per_product, per_product)
    slots = np.lexsort((product, rank, here) if families else (rng.random(len(product)), here))
    placed = np.empty(len(product), np.int32)
    placed[slots] = content
    return Shop(counts, category.astype(np.int32), product.astype(np.int32), placed, copies, home)


def cross(shop: Shop, rng: np.random.Generator, *, siblings: bool, tail: bool) -> Shop:
    """Put copies of 114,209 images into other categories."""
    several = np.flatnonzero(shop.copies > 1)
    chosen = rng.choice(several, CROSSING, replace=False)
    if tail:
        extra = np.minimum(rng.zipf(2.2, CROSSING), shop.copies[chosen] - 1)
        chosen = np.repeat(chosen, extra)
    here = shop.category[shop.image_product]
    target = rng.integers(0, len(shop.counts.products), len(chosen))
    if siblings:
        luck = rng.random(len(chosen))
        for level, share in ((shop.counts.level1, 0.95), (shop.counts.level2, 0.8)):
            near = luck < share
            target[near] = _relative(level, shop.home[chosen[near]], rng)
    start = np.searchsorted(here, target)
    images = np.searchsorted(here, target, side="right") - start
    content = shop.content.copy()
    content[start + (rng.random(len(chosen)) * images).astype(np.int64)] = chosen
    return Shop(shop.counts, shop.category, shop.image_product, content, shop.copies, shop.home)


def _relative(level: Ints, category: Ints, rng: np.random.Generator) -> Ints:
    """Return a random category under the same node of a level, for each category."""
    order = np.argsort(level, kind="stable")
    size = np.bincount(level)
    first = np.cumsum(size) - size
    node = level[category]
    found = order[first[node] + (rng.random(len(category)) * size[node]).astype(np.int64)]
    return np.asarray(found, np.int64)


def hashes_of(content: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Return 128 bits for each content that look like a hash."""
    words = np.empty((len(content), 2), np.uint64)
    for word in range(2):
        mixed = (content.astype(np.uint64) + np.uint64(word + 1)) * np.uint64(0x9E3779B97F4A7C15)
        words[:, word] = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return words


def shared_of(shop: Shop) -> Sharing:
    """Find the shared images of a shop."""
    branch = shop.counts.level2[shop.category].astype(np.int32)
    return find_shared(shop.image_product, hashes_of(shop.content), branch, labels=shop.category)


def leak(shop: Shop, groups: Groups, sharing: Sharing) -> tuple[float, float]:
    """Return the share of products in test, and the share of these with an image in train."""
    part = deal(
        groups.product_group,
        shop.category,
        categories=len(shop.counts.products),
        validation=0.1,
        test=0.1,
        seed=0,
    )
    image = np.repeat(np.arange(len(sharing.images)), sharing.images.products)
    trained = np.zeros(len(sharing.images), np.bool_)
    trained[image[part[sharing.products] == TRAIN]] = True
    exposed = np.zeros(len(part), np.bool_)
    exposed[sharing.products[trained[image]]] = True
    return float((part == TEST).mean()), float(exposed[part == TEST].mean())


def show_rule(shop: Shop, sharing: Sharing, products: int, branches: int, share: float) -> None:
    """Print what one rule does."""
    groups = connect(
        sharing, len(shop.category), max_products=products, max_branches=branches, share=share
    )
    tested, exposed = leak(shop, groups, sharing)
    rule = [f"{number:,}" if number < ANY else "any" for number in (products, branches)]
    print(
        f"| {rule[0]} | {rule[1]} | {share:.1%} | {groups.sizes.max() / len(shop.category):.3%} "
        f"| {len(groups.boilerplate):,} | {len(groups.refused):,} | {groups.refused_joins:,} "
        f"| {tested:.2%} | {exposed:.2%} |",
        flush=True,
    )


def show_shop(title: str, shop: Shop, rules: list[tuple[int, int, float]]) -> None:
    """Print a table of rules for one made catalogue."""
    sharing = shared_of(shop)
    crossing = int((sharing.images.branches > 1).sum())
    print(f"\n{title}: {len(sharing.images):,} shared images, {crossing:,} over branches\n")
    print("| N | M | S | largest group | boilerplate | refused | joins refused | test | leak |")
    print("|---|---|---|---|---|---|---|---|---|")
    for rule in rules:
        show_rule(shop, sharing, *rule)


def show_speed(shop: Shop) -> None:
    """Print seconds and memory of grouping and dealing at full size, in a process of its own."""
    branch = shop.counts.level2[shop.category].astype(np.int32)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "product", shop.image_product)
        np.save(Path(folder) / "hash", hashes_of(shop.content))
        np.save(Path(folder) / "branch", branch)
        np.save(Path(folder) / "category", shop.category)
        process = multiprocessing.get_context("spawn").Process(target=timed, args=(Path(folder),))
        process.start()
        process.join()


def timed(folder: Path) -> None:
    """Group and deal the products whose arrays lie in a folder."""
    names = ("product", "hash", "branch", "category")
    product, words, branch, category = (np.load(folder / f"{name}.npy") for name in names)
    options = {"categories": int(category.max()) + 1, "seed": 0}
    group_products(product[:9], words[:9], branch[:9], 9)  # compiles
    deal(category[:9], category[:9], validation=0.1, test=0.1, **options)
    before, started, spent = peak(), time.perf_counter(), time.process_time()
    groups = group_products(product, words, branch, len(category), labels=category)
    grouped, most, busy = time.perf_counter(), peak(), time.process_time() - spent
    deal(groups.product_group, category, validation=0.1, test=0.1, **options)
    dealt = time.perf_counter()
    print(f"\n{len(product):,} images, {len(category):,} products:")
    print(f"group_products {grouped - started:.1f} s ({busy:.1f} s of processor)")
    print(f"peak memory {before:.2f} GB before, {most:.2f} GB after")
    print(f"deal {dealt - grouped:.1f} s, peak memory {peak():.2f} GB")


def peak() -> float:
    """Return the most memory this process has held since it began, in GB (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e9


def main() -> None:
    """Run the simulation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("stats", type=Path, help="category_stats.csv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grid", action="store_true", help="also every N with every M, random")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    counts = read_counts(options.stats)
    rules = [(ANY, ANY, 1.0), (1, ANY, MAX_SHARE), (MAX_PRODUCTS, MAX_BRANCHES, MAX_SHARE)]
    rules += [(100, 10, MAX_SHARE), (1000, 10, MAX_SHARE), (10_000, 10, MAX_SHARE)]
    rules += [(ANY, 3, MAX_SHARE), (ANY, ANY, 0.001), (ANY, ANY, MAX_SHARE), (ANY, ANY, 0.01)]
    for families in (True, False):
        calm = make_shop(counts, rng, families=families)
        style = "families" if families else "scattered"
        show_copies(calm)
        for siblings in (False, True):
            shop = cross(calm, rng, siblings=siblings, tail=True)
            where = "siblings" if siblings else "random"
            show_shop(f"{style}, {where}", shop, rules)
            if options.grid and families and not siblings:
                show_shop(f"{style}, {where}, no limit to a group", shop, grid(1.0))
                show_shop(f"{style}, {where}, limited groups", shop, grid(MAX_SHARE))
            if families and not siblings:
                show_speed(shop)


def grid(share: float) -> list[tuple[int, int, float]]:
    """Return every N with every M."""
    limits = (10, 50, 100, 300, 1000, 10_000, ANY)
    return [(products, branches, share) for products in limits for branches in (1, 2, 3, 5, ANY)]


def show_copies(shop: Shop) -> None:
    """Print how many images have how many copies."""
    histogram = np.bincount(shop.copies)
    images = np.bincount(np.bincount(shop.image_product, minlength=len(shop.category)))[1:]
    print(f"\nproducts with 1, 2, ... images: {images.tolist()}")
    print(
        f"contents with 1, 2, 3, 4 copies: {histogram[1:5].tolist()}, at most {shop.copies.max()}"
    )


if __name__ == "__main__":
    main()
