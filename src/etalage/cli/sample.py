"""``etalage sample``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.catalogue.selections.sample import sample as draw_sample
from etalage.cli.show import print_made


def sample(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    products: int | None = None,
    share: float | None = None,
    at_least: int = 0,
    seed: int = 0,
    root: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write an index of products drawn by lot, of every category its share; no image is copied.

    Args:
        index: the INDEX.
        output: the INDEX to write.
        products: how many to draw.
        share: what share of them, instead.
        at_least: of every category at least so many, or all it has.
        seed: the same seed draws the same products.
        root: folder that the index stores the catalogue's place relative to.
        yes: replace an index that is there.
        json: print one JSON document.
    """
    record = draw_sample(
        index,
        output,
        products=products,
        share=share,
        at_least=at_least,
        seed=seed,
        root=root,
        overwrite=yes,
    )
    print_made(output, record, json=json)
