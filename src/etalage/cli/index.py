"""``etalage index``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.catalogue.build import index as build_index
from etalage.cli.show import print_made


def index(
    *catalogue: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    taxonomy: Path | None = None,
    text: Path | None = None,
    hash: Literal["xxh3", "md5"] = "xxh3",
    verify: bool = False,
    append: bool = False,
    workers: int | None = None,
    root: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Scan BSON files in place and write where every product and image lies.

    Args:
        catalogue: BSON files, or folders of them (mongodump writes such).
        output: the INDEX folder to write.
        taxonomy: category_names.csv; without one the categories have no names and no levels.
        text: products.csv; its columns (title, brand, ...) are added to the products by _id.
        hash: what identifies an image.
        verify: decode every image, and list those that do not.
        append: add what is new in the files of the index, and in those given.
        workers: processes that read; by default one on each core.
        root: folder that the index stores the catalogue's place relative to.
        yes: replace an index that is there.
        json: print one JSON document.
    """
    record = build_index(
        list(catalogue),
        output,
        taxonomy=taxonomy,
        text=text,
        hash_name=hash,
        verify=verify,
        append=append,
        workers=workers,
        root=root,
        overwrite=yes,
    )
    print_made(output, record, json=json)
