"""The table of images of a part, made from their bytes a buffer at a time."""

import numpy as np
import pyarrow as pa

from etalage.catalogue.tables.part import (
    FLAGS,
    IMAGE_FIELDS,
    NO_PICTURE,
    coded,
    codes,
    image_columns,
)

NOWHERE = -1
"""File of an image that could not be had; its length is 0, nothing is read of it."""

_BUFFER = 2**24


class ImageRows:
    """Collects images in the order of the part; their bytes are dropped when they are hashed."""

    def __init__(self, hash_name: str) -> None:
        self._hash_name = hash_name
        self._tables: list[pa.Table] = [IMAGE_FIELDS.empty_table()]
        self._data: list[bytes | None] = []
        self._places: list[tuple[int, int, int]] = []
        self._size = 0

    def add(self, data: bytes | None, rank: int, file: int, offset: int) -> None:
        """Add an image; one without bytes is an entry without a picture."""
        self._data.append(data)
        self._places.append((rank, file, offset) if data is not None else (rank, NOWHERE, 0))
        self._size += len(data or b"")
        if self._size >= _BUFFER:
            self._flush()

    def table(self) -> pa.Table:
        """Return all rows."""
        self._flush()
        return pa.concat_tables(self._tables).combine_chunks()

    def _flush(self) -> None:
        if not self._data:
            return
        # A byte more, so that there is a buffer even where every image is empty.
        buffer = np.frombuffer(b"".join(data or b"" for data in self._data) + b"\0", np.uint8)
        lengths = np.array([len(data or b"") for data in self._data], np.int64)
        columns = image_columns(buffer, np.cumsum(lengths) - lengths, lengths, self._hash_name)
        flags = columns["flag"].indices.to_numpy().copy()
        flags[[data is None for data in self._data]] = FLAGS.index(NO_PICTURE)
        columns["flag"] = coded(flags, FLAGS)
        ranks, files, offsets = np.array(self._places, np.int64).T
        columns |= {"rank": pa.array(ranks.astype(np.int32)), "offset": pa.array(offsets)}
        columns |= {
            "file": pa.array(files.astype(np.int32)),
            "length": pa.array(lengths.astype(np.int32)),
        }
        arrays = [columns[name] for name in IMAGE_FIELDS.names]
        self._tables.append(pa.table(arrays, schema=IMAGE_FIELDS))
        self._data, self._places, self._size = [], [], 0


def listed_flags(images: pa.Table) -> np.ndarray:
    """Return the flags to list, as positions in ``FLAGS``; missing pictures are listed already."""
    flags = codes(images["flag"]).copy()
    flags[flags == FLAGS.index(NO_PICTURE)] = 0
    return flags
