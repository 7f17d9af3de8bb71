"""How many products have a text, and how long it is: the columns of an index beside the pictures.

Columns are read in batches: seven million descriptions are more than a process should hold.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.index import Index
from etalage.errors import CatalogueError
from etalage.reports.numbers import Spread, share, spread

LONGEST = 100_000
"""Longer texts count as this many characters."""

_NOT_TEXT = ("product_id",)
_BATCH = 131_072


@dataclass(frozen=True)
class Text:
    """A column of text.

    Attributes:
        column: its name.
        products: products that have more than blanks in it.
        share: these against all products.
        shortest: characters of the shortest of these, blanks at both ends not counted.
        median: of the one in the middle.
        mean: on average.
        longest: of the longest.
    """

    column: str
    products: int
    share: float
    shortest: int
    median: int
    mean: float
    longest: int


@dataclass(frozen=True)
class Amount:
    """A column of numbers (a price): how many products have one, and where they lie."""

    column: str
    products: int
    share: float
    spread: Spread | None


def texts_of(index: Index) -> list[Text]:
    """Return coverage and length of each column of text."""
    with _products(index) as file:
        names = [
            field.name
            for field in file.schema_arrow
            if pa.types.is_string(field.type) and field.name not in _NOT_TEXT
        ]
        return [text_of(name, _batches(file, name), len(index)) for name in names]


def amounts_of(index: Index) -> list[Amount]:
    """Return coverage and spread of each column of floating point numbers."""
    with _products(index) as file:
        names = [field.name for field in file.schema_arrow if pa.types.is_floating(field.type)]
    return [_amount(index, name) for name in names]


@contextmanager
def _products(index: Index) -> Iterator[pq.ParquetFile]:
    path = index.folder / "products.parquet"
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise CatalogueError(f"{path}: cannot be read: {error}", hint="make it again") from error


def _batches(file: pq.ParquetFile, name: str) -> Iterator[pa.Array]:
    for batch in file.iter_batches(_BATCH, columns=[name]):
        yield batch.column(0)


def text_of(column: str, batches: Iterator[pa.Array], products: int) -> Text:
    """Return coverage and length of one column of ``products`` rows, read in batches."""
    lengths = np.zeros(LONGEST + 1, np.int64)
    for batch in batches:
        lengths += _lengths(batch)
    lengths[0] = 0
    filled = int(lengths.sum())
    held = np.cumsum(lengths)
    there = np.flatnonzero(lengths)
    return Text(
        column=column,
        products=filled,
        share=share(filled, products),
        shortest=int(there[0]) if filled else 0,
        median=int(np.searchsorted(held, (filled + 1) // 2)) if filled else 0,
        mean=share(int(lengths @ np.arange(LONGEST + 1)), filled),
        longest=int(there[-1]) if filled else 0,
    )


def _lengths(batch: pa.Array) -> NDArray[np.int64]:
    if pa.types.is_dictionary(batch.type):
        batch = batch.cast(pa.string())
    length = pc.utf8_length(pc.utf8_trim_whitespace(batch)).fill_null(0).to_numpy()
    return np.bincount(np.minimum(length, LONGEST), minlength=LONGEST + 1)


def _amount(index: Index, name: str) -> Amount:
    numbers = index.column("products", name).drop_null().to_numpy()
    numbers = numbers[np.isfinite(numbers)]
    return Amount(name, len(numbers), share(len(numbers), len(index)), spread(numbers))
