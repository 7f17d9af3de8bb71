"""The bytes of the images of a listing, wherever they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.exchange.listings.listing import CELL, FILE, NOTHING, URL
from etalage.exchange.reading.cells import Cells, Spool
from etalage.exchange.reading.fetch import KIND, Fetcher, Fetching, in_order
from etalage.exchange.reading.places import Places, RefusedError

NO_ENTRY = "no picture"


@dataclass(frozen=True)
class Origin:
    """Where images come from.

    Attributes:
        root: folder that paths are relative to.
        columns: name of the column of pictures of each table.
        fetching: how addresses are fetched, None where they are not.
    """

    root: Path
    columns: dict[str, str]
    fetching: Fetching | None = None


class Pictures:
    """Reads images of any kind; one thread at a time."""

    def __init__(self, origin: Origin) -> None:
        self.places = Places(origin.root)
        self.cells = Cells(origin.root, origin.columns)
        self.spool: Spool | None = None
        self._fetcher = Fetcher(origin.fetching) if origin.fetching else None

    def close(self) -> None:
        """Close files and threads."""
        self.places.close()
        if self.spool is not None:
            self.spool.close()
        if self._fetcher is not None:
            self._fetcher.close()

    def read(self, rows: NDArray[np.int64], table: pa.Table) -> Iterator[bytes | RefusedError]:
        """Yield the bytes of images, or why there are none, in their order.

        Args:
            rows: rows of the listing.
            table: these rows; none of kind ``product``.
        """
        columns = (table[name].to_pylist() for name in ("kind", "place", "offset", "length"))
        found = list(zip(*columns, strict=True))
        urls = (place for kind, place, _, _ in found if kind == URL)
        fetched = in_order(self._fetcher, urls) if self._fetcher else iter(())
        for row, (kind, place, offset, length) in zip(rows.tolist(), found, strict=True):
            try:
                if kind == URL:
                    if self._fetcher is None:
                        raise RefusedError(KIND, f"{place}: give --fetch-urls to fetch it")
                    yield next(fetched).result()
                else:
                    yield self._read(row, kind, place, offset, length)
            except RefusedError as refused:
                yield refused

    def _read(self, row: int, kind: int, place: str, offset: int, length: int) -> bytes:
        if kind == NOTHING:
            raise RefusedError(NO_ENTRY, "")
        if kind == CELL:
            return (
                self.cells.read(place, offset, length) if not self.spool else self.spool.read(row)
            )
        if kind == FILE and offset < 0:
            return self.places.read(place)
        return self.places.read_range(place, offset, length)
