"""Submissions: a CSV file with the header ``_id,category_id``, optionally zipped.

UTF-8, lines end in a line feed, products in the order of the predictions, each with its most
probable category. An id is quoted only when it has to be.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.index import open_index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import OutputError, SubmissionError
from etalage.files import whole_file
from etalage.predictions.folder import open_predictions
from etalage.predictions.labelled_csv import HEADER, read_labelled_csv
from etalage.predictions.product_ids import positions, some
from etalage.predictions.table import Predictions
from etalage.predictions.zips import MAX_BYTES, entry


@dataclass(frozen=True, eq=False)
class Submission:
    """One category for each product.

    Attributes:
        product_ids: int64 when every id is an integer, else string, none twice, (P,).
        categories: category ids, (P,) int64.
    """

    product_ids: pa.Array
    categories: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.product_ids)


def submit(
    predictions_folder: Path,
    output: Path,
    *,
    expected: pa.Array | None = None,
    overwrite: bool = False,
) -> int:
    """Write the most probable category of every product.

    Args:
        predictions_folder: a finished PREDICTIONS folder.
        output: ends in ``.csv``, or in ``.zip`` to be zipped.
        expected: the products that must be there, no more and no fewer; None to take what is.
        overwrite: replace ``output``.

    Returns:
        The number of products written.

    Raises:
        PredictionsError: the folder is unfinished or damaged, or has two rows for a product.
        SubmissionError: products are missing, or there are some that were not expected.
        OutputError: ``output`` exists or cannot be written.
    """
    if output.suffix.lower() not in (".csv", ".zip"):
        raise OutputError(f"{output}: is no name for a submission", hint="end it in .csv or .zip")
    opened = open_predictions(predictions_folder)
    ids: list[pa.Array] = []
    with whole_file(output, overwrite=overwrite) as part, _sink(part, output) as sink:
        sink.write((",".join(HEADER) + "\n").encode())
        for predictions in opened.parts():
            sink.write(_lines(predictions, opened.taxonomy))
            ids.append(predictions.product_ids)
        written = pa.concat_arrays(ids)
        if expected is not None:
            _refuse_incomplete(predictions_folder, written, expected)
    return len(written)


@contextmanager
def _sink(part: Path, output: Path) -> Iterator[IO[bytes]]:
    if output.suffix.lower() == ".csv":
        with part.open("wb") as file:
            yield file
        return
    name = output.stem if output.stem.lower().endswith(".csv") else f"{output.stem}.csv"
    with zipfile.ZipFile(part, "w") as archive, archive.open(entry(name), "w") as member:
        yield member


def _lines(predictions: Predictions, taxonomy: Taxonomy) -> pa.Buffer:
    endings = pa.array([f"{leaf}\n" for leaf in taxonomy.ids.tolist()], pa.string())
    chosen = endings.take(pa.array(predictions.categories[:, 0]))
    return _joined(predictions.product_ids, chosen)


def _joined(product_ids: pa.Array, endings: pa.Array) -> pa.Buffer:
    lines = pc.binary_join_element_wise(_quoted(product_ids), endings, ",")
    return pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "")[0].as_buffer()


def _quoted(ids: pa.Array) -> pa.Array:
    if not pa.types.is_string(ids.type):
        return ids.cast(pa.string())
    doubled = pc.replace_substring(ids, '"', '""')
    quoted = pc.binary_join_element_wise('"', doubled, '"', "")
    return pc.if_else(pc.match_substring_regex(ids, '[",\r\n]'), quoted, ids)


def _refuse_incomplete(folder: Path, ids: pa.Array, expected: pa.Array) -> None:
    missing = expected.filter(pa.array(positions(expected, ids) < 0))
    if len(missing):
        raise SubmissionError(
            f"{folder}: {len(missing):,} of {len(expected):,} expected products have no "
            f"prediction: {some(missing)}",
            hint="predict the whole index that holds them: etalage predict MODEL INDEX",
        )
    extra = ids.filter(pa.array(positions(ids, expected) < 0))
    if len(extra):
        raise SubmissionError(
            f"{folder}: {len(extra):,} of {len(ids):,} predicted products are not expected: "
            f"{some(extra)}",
            hint="predict the index that the submission is for",
        )


def write_submission(
    output: Path, product_ids: pa.Array, categories: NDArray[np.int64], *, overwrite: bool = False
) -> None:
    """Write a submission of products in order with a category id each, (P,) both.

    Raises:
        OutputError: ``output`` exists or cannot be written.
    """
    endings = pc.binary_join_element_wise(pa.array(categories).cast(pa.string()), "\n", "")
    with whole_file(output, overwrite=overwrite) as part, _sink(part, output) as sink:
        sink.write((",".join(HEADER) + "\n").encode())
        sink.write(_joined(product_ids, endings))


def read_submission(
    path: Path,
    taxonomy: Taxonomy | None = None,
    *,
    expected: pa.Array | None = None,
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Submission:
    """Read and check a submission, plain or zipped.

    Args:
        path: the file.
        taxonomy: what every category must be a leaf of, or None to take any.
        expected: the products that must be there, no more and no fewer; None to take what is.
        name: what to call the file in messages, its path when not given.
        max_bytes: how long it may be, unpacked.

    Raises:
        SubmissionError: as ``read_labelled_csv`` says, with the number of the line.
    """
    table = read_labelled_csv(
        path,
        taxonomy,
        error=SubmissionError,
        other_columns=False,
        expected=expected,
        name=name,
        max_bytes=max_bytes,
    )
    return Submission(table.product_ids, table.categories)


def expected_products(path: Path) -> pa.Array:
    """Return the products that must be answered: those of an INDEX, or of a sample submission."""
    if path.is_dir():
        return open_index(path).product_ids
    return read_submission(path).product_ids
