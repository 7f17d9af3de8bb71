"""PREDICTIONS of several models for the same products, read side by side, block by block.

All must have the same taxonomy and the same set of products. Their parts may be cut anywhere.
Where one has its products in another order than the first, its rows are put into the order of the
first in a scratch file, so that memory stays that of a part of each::

    .OUTPUT.order/00003.rows    of member 3: k int32 leaf rows, k float32, float32 rest, int16
                                images of each product, little-endian, nothing between

Scratch is written anew by every run, and gone when the run ends.
"""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from etalage.catalogue.taxonomy import Taxonomy
from etalage.engines.local import usable_cores
from etalage.errors import OutputError, PredictionsError
from etalage.files import writing
from etalage.predictions.folder import (
    PredictionsFolder,
    open_predictions,
    read_part,
    refuse_repeats,
)
from etalage.predictions.product_ids import as_ids, positions, some
from etalage.predictions.table import Predictions

_TOGETHER = "blend answers of models with the same categories for the same products"


@dataclass(frozen=True, eq=False)
class Members:
    """What is blended: finished folders of one taxonomy.

    Attributes:
        opened: the folders in the order given.
    """

    opened: tuple[PredictionsFolder, ...]

    def __len__(self) -> int:
        return len(self.opened)

    @property
    def taxonomy(self) -> Taxonomy:
        """The categories of all of them."""
        return self.opened[0].taxonomy

    @property
    def kept(self) -> tuple[int, ...]:
        """How many categories of a product each of them has."""
        return tuple(opened.manifest.k for opened in self.opened)


def open_members(folders: Sequence[Path]) -> Members:
    """Open the PREDICTIONS to blend.

    Raises:
        PredictionsError: fewer than two, one twice, one that cannot be read, or of another
            taxonomy than the first.
    """
    if len(folders) < 2:
        raise PredictionsError(f"{len(folders)} predictions: a blend needs at least 2")
    places = [folder.resolve() for folder in folders]
    for number, folder in enumerate(folders):
        if places[number] in places[:number]:
            raise PredictionsError(f"{folder}: is given twice", hint="give it a larger weight")
    opened = tuple(open_predictions(folder) for folder in folders)
    for other in opened[1:]:
        _require_same_taxonomy(opened[0], other)
    return Members(opened)


def refuse_own(output: Path, folders: Sequence[Path]) -> None:
    """Raise ``OutputError`` when what is written would take the place of what is read."""
    if output.resolve() in [folder.resolve() for folder in folders]:
        raise OutputError(
            f"{output}: is what is read, and cannot be written", hint="choose another -o"
        )


def _require_same_taxonomy(first: PredictionsFolder, other: PredictionsFolder) -> None:
    ours, theirs = first.taxonomy, other.taxonomy
    if ours == theirs:
        return
    common = int((ours.rows(theirs.ids) >= 0).sum())
    what = f"{common:,} of its {len(theirs):,} categories are among the {len(ours):,}"
    if common == len(theirs) == len(ours):
        renamed = sum(a != b for a, b in zip(ours.paths, theirs.paths, strict=True))
        what = f"{renamed:,} of its {len(theirs):,} categories have other names than those"
    raise PredictionsError(
        f"{other.folder}: is of another taxonomy: {what} of {first.folder}", hint=_TOGETHER
    )


def product_ids(opened: PredictionsFolder) -> pa.Array:
    """Read the product ids of a folder, none twice.

    Raises:
        PredictionsError: a part is damaged, or a product has two rows.
    """
    ids = [_part_ids(opened, number) for number in range(len(opened.manifest.parts))]
    refuse_repeats(opened.folder, ids)
    return pa.concat_arrays(ids)


def _part_ids(opened: PredictionsFolder, number: int) -> pa.Array:
    part = opened.manifest.parts[number]
    try:
        column = pq.read_table(opened.folder / part.file, columns=["product_id"])["product_id"]
        ids = as_ids(column)
        if len(ids) == part.rows:
            return ids
    except (pa.ArrowException, OSError, KeyError):
        pass
    # What is wrong with it is said where parts are read.
    return read_part(opened.folder, part, opened.manifest, opened.taxonomy).product_ids


def orders(members: Members) -> tuple[pa.Array, list[NDArray[np.int64] | None]]:
    """Return the product ids of the first member, and where each other one has them.

    Returns:
        The ids, (P,), and for each member None where its products come in the same order, else the
        row, among the first's, of each of its products.

    Raises:
        PredictionsError: other products, with their numbers; or ids of another type.
    """
    first = members.opened[0]
    ids = product_ids(first)
    places: list[NDArray[np.int64] | None] = [None]
    for other in members.opened[1:]:
        theirs = product_ids(other)
        same = theirs.equals(ids)
        places.append(None if same else _places(first, ids, other, theirs))
    return ids, places


def _places(
    first: PredictionsFolder, ids: pa.Array, other: PredictionsFolder, theirs: pa.Array
) -> NDArray[np.int64]:
    if theirs.type != ids.type:
        raise PredictionsError(
            f"{other.folder}: has product ids of type {theirs.type}, {first.folder} of {ids.type}"
        )
    place = positions(theirs, ids)
    extra = theirs.filter(pa.array(place < 0))
    missing = ids.filter(pa.array(positions(ids, theirs) < 0))
    if len(extra) or len(missing):
        faults = [
            f"{len(which):,} {word} ({some(which)})"
            for which, word in ((missing, "missing"), (extra, "more"))
            if len(which)
        ]
        raise PredictionsError(
            f"{other.folder}: answers {len(theirs):,} products, {first.folder} {len(ids):,}: "
            + ", ".join(faults),
            hint=_TOGETHER,
        )
    return place


def gather(opened: PredictionsFolder, ids: pa.Array) -> Predictions:
    """Return the answers for some products, in the order asked, whatever the order of the folder.

    Raises:
        PredictionsError: it does not answer all of them.
    """
    n, k = len(ids), opened.manifest.k
    found = Predictions(
        ids,
        np.full((n, k), -1, np.int32),
        np.empty((n, k), np.float32),
        np.empty(n, np.float32),
        np.empty(n, np.int16),
    )
    for part in opened.parts():
        place = positions(part.product_ids, ids)
        rows = np.flatnonzero(place >= 0)
        for name in ("categories", "probabilities", "rest", "images"):
            getattr(found, name)[place[rows]] = getattr(part, name)[rows]
    missing = ids.filter(pa.array(found.categories[:, 0] < 0))
    if len(missing):
        raise PredictionsError(
            f"{opened.folder}: does not answer {len(missing):,} of the {n:,} products that the "
            f"others answer: {some(missing)}",
            hint=_TOGETHER,
        )
    return found


@contextmanager
def scratch(output: Path) -> Iterator[Path]:
    """Yield the place for what is put into another order; it is gone afterwards."""
    folder = output.with_name(f".{output.name}.order")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def blocks(
    members: Members,
    places: Sequence[NDArray[np.int64] | None],
    products: int,
    folder: Path,
    *,
    start: int,
    size: int,
) -> Iterator[tuple[Predictions, ...]]:
    """Yield the answers of all members for the same products, ``size`` products at a time.

    Args:
        members: what is blended.
        places: as ``orders`` gives them.
        products: how many there are, P.
        folder: where scratch may lie.
        start: product to begin with.
        size: products in a block.

    Raises:
        PredictionsError: a part is damaged.
        OutputError: there is no room for scratch.
    """
    streams: list[_InOrder | _Reordered] = [
        _InOrder(opened, start)
        if place is None
        else _Reordered(opened, place, folder / f"{number:05d}.rows", start)
        for number, (opened, place) in enumerate(zip(members.opened, places, strict=True))
    ]
    with ThreadPoolExecutor(min(len(streams), usable_cores())) as pool:
        for first in range(start, products, size):
            count = min(size, products - first)
            yield tuple(pool.map(lambda stream, n=count: stream.take(n), streams))


class _InOrder:
    """Rows of a folder from ``start`` on; parts wholly before are not read."""

    def __init__(self, opened: PredictionsFolder, start: int) -> None:
        self._opened = opened
        self._skip = start
        self._next = 0
        parts = opened.manifest.parts
        while self._next < len(parts) and self._skip >= parts[self._next].rows:
            self._skip -= parts[self._next].rows
            self._next += 1
        self._ready: list[Predictions] = []

    def take(self, count: int) -> Predictions:
        """Return the next rows, in memory of their own."""
        while sum(map(len, self._ready)) < count:
            part = self._opened.manifest.parts[self._next]
            manifest, taxonomy = self._opened.manifest, self._opened.taxonomy
            read = read_part(self._opened.folder, part, manifest, taxonomy)
            self._ready.append(_rows(read, slice(self._skip, None)))
            self._next, self._skip = self._next + 1, 0
        whole = _joined(self._ready)
        self._ready = [_rows(whole, slice(count, None))]
        return _rows(whole, slice(0, count))


class _Reordered:
    """Rows of a folder in another order, put into it in a file."""

    def __init__(
        self, opened: PredictionsFolder, place: NDArray[np.int64], path: Path, start: int
    ) -> None:
        self._path, self._next = path, start
        k = opened.manifest.k
        self._kind = np.dtype(
            [
                ("categories", "<i4", (k,)),
                ("probabilities", "<f4", (k,)),
                ("rest", "<f4"),
                ("images", "<i2"),
            ]
        )
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            rows: Any = np.memmap(path, self._kind, "w+", shape=len(place))
        done = 0
        for part in opened.parts():
            made = np.empty(len(part), self._kind)
            for name in self._kind.names or ():
                made[name] = getattr(part, name)
            rows[place[done : done + len(part)]] = made
            done += len(part)
        with writing(path):
            rows.flush()

    def take(self, count: int) -> Predictions:
        """Return the next rows; of their ids nothing is needed any more."""
        offset = self._next * self._kind.itemsize
        found = np.fromfile(self._path, self._kind, count, offset=offset)
        self._next += count
        columns = [np.ascontiguousarray(found[name]) for name in self._kind.names or ()]
        return Predictions(pa.nulls(count, pa.int64()), *columns)


def _rows(table: Predictions, rows: slice) -> Predictions:
    return Predictions(*(column[rows] for column in vars(table).values()))


def _joined(tables: list[Predictions]) -> Predictions:
    if len(tables) == 1:
        return tables[0]
    return Predictions(
        pa.concat_arrays([table.product_ids for table in tables]),
        np.concatenate([table.categories for table in tables]),
        np.concatenate([table.probabilities for table in tables]),
        np.concatenate([table.rest for table in tables]),
        np.concatenate([table.images for table in tables]),
    )
