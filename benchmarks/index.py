"""Reading a BSON catalogue: Étalage's walk and scan against pymongo, on one file in one run.

    python benchmarks/index.py [CATALOGUE.bson] [--rounds 5]

Without a catalogue one of about 2 GB is generated first. Every job runs in this process on one
core, in turn, after a first round that is not counted; what is printed is the best round, in
gigabytes per second of processor time, so other work on the machine disturbs it little. The file is
read warm.

Jobs: ``pymongo`` decodes every document and looks at id, category and the pictures' lengths;
``pymongo + md5`` and ``+ xxh3`` also hash every picture; ``walk`` finds every document, field and
picture and checks every length; ``scan`` also hashes and makes the index's tables.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bson
import xxhash

from etalage.catalogue.bson import walk_file
from etalage.catalogue.scan import Reading, scan
from etalage.generator import synth

PRODUCTS = 250_000


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


def walk(path: Path) -> int:
    """Find every document and picture; return the number of pictures."""
    return sum(len(chunk.images) for chunk in walk_file(path))


def scan_with(path: Path, hash_name: str) -> int:
    """Make the tables of the index; return the number of pictures."""
    return sum(part.images.num_rows for part, _, _ in scan(path, Reading(0, hash_name)))


JOBS: dict[str, Callable[[Path], int]] = {
    "pymongo": pymongo,
    "walk": walk,
    "pymongo + md5": lambda path: pymongo(path, lambda data: hashlib.md5(data).digest()),
    "scan, md5": lambda path: scan_with(path, "md5"),
    "pymongo + xxh3": lambda path: pymongo(path, xxhash.xxh3_128_digest),
    "scan, xxh3": lambda path: scan_with(path, "xxh3"),
}
PEERS = {"walk": "pymongo", "scan, md5": "pymongo + md5", "scan, xxh3": "pymongo + xxh3"}


def measure(path: Path, rounds: int) -> dict[str, float]:
    """Return the best processor seconds of each job, all of which must see the same pictures."""
    best: dict[str, float] = {}
    seen = set()
    for number in range(rounds + 1):
        for name, job in JOBS.items():
            start = time.process_time()
            seen.add(job(path))
            seconds = time.process_time() - start
            if number:
                best[name] = min(best.get(name, seconds), seconds)
    if len(seen) != 1:
        raise SystemExit(f"the jobs saw different numbers of pictures: {sorted(seen)}")
    return best


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.catalogue
        if path is None:
            synth(Path(folder) / "shop", products=PRODUCTS, test=0.001)
            path = Path(folder) / "shop/train.bson"
        best = measure(path, options.rounds)
        gigabytes = path.stat().st_size / 1e9
    print(f"{gigabytes:.2f} GB, warm, one core, best of {options.rounds} rounds")
    print(f"{'':16} {'CPU s':>7} {'GB per CPU s':>13} {'times its peer':>15}")
    for name, seconds in best.items():
        ratio = f"{best[PEERS[name]] / seconds:15.1f}" if name in PEERS else ""
        print(f"{name:16} {seconds:7.2f} {gigabytes / seconds:13.2f} {ratio}")


if __name__ == "__main__":
    main()
