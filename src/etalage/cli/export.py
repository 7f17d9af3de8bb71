"""``etalage export``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.exchange.exporter import SHARD_BYTES
from etalage.exchange.exporter import export as export_index


def export(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    form: Annotated[
        Literal["folder", "webdataset", "parquet"], Parameter(name="--format")
    ] = "folder",
    split: Path | None = None,
    part: Literal["train", "validation", "test"] | None = None,
    shard_bytes: int = SHARD_BYTES,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write products with images, labels and texts in the form of other tools.

    Args:
        index: the INDEX to export.
        output: the folder to write.
        form: an image folder, WebDataset tars, or Parquet as Hugging Face datasets read it.
        split: a SPLIT of the index, to export one part of it.
        part: which part.
        shard_bytes: of images in one tar or Parquet file, about.
        yes: replace a folder that is there.
        json: print one JSON document.
    """
    manifest = export_index(
        index, output, form=form, split=split, part=part, shard_bytes=shard_bytes, overwrite=yes
    )
    if json:
        print(json_module.dumps(asdict(manifest), ensure_ascii=False))
    else:
        what = f"{manifest.products:,} products, {manifest.images:,} images"
        print(f"{output}: {what}, {len(manifest.files):,} {form} files")
