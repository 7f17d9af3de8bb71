"""Importing pictures: a folder of small files and a tar, against a plain walk with Pillow.

    python benchmarks/exchange.py [--images 50000] [--workers 1] [--place FOLDER]

Pictures of about 6 KB are written to a temporary folder, as files (500 to a folder, two levels)
and as WebDataset tars. Every job runs in a process of its own, warm, after one that is not counted;
printed are images per second of wall time and the largest resident memory of the job and its
workers, for a tenth of the images and for all: memory should not follow the images.

Jobs: ``walk + verify`` walks the tree, opens every file with Pillow and verifies it, and hashes its
bytes with xxh3_128 (what an import must learn of a file, in plain Python); ``folder`` and ``tar``
are ``etalage import``; ``tarfile`` reads every member of the tars, and hashes and verifies it.
"""

import argparse
import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import xxhash
from PIL import Image

from etalage.exchange.importer import import_catalogue
from etalage.images.decode import encode_jpeg

_DRAWN = 64
_FOLDER = 500


def pictures(count: int) -> list[bytes]:
    """Return different JPEGs: a few drawn ones with a number in a comment."""
    noise = np.random.default_rng(0).integers(0, 256, (_DRAWN, 24, 24, 3), np.uint8)
    drawn = [
        encode_jpeg(np.asarray(Image.fromarray(pixels).resize((180, 180)))) for pixels in noise
    ]
    return [
        drawn[row % _DRAWN][:20]
        + b"\xff\xfe\x00\x06"
        + row.to_bytes(4, "little")
        + drawn[row % _DRAWN][20:]
        for row in range(count)
    ]


def write(folder: Path, count: int) -> None:
    """Write the pictures as a tree and as tars of ten thousand."""
    data = pictures(count)
    for row, picture in enumerate(data):
        place = folder / "tree" / f"{row // _FOLDER // 10:03}" / f"{row // _FOLDER:05}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row}.jpg").write_bytes(picture)
    (folder / "tars").mkdir()
    for first in range(0, count, 10_000):
        with tarfile.open(folder / f"tars/{first:08}.tar", "w") as archive:
            for row in range(first, min(first + 10_000, count)):
                for suffix, content in ((".jpg", data[row]), (".cls", b"%d" % (row // _FOLDER))):
                    member = tarfile.TarInfo(f"{row:08}{suffix}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))


def _verify(data: bytes) -> None:
    xxhash.xxh3_128_digest(data)
    with Image.open(io.BytesIO(data)) as image:
        image.verify()


def walk(folder: Path) -> int:
    """Verify and hash every file of a tree; return their number."""
    found = 0
    for place, folders, names in os.walk(folder / "tree"):
        folders.sort()
        for name in sorted(names):
            _verify(Path(place, name).read_bytes())
            found += 1
    return found


def read_tars(folder: Path) -> int:
    """Verify and hash every picture of the tars; return their number."""
    found = 0
    for path in sorted((folder / "tars").iterdir()):
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                data = file.read() if file else b""
                if member.name.endswith(".jpg"):
                    _verify(data)
                    found += 1
    return found


def run(job: str, folder: Path, workers: int) -> int:
    """Run a job; return the number of images it saw."""
    if job.isdecimal():
        write(folder, int(job))
        return int(job)
    if job == "walk + verify":
        return walk(folder)
    if job == "tarfile":
        return read_tars(folder)
    source = folder / {"folder": "tree", "tar": "tars"}[job]
    with tempfile.TemporaryDirectory() as output:
        record = import_catalogue([source], Path(output) / "index", workers=workers)
    return int(record["counts"]["images"])


def _measured(job: str, folder: Path, workers: int) -> tuple[int, float, float]:
    """Run a job in a process of its own; return images, seconds and MiB."""
    command = [sys.executable, __file__, "--job", job, "--folder", str(folder)]
    command += ["--workers", str(workers)]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(words[0]), float(words[1]), float(words[2])


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--place", help="folder for the pictures; the system's by default")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        start = time.perf_counter()
        images = run(options.job, options.folder, options.workers)
        seconds = time.perf_counter() - start
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024
        print(images, seconds, peak)
        return
    print(f"{'':14} {'images':>8} {'images/s':>9} {'peak MiB':>9}   {options.workers} workers")
    for count in (options.images // 10, options.images):
        with tempfile.TemporaryDirectory(dir=options.place) as name:
            # In a process of its own too: a child's peak counts what its parent held.
            _measured(str(count), Path(name), options.workers)
            for job in ("walk + verify", "folder", "tarfile", "tar"):
                _measured(job, Path(name), options.workers)
                images, seconds, peak = _measured(job, Path(name), options.workers)
                print(f"{job:14} {images:8,} {images / seconds:9,.0f} {peak:9,.0f}")


if __name__ == "__main__":
    main()
