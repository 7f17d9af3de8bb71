"""What the products of each leaf look like: a shape, its proportions, a pattern and a part.

The shape comes from the level-2 branch (its department from level 1), pattern and part from the
leaf, so that near leaves look alike and errors are hierarchical.
"""

import zlib
from dataclasses import dataclass

import numpy as np

from etalage.catalogue.taxonomy import Taxonomy
from etalage.generator.nouns import DEPARTMENTS, PARTS, PATTERNS
from etalage.generator.taxonomy import grid

_STRETCHES = ((1.0, 1.0), (0.7, 1.0), (1.0, 0.66), (0.85, 0.85), (0.55, 1.0), (1.0, 0.5))
_PER_SHELF = len(PATTERNS) * len(PARTS)
_PRINTED = frozenset({
    "book", "album", "folded_map", "diary", "cd", "vinyl", "tape", "boxset", "sheet",
    "number_plate",
})  # fmt: skip
_LABELLED = frozenset({"fridge", "washer", "oven", "coffee", "kettle", "screen", "lamp", "tyre"})


@dataclass(frozen=True)
class Look:
    """What all products of a leaf have in common.

    Attributes:
        shape: name of the shape.
        stretch: factors of width and height.
        pattern: row of ``nouns.PATTERNS``.
        part: row of ``nouns.PARTS``.
        printed: whether words are printed on it (books, records).
        labelled: whether some offers show an energy label only.
        noun: what titles call it.
    """

    shape: str
    stretch: tuple[float, float]
    pattern: int
    part: int
    printed: bool
    labelled: bool
    noun: str


def leaf_looks(taxonomy: Taxonomy) -> tuple[Look, ...]:
    """Return the look of every leaf."""
    nodes = taxonomy.nodes(2).tolist()
    places = _places(nodes)
    siblings = np.bincount(nodes).tolist()
    branches = taxonomy.nodes(1).tolist()
    shelf_rank = _ranks_within(nodes, branches)
    return tuple(
        _look(path, siblings[node], places[row], shelf_rank[node])
        for row, (path, node) in enumerate(zip(taxonomy.paths, nodes, strict=True))
    )


def _places(nodes: list[int]) -> list[int]:
    seen: dict[int, int] = {}
    places = []
    for node in nodes:
        places.append(seen.get(node, 0))
        seen[node] = places[-1] + 1
    return places


def _ranks_within(nodes: list[int], branches: list[int]) -> dict[int, int]:
    ranks: dict[int, int] = {}
    used: dict[int, int] = {}
    for node, branch in sorted(set(zip(nodes, branches, strict=True))):
        ranks[node] = used.get(branch, 0)
        used[branch] = ranks[node] + 1
    return ranks


def _look(path: tuple[str, str, str], siblings: int, place: int, shelf: int) -> Look:
    own = _OWN.get(path)
    if own is not None:
        shape, noun, pattern, part = own
        return _finish(shape, (1.0, 1.0), pattern, part, noun)
    level1, level2, level3 = path
    shelves = DEPARTMENTS[_department(level1)][1]
    extra, place = divmod(place, _PER_SHELF)
    pairs = grid(min(siblings, _PER_SHELF), np.random.default_rng(zlib.crc32(level2.encode())))
    pattern, part = pairs[place % len(pairs)]
    stretch = _STRETCHES[(shelf // len(shelves) + extra) % len(_STRETCHES)]
    noun = level3.strip().capitalize() or "Article"
    return _finish(shelves[shelf % len(shelves)].shape, stretch, pattern, part, noun)


def _finish(shape: str, stretch: tuple[float, float], pattern: int, part: int, noun: str) -> Look:
    return Look(shape, stretch, pattern, part, shape in _PRINTED, shape in _LABELLED, noun)


def _department(level1: str) -> int:
    """Return the department whose first word begins a word of ``level1``, else any fixed one."""
    for row, (name, _) in enumerate(DEPARTMENTS):
        if name.split()[0][:5] in level1.upper():
            return row
    return zlib.crc32(level1.encode()) % len(DEPARTMENTS)


def _own() -> dict[tuple[str, str, str], tuple[str, str, int, int]]:
    looks = {}
    for level1, shelves in DEPARTMENTS:
        for shelf in shelves:
            for pattern, (pattern_name, _) in enumerate(PATTERNS):
                for part, (part_name, _) in enumerate(PARTS):
                    name = f"{shelf.name} {pattern_name}" + (f", {part_name}" if part_name else "")
                    looks[level1, shelf.name, name] = (shelf.shape, shelf.noun, pattern, part)
    return looks


_OWN = _own()
