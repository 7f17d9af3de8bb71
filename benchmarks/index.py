"""Reading a BSON catalogue: Étalage against pymongo and hashlib, on one file in one run.

    python benchmarks/index.py [CATALOGUE.bson] [--rounds 5]

Without a catalogue one of about 2 GB is generated first. The file is read warm, after it was put
into the page cache from beginning to end: as single pages, which reading at random places leaves,
mapping it costs several times more. Every job is run in turn, after a first round that is not
counted, and its best round is printed.

On one core, in gigabytes per second of processor time, so that other work on the machine disturbs
it little: ``pymongo`` decodes every document and looks at id, category and the pictures' lengths;
``RawBSONDocument`` is pymongo's lazy form of it; ``python walk`` follows the lengths of a mapped
file element by element in Python; ``pymongo + md5`` and ``+ xxh3`` also hash every picture;
``hashlib`` hashes the pictures, whose places it is told, and nothing else; ``walk`` finds every
document, field and picture on a fresh mapping and checks every length, ``walk, mapped`` does it
again in bytes that are mapped already; ``index`` is the whole command: walk, hash, headers, tables,
files.

On every core, in gigabytes per second of real time: ``hashlib`` in processes; ``scan`` in
processes, which is all of ``index`` that is done for each byte.
"""

import argparse
import hashlib
import mmap
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bson
import numpy as np
import xxhash
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from numpy.typing import NDArray

from etalage.catalogue.bson import walker
from etalage.catalogue.bson.scan import Reading
from etalage.catalogue.bson.stretches import cut, read_stretches
from etalage.catalogue.bson.windows import walk_file
from etalage.catalogue.build import index
from etalage.catalogue.sources import describe
from etalage.engines.local import run_shards, usable_cores
from etalage.generator import synth

PRODUCTS = 250_000
SHARD = 64 * 2**20
Ranges = tuple[Path, NDArray[np.int64], NDArray[np.int64]]
Table = NDArray[np.int64]


def pymongo(path: Path, hash_picture: Callable[[bytes], object] | None = None) -> int:
    """Decode every document; return the number of pictures."""
    pictures = 0
    with path.open("rb") as file:
        for product in bson.decode_file_iter(file):
            _ = product["_id"], product.get("category_id")
            for image in product["imgs"]:
                pictures += len(image["picture"]) > 0
                if hash_picture:
                    hash_picture(image["picture"])
    return pictures


def raw_documents(path: Path) -> int:
    """Look at every document without decoding it whole; return the number of pictures."""
    pictures = 0
    options = CodecOptions(document_class=RawBSONDocument)
    with path.open("rb") as file:
        for product in bson.decode_file_iter(file, options):
            _ = product["_id"], product.get("category_id")
            pictures += sum(len(image["picture"]) > 0 for image in product["imgs"])
    return pictures


def python_walk(path: Path) -> int:
    """Follow the lengths of a mapped file in Python; return the number of pictures.

    It knows the form of the real catalogue (int32 ids, pictures alone in their documents) and
    checks nothing.
    """
    int32 = struct.Struct("<i").unpack_from
    pictures, at = 0, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while at < len(data):
            end, at = at + int32(data, at)[0], at + 4
            while data[at]:
                kind, at = data[at], data.find(b"\0", at) + 1
                if kind == 0x10:
                    at += 4
                    continue
                stop, at = at + int32(data, at)[0], at + 4
                while data[at]:
                    at = data.find(b"\0", at) + 1
                    pictures += int32(data, data.find(b"\0", at + 4) + 1)[0] > 0
                    at += int32(data, at)[0]
                at = stop
            at = end
    return pictures


def walk_mapped(data: NDArray[np.uint8], documents: Table, images: Table) -> int:
    """Walk bytes that are mapped already; return the number of pictures."""
    pictures, at = 0, 0
    while at < len(data):
        at, _, used, _ = walker.walk(data, at, len(data), True, documents, images)
        pictures += used
    return pictures


def walk(path: Path) -> int:
    """Find every document and picture; return the number of pictures."""
    return sum(len(chunk.images) for chunk in walk_file(path))


def places(path: Path) -> list[Ranges]:
    """Return where the pictures lie, in some shards."""
    found = []
    for chunk in walk_file(path, window_bytes=SHARD):
        starts = chunk.images[:, walker.IMAGE_OFFSET] + chunk.base
        found.append((path, starts, chunk.images[:, walker.IMAGE_LENGTH].copy()))
    return found


def hash_pictures(shard: Ranges) -> int:
    """Hash pictures with hashlib and nothing else; return their number."""
    path, starts, lengths = shard
    view = np.memmap(path, np.uint8, "r").data
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        hashlib.md5(view[start : start + length]).digest()
    return len(starts)


def warm(path: Path) -> None:
    """Put a file into the page cache as a reading from beginning to end leaves it."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while file.read(2**24):
            pass


class Jobs:
    """What is measured on one file."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.folder = folder
        self.shards = places(path)
        self.data = np.memmap(path, np.uint8, "r")
        self.documents = np.zeros((2**16, walker.DOCUMENT_COLUMNS), np.int64)
        self.images = np.zeros((2**18, walker.IMAGE_COLUMNS), np.int64)

    def hashlib(self, workers: int) -> int:
        """Hash the pictures, in processes."""
        return sum(run_shards(hash_pictures, self.shards, workers=workers))

    def scan(self, hash_name: str, workers: int) -> int:
        """Write the parts of all stretches, in processes."""
        shutil.rmtree(self.folder / "scan", ignore_errors=True)
        reading = Reading(0, hash_name)
        stretches = cut(describe(self.path), reading, self.folder / "scan")
        read_stretches(stretches, workers=workers)
        return sum(len(starts) for _, starts, _ in self.shards)

    def index(self, hash_name: str) -> int:
        """Write the index, on one core."""
        output = self.folder / "index"
        record = index([self.path], output, hash_name=hash_name, workers=1, overwrite=True)
        return int(record["counts"]["images"])

    def on_one_core(self) -> dict[str, Callable[[], int]]:
        """Return the jobs whose processor time counts."""
        return {
            "pymongo": lambda: pymongo(self.path),
            "RawBSONDocument": lambda: raw_documents(self.path),
            "python walk": lambda: python_walk(self.path),
            "walk": lambda: walk(self.path),
            "walk, mapped": lambda: walk_mapped(self.data, self.documents, self.images),
            "pymongo + md5": lambda: pymongo(self.path, lambda data: hashlib.md5(data).digest()),
            "hashlib": lambda: self.hashlib(1),
            "index, md5": lambda: self.index("md5"),
            "pymongo + xxh3": lambda: pymongo(self.path, xxhash.xxh3_128_digest),
            "index, xxh3": lambda: self.index("xxh3"),
        }

    def on_every_core(self) -> dict[str, Callable[[], int]]:
        """Return the jobs whose real time counts."""
        cores = usable_cores()
        return {
            "scan, xxh3, 1 core": lambda: self.scan("xxh3", 1),
            f"scan, xxh3, {cores} cores": lambda: self.scan("xxh3", cores),
            "hashlib, 1 core": lambda: self.hashlib(1),
            f"hashlib, {cores} cores": lambda: self.hashlib(cores),
            "scan, md5, 1 core": lambda: self.scan("md5", 1),
            f"scan, md5, {cores} cores": lambda: self.scan("md5", cores),
        }


def measure(
    jobs: dict[str, Callable[[], int]], clock: Callable[[], float], rounds: int
) -> dict[str, float]:
    """Return the best seconds of each job, all of which must see the same pictures."""
    best: dict[str, float] = {}
    seen = set()
    for number in range(rounds + 1):
        for name, job in jobs.items():
            start = clock()
            seen.add(job())
            seconds = clock() - start
            if number:
                best[name] = min(best.get(name, seconds), seconds)
    if len(seen) != 1:
        raise SystemExit(f"the jobs saw different numbers of pictures: {sorted(seen)}")
    return best


def print_table(best: dict[str, float], size: float, peers: dict[str, list[str]]) -> None:
    """Print seconds, speed and ratios to the peers."""
    for name, seconds in best.items():
        ratios = [f"{best[peer] / seconds:5.2f} x {peer}" for peer in peers.get(name, [])]
        print(f"{name:20} {seconds:7.2f} s {size / seconds:7.2f} GB/s  {'   '.join(ratios)}")


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.catalogue
        if path is None:
            synth(Path(folder) / "shop", products=PRODUCTS, test=0.001)
            path = Path(folder) / "shop/train.bson"
        warm(path)
        jobs = Jobs(path, Path(folder))
        size = path.stat().st_size / 1e9
        print(f"{size:.2f} GB, warm, best of {options.rounds} rounds; one core, processor time")
        best = measure(jobs.on_one_core(), time.process_time, options.rounds)
        index_peers = ["pymongo + md5", "hashlib"]
        peers = {name: ["pymongo"] for name in best if "walk" in name or "Raw" in name}
        peers["index, md5"] = index_peers
        print_table(best, size, peers | {"index, xxh3": ["pymongo + md5", "pymongo + xxh3"]})
        cores = usable_cores()
        print(f"{cores} cores, real time")
        best = measure(jobs.on_every_core(), time.perf_counter, options.rounds)
        many, peers = f"{cores} cores", {}
        for name in ("scan, xxh3", "hashlib", "scan, md5"):
            peers[f"{name}, {many}"] = [f"{name}, 1 core"]
        peers[f"scan, md5, {many}"].append(f"hashlib, {many}")
        print_table(best, size, peers)


if __name__ == "__main__":
    main()
