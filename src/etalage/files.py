"""Whole or absent: every artefact is written beside its place, synced, then renamed.

A long job may instead go on with what it had written when it was killed (``resumable_folder``).

Also fingerprints (is this still the file an artefact was made from?) and the run record
(what command, which versions, which machine, when).
"""

import fcntl
import io
import json
import os
import platform
import re
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

from etalage.errors import EtalageError, OutputError

_SAMPLES = 64
_SAMPLE_BYTES = 16 * 1024
_PLAN, _LOCK = ".plan.json", ".lock"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating system's refusal to write ``path`` into an ``OutputError``."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {_reason(error)}",
            hint="free some space or choose another place with -o",
        ) from error


def _reason(error: OSError) -> str:
    """Return the system's words; Arrow hides the error's number in its message."""
    number = re.search(r"\[errno (\d+)\]", str(error))
    return os.strerror(int(number[1])) if number else error.strerror or str(error)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Raise ``OutputError`` when ``path`` exists and may not be replaced."""
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already", hint="choose another -o, or add --yes")


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False, sync: bool = True) -> Iterator[Path]:
    """Yield a neighbour of ``path`` to write to; rename it to ``path`` when the block ends well.

    Without ``sync`` it outlives the death of the process, but perhaps not that of the machine.

    Raises:
        OutputError: ``path`` exists and ``overwrite`` is false, or the disk refuses.
    """
    refuse_existing(path, overwrite=overwrite)
    # Of this process alone: a worker that outlives its killed parent may be writing the same file.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            if sync:
                _sync(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a neighbouring empty folder; rename it to ``path`` when the block ends well.

    Raises:
        OutputError: ``path`` exists and ``overwrite`` is false, or the disk refuses.
    """
    refuse_existing(path, overwrite=overwrite)
    part = path.with_name(f".{path.name}.part")
    with writing(path):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            for written in part.rglob("*"):
                _sync(written)
            replace_folder(part, path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def resumable_folder(
    path: Path, plan: dict[str, Any], *, overwrite: bool = False
) -> Iterator[Path]:
    """Yield a neighbouring folder that outlives a killed job; rename it when the block ends well.

    The folder is ``.NAME.part``. One that an earlier job of the same ``plan`` left is yielded as it
    is, another is emptied: the block recognises what it has written whole. An input that cannot be
    used leaves nothing behind; a full disk, an interruption or a kill leaves what was done.

    Args:
        path: where the folder goes.
        plan: what is made from what, as JSON values.
        overwrite: whether ``path`` may be replaced.

    Raises:
        OutputError: ``path`` exists and ``overwrite`` is false, the disk refuses, or another
            process is writing it.
    """
    refuse_existing(path, overwrite=overwrite)
    part = path.with_name(f".{path.name}.part")
    with writing(path), _locked(part):
        _keep_only(part, json.loads(json.dumps(plan)))
        try:
            yield part
        except OutputError:
            raise
        except EtalageError:
            shutil.rmtree(part, ignore_errors=True)
            raise
        for name in (_PLAN, _LOCK):
            (part / name).unlink()
        for written in part.rglob("*"):
            if written.match(".*.part"):
                written.unlink()  # begun by a job that was killed
            else:
                _sync(written)
        replace_folder(part, path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder against another process; the system lets go when this one dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"{folder}: another process is writing it"
            raise OutputError(message, hint="wait until it has ended, or stop it") from error
        yield


def _keep_only(folder: Path, plan: dict[str, Any]) -> None:
    """Empty ``folder`` unless it was begun with ``plan``."""
    try:
        if json.loads((folder / _PLAN).read_text(encoding="utf-8")) == plan:
            return
    except (OSError, ValueError):
        pass
    for found in folder.iterdir():
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found)
        elif found.name != _LOCK:
            found.unlink()
    write_json(folder / _PLAN, plan)


def restore(path: Path) -> None:
    """Put back a folder that a killed job had set aside to replace it."""
    old = path.with_name(f".{path.name}.old")
    if old.is_dir() and not path.exists():
        old.replace(path)


def replace_folder(new: Path, path: Path) -> None:
    """Put the folder ``new`` in the place of ``path``, which may exist."""
    if path.is_dir():
        old = path.with_name(f".{path.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        path.replace(old)
        new.replace(path)
        shutil.rmtree(old)
    else:
        path.unlink(missing_ok=True)
        new.replace(path)


def _sync(path: Path) -> None:
    if path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, document: Any) -> None:  # noqa: ANN401  any JSON value
    """Write ``document`` to ``path``, whole or not at all, keys in the order given."""
    with whole_file(path, overwrite=True) as part:
        part.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path, error: type[EtalageError], hint: str) -> dict[str, Any]:
    """Read a JSON object, raising ``error`` with ``hint`` when it is absent or damaged."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise error(f"{path}: cannot be read: {cause.strerror}", hint=hint) from cause
    except ValueError as cause:
        raise error(f"{path}: is not JSON: {cause}", hint=hint) from cause
    if not isinstance(document, dict):
        raise error(f"{path}: holds no JSON object", hint=hint)
    return document


def fingerprint(path: Path, size: int | None = None) -> str:
    """Return a hash of a file's size and content, of a large one 64 evenly spaced samples.

    Up to 1 MiB all bytes count. Of more, 16 KiB each from head to tail: constant time for a file of
    any size, which notices that it grew, was cut or was replaced, not every single changed byte.
    Of a file that grew, its first ``size`` bytes can be compared with what they were.
    """
    size = path.stat().st_size if size is None else size
    with path.open("rb") as file:
        return _fingerprint(file, size)


def fingerprint_of(data: bytes) -> str:
    """Return the ``fingerprint`` of a file with this content."""
    return _fingerprint(io.BytesIO(data), len(data))


def _fingerprint(file: BinaryIO, size: int) -> str:
    digest = xxhash.xxh3_128(size.to_bytes(8, "little"))
    if size <= _SAMPLES * _SAMPLE_BYTES:
        digest.update(file.read(size))
        return digest.hexdigest()
    for sample in range(_SAMPLES):
        start = max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1)
        file.seek(start)
        digest.update(file.read(min(_SAMPLE_BYTES, size - start)))
    return digest.hexdigest()


def fingerprint_bytes(*chunks: bytes) -> str:
    """Return the hash of some bytes, to tell two tables in memory apart."""
    digest = xxhash.xxh3_128()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def run_record() -> dict[str, Any]:
    """Return who made an artefact: command, versions, machine, time (UTC)."""
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "etalage": version("etalage"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
