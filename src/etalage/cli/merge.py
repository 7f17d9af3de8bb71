"""``etalage merge``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.catalogue.selections.merge import merge as merge_indexes
from etalage.cli.show import print_made


def merge(
    *index: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    root: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write one index of several, without copying an image.

    Of products with one id the first counts; the others are listed.

    Args:
        index: the INDEX folders, in the order of the products.
        output: the INDEX to write.
        root: folder that the index stores the catalogue's place relative to.
        yes: replace an index that is there.
        json: print one JSON document.
    """
    record = merge_indexes(list(index), output, root=root, overwrite=yes)
    print_made(output, record, json=json)
