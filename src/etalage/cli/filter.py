"""``etalage filter``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.catalogue.selections.filter import Rule
from etalage.catalogue.selections.filter import filter as filter_index
from etalage.cli.show import print_made


def filter(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    category: list[str] | None = None,
    without: list[str] | None = None,
    labelled: bool = False,
    min_products: int | None = None,
    max_products: int | None = None,
    min_images: int | None = None,
    max_images: int | None = None,
    min_side: int | None = None,
    min_quality: int | None = None,
    no_flag: bool = False,
    root: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write an index of some products, without copying an image.

    A product is kept when everything that is asked of it holds.

    Args:
        index: the INDEX.
        output: the INDEX to write.
        category: id of a leaf, or names from the first level down ("HOME > KITCHEN"); repeat it
            for several. Categories that are left out are no categories of the new index.
        without: likewise, what to leave out.
        labelled: only products with a known category.
        min_products: only categories with so many products.
        max_products: only categories with at most so many products.
        min_images: only products with so many readable images.
        max_images: only products with at most so many images.
        min_side: only products with an image whose shorter side has so many pixels.
        min_quality: only products with an image of such a JPEG quality (1 to 100).
        no_flag: only products without an odd image.
        root: folder that the index stores the catalogue's place relative to.
        yes: replace an index that is there.
        json: print one JSON document.
    """
    rule = Rule(
        categories=tuple(category or ()),
        without=tuple(without or ()),
        labelled=labelled,
        min_products=min_products,
        max_products=max_products,
        min_images=min_images,
        max_images=max_images,
        min_side=min_side,
        min_quality=min_quality,
        no_flag=no_flag,
    )
    record = filter_index(index, output, rule, root=root, overwrite=yes)
    print_made(output, record, json=json)
