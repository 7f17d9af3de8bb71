"""Writes a generated catalogue as BSON and CSV, in one pass over the products.

A document is ``{_id: int32, imgs: [{picture: binary subtype 0}, ...], category_id: int32}`` in this
order of keys, without ``category_id`` in the test file; when asked for, ``title``, ``description``,
``brand`` (strings) and ``price`` (double) follow. The CSV file is UTF-8 with a header line::

    products.csv    _id,category_id,title,brand,price,reseller (no category: a test product)
"""

import csv
import io
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from etalage.generator.looks import Look
from etalage.generator.plan import Plan
from etalage.generator.pool import Pool
from etalage.generator.titles import Text, texts
from etalage.progress import progress_bar

EXAMPLE = 100
_CHUNK = 8192
_INT = struct.Struct("<i")
_COM = b"\xff\xfe\x00\x06"  # a JPEG comment of four bytes
_JFIF_END = 20  # start of image and a JFIF segment without thumbnail


def write_catalogue(
    folder: Path,
    plan: Plan,
    pool: Pool,
    drawing: NDArray[np.int32] | None,
    looks: tuple[Look, ...],
    ids: NDArray[np.int64],
    *,
    seed: int,
    text: bool,
) -> None:
    """Write the BSON files and ``products.csv``.

    Args:
        folder: where to write.
        plan: the products.
        pool: the drawn pictures.
        drawing: which drawing stands for each picture, shape (pictures,), or None: its own.
        looks: of every leaf.
        ids: category id of every leaf row.
        seed: of the texts.
        text: whether documents carry title, description, brand and price.
    """
    names = plan.resellers.names
    with ExitStack() as stack:
        train, test, example = (
            stack.enter_context((folder / f"{name}.bson").open("wb"))
            for name in ("train", "test", "train_example")
        )
        table = stack.enter_context(
            (folder / "products.csv").open("w", encoding="utf-8", newline="")
        )
        table.write("_id,category_id,title,brand,price,reseller\n")
        advance = stack.enter_context(progress_bar("write", len(plan)))
        shown = 0
        for first, last in _chunks(len(plan)):
            said = texts(plan, looks, seed, first, last)
            documents = _documents(plan, pool, drawing, ids, said if text else None, first, last)
            in_test = plan.test[first:last]
            train.write(
                b"".join(d for d, hidden in zip(documents, in_test, strict=True) if not hidden)
            )
            test.write(b"".join(d for d, hidden in zip(documents, in_test, strict=True) if hidden))
            shown += _write_example(example, documents, in_test, EXAMPLE - shown)
            table.write(_product_lines(plan, ids, said, names, first, last))
            advance(last - first)


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, _CHUNK):
        yield first, min(first + _CHUNK, count)


def _write_example(
    file: BinaryIO, documents: list[bytes], in_test: NDArray[np.bool_], missing: int
) -> int:
    rows = np.flatnonzero(~in_test)[: max(missing, 0)].tolist()
    for row in rows:
        file.write(documents[row])
    return len(rows)


def _documents(
    plan: Plan,
    pool: Pool,
    drawing: NDArray[np.int32] | None,
    ids: NDArray[np.int64],
    said: list[Text] | None,
    first: int,
    last: int,
) -> list[bytes]:
    start = plan.start[first : last + 1]
    pictures = _pictures(pool, drawing, plan.picture[start[0] : start[-1]])
    given = ids[plan.given[first:last]].tolist()
    hidden = plan.test[first:last].tolist()
    edges = (start - start[0]).tolist()
    documents = []
    for row, product in enumerate(plan.ids[first:last].tolist()):
        tail = b"" if hidden[row] else b"\x10category_id\x00" + _INT.pack(given[row])
        if said is not None:
            tail += _text_fields(said[row])
        documents.append(document(product, pictures[edges[row] : edges[row + 1]], tail))
    return documents


def document(product: int, pictures: list[bytes], tail: bytes) -> bytes:
    """Return a BSON document of a product; ``tail`` holds the elements after ``imgs``."""
    parts = []
    for rank, picture in enumerate(pictures):
        name = b"\x03" + str(rank).encode() + b"\x00"
        parts += [
            name,
            _INT.pack(len(picture) + 19),
            b"\x05picture\x00",
            _INT.pack(len(picture)),
            b"\x00",
            picture,
            b"\x00",
        ]
    array = b"".join(parts)
    size = 4 + 9 + 6 + len(array) + 5 + len(tail) + 1
    head = _INT.pack(size) + b"\x10_id\x00" + _INT.pack(product) + b"\x04imgs\x00"
    return b"".join((head, _INT.pack(len(array) + 5), array, b"\x00", tail, b"\x00"))


def _text_fields(said: Text) -> bytes:
    fields = b""
    for name, value in (
        ("title", said.title),
        ("description", said.description),
        ("brand", said.brand),
    ):
        raw = value.encode()
        fields += b"\x02" + name.encode() + b"\x00" + _INT.pack(len(raw) + 1) + raw + b"\x00"
    return fields + b"\x01price\x00" + struct.pack("<d", said.price)


def _pictures(
    pool: Pool, drawing: NDArray[np.int32] | None, wanted: NDArray[np.int32]
) -> list[bytes]:
    """Return the bytes of pictures; one that borrows a drawing gets its own number in a comment."""
    if drawing is None:
        return pool.read(wanted)
    return [
        jpeg[:_JFIF_END] + _COM + _INT.pack(number) + jpeg[_JFIF_END:]
        for jpeg, number in zip(pool.read(drawing[wanted]), wanted.tolist(), strict=True)
    ]


def _product_lines(
    plan: Plan,
    ids: NDArray[np.int64],
    said: list[Text],
    names: tuple[str, ...],
    first: int,
    last: int,
) -> str:
    lines = io.StringIO()
    rows = zip(
        plan.ids[first:last].tolist(),
        ids[plan.given[first:last]].tolist(),
        plan.test[first:last].tolist(),
        said,
        plan.reseller[first:last].tolist(),
        strict=True,
    )
    csv.writer(lines, lineterminator="\n").writerows(
        (
            product,
            "" if hidden else given,
            text.title,
            text.brand,
            f"{text.price:.2f}",
            names[seller],
        )
        for product, given, hidden, text, seller in rows
    )
    return lines.getvalue()
