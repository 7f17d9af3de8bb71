"""A product as a BSON document, in the form of the catalogues ``etalage index`` reads.

{_id: int32, int64 or string, imgs: [{picture: binary subtype 0} or {}, ...],
 category_id: int32 or int64, then texts (strings) and price (double)}
"""

import struct
from dataclasses import dataclass

_INT32 = struct.Struct("<i")
_INT64 = struct.Struct("<q")
_DOUBLE = struct.Struct("<d")


@dataclass(frozen=True)
class Document:
    """The bytes of a document, and where in it its pictures lie.

    Attributes:
        data: all of it.
        offsets: of each entry's picture, 0 where it has none.
    """

    data: bytes
    offsets: list[int]


def encode(
    product_id: int | str,
    pictures: list[bytes | None],
    category: int | None,
    texts: dict[str, str | float],
) -> Document:
    """Return the document of a product; None among the pictures is an entry without one."""
    head = b"\0\0\0\0" + _element("_id", product_id) + b"\x04imgs\0"
    at = len(head) + 4
    entries: list[bytes] = []
    offsets: list[int] = []
    for rank, picture in enumerate(pictures):
        name = b"\x03" + str(rank).encode() + b"\0"
        body = b"" if picture is None else b"\x05picture\0" + _INT32.pack(len(picture)) + b"\0"
        size = 4 + len(body) + len(picture or b"") + 1
        offsets.append(0 if picture is None else at + len(name) + 4 + len(body))
        entries += [name, _INT32.pack(size), body, picture or b"", b"\0"]
        at += len(name) + size
    array = b"".join(entries)
    tail = b"" if category is None else _element("category_id", category)
    tail += b"".join(_element(name, value) for name, value in texts.items() if "\0" not in name)
    size = len(head) + 4 + len(array) + 1 + len(tail) + 1
    parts = (_INT32.pack(size), head[4:], _INT32.pack(len(array) + 5), array, b"\0", tail, b"\0")
    return Document(b"".join(parts), offsets)


def _element(name: str, value: int | float | str) -> bytes:
    key = name.encode() + b"\0"
    if isinstance(value, str):
        raw = value.encode()
        return b"\x02" + key + _INT32.pack(len(raw) + 1) + raw + b"\0"
    if isinstance(value, float):
        return b"\x01" + key + _DOUBLE.pack(value)
    if -(2**31) <= value < 2**31:
        return b"\x10" + key + _INT32.pack(value)
    return b"\x12" + key + _INT64.pack(value)
