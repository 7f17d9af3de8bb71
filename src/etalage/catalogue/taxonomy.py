"""The tree of categories: three levels, leaves keyed by id, branches keyed by path.

File format (``category_names.csv``, UTF-8, header line, one row per leaf, fields may be quoted)::

    category_id,category_level1,category_level2,category_level3

Names are kept byte for byte, trailing blanks included. They are never keys: in Cdiscount's file
seven leaf names and three level-2 names occur twice. A branch is its path from the root.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.errors import TaxonomyError

LEVELS = 3
HEADER = ("category_id", "category_level1", "category_level2", "category_level3")


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """The leaves in ascending order of id, each with its three names.

    Attributes:
        ids: leaf ids, ascending, shape (C,), int64.
        paths: for each leaf the names on levels 1, 2 and 3; empty names in a flat taxonomy.
    """

    ids: NDArray[np.int64]
    paths: tuple[tuple[str, str, str], ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Taxonomy):
            return NotImplemented
        return self.paths == other.paths and np.array_equal(self.ids, other.ids)

    __hash__ = None  # type: ignore[assignment]  # compared by value, holds an array

    @cached_property
    def is_flat(self) -> bool:
        """Whether there is nothing above the leaves."""
        return all(path[:2] == ("", "") for path in self.paths)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the row of each id, -1 for an id that is no leaf of this tree."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int32)
        found = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        return np.where(self.ids[found] == ids, found, -1).astype(np.int32)

    def nodes(self, level: int) -> NDArray[np.int32]:
        """Return for each leaf the number of its ancestor on ``level`` (1, 2 or 3), shape (C,).

        Nodes are numbered from 0 in the order of their paths; on level 3 they are the leaves.
        """
        if level == LEVELS:
            return np.arange(len(self), dtype=np.int32)
        prefixes = [path[:level] for path in self.paths]
        number = {prefix: row for row, prefix in enumerate(sorted(set(prefixes)))}
        return np.array([number[prefix] for prefix in prefixes], np.int32)

    def counts(self) -> tuple[int, int, int]:
        """Return the number of nodes on levels 1, 2 and 3."""
        first, second, third = (len(set(self.nodes(level).tolist())) for level in (1, 2, 3))
        return first, second, third

    def label(self, row: int) -> str:
        """Return the path of a leaf to show to a person, or its id when it has no names."""
        names = [name.strip() for name in self.paths[row] if name.strip()]
        return " > ".join(names) or str(self.ids[row])


def flat_taxonomy(ids: NDArray[np.int64]) -> Taxonomy:
    """Return a taxonomy of the distinct ``ids`` without names or branches."""
    leaves = np.unique(ids)
    return Taxonomy(leaves, tuple(("", "", "") for _ in leaves))


def chosen_leaves(taxonomy: Taxonomy, names: Iterable[str]) -> NDArray[np.bool_]:
    """Return which leaves are meant by ids, or by names from the first level down, (C,).

    Args:
        taxonomy: the tree.
        names: each the id of a leaf, or the path of a node, its names joined by ``>``; blanks
            around names do not matter.

    Raises:
        TaxonomyError: a name that means no leaf.
    """
    chosen = np.zeros(len(taxonomy), np.bool_)
    stripped = [tuple(name.strip() for name in path) for path in taxonomy.paths]
    for name in names:
        path = tuple(part.strip() for part in name.split(">"))
        found = np.array([leaf[: len(path)] == path for leaf in stripped], np.bool_)
        if name.strip().lstrip("-").isdigit():
            found = found | (taxonomy.ids == int(name))
        if not found.any():
            raise TaxonomyError(
                f"category {name!r} is not in the taxonomy of {len(taxonomy):,} leaves",
                hint='give an id, or names from the first level down: "HOME > KITCHEN"',
            )
        chosen |= found
    return chosen


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a ``category_names.csv``.

    Raises:
        TaxonomyError: not readable, not UTF-8, a header or row of another shape, an id that is no
            integer or occurs twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _parse(path, csv.reader(file))
    except OSError as error:
        raise TaxonomyError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"{path}: is not UTF-8 at byte {error.start}") from error
    except csv.Error as error:
        raise TaxonomyError(f"{path}: is not CSV: {error}") from error


def _parse(path: Path, lines: Iterable[list[str]]) -> Taxonomy:
    rows = iter(lines)
    header = tuple(next(rows, []))
    if header != HEADER:
        raise TaxonomyError(f"{path}: the header is {','.join(header)!r}, not {','.join(HEADER)!r}")
    leaves: dict[int, tuple[str, str, str]] = {}
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(HEADER):
            raise TaxonomyError(f"{path}:{number}: {len(row)} fields, expected {len(HEADER)}")
        leaf = _leaf_id(path, number, row[0])
        if leaf in leaves:
            raise TaxonomyError(f"{path}:{number}: category {leaf} occurs twice")
        leaves[leaf] = (row[1], row[2], row[3])
    ids = np.array(sorted(leaves), np.int64)
    return Taxonomy(ids, tuple(leaves[int(leaf)] for leaf in ids))


def _leaf_id(path: Path, number: int, text: str) -> int:
    try:
        leaf = int(text)
    except ValueError:
        raise TaxonomyError(f"{path}:{number}: category_id {text!r} is no integer") from None
    if not -(2**63) <= leaf < 2**63:
        raise TaxonomyError(f"{path}:{number}: category_id {text} does not fit 64 bits")
    return leaf


def write_taxonomy(taxonomy: Taxonomy, path: Path) -> None:
    """Write the file that ``read_taxonomy`` reads, leaves in ascending order of id."""
    with path.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, lineterminator="\n")
        quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(HEADER)
        for leaf, names in zip(taxonomy.ids.tolist(), taxonomy.paths, strict=True):
            # A carriage return alone ends a line for readers; not every Python quotes it.
            writer = quoted if any("\r" in name for name in names) else plain
            writer.writerow((leaf, *names))
