"""Turns the fields that the walker located in a chunk of documents into Arrow columns."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.catalogue.bson import walker
from etalage.catalogue.mapped import gather
from etalage.catalogue.spelling import spelt_numbers


class Fields:
    """The fields of some documents of one window, column by column.

    Args:
        documents: rows as the walker fills them.
        data: the bytes of the window they point into.
    """

    def __init__(self, documents: NDArray[np.int64], data: NDArray[np.uint8]) -> None:
        self.documents = documents
        self.data = data

    def _column(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        column = walker.FIRST_FIELD + 3 * walker.FIELDS.index(name)
        kind, value, length = self.documents[:, column : column + 3].T
        return np.ascontiguousarray(kind), np.ascontiguousarray(value), length

    def present(self, name: str) -> NDArray[np.bool_]:
        """Return which documents have the field, whatever its type."""
        present: NDArray[np.bool_] = self._column(name)[0] != walker.ABSENT
        return present

    def integers(self, name: str) -> pa.Array:
        """Return the field as int64: integers and doubles that are whole, else null."""
        kind, value, _ = self._column(name)
        doubles = np.where(kind == walker.DOUBLE, value.view(np.float64), np.nan)
        whole = np.abs(doubles) < 2.0**53
        whole &= np.floor(doubles) == doubles
        numbers = np.where(whole, np.where(whole, doubles, 0).astype(np.int64), value)
        return pa.array(numbers, mask=~(whole | (kind == walker.INTEGER)))

    def texts(self, name: str) -> tuple[pa.Array, NDArray[np.int64]]:
        """Return the field's strings, null where there is none, and the rows that are not UTF-8.

        In these the offending bytes are replaced by U+FFFD.
        """
        kind, value, length = self._column(name)
        present = kind == walker.TEXT
        if not present.any():
            return pa.nulls(len(kind), pa.string()), np.empty(0, np.int64)
        lengths = np.where(present, length, 0)
        ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        buffers = pa.py_buffer(ends), pa.py_buffer(gather(self.data, value, lengths))
        column, broken = _valid_utf8(pa.StringArray.from_buffers(len(kind), *buffers))
        return pc.if_else(pa.array(present), column, pa.scalar(None, pa.string())), broken

    def object_ids(self, name: str) -> pa.Array:
        """Return the field's MongoDB object ids in hexadecimal, else null."""
        kind, value, _ = self._column(name)
        if not (kind == walker.OBJECT_ID).any():
            return pa.nulls(len(kind), pa.string())
        names = [
            self.data[start : start + 12].tobytes().hex() if is_object else None
            for start, is_object in zip(value.tolist(), kind == walker.OBJECT_ID, strict=True)
        ]
        return pa.array(names, pa.string())

    def numbers(self, name: str) -> pa.Array:
        """Return the field as float64: numbers and strings that spell one, else null."""
        kind, value, _ = self._column(name)
        if not kind.any():
            return pa.nulls(len(kind), pa.float64())
        floats = np.where(kind == walker.DOUBLE, value.view(np.float64), value)
        is_number = (kind == walker.DOUBLE) | (kind == walker.INTEGER)
        texts, _ = self.texts(name)
        return pc.coalesce(pa.array(floats, mask=~is_number), spelt_numbers(texts))


def _valid_utf8(column: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raw = column.cast(pa.binary(), safe=False).to_pylist()
        texts = [value.decode("utf-8", "replace") for value in raw]
        broken = [row for row, value in enumerate(raw) if texts[row].encode() != value]
        return pa.array(texts, pa.string()), np.array(broken, np.int64)
    return column, np.empty(0, np.int64)
