"""``etalage report``."""

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.reports import report as make_report
from etalage.reports.make import DECODE


def report(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    against: Path | None = None,
    translations: Path | None = None,
    decode: int = DECODE,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write one page about a catalogue: categories, copies, image files, conflicts, texts, drift.

    Args:
        index: the INDEX.
        output: the HTML file to write; it needs nothing else to be shown.
        against: another INDEX (the test catalogue, last month's) to compare with.
        translations: CSV of name,translation for the names of level 1.
        decode: most suspicious images to decode of each kind.
        seed: of the example products; same seed, same page.
        yes: replace a file that is there.
        json: print the numbers of the page as one JSON document.
    """
    document = make_report(
        index,
        output,
        against=against,
        translations=translations,
        decode=decode,
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(document, ensure_ascii=False))
    else:
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
