"""BSON written byte by byte, so that it may also say what no encoder would (bsonspec.org)."""

import struct
from collections.abc import Iterable

Element = bytes


def element(kind: int, key: bytes, value: bytes) -> Element:
    return bytes([kind]) + key + b"\0" + value


def document(elements: Iterable[Element]) -> bytes:
    content = b"".join(elements)
    return struct.pack("<i", len(content) + 5) + content + b"\0"


def text(key: bytes, content: bytes) -> Element:
    return element(0x02, key, struct.pack("<i", len(content) + 1) + content + b"\0")


def binary(key: bytes, content: bytes) -> Element:
    return element(0x05, key, struct.pack("<i", len(content)) + b"\0" + content)


def int32(key: bytes, number: int) -> Element:
    return element(0x10, key, struct.pack("<i", number))


def int64(key: bytes, number: int) -> Element:
    return element(0x12, key, struct.pack("<q", number))


def double(key: bytes, number: float) -> Element:
    return element(0x01, key, struct.pack("<d", number))


def array(key: bytes, items: Iterable[Element]) -> Element:
    return element(0x04, key, document(items))


def nested(key: bytes, depth: int) -> Element:
    content = document([])
    for _ in range(depth):
        content = document([element(0x03, b"x", content)])
    return element(0x03, key, content)


def picture(key: bytes, *contents: bytes) -> Element:
    """Return an entry of ``imgs``; of several pictures the first counts."""
    return element(0x03, key, document(binary(b"picture", content) for content in contents))
