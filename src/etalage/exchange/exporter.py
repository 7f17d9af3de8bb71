"""Writes the products of an INDEX in the forms of other tools; ``docs/export.md`` shows them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.catalogue.taxonomy import write_taxonomy
from etalage.errors import ConfigError
from etalage.exchange.forms.folder import write_folder
from etalage.exchange.forms.parquet import write_parquet
from etalage.exchange.forms.shelf import Shelf
from etalage.exchange.forms.webdataset import write_webdataset
from etalage.exchange.manifest import FORMATS, Manifest, write_manifest
from etalage.files import fingerprint, resumable_folder
from etalage.progress import progress_bar

SHARD_BYTES = 500_000_000
_FIXED = frozenset({"_id", "category_id", "rank", "image", "images", "label"})


def export(
    index: Path,
    output: Path,
    *,
    form: str = "folder",
    split: Path | None = None,
    part: str | None = None,
    shard_bytes: int = SHARD_BYTES,
    overwrite: bool = False,
) -> Manifest:
    """Write products with their images, labels and texts for other tools.

    ``etalage.import_catalogue`` of the folder gives the same products back.

    Args:
        index: the INDEX to export.
        output: the folder to write.
        form: ``folder``, ``webdataset`` or ``parquet``.
        split: a SPLIT of this index, to export one part of it.
        part: ``train``, ``validation`` or ``test``.
        shard_bytes: of images in each tar or Parquet file, about.
        overwrite: whether ``output`` may be replaced.

    Returns:
        What was written, as in ``export.json``.

    Raises:
        CatalogueError: the index cannot be used, or its catalogue has changed.
        SplitError: the split is of another index.
        ConfigError: an option that means nothing.
        OutputError: the output exists or cannot be written.
    """
    if form not in FORMATS:
        raise ConfigError(f"format {form!r} is unknown, there are {', '.join(FORMATS)}")
    if (split is None) != (part is None):
        raise ConfigError("--split and --part go together")
    if shard_bytes < 1:
        raise ConfigError(f"shards of {shard_bytes} bytes: expected at least 1")
    opened = open_index(index)
    shelf = Shelf(opened, _rows(opened, split, part))
    if not len(shelf):
        raise ConfigError(f"{split or index}: holds no product to export")
    names = text_columns(shelf.texts)
    plan = {
        "export": opened.fingerprint,
        "format": form,
        "part": part,
        "shard": shard_bytes,
        "split": fingerprint(split) if split else None,
        "texts": names,
    }
    with resumable_folder(output, plan, overwrite=overwrite) as folder:
        with progress_bar("export", len(shelf)) as advance:
            if form == "folder":
                files = write_folder(folder, shelf, names, advance)
            elif form == "webdataset":
                files = write_webdataset(folder, shelf, names, advance, shard_bytes)
            else:
                files = write_parquet(folder, shelf, names, advance, shard_bytes, part or "train")
        write_taxonomy(opened.taxonomy, folder / "category_names.csv")
        manifest = Manifest(
            format=form,
            files=files,
            ids="text" if str(opened.product_ids.type) == "string" else "integer",
            texts={column: name for name, column in names.items()},
            products=len(shelf),
            images=shelf.images,
            index=opened.fingerprint,
            part=part,
        )
        write_manifest(folder, manifest)
    return manifest


def _rows(index: Index, split: Path | None, part: str | None) -> NDArray[np.int64]:
    if split is None or part is None:
        return np.arange(len(index))
    return read_split(split).rows(index, part)


def text_columns(texts: list[str]) -> dict[str, str]:
    """Return the column of each text: its name, with a line below where that is taken."""
    columns: dict[str, str] = {}
    taken = set(_FIXED)
    for name in texts:
        column = name
        while column in taken:
            column += "_"
        taken.add(column)
        columns[name] = column
    return columns
