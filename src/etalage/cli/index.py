"""``etalage index``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.catalogue.build import index as build_index
from etalage.cli.show import print_index


def index(
    *catalogue: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    taxonomy: Path | None = None,
    hash: Literal["xxh3", "md5"] = "xxh3",
    root: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Scan BSON files in place and write where every product and image lies.

    Args:
        catalogue: BSON files, or folders of them (mongodump writes such).
        output: the INDEX folder to write.
        taxonomy: category_names.csv; without one the categories have no names and no levels.
        hash: what identifies an image.
        root: folder that the index stores the catalogue's place relative to.
        yes: replace an index that is there.
        json: print one JSON document.
    """
    record = build_index(
        list(catalogue), output, taxonomy=taxonomy, hash_name=hash, root=root, overwrite=yes
    )
    if json:
        print(json_module.dumps(record["counts"], ensure_ascii=False))
    else:
        print_index(output, record)
