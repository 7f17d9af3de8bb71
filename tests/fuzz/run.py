"""Looks for bytes that break a promise, for as long as asked, with other examples every time.

    PYTHONPATH=tests python -m fuzz.run [--seconds 600] [--target WORD]

Every target gets the same share of the time, in rounds of its own process with a random seed and a
limit on memory. A round that fails prints the smallest example found, and how to run it again; the
others go on. Exit status 1 when anything was found.
"""

import argparse
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.bounds import EXAMPLES

FOLDER = Path(__file__).parent
ROUND = 150
ADDRESSES = 16 * 2**30


def targets(word: str) -> list[str]:
    """Return every test of this folder whose name has the word, as pytest names it."""
    return [
        f"{path}::{name}"
        for path in sorted(FOLDER.glob("test_*.py"))
        for name in re.findall(r"^@fuzzed\n(?:.*\n)*?def (\w+)", path.read_text(), re.MULTILINE)
        if word in name
    ]


def limit() -> None:
    """Refuse a process more addresses than it needs; a picture may not ask for them all."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))


def run_round(target: str, seed: int) -> bool:
    """Run a target's examples of one seed; print what is found."""
    arguments = ["-q", "-s", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", target]
    command = [sys.executable, "-m", "pytest", *arguments]
    environment = os.environ | {EXAMPLES: str(ROUND), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, f"--basetemp={folder}/pytest"],
            env=environment,
            capture_output=True,
            text=True,
            preexec_fn=limit,
            check=False,
        )
    if done.returncode:
        print(done.stdout[-20_000:], done.stderr[-20_000:], sep="\n")
        print(f"again: {EXAMPLES}={ROUND} {' '.join(command)}", flush=True)
    return done.returncode == 0


def run_target(target: str, seconds: float) -> bool:
    """Run rounds until the time is over or one fails; return whether none did."""
    end, rounds, sound = time.monotonic() + seconds, 0, True
    while sound and time.monotonic() < end:
        sound = run_round(target, random.randrange(2**32))
        rounds += 1
    name = target.split("::")[1]
    print(f"{'ok  ' if sound else 'FAIL'} {rounds * ROUND:6} examples  {name}", flush=True)
    return sound


def main() -> int:
    """Run every target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--target", default="")
    options = parser.parse_args()
    chosen = targets(options.target)
    results = [run_target(target, options.seconds / len(chosen)) for target in chosen]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
