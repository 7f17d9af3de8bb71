"""The bytes of a catalogue's files, from any thread, without a lock.

Each file is mapped once; reading is copying out of the mapping, outside the interpreter lock, so
threads wait for the disk side by side. The system is told not to read ahead (of pictures at random
places it would read two hundred times what is asked for), but what will be read next: all pictures
of a call are then fetched at once. Of more than ``MAPPED`` files (a folder of pictures) none is
mapped: each is opened for what is read of it.
"""

import mmap
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from etalage.errors import CatalogueError

MAPPED = 256
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
        order = np.lexsort((offsets, files))
        found: list[bytes] = [b""] * len(order)
        order = order[lengths[order] > 0]  # of an image that could not be had there is no file
        for start, stop in _runs(files[order]):
            rows = order[start:stop]
            ranges = self._ranges(int(files[rows[0]]), offsets[rows], lengths[rows])
            for row, data in zip(rows.tolist(), ranges, strict=True):
                found[row] = data
        return found

    def _ranges(
        self, file: int, offsets: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> list[bytes]:
        needed = int((offsets + lengths).max())
        if len(self._paths) > MAPPED:
            return self._read_apart(file, offsets.tolist(), lengths.tolist(), needed)
        descriptor, data = self._map(file)
        # A mapping of a file that was cut since would end the process, not raise.
        self._refuse_cut(file, os.fstat(descriptor).st_size, needed)
        together = _fetch(descriptor, data, offsets, lengths.astype(np.int64)).data
        stops = np.cumsum(lengths, dtype=np.int64)
        return [
            together[start:stop].tobytes()
            for start, stop in zip((stops - lengths).tolist(), stops.tolist(), strict=True)
        ]

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


def _runs(values: NDArray[np.int32]) -> list[tuple[int, int]]:
    """Return where each run of equal values starts and ends."""
    ends = [*(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return list(zip([0, *ends], ends, strict=False)) if len(values) else []


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
def _fetch(
    descriptor: int,
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Announce stretches of a mapped file to the system, all of them, then gather them.

    One compiled call: a Python loop would hand the interpreter lock to and fro for every picture.
    """
    for row in range(len(starts)):
        _posix_fadvise(np.int32(descriptor), starts[row], lengths[row], _WILL_NEED)
    return gather(data, starts, lengths)
