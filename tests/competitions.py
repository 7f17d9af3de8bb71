"""The files of a small competition, and a server of it on this machine's own address."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PRODUCTS, LEAVES = 400, 12
HEADER = "_id,category_id\n"
NAMES = "category_id,category_level1,category_level2,category_level3\n" + "".join(
    f"{1000 + 10 * leaf},A{leaf % 2},B{leaf % 4},C{leaf}\n" for leaf in range(LEAVES)
)


@dataclass(frozen=True)
class Files:
    """What a competition is made of, and what is sent to it."""

    folder: Path
    ids: list[int]
    right: list[int]

    @property
    def truth(self) -> Path:
        """The truth."""
        return self.folder / "truth.csv"

    @property
    def names(self) -> Path:
        """The taxonomy."""
        return self.folder / "names.csv"

    def answer(self, name: str, wrong: int = 0) -> Path:
        """Write a submission whose first ``wrong`` answers are wrong."""
        path = self.folder / name
        answers = [
            leaf if row >= wrong else 1000 + (leaf - 990) % (10 * LEAVES)
            for row, leaf in enumerate(self.right)
        ]
        rows = zip(self.ids, answers, strict=True)
        path.write_text(HEADER + "".join(f"{product},{leaf}\n" for product, leaf in rows))
        return path


def make_files(folder: Path) -> Files:
    """Write a truth of 400 products in no order, and its taxonomy of 12 leaves."""
    random = np.random.default_rng(3)
    ids = (7 * random.permutation(PRODUCTS)).tolist()
    right = (1000 + 10 * (random.zipf(1.5, PRODUCTS) % LEAVES)).tolist()
    made = Files(folder, ids, right)
    made.answer("truth.csv")
    made.names.write_text(NAMES)
    return made


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, Any]:
        """The error, in its one shape."""
        said: dict[str, Any] = self.json["error"]
        assert list(said) == ["code", "message", "hint", "line"]
        return said


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    address: str

    def ask(
        self, path: str, token: str = "", body: bytes | None = None, method: str | None = None
    ) -> Answer:
        """Ask it something."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as said:
                return Answer(said.status, dict(said.headers), said.read().decode())
        except urllib.error.HTTPError as said:
            with said:
                return Answer(said.code, dict(said.headers), said.read().decode())

    def submit(self, token: str, file: Path) -> Answer:
        """Send a file."""
        return self.ask("/api/submissions", token, file.read_bytes())


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """Serve a competition in a process of its own until the block ends."""
    command = [sys.executable, "-m", "etalage", "judge", "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(
        [*command, *options], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stderr is not None
    try:
        said = process.stderr.readline()
        address = re.match(r"(http://[\d.:]+):", said)
        assert address, said + process.stderr.read()
        yield Server(process, address[1])
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
