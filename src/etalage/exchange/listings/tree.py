"""Lists the images of a folder tree: folders are categories, files are images of products.

Names are gone through in the order of their bytes, a folder's files before its folders. Hidden
names (a leading dot) are passed over. A link to a folder is never followed, a link to a file only
inside the root.
"""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from etalage.catalogue.tables.part import Issue
from etalage.errors import ConfigError
from etalage.exchange.categories import LEVEL_MARK, levels
from etalage.exchange.listings.listing import BATCH, FIELDS, FILE, Found, as_rows

IMAGE_NAMES = (".jpg", ".jpeg", ".png", ".webp")


def compile_group(pattern: str | None) -> re.Pattern[str] | None:
    """Return the pattern that says which files are one product.

    Raises:
        ConfigError: it is no regular expression, or has no group named ``product``.
    """
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"--group {pattern!r} is no regular expression: {error}") from error
    if "product" not in compiled.groupindex:
        hint = r"for example --group '(?P<product>\d+)_(?P<rank>\d+)\.jpg$'"
        raise ConfigError(f"--group {pattern!r} has no group named product", hint=hint)
    return compiled


def list_tree(root: Path, group: re.Pattern[str] | None) -> Iterator[Found]:
    """Yield the images below ``root``; one product each, or as ``group`` says."""
    files = walk(root)
    while entries := list(islice(files, BATCH)):
        paths = [path for path, refusal in entries if refusal is None]
        issues = [Issue(-1, 0, "", why, path) for path, why in entries if why is not None]
        products: list[str] = paths
        ranks: list[int | None] = [None] * len(paths)
        if group is not None:
            paths, products, ranks, strays = _grouped(paths, group)
            issues += [Issue(-1, 0, "", "no product", path) for path in strays]
        columns = {
            "id_text": pa.array(products, pa.string()),
            "branch": pa.array([branch_of(path) for path in paths], pa.string()),
            "rank": pa.array(ranks, pa.int64()),
            "kind": pa.repeat(pa.scalar(FILE, pa.int8()), len(paths)),
            "place": pa.array(paths, pa.string()),
            "offset": pa.repeat(pa.scalar(-1, pa.int64()), len(paths)),
        }
        yield Found(as_rows(columns, FIELDS, len(paths)), issues)


def branch_of(path: str) -> str | None:
    """Return the category that the folders of a path say, None for a file in the root."""
    folders = path.split("/")[:-1]
    return LEVEL_MARK.join(levels(folders)) if folders else None


def _grouped(
    paths: list[str], group: re.Pattern[str]
) -> tuple[list[str], list[str], list[int | None], list[str]]:
    found = [(path, group.search(path)) for path in paths]
    kept = [(path, match) for path, match in found if match is not None and match["product"]]
    strays = [path for path, match in found if match is None or not match["product"]]
    ranks = [_rank(match.groupdict().get("rank")) for _, match in kept]
    return [path for path, _ in kept], [match["product"] for _, match in kept], ranks, strays


def _rank(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def walk(root: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the path below ``root`` of every file, and why it is refused, or None."""
    real = os.path.realpath(root)
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(Path(root, folder)) as found:
                entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
        except OSError:
            yield folder, "folder cannot be read"
            continue
        inner = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}{entry.name}"
            if entry.is_dir(follow_symlinks=False) and _is_text(path):
                inner.append(f"{path}/")
            else:
                yield _printable(path), _refusal(entry, path, real)
        waiting += reversed(inner)


def _refusal(entry: os.DirEntry[str], path: str, root: str) -> str | None:
    """Return the kind of issue for a name that is no image, None for one that is."""
    if not _is_text(path):
        return "name is not UTF-8"
    if entry.is_symlink():
        if not Path(entry.path).is_file():
            return "link to no file"
        if not os.path.realpath(entry.path).startswith(root.rstrip("/") + "/"):
            return "outside the root"
    elif not entry.is_file(follow_symlinks=False):
        return "not a file"
    return None if entry.name.lower().endswith(IMAGE_NAMES) else "not an image file"


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: str) -> str:
    return os.fsencode(path).decode(errors="replace") if not _is_text(path) else path
