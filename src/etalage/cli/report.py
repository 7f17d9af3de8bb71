"""``etalage report``."""

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from etalage.reports import report as make_report
from etalage.reports.catalogue import DECODE


def report(
    artefact: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    index: Path | None = None,
    against: Path | None = None,
    translations: Path | None = None,
    decode: int = DECODE,
    seed: int = 0,
    truth: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    known: Path | None = None,
    audited: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write one page about a catalogue, a training or a score.

    Of an INDEX: categories, copies, image files, conflicts, texts, drift. Of a MODEL: curves, the
    confusion that costs most, accuracy by level, images and frequency, confidence, examples. Of
    PREDICTIONS or a submission: the page of etalage score.

    Args:
        artefact: the INDEX, the MODEL, the PREDICTIONS or the submission.
        output: the HTML file to write; it needs nothing else to be shown.
        index: of a MODEL: the INDEX it was trained on, for its pictures; of PREDICTIONS: the INDEX
            of their products.
        against: of an INDEX: another one (the test catalogue, last month's) to compare with; of
            PREDICTIONS: other ones.
        translations: of an INDEX: CSV of name,translation for the names of level 1.
        decode: of an INDEX: most suspicious images to decode of each kind.
        seed: of an INDEX: of the example products; same seed, same page; of PREDICTIONS: of the
            resamples behind the intervals.
        truth: of PREDICTIONS, which need it: a labelled INDEX, or a CSV of _id and category_id.
        split: of PREDICTIONS: a SPLIT; only the products of one of its parts are scored.
        part: of PREDICTIONS: train, validation or test of the split.
        known: of PREDICTIONS: the INDEX they were learned from.
        audited: of PREDICTIONS: blind decisions on a random sample of the products.
        yes: replace a file that is there.
        json: print the numbers of the page as one JSON document.
    """
    document = make_report(
        artefact,
        output,
        index=index,
        against=against,
        translations=translations,
        decode=decode,
        seed=seed,
        truth=truth,
        split=split,
        part=part,
        known=known,
        audited=audited,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(document, ensure_ascii=False))
    else:
        print(f"{output}: {output.stat().st_size / 1e6:.1f} MB")
