"""Categories by path: folders to the three levels and back, and the numbers they get."""

from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np

from etalage.catalogue.taxonomy import Taxonomy
from etalage.files import fingerprint_bytes

Path3 = tuple[str, str, str]

LEVEL_MARK = "\x1f"
"""Between the names of the three levels in a ``branch``."""

_UNSAFE = frozenset('%/\\:*?"<>|') | {chr(code) for code in (*range(32), 127)}
_LONGEST = 180
_EMPTY = "%"


def levels(folders: list[str]) -> Path3:
    """Return the names on levels 1, 2 and 3 of a path of one or more folders.

    One folder is a leaf of a flat taxonomy, two are level 1 and the leaf; of more than three the
    rest are one leaf's name.
    """
    if len(folders) == 1:
        return "", "", folders[0]
    if len(folders) == 2:
        return folders[0], "", folders[1]
    return folders[0], folders[1], " / ".join(folders[2:])


def folders(path: Path3) -> list[str]:
    """Return folder names for a category, such that ``levels`` of them unquoted is the path."""
    first, second, third = path
    if not first and not second:
        return [safe_name(third)]
    if not second:
        return [safe_name(first), safe_name(third)]
    return [safe_name(name) for name in path]


def safe_name(name: str) -> str:
    """Return a file name that every system takes; ``original_name`` undoes it.

    What a file system refuses, a leading dot and a final blank or dot are written ``%XX``. A name
    too long is cut and cannot be undone: the tables beside the files have it whole.
    """
    if not name:
        return _EMPTY
    text = "".join(_quote(char) if char in _UNSAFE else char for char in name)
    if text[0] == ".":
        text = _quote(".") + text[1:]
    if text[-1] in " .":
        text = text[:-1] + _quote(text[-1])
    if len(text.encode()) > _LONGEST:
        return cut_name(name, text)
    return text


def cut_name(name: str, text: str, longest: int = _LONGEST) -> str:
    """Return the beginning of ``text`` and a hash of ``name``, all names different."""
    digest = fingerprint_bytes(name.encode())
    head = text.encode()[: longest - len(digest) - 2].decode(errors="ignore")
    return f"{head}%~{digest}"


def original_name(text: str) -> str:
    """Return the name that ``safe_name`` made ``text`` of."""
    return "" if text == _EMPTY else unquote(text, errors="strict")


def _quote(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


@dataclass(frozen=True)
class Numbering:
    """The ids of the categories of an import.

    Attributes:
        taxonomy: all of them, or None where no category has a name.
        ids: id of each branch (levels joined by ``LEVEL_MARK``) that a source gave without one.
        conflicts: (id, path that is not used) of ids that were given several paths.
    """

    taxonomy: Taxonomy | None
    ids: dict[str, int]
    conflicts: list[tuple[int, str]]


def split_branch(branch: str) -> Path3:
    """Return the three names of a branch."""
    first, second, third = branch.split(LEVEL_MARK, 2)
    return first, second, third


def number_categories(
    seen: dict[tuple[int | None, str | None], None],
    named: dict[int, Path3],
    taxonomy: Taxonomy | None,
) -> Numbering:
    """Return the ids of categories given by path.

    Args:
        seen: every pair of an id and a branch that occurs, either may be None, in order.
        named: paths of ids that the source itself says (a list of class names).
        taxonomy: the categories given; a path it does not have gets no id.
    """
    paths = dict(named)
    conflicts = []
    for category, branch in seen:
        if category is not None and branch is not None:
            path = split_branch(branch)
            if paths.setdefault(category, path) != path:
                conflicts.append((category, " > ".join(filter(None, path))))
    loose = {branch for category, branch in seen if category is None and branch is not None}
    if taxonomy is not None:
        known = _ids_by_path(dict(zip(taxonomy.ids.tolist(), taxonomy.paths, strict=True)))
        found = {branch: known.get(split_branch(branch)) for branch in sorted(loose)}
        given = {branch: number for branch, number in found.items() if number is not None}
        return Numbering(taxonomy, given, [])
    if not paths and not loose:
        return Numbering(None, {}, [])
    ids = _new_ids(loose, paths, {category for category, _ in seen if category is not None})
    paths |= {number: split_branch(branch) for branch, number in ids.items()}
    for category, _ in seen:
        if category is not None:
            paths.setdefault(category, ("", "", ""))
    ordered = sorted(paths)
    tree = Taxonomy(np.array(ordered, np.int64), tuple(paths[number] for number in ordered))
    return Numbering(tree, ids, conflicts)


def _ids_by_path(paths: dict[int, Path3]) -> dict[Path3, int]:
    """Return the smallest id of each path."""
    return {paths[number]: number for number in sorted(paths, reverse=True)}


def _new_ids(loose: set[str], paths: dict[int, Path3], taken: set[int]) -> dict[str, int]:
    """Number branches from 1 in the order of their paths; known paths keep the id they have."""
    known, ids, number = _ids_by_path(paths), {}, 0
    used = taken | set(paths)
    for branch in sorted(loose, key=split_branch):
        path = split_branch(branch)
        if path in known:
            ids[branch] = known[path]
            continue
        number += 1
        while number in used:
            number += 1
        ids[branch] = number
    return ids
