"""The bytes of a catalogue's files, from any thread, without a lock.

Each file is mapped once. Reading is copying out of the mapping, outside the interpreter lock, so
threads wait for the disk side by side; or looking at it in place, which spares the copy. The system
is told not to read ahead (of pictures at random places it would read two hundred times what is
asked for), but what will be read next: all pictures of a call are then fetched at once. Of more
than ``MAPPED`` files (a folder of pictures) none is mapped: each is opened for what is read of it.
"""

import mmap
import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from etalage.errors import CatalogueError

MAPPED = 256
_PIECE = 2**20
_GAP = 2**18
"""Bytes that are sooner read than leapt over."""
_posix_fadvise = types.ExternalFunction(
    "posix_fadvise", types.intc(types.intc, types.int64, types.int64, types.intc)
)
_WILL_NEED = np.int32(os.POSIX_FADV_WILLNEED)


class MappedFiles:
    """Some files, opened when first read.

    Args:
        paths: the files, by number.
        hint: what to do when one is shorter than it was.
    """

    def __init__(self, paths: Sequence[Path], hint: str) -> None:
        self._paths = paths
        self._hint = hint
        self._maps: dict[int, tuple[int, NDArray[np.uint8]]] = {}

    def __del__(self) -> None:
        for descriptor, _ in self._maps.values():
            os.close(descriptor)

    def read(
        self, files: NDArray[np.int32], offsets: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> list[bytes]:
        """Return byte ranges, read in the order of the files and given in the order asked.

        Args:
            files: number of each range's file, (N,).
            offsets: (N,).
            lengths: in bytes, (N,).

        Raises:
            CatalogueError: a file is gone, or shorter than what is asked of it.
        """
        found: list[bytes] = [b""] * len(files)
        for file, rows, needed in _by_file(files, offsets, lengths):
            ranges = self._ranges(file, offsets[rows], lengths[rows], needed)
            for row, data in zip(rows.tolist(), ranges, strict=True):
                found[row] = data
        return found

    def views(
        self, files: NDArray[np.int32], offsets: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> list[bytes | memoryview]:
        """Return byte ranges like ``read``, without a copy: what is looked at is read then.

        So they must be used at once: the process ends where a file is cut in between.
        """
        found: list[bytes | memoryview] = [b""] * len(files)
        for file, rows, needed in _by_file(files, offsets, lengths):
            first, many = offsets[rows], lengths[rows].astype(np.int64)
            if len(self._paths) > MAPPED:
                some: Sequence[bytes | memoryview] = self._ranges(file, first, many, needed)
            else:
                descriptor, data = self._whole(file, needed)
                _announce(descriptor, first, many)
                whole, ends = data.data, zip(first.tolist(), (first + many).tolist(), strict=True)
                some = [whole[start:stop] for start, stop in ends]
            for row, view in zip(rows.tolist(), some, strict=True):
                found[row] = view
        return found

    def read_through(
        self, files: NDArray[np.int32], offsets: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> None:
        """Bring byte ranges into the system's memory, with what lies closely between them.

        Raises:
            CatalogueError: a file is gone. One that is too short is no matter here.
        """
        piece = bytearray(_PIECE)
        for file, rows, _ in _by_file(files, offsets, lengths):
            descriptor = self._open(file)
            try:
                for start, stop in _together(offsets[rows], offsets[rows] + lengths[rows]):
                    for at in range(start, stop, _PIECE):
                        os.preadv(descriptor, [memoryview(piece)[: stop - at]], at)
            finally:
                os.close(descriptor)

    def _ranges(
        self, file: int, offsets: NDArray[np.int64], lengths: NDArray[Any], needed: int
    ) -> list[bytes]:
        if len(self._paths) > MAPPED:
            return self._read_apart(file, offsets.tolist(), lengths.tolist(), needed)
        descriptor, data = self._whole(file, needed)
        together = _fetch(descriptor, data, offsets, lengths.astype(np.int64)).data
        stops = np.cumsum(lengths, dtype=np.int64)
        return [
            together[start:stop].tobytes()
            for start, stop in zip((stops - lengths).tolist(), stops.tolist(), strict=True)
        ]

    def _whole(self, file: int, needed: int) -> tuple[int, NDArray[np.uint8]]:
        descriptor, data = self._map(file)
        # A mapping of a file that was cut since would end the process, not raise.
        self._refuse_cut(file, os.fstat(descriptor).st_size, needed)
        return descriptor, data

    def _read_apart(
        self, file: int, offsets: list[int], lengths: list[int], needed: int
    ) -> list[bytes]:
        descriptor = self._open(file)
        try:
            self._refuse_cut(file, os.fstat(descriptor).st_size, needed)
            return [
                os.pread(descriptor, length, offset)
                for offset, length in zip(offsets, lengths, strict=True)
            ]
        finally:
            os.close(descriptor)

    def _refuse_cut(self, file: int, size: int, needed: int) -> None:
        if size < needed:
            message = f"{self._paths[file]}: is cut: it has {size:,} bytes, {needed:,} are needed"
            raise CatalogueError(message, hint=self._hint)

    def _map(self, file: int) -> tuple[int, NDArray[np.uint8]]:
        if file not in self._maps:
            descriptor = self._open(file)
            size = os.fstat(descriptor).st_size
            data = np.empty(0, np.uint8)
            if size:
                view = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
                view.madvise(mmap.MADV_RANDOM)
                data = np.frombuffer(view, np.uint8)
            # Two threads may both have mapped it: the first keeps its place.
            if self._maps.setdefault(file, (descriptor, data))[0] != descriptor:
                os.close(descriptor)
        return self._maps[file]

    def _open(self, file: int) -> int:
        try:
            return os.open(self._paths[file], os.O_RDONLY)
        except OSError as error:
            message = f"{self._paths[file]}: cannot be read: {error.strerror}"
            raise CatalogueError(message) from error


def _by_file(
    files: NDArray[np.int32], offsets: NDArray[np.int64], lengths: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.int64], int]]:
    """Yield each file, which ranges are of it, by offset, and the bytes it must have for them."""
    order = np.lexsort((offsets, files))
    order = order[lengths[order] > 0]  # of an image that could not be had there is no file
    edges = np.flatnonzero(np.diff(files[order], prepend=-1, append=-1))
    for start, stop in pairwise(edges.tolist()):
        rows = order[start:stop]
        yield int(files[rows[0]]), rows, int((offsets[rows] + lengths[rows]).max())


def _together(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return ascending ranges with those made one that are less than ``_GAP`` bytes apart."""
    reached = np.maximum.accumulate(stops)
    apart = np.flatnonzero(starts[1:] - reached[:-1] > _GAP) + 1
    firsts, lasts = np.append(0, apart), np.append(apart, len(starts)) - 1
    return list(zip(starts[firsts].tolist(), reached[lasts].tolist(), strict=True))


@njit(cache=True, nogil=True)
def gather(
    data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return stretches of ``data`` one after another."""
    gathered = np.empty(lengths.sum(), np.uint8)
    at = 0
    for row in range(len(starts)):
        stop = at + lengths[row]
        gathered[at:stop] = data[starts[row] : starts[row] + lengths[row]]
        at = stop
    return gathered


@njit(cache=True, nogil=True)
def _announce(descriptor: int, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """Tell the system which stretches of a file will be read, all of them.

    One compiled call: a Python loop would hand the interpreter lock to and fro for every picture.
    """
    for row in range(len(starts)):
        _posix_fadvise(np.int32(descriptor), starts[row], lengths[row], _WILL_NEED)


@njit(cache=True, nogil=True)
def _fetch(
    descriptor: int,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Announce stretches of a mapped file, then gather them."""
    _announce(descriptor, starts, lengths)
    return gather(data, starts, lengths)
