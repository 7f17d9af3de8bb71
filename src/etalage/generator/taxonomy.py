"""The tree a generated catalogue is sorted into, and how many products each leaf has.

Either the own French tree (20 departments, 100 shelves, up to 7,200 leaves), or the leaves of a
``category_names.csv``, or those of a ``category_stats.csv``
(``category_id,category_level1,category_level2,category_level3,products,images,unique_md5``)
with their published numbers of products.
"""

import csv
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from etalage.catalogue.taxonomy import Taxonomy, read_taxonomy
from etalage.errors import ConfigError, TaxonomyError
from etalage.generator.nouns import DEPARTMENTS, PARTS, PATTERNS

_PER_SHELF = len(PATTERNS) * len(PARTS)
LARGEST = 5270
_SMALLEST = 4
_PRODUCTS_PER_LEAF = 120
_SIGMA = 1.95
_HEAD, _TAIL = 0.75, 0.10  # of the products in the largest tenth, the smallest three quarters
_LARGEST_LEAF = 0.0113
_GATHER = 0.55
_FIRST_ID = 1000000235


@dataclass(frozen=True, eq=False)
class Tree:
    """A taxonomy and the number of products of each leaf.

    Attributes:
        taxonomy: the leaves.
        weights: share of the products of each leaf, shape (C,), sums to 1.
    """

    taxonomy: Taxonomy
    weights: NDArray[np.float64]


def default_categories(products: int) -> int:
    """Return how many leaves a catalogue of so many products has unless told otherwise."""
    return min(max(products // _PRODUCTS_PER_LEAF, 20), LARGEST)


def make_tree(
    products: int, seed: int, *, categories: int | None, taxonomy: Path | None, stats: Path | None
) -> Tree:
    """Return the tree that the options of ``synth`` describe.

    Raises:
        ConfigError: more categories asked for than there are, or fewer than four.
        TaxonomyError: a file that cannot be read.
    """
    count = default_categories(products) if categories is None else categories
    if count < _SMALLEST:
        raise ConfigError(f"categories is {count}, expected {_SMALLEST} or more")
    if stats is not None:
        return _from_stats(stats, count, asked=categories is not None)
    if taxonomy is None:
        tree = own_taxonomy(count, seed)
        return Tree(tree, long_tail(tree, seed))
    names = read_taxonomy(taxonomy)
    known = _enough(taxonomy, len(names), count, asked=categories is not None)
    chosen = np.sort(np.random.default_rng((seed, 11)).choice(len(names), known, replace=False))
    tree = _subset(names, chosen)
    return Tree(tree, long_tail(tree, seed))


def _enough(path: Path, known: int, count: int, *, asked: bool) -> int:
    if count > known and asked:
        raise ConfigError(f"{count} categories were asked for, {path} has {known}")
    return min(count, known)


def _subset(names: Taxonomy, rows: NDArray[np.int64]) -> Taxonomy:
    return Taxonomy(names.ids[rows], tuple(names.paths[row] for row in rows.tolist()))


def _from_stats(path: Path, count: int, *, asked: bool) -> Tree:
    rows = _read_stats(path)
    known = _enough(path, len(rows), count, asked=asked)
    rows.sort(key=lambda row: -row[2])
    # Evenly spaced in the order of size: a part of the leaves keeps the shape of the long tail.
    step = len(rows) / known
    chosen = sorted(rows[int((place + 0.5) * step)] for place in range(known))
    products = np.array([row[2] for row in chosen], np.float64)
    ids = np.array([row[0] for row in chosen], np.int64)
    return Tree(Taxonomy(ids, tuple(row[1] for row in chosen)), products / products.sum())


def _read_stats(path: Path) -> list[tuple[int, tuple[str, str, str], int]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_stats_row(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror}") from error
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise TaxonomyError(
            f"{path}: is not a category_stats.csv: {error}",
            hint="its columns are category_id, category_level1 to 3, products, images, unique_md5",
        ) from error


def _stats_row(row: dict[str, str]) -> tuple[int, tuple[str, str, str], int]:
    names = (row["category_level1"], row["category_level2"], row["category_level3"])
    return int(row["category_id"]), names, int(row["products"])


def own_taxonomy(count: int, seed: int) -> Taxonomy:
    """Return the own French tree with ``count`` leaves.

    Each shelf offers a grid of patterns and parts, and takes its leaves from the corner of that
    grid, so that every leaf shares its pattern with one sibling and its part with another.

    Raises:
        ConfigError: more leaves than the words allow.
    """
    if count > (most := _PER_SHELF * sum(len(shelves) for _, shelves in DEPARTMENTS)):
        raise ConfigError(f"categories is {count}, the own taxonomy has at most {most}")
    rng = np.random.default_rng((seed, 12))
    shelves = _shelves(count, rng)
    paths = []
    for number, (level1, shelf) in enumerate(shelves):
        leaves = (number + 1) * count // len(shelves) - number * count // len(shelves)
        for pattern, part in grid(leaves, rng):
            name = ", ".join(
                word for word in (f"{shelf} {PATTERNS[pattern][0]}", PARTS[part][0]) if word
            )
            paths.append((level1, shelf, name))
    ids = _FIRST_ID + np.sort(rng.choice(21_789, len(paths), replace=False))
    return Taxonomy(ids.astype(np.int64), tuple(paths))


def _shelves(count: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    branches = min(len(DEPARTMENTS), max(3, round(count**0.42)))
    per_branch = max(2, min(5, round(count**0.57 / branches)))
    per_branch = max(per_branch, -(-count // (branches * _PER_SHELF)))
    shelves = []
    for branch in np.sort(rng.permutation(len(DEPARTMENTS))[:branches]).tolist():
        level1, offered = DEPARTMENTS[branch]
        for place in np.sort(rng.permutation(len(offered))[:per_branch]).tolist():
            shelves.append((level1, offered[place].name))
    return shelves


def grid(leaves: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return ``leaves`` distinct pairs (pattern, part), as square a grid as there is."""
    wide = next(
        side
        for side in itertools.count(max(2, round(leaves**0.5)))
        if side * min(side, len(PARTS)) >= leaves
    )
    patterns = rng.permutation(len(PATTERNS))[:wide].tolist()
    parts = rng.permutation(len(PARTS))[: min(wide, len(PARTS))].tolist()
    pairs = sorted(
        itertools.product(range(len(patterns)), range(len(parts))),
        key=lambda pair: (max(pair), pair),
    )
    return [(patterns[pattern], parts[part]) for pattern, part in pairs[:leaves]]


def long_tail(taxonomy: Taxonomy, seed: int) -> NDArray[np.float64]:
    """Return the share of each leaf: a tenth of them hold 75 %, the lower three quarters 10 %.

    Log-normal with sigma 1.95, which nearly meets both published shares, then scaled to meet them;
    the head is flattened as the published one is (the largest leaf of 5,270 has 1.13 %). Large
    leaves gather in the same branches, as telephone cases do.
    """
    count = len(taxonomy)
    rng = np.random.default_rng((seed, 13))
    branch = rng.normal(size=int(taxonomy.nodes(2).max()) + 1)[taxonomy.nodes(2)]
    rank = np.argsort(np.argsort(-(_GATHER * branch + (1 - _GATHER) * rng.normal(size=count))))
    sizes = np.exp(_SIGMA * ndtri(1 - (np.arange(count) + 0.5) / count))
    head, middle = max(round(count / 10), 1), max(round(count / 4), 2)
    largest = max(_LARGEST_LEAF, 8 / count)
    most = min(_HEAD, 0.94 * head * largest)  # with few leaves, the head is lighter
    parts = (_flattened(sizes[:head], largest / most), sizes[head:middle], sizes[middle:])
    wanted = (most, 1 - most - _TAIL, _TAIL)
    scaled = [part / part.sum() * share for part, share in zip(parts, wanted, strict=True)]
    shares = np.sort(np.concatenate(scaled))[::-1]
    return np.asarray(shares[rank] / shares.sum())


def _flattened(sizes: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    """Scale ``sizes`` to the sum 1, none above ``largest``."""
    for _ in range(60):
        sizes = np.minimum(sizes / sizes.sum(), largest)
    return np.asarray(sizes / sizes.sum())


def leaf_sizes(weights: NDArray[np.float64], products: int) -> NDArray[np.int64]:
    """Return whole numbers of products that follow ``weights`` and sum to ``products``.

    A leaf gets 8 products or more where there are fifteen times that for each leaf on average.

    Raises:
        ConfigError: fewer products than leaves.
    """
    if products < len(weights):
        raise ConfigError(
            f"{products} products are too few for {len(weights)} categories",
            hint="ask for more products or fewer categories",
        )
    least = int(np.clip(products // (15 * len(weights)), 1, 12))
    spare = products - least * len(weights)
    wanted = np.maximum(weights * products - least, 0)
    exact = np.cumsum(wanted / wanted.sum() * spare) if wanted.any() else wanted
    edges = np.floor(exact + 1e-6).astype(np.int64)
    edges[-1] = spare
    sizes: NDArray[np.int64] = least + np.diff(edges, prepend=0)
    return sizes
