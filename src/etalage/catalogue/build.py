"""Makes the INDEX artefact from BSON files: one pass over them on every core, then the tables.

Killed at any moment and started again it goes on, and ends with the same bytes. A catalogue that
grew is read from where it ended.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from etalage.catalogue.bson.scan import Reading
from etalage.catalogue.bson.stretches import STRETCH_BYTES, Stretch, read_stretches
from etalage.catalogue.grown import File, files_to_read
from etalage.catalogue.index import SCHEMA, Index, open_index
from etalage.catalogue.tables.assemble import assemble
from etalage.catalogue.tables.indexed import IndexedParts, read_issues
from etalage.catalogue.tables.part import (
    HASHES,
    NO_IMAGES,
    NO_ISSUES,
    NO_PRODUCTS,
    Issue,
    Part,
    issue_table,
)
from etalage.catalogue.tables.parts import ChainedParts, Parts, StoredParts, write_parts
from etalage.catalogue.tables.texts import WithTexts
from etalage.catalogue.taxonomy import read_taxonomy
from etalage.errors import CatalogueError, ConfigError
from etalage.files import restore, resumable_folder


def index(
    sources: Sequence[Path],
    output: Path,
    *,
    taxonomy: Path | None = None,
    text: Path | None = None,
    hash_name: str = "xxh3",
    verify: bool = False,
    append: bool = False,
    root: Path | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    stretch_bytes: int = STRETCH_BYTES,
) -> dict[str, Any]:
    """Scan BSON files and write the INDEX artefact.

    Args:
        sources: files, or folders in which every ``.bson`` file counts (``mongodump`` writes such).
        output: folder to write.
        taxonomy: ``category_names.csv``; without one the labels make a flat taxonomy.
        text: a ``products.csv`` whose columns are added to the products by ``_id``.
        hash_name: ``xxh3`` (128 bits) or ``md5``, the identity of an image.
        verify: decode every image, and list those that do not.
        append: add what is new in the files of the index ``output`` and in ``sources``, which may
            be empty; taxonomy and hash are the index's unless given.
        root: folder the sources' paths are stored relative to; the index folder by default.
        overwrite: whether ``output`` may be replaced.
        workers: processes that read; None for one on each core.
        stretch_bytes: how much of a file one process reads at a time.

    Returns:
        The content of ``index.json``.

    Raises:
        CatalogueError: no source, one that is no BSON catalogue, or not a single product; with
            ``append``, a file that changed otherwise than by growing.
        TaxonomyError: the category file cannot be used.
        OutputError: the output exists or cannot be written.
    """
    if hash_name not in HASHES:
        raise ConfigError(f"hash {hash_name!r} is unknown, there are {', '.join(HASHES)}")
    restore(output)
    earlier = open_index(output, check=False) if append else None
    files = files_to_read(sources, earlier)
    if earlier is not None:
        hash_name = str(earlier.record["hash"])
        if taxonomy is None and text is None and not any(file.is_new for file in files):
            return earlier.record
        if taxonomy is None and earlier.record["taxonomy"] == "given":
            taxonomy = earlier.folder / "categories.csv"
    tree = read_taxonomy(taxonomy) if taxonomy else None
    plan = {
        "schema": SCHEMA,
        "files": [[str(file.path), file.source.fingerprint, file.start] for file in files],
        "hash": hash_name,
        "verify": verify,
        "stretch_bytes": stretch_bytes,
    }
    base = root or (output if earlier is None else earlier.sources.base)
    with resumable_folder(output, plan, overwrite=overwrite or append) as folder:
        scanned = folder / "scan"
        stretches = [
            stretch
            for number, file in enumerate(files)
            for stretch in file.cut(Reading(number, hash_name, verify), scanned, stretch_bytes)
        ]
        ends = read_stretches(stretches, workers=workers)
        parts = _parts(files, stretches, scanned, earlier)
        if text is not None:
            parts = WithTexts(parts, text, scanned / "texts")
        record = assemble(
            folder,
            parts,
            sources=[file.read(ends.get(number)) for number, file in enumerate(files)],
            root=base,
            output=output,
            taxonomy=tree,
            hash_name=hash_name,
        )
        shutil.rmtree(scanned)
    return record


def _parts(
    files: list[File], stretches: list[Stretch], folder: Path, earlier: Index | None
) -> Parts:
    """Return everything that the index holds, in the order of the files."""
    empty = [
        Issue(number, 0, "", "empty file", "")
        for number, file in enumerate(files)
        if not file.source.bytes
    ]
    nothing = Part(NO_PRODUCTS, NO_IMAGES, issue_table(empty))
    write_parts(folder, "empty", [nothing])
    chain: list[Parts] = [StoredParts(folder, ["empty"])]
    read: dict[int, list[str]] = {}
    for stretch in stretches:
        read.setdefault(stretch.reading.file, []).append(stretch.name)
    if earlier is None:
        chain += [StoredParts(folder, names) for names in read.values()]
        _refuse_nothing(ChainedParts(chain), files)
    else:
        chain += _grown(files, read, folder, earlier)
    return ChainedParts(chain)


def _grown(
    files: list[File], read: dict[int, list[str]], folder: Path, earlier: Index
) -> list[Parts]:
    """Return the products of the earlier index, each file followed by what is new in it."""
    numbers = np.arange(len(earlier.sources), dtype=np.int32)
    issues = read_issues(earlier, numbers)
    for number, file in enumerate(files[: len(numbers)]):
        if file.is_new:
            tail = pc.and_(
                pc.equal(issues["file"], number), pc.greater_equal(issues["offset"], file.start)
            )
            issues = issues.filter(pc.invert(tail))
    of = earlier.column("products", "file").to_numpy()
    in_order = bool((of[1:] >= of[:-1]).all())
    chain: list[Parts] = []
    done = 0
    for number, names in sorted(read.items()):
        stop = int(np.searchsorted(of, number, side="right")) if in_order else len(of)
        chain.append(IndexedParts(earlier, numbers, np.arange(done, stop), issues))
        chain.append(StoredParts(folder, names))
        issues, done = NO_ISSUES, stop
    return [*chain, IndexedParts(earlier, numbers, np.arange(done, len(of)), issues)]


def _refuse_nothing(parts: Parts, files: list[File]) -> None:
    if any(products.num_rows for products in parts.products(["file"])):
        return
    kinds = {kind for part in parts for kind in part.issues["kind"].to_pylist()}
    names = ", ".join(str(file.path) for file in files)
    raise CatalogueError(f"{names}: not a single product ({', '.join(sorted(kinds))})")
