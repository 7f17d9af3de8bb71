"""Opens files below a root, and none outside it, whatever a table or a link says."""

import errno
import os
import stat
from functools import cache
from pathlib import Path

MAX_IMAGE_BYTES = 2**28
"""A larger file is no product's picture: it is refused, not read."""

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not make us wait for its writer


class RefusedError(Exception):
    """Why an image is not read: the kind of issue and its detail."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail


class Places:
    """Reads bytes of files below a root; keeps the file of the last range open."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self._inside = self.root.rstrip("/") + "/"
        self._real = cache(os.path.realpath)
        self._open: tuple[str, int] | None = None

    def close(self) -> None:
        """Close the file that is kept open."""
        if self._open:
            os.close(self._open[1])
            self._open = None

    def read(self, place: str) -> bytes:
        """Return the bytes of a whole file.

        Raises:
            RefusedError: it is not there, outside the root, no regular file, or too large.
        """
        descriptor = self.open(place)
        try:
            size = os.fstat(descriptor).st_size
            return _read(descriptor, place, size, 0)
        finally:
            os.close(descriptor)

    def read_range(self, place: str, offset: int, length: int) -> bytes:
        """Return a range of the bytes of a file.

        Raises:
            RefusedError: likewise, or the file is shorter.
        """
        if self._open is None or self._open[0] != place:
            self.close()
            self._open = place, self.open(place)
        if offset < 0 or length < 0:
            raise RefusedError("outside its file", f"{place}: {length} bytes at {offset}")
        return _read(self._open[1], place, length, offset)

    def open(self, place: str) -> int:
        """Return a descriptor of a file below the root.

        Raises:
            RefusedError: it is not there, outside the root, or no regular file.
        """
        try:
            descriptor = self._descriptor(place)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            reason = getattr(error, "strerror", None) or "no path"
            raise RefusedError("missing file", f"{place}: {reason}") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise RefusedError("not a file", f"{place}: is no regular file")
        return descriptor

    def _descriptor(self, place: str) -> int:
        folder, name = os.path.split(os.path.join(self.root, place))  # noqa: PTH118  speed
        path = f"{self._real(folder)}/{name}"
        try:
            self._check(place, path)
            return os.open(path, _FLAGS | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        path = os.path.realpath(path)
        self._check(place, path)
        return os.open(path, _FLAGS | os.O_NOFOLLOW)

    def _check(self, place: str, path: str) -> None:
        if not path.startswith(self._inside) or path.endswith(("/..", "/.")):
            raise RefusedError("outside the root", place)


def _read(descriptor: int, place: str, length: int, offset: int) -> bytes:
    if length > MAX_IMAGE_BYTES:
        raise RefusedError(
            "too large", f"{place}: {length} bytes, at most {MAX_IMAGE_BYTES} are read"
        )
    data = os.pread(descriptor, length, offset)
    if len(data) != length:
        raise RefusedError("outside its file", f"{place}: {length} bytes at {offset}")
    return data
