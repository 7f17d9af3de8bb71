"""Writes an INDEX from rows of others: the sources that they need, numbered anew."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.catalogue.sources import NOT_READ_ON, Source
from etalage.catalogue.tables.assemble import assemble
from etalage.catalogue.tables.indexed import IndexedParts, issues_of, read_issues
from etalage.catalogue.tables.parts import ChainedParts, Parts
from etalage.catalogue.taxonomy import Taxonomy
from etalage.files import whole_folder

Rows = NDArray[np.int64] | None


def derive(
    chosen: Sequence[tuple[Index, Rows]],
    output: Path,
    *,
    taxonomy: Taxonomy,
    root: Path | None,
    overwrite: bool,
) -> dict[str, Any]:
    """Write an INDEX of products of other indexes, without reading an image.

    Args:
        chosen: indexes of one hash, each with product rows, ascending, or None for all of them.
        output: the INDEX to write.
        taxonomy: its categories; a flat one without names becomes the labels that occur.
        root: folder that the sources' paths are stored relative to; ``output`` by default.
        overwrite: whether ``output`` may be replaced.

    Returns:
        The content of its ``index.json``.
    """
    sources: dict[Path, int] = {}
    recorded: list[Source] = []
    chain: list[Parts] = []
    for index, rows in chosen:
        files = _number(index, rows, sources, recorded)
        issues = read_issues(index, files)
        if rows is not None:
            issues = issues_of(issues, index.product_ids.take(rows))
        chain.append(IndexedParts(index, files, rows, issues))
    named = any(any(path) for path in taxonomy.paths)
    with whole_folder(output, overwrite=overwrite) as folder:
        return assemble(
            folder,
            ChainedParts(chain),
            sources=recorded,
            root=root or output,
            output=output,
            taxonomy=taxonomy if named else None,
            hash_name=str(chosen[0][0].record["hash"]),
        )


def _number(
    index: Index, rows: Rows, sources: dict[Path, int], recorded: list[Source]
) -> NDArray[np.int32]:
    """Return the new number of each source of ``index`` that is needed, -1 for the others."""
    files = np.full(len(index.sources), -1, np.int32)
    for number in _used(index, rows).tolist():
        source = index.sources.recorded(number)
        if source.path not in sources:
            sources[source.path] = len(recorded)
            # What is new in a file is for an index that has all of it, not for a selection.
            recorded.append(source if rows is None else replace(source, read_to=NOT_READ_ON))
        files[number] = sources[source.path]
    return files


def _used(index: Index, rows: Rows) -> NDArray[np.int64]:
    if rows is None:
        return np.arange(len(index.sources))
    used = np.zeros(len(index.sources) + 1, np.bool_)
    used[index.column("products", "file").to_numpy()[rows]] = True
    kept = np.zeros(len(index), np.bool_)
    kept[rows] = True
    used[index.column("images", "file").to_numpy()[kept[index.image_product]]] = True
    return np.flatnonzero(used[:-1])
