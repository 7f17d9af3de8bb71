"""What the tests of imports share: trees, tars and tables of small pictures."""

import csv
import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from conftest import make_photo
from etalage.catalogue.index import Index, open_index
from etalage.exchange.importer import import_catalogue


@pytest.fixture
def tree(tmp_path: Path, photo: Callable[..., bytes]) -> Callable[..., Path]:
    """Writes files below a folder, photographs unless their content is given."""

    def write(*paths: str, **contents: bytes) -> Path:
        for row, path in enumerate(paths):
            place = tmp_path / "photos" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(contents.get(path, photo(row)))
        return tmp_path / "photos"

    return write


@pytest.fixture
def tar(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tar of (name or member, content) pairs."""

    def write(*members: tuple[str | tarfile.TarInfo, bytes], name: str = "shop.tar") -> Path:
        with tarfile.open(tmp_path / name, "w", format=tarfile.GNU_FORMAT) as archive:
            for given, content in members:
                member = tarfile.TarInfo(given) if isinstance(given, str) else given
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return tmp_path / name

    return write


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes a CSV file of a header and rows."""

    def write(header: str, *rows: Iterable[object], name: str = "shop.csv") -> Path:
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            file.write(header + "\n")
            csv.writer(file).writerows(rows)
        return tmp_path / name

    return write


class Imported:
    """An import that was made, and what it says."""

    def __init__(self, index: Index) -> None:
        self.index = index

    @property
    def products(self) -> dict[Any, list[bytes]]:
        """The images of each product by its id."""
        index = self.index
        starts, counts = index.image_start.tolist(), index.image_count.tolist()
        return {
            name: [index.image_bytes(row) for row in range(start, start + count)]
            for name, start, count in zip(
                index.product_ids.to_pylist(), starts, counts, strict=True
            )
        }

    @property
    def labels(self) -> dict[Any, tuple[str, str, str] | None]:
        """The category path of each product by its id."""
        paths = [*self.index.taxonomy.paths, None]
        rows = self.index.labels.tolist()
        names = self.index.product_ids.to_pylist()
        return {name: paths[row] for name, row in zip(names, rows, strict=True)}

    @property
    def issues(self) -> list[tuple[str, str, str]]:
        """Product, kind and detail of everything listed."""
        with (self.index.folder / "issues.csv").open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            return [(row["product_id"], row["kind"], row["detail"]) for row in rows]


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Imported]:
    """Imports sources in this process and opens the index."""

    def run(*sources: Path, **options: Any) -> Imported:
        output = tmp_path / "index"
        import_catalogue(list(sources), output, workers=1, overwrite=True, **options)
        return Imported(open_index(output))

    return run


class Shop(BaseHTTPRequestHandler):
    """Answers as the path says."""

    def do_GET(self) -> None:
        word, _, value = self.path.strip("/").partition("/")
        answer = getattr(self, f"_{word}", None)
        if answer is None:
            self.send_error(404)
        else:
            answer(value)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""

    def _photo(self, value: str) -> None:
        data = make_photo(int(value))
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _hops(self, value: str) -> None:
        self.send_response(302)
        left = int(value)
        self.send_header("Location", f"/hops/{left - 1}" if left > 1 else "/photo/1")
        self.end_headers()

    def _to(self, value: str) -> None:
        self.send_response(302)
        self.send_header("Location", value)
        self.end_headers()

    def _endless(self, _value: str) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 4096)
        except OSError:
            return

    def _cut(self, _value: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(b"x" * 100)

    def _drip(self, _value: str) -> None:
        try:
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            for _ in range(100):
                self.wfile.write(b"X: y\r\n")
                time.sleep(0.1)
        except OSError:
            return


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a shop's server."""
    served = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()
    thread.join()
