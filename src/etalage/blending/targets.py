"""``distill``: from what a blend answers of the training products, what a student learns from.

The targets are PREDICTIONS, as ``train --teacher`` reads them: the training products of a SPLIT
that the teacher answers, in its order, its probabilities raised to 1 / temperature and divided by
their sum. Below 1 that sharpens, above 1 it softens. The mass outside the k categories is spread
evenly over the C - k others, and each of these is raised likewise.

A teacher that has learned from a product answers it as it was told to, right or wrong. So it is
said whether all that was blended is out of fold, as far as the predictions tell, and how many
answers agree with the given labels.
"""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.blending.aligned import product_ids, refuse_own
from etalage.calibration.temperature import with_temperature
from etalage.catalogue.index import Index, open_index
from etalage.catalogue.split import read_split
from etalage.errors import ConfigError, PredictionsError
from etalage.files import fingerprint
from etalage.predictions.folder import PredictionsFolder, open_predictions, read_part
from etalage.predictions.manifest import NAME
from etalage.predictions.product_ids import positions, some
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter

COLDEST, HOTTEST = 0.1, 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DistillReport:
    """What came out.

    Attributes:
        products: training products with a target.
        without: training products with an image that the teacher does not answer.
        from_prior: products answered without an image: a training passes over them.
        out_of_fold: whether each product was answered by models that had not seen it, as far as the
            predictions tell.
        agreement: share of the answers from images that are the given label.
    """

    products: int
    without: int
    from_prior: int
    out_of_fold: bool
    agreement: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


def distill(
    predictions: Path,
    index: Path,
    output: Path,
    *,
    split: Path,
    temperature: float = 1.0,
    partial: bool = False,
    overwrite: bool = False,
) -> DistillReport:
    """Write the targets that a student is to learn from.

    Args:
        predictions: of a blend, or of one teacher; they may answer other products too.
        index: the INDEX that the student will be trained on.
        output: the PREDICTIONS folder to write; an unfinished one of the same making is finished.
        split: the SPLIT it will be trained with.
        temperature: below 1 sharpens the answers, above 1 softens them: 0.1 to 10.
        partial: whether training products may be without an answer.
        overwrite: replace what stands at ``output``.

    Raises:
        ConfigError: a temperature out of its range.
        PredictionsError: of other categories, or without all the training products.
        OutputError: ``output`` is finished already, or cannot be written.
    """
    if not COLDEST <= temperature <= HOTTEST:
        raise ConfigError(f"temperature is {temperature}: expected {COLDEST} to {HOTTEST}")
    refuse_own(output, [predictions])
    opened, catalogue = open_predictions(predictions), open_index(index)
    _require_same_categories(opened, catalogue)
    rows = read_split(split).rows(catalogue, "train")
    rows = rows[catalogue.labels[rows] >= 0]
    taught = catalogue.product_ids.take(pa.array(rows))
    without = _require_answers(opened, catalogue, rows, taught, partial=partial)
    source = {
        "targets": {"manifest": fingerprint(predictions / NAME), "source": opened.manifest.source},
        "index": catalogue.fingerprint,
        "split": fingerprint(split),
        "temperature": temperature,
    }
    writer = PredictionsWriter(output, taxonomy=opened.taxonomy, source=source, overwrite=overwrite)
    done, counts = len(writer.done_parts), np.zeros(3, np.int64)
    for number, (part, place) in enumerate(_taught_parts(opened, taught)):
        target = tempered(part, temperature, len(opened.taxonomy))
        if number >= done:
            writer.write(target)
        seen = target.images > 0
        right = seen & (target.categories[:, 0] == catalogue.labels[rows[place]])
        counts += [len(target), (~seen).sum(), right.sum()]
    writer.finish()
    products, blind, right_ones = counts.tolist()
    report = DistillReport(
        products,
        without,
        blind,
        unseen(opened.manifest.source),
        right_ones / max(1, products - blind),
    )
    if not report.out_of_fold:
        log.warning(
            "%s: nothing says that its models had not seen these products; where they had, they "
            "answer as they were told to (etalage folds makes answers of heads that had not)",
            predictions,
        )
    return report


def unseen(source: dict[str, Any]) -> bool:
    """Whether predictions are out of fold, by what they record: all parts of a blend must be."""
    if "blend" in source:
        return all(unseen(member["source"]) for member in source["blend"]["members"])
    if "targets" in source:
        return unseen(source["targets"]["source"])
    return "folds" in source


def tempered(answers: Predictions, temperature: float, leaves: int) -> Predictions:
    """Return answers raised to 1 / temperature, and divided by their sum: see the module."""
    found = with_temperature(answers.probabilities, answers.rest, leaves, temperature)
    return replace(answers, probabilities=found[0], rest=found[1])


def _taught_parts(
    opened: PredictionsFolder, taught: pa.Array
) -> Iterator[tuple[Predictions, NDArray[np.int64]]]:
    """Yield of each part the rows that are taught, and their places among ``taught``."""
    for part in opened.manifest.parts:
        read = read_part(opened.folder, part, opened.manifest, opened.taxonomy)
        place = positions(read.product_ids, taught)
        mine = np.flatnonzero(place >= 0)
        yield read.take(mine), place[mine]


def _require_same_categories(opened: PredictionsFolder, index: Index) -> None:
    ours, theirs = index.taxonomy, opened.taxonomy
    if not np.array_equal(ours.ids, theirs.ids):
        common = int((ours.rows(theirs.ids) >= 0).sum())
        raise PredictionsError(
            f"{opened.folder}: is of another taxonomy: {common:,} of its {len(theirs):,} "
            f"categories are among the {len(ours):,} of {index.folder}",
            hint="let models of these categories answer",
        )


def _require_answers(
    opened: PredictionsFolder,
    index: Index,
    rows: NDArray[np.int64],
    taught: pa.Array,
    *,
    partial: bool,
) -> int:
    """Return how many of the training products with an image have no answer."""
    answered = positions(taught, product_ids(opened)) >= 0
    lacking = ~answered & (index.image_count[rows] > 0)
    count = int(lacking.sum())
    if not answered.any() or (count and not partial):
        raise PredictionsError(
            f"{opened.folder}: does not answer {count:,} of the {len(rows):,} training products: "
            f"{some(taught.filter(pa.array(lacking)))}",
            hint="let every model answer them (etalage folds, or etalage predict --split SPLIT "
            "--part train), or add --partial",
        )
    return count
