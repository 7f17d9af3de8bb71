"""``accept``: for every product the answer, on the level that is sure enough, or its review.

One row a product, in the order of the predictions, as Parquet (``.parquet``) or CSV (``.csv``)::

    product_id   int64 or string
    answer       "automatic" or "review"
    level        int8: 3 the leaf, 2, 1; of a review 3: its leaf is a proposal
    category_id  int64: id of the leaf; null where the answer is on level 2 or 1
    category     string: names from level 1 down to the level of the answer, joined by " > "
    confidence   float32: probability of that category
    group        int32: the group of the THRESHOLDS, from 0, whose rules were applied

In CSV a category that begins as a formula does (= + - @) has an apostrophe before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow import csv as pacsv

from etalage.catalogue.taxonomy import LEVELS, Taxonomy
from etalage.errors import ConfigError
from etalage.files import whole_file
from etalage.predictions.folder import open_predictions
from etalage.predictions.product_ids import as_ids
from etalage.selective.decide import Decided, decide, other_origin
from etalage.selective.document import Thresholds, read_thresholds
from etalage.selective.pools import node_label
from etalage.selective.rules import REVIEW

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Accepted:
    """What ``accept`` did.

    Attributes:
        products: all of them.
        automatic: how many are answered, on which level; levels that may be answered only.
        review: how many a person must look at.
        truth: "audited" or "given": what the thresholds stand on.
        statement: what may be said of the automatic answers.
        other_origin: how the predictions differ from those the thresholds were made on.
    """

    products: int
    automatic: dict[int, int]
    review: int
    truth: str
    statement: str
    other_origin: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return one JSON object."""
        levels = {f"level{level}": count for level, count in self.automatic.items()}
        return {
            "products": self.products,
            "automatic": sum(self.automatic.values()),
            **levels,
            "review": self.review,
            "truth": self.truth,
            "statement": self.statement,
            "other_origin": self.other_origin,
        }


def accept(
    predictions: Path, thresholds: Path, output: Path, *, overwrite: bool = False
) -> Accepted:
    """Write which answers may be used unseen, and on which level.

    Args:
        predictions: a finished PREDICTIONS folder.
        thresholds: a THRESHOLDS file, made on predictions of the same model.
        output: a file named ``.parquet`` or ``.csv``.
        overwrite: replace a file that is there.

    Raises:
        ConfigError: ``output`` is named otherwise.
        PredictionsError: damaged predictions or thresholds, or of different taxonomies.
        OutputError: ``output`` exists, or cannot be written.
    """
    if output.suffix not in (".parquet", ".csv"):
        raise ConfigError(f"{output}: is to be named .parquet or .csv")
    made, opened = read_thresholds(thresholds), open_predictions(predictions)
    counts = np.zeros(LEVELS + 1, np.int64)
    names = Names(opened.taxonomy, made.levels, guarded=output.suffix == ".csv")
    with whole_file(output, overwrite=overwrite) as place, _writing(place, output.suffix) as write:
        for part in decide(opened, made):
            counts += np.bincount(part.level, minlength=LEVELS + 1)
            write(names.table(part))
    return _accepted(counts, made, other_origin(made, opened.manifest.source))


def _accepted(counts: NDArray[np.int64], made: Thresholds, other: list[str]) -> Accepted:
    automatic = {level: int(counts[level]) for level in made.levels}
    total, review = int(counts.sum()), int(counts[REVIEW])
    return Accepted(total, automatic, review, made.truth, made.statement, other)


class Names:
    """Turns numbers of categories into what a file says of them.

    Args:
        taxonomy: the tree.
        levels: that may be answered, the leaf first.
        guarded: an apostrophe before names that begin as a formula does.

    Attributes:
        texts: the categories of these levels, one level after the other.
    """

    def __init__(self, taxonomy: Taxonomy, levels: tuple[int, ...], *, guarded: bool) -> None:
        self._ids = taxonomy.ids
        texts: list[str] = []
        self._starts = {}
        for level in levels:
            self._starts[level] = len(texts)
            _, first = np.unique(taxonomy.nodes(level), return_index=True)
            texts += [node_label(taxonomy, level, leaf) for leaf in first.tolist()]
        if guarded:
            texts = [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]
        self.texts = pa.array(texts, pa.string())

    def table(self, part: Decided) -> pa.Table:
        """Return the rows of a part."""
        leaf = part.answers[0]
        shown = np.where(part.level == REVIEW, leaf.level, part.level)
        text = leaf.nodes + self._starts[leaf.level]
        confidence = leaf.confidence.copy()
        for answers in part.answers[1:]:
            on = shown == answers.level
            text[on] = answers.nodes[on] + self._starts[answers.level]
            confidence[on] = answers.confidence[on]
        words = pa.DictionaryArray.from_arrays(
            pa.array((part.level == REVIEW).astype(np.int8)), pa.array(["automatic", "review"])
        )
        columns = {
            "product_id": as_ids(part.predictions.product_ids),
            "answer": words.cast(pa.string()),
            "level": pa.array(shown.astype(np.int8)),
            "category_id": pa.array(self._ids[leaf.nodes], mask=shown != LEVELS),
            "category": self.texts.take(pa.array(text)),
            "confidence": pa.array(confidence),
            "group": pa.array(part.group),
        }
        return pa.table(columns)


@contextmanager
def _writing(path: Path, suffix: str) -> Iterator[Any]:
    """Yield a function that appends a table to a file; all have the columns of the first."""
    writer: Any = None

    def write(table: pa.Table) -> None:
        nonlocal writer
        if writer is None and suffix == ".parquet":
            writer = pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
        elif writer is None:
            writer = pacsv.CSVWriter(str(path), table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
