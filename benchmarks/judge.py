"""A competition of 1,768,182 products and 5,270 categories: seconds and peak memory of its work.

    python benchmarks/judge.py [FOLDER] [--products N]

FOLDER is where the files are made and left (a temporary folder by default). Each measurement is a
process of its own; over HTTP it is the server's memory that counts, and the seconds are those that
the team waits. "refused" is a file with its last line wrong, which is walked to name the line.
"""

import argparse
import json
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa

from etalage.catalogue.taxonomy import Taxonomy, write_taxonomy
from etalage.competition.competition import open_competition
from etalage.competition.folder import create_competition
from etalage.errors import SubmissionError
from etalage.predictions.submission import write_submission
from etalage.serve.judge.page import render

PRODUCTS, LEAVES = 1_768_182, 5270
TEAMS, EACH = 627, 10
SECONDS, MEGABYTES = 10.0, 1000


def make(folder: Path, products: int) -> None:
    """Write a truth with a long tail, answers half of which are right, and faulty files."""
    random = np.random.default_rng(0)
    leaves = np.arange(LEAVES, dtype=np.int64) + 1_000_000_000
    names = [(str(leaf % 49), str(leaf % 483), str(leaf)) for leaf in range(LEAVES)]
    write_taxonomy(Taxonomy(leaves, tuple(names)), folder / "names.csv")
    ids = pa.array(np.sort(random.choice(23_620_446, products, replace=False)))
    right = leaves[random.zipf(1.3, products) % LEAVES]
    given = np.where(random.random(products) < 0.5, right, leaves[0])
    write_submission(folder / "truth.csv", ids, right, overwrite=True)
    write_submission(folder / "s.csv", ids, given, overwrite=True)
    write_submission(folder / "s.zip", ids, given, overwrite=True)
    given[-1] = 5
    write_submission(folder / "wrong.csv", ids, given, overwrite=True)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("s.csv", bytes(1_000_000_000))


def create(folder: Path) -> str:
    """Make the competition."""
    taxonomy = folder / "names.csv"
    about = create_competition(
        folder / "truth.csv", folder / "c", taxonomy=taxonomy, per_day=99, overwrite=True
    )
    open_competition(folder / "c").register.enter("Ada")
    return f"{about.public:,} public"


def submit(folder: Path, name: str) -> str:
    """Judge a file in this process."""
    competition = open_competition(folder / "c")
    try:
        receipt = competition.submit(folder / name, competition.register.team("Ada"), name=name)
    except SubmissionError as error:
        return error.message
    return f"{receipt.public:.5f}"


def board(folder: Path) -> str:
    """Make the page of as many teams as in 2017."""
    create_competition(
        folder / "truth.csv", folder / "b", taxonomy=folder / "names.csv", overwrite=True
    )
    random = np.random.default_rng(0)
    with closing(sqlite3.connect(folder / "b/judge.sqlite")) as base, base:
        for team in range(TEAMS):
            base.execute(
                "INSERT INTO teams VALUES (?, ?, ?, ?, '')",
                (team, f"T{team}", f"t{team}", b"%d" % team),
            )
        for sent, score in enumerate(random.random(TEAMS * EACH).round(5).tolist()):
            at = f"2026-11-20T10:{sent // 60 % 60:02d}:{sent % 60:02d}.000Z"
            base.execute(
                "INSERT INTO submissions VALUES (NULL, ?, ?, '', ?, 1, '', '', ?, ?, 0)",
                (sent % TEAMS, at, str(sent), score, score),
            )
    competition = open_competition(folder / "b")
    start = time.perf_counter()
    page = render(competition.board())
    return f"page of {len(page):,} bytes in {1000 * (time.perf_counter() - start):.0f} ms"


JOBS: dict[str, Callable[[Path], str]] = {
    "create": create,
    "submit": lambda folder: submit(folder, "s.csv"),
    "submit zipped": lambda folder: submit(folder, "s.zip"),
    "refused: last line": lambda folder: submit(folder, "wrong.csv"),
    "refused: zip bomb": lambda folder: submit(folder, "bomb.zip"),
    "board of 627 teams": board,
}


def measure(job: str, folder: Path) -> dict[str, object]:
    """Run a job in this process and return what it cost; peak memory includes what is imported."""
    wall, processor = time.perf_counter(), time.process_time()
    said = JOBS[job](folder)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"seconds": wall, "cpu": processor, "peak_mb": peak, "said": said}


def over_http(folder: Path) -> list[dict[str, object]]:
    """Serve the competition and send to it; peak memory is the server's, so far."""
    token = open_competition(folder / "c").register.enter("Bob", renew=False)
    command = [sys.executable, "-m", "etalage", "judge", "serve", str(folder / "c"), "--port", "0"]
    found: list[dict[str, object]] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        line = server.stderr.readline() if server.stderr else ""
        address = re.split(r": ", line)[0]
        for name in ("s.zip", "s.csv", "wrong.csv"):
            start, before = time.perf_counter(), processor_seconds(server.pid)
            said = post(f"{address}/api/submissions", token, folder / name)
            seconds, cpu = time.perf_counter() - start, processor_seconds(server.pid) - before
            peak = int(re.findall(r"VmHWM:\s+(\d+)", status(server.pid))[0]) // 1024
            one = {"seconds": seconds, "cpu": cpu, "peak_mb": peak, "said": f"{name}: {said}"}
            found.append(one)
        psutil.Process(server.pid).terminate()
    return found


def post(address: str, token: str, file: Path) -> str:
    """Send a file and return the score or the error."""
    headers = {"Authorization": f"Bearer {token}", "Content-Length": str(file.stat().st_size)}
    with file.open("rb") as body:
        request = urllib.request.Request(address, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request) as answer:
                return f"{json.load(answer)['public']:.5f}"
        except urllib.error.HTTPError as answer:
            with answer:
                return str(json.load(answer)["error"]["message"])


def processor_seconds(process: int) -> float:
    """Return the time that a process has computed."""
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def status(process: int) -> str:
    """Return what the system says of a process, empty where it says nothing."""
    with suppress(OSError):
        return Path(f"/proc/{process}/status").read_text()
    return "VmHWM: 0"


def main() -> int:
    """Make the files, run every job in a process of its own, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--job", choices=["make", *JOBS], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job == "make":
        make(options.folder, options.products)
    elif options.job:
        print(json.dumps(measure(options.job, options.folder)))
    else:
        with tempfile.TemporaryDirectory() as place:
            return report(options.folder or Path(place), options.products)
    return 0


def run(folder: Path, *options: str) -> str:
    """Run this script in a fresh process: a child would inherit its parent's peak memory."""
    return subprocess.check_output([sys.executable, __file__, str(folder), *options], text=True)


def report(folder: Path, products: int) -> int:
    """Print a line for each job; return 1 when one is over the limit."""
    folder.mkdir(parents=True, exist_ok=True)
    run(folder, "--job", "make", "--products", str(products))
    print(f"{products:,} products\n{'job':20} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}  said")
    found = [{"job": job, **json.loads(run(folder, "--job", job))} for job in JOBS]
    found += [{"job": "over HTTP", **one} for one in over_http(folder)]
    for one in found:
        cost = f"{one['seconds']:8.2f} {one['cpu']:8.2f} {one['peak_mb']:8,}"
        print(f"{one['job']:20} {cost}  {one['said']}")
    sent = [one for one in found if not one["job"].startswith(("board", "create"))]
    over = any(one["seconds"] > SECONDS or one["peak_mb"] > MEGABYTES for one in sent)
    limit = f"of {SECONDS:.0f} s and {MEGABYTES:,} MB a submission"
    print("over the limit" if over else "within the limit", limit)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
