"""Catalogues of strange but intact products, with damage between and inside of them.

A catalogue is a list of pieces. An intact piece is a whole product and says what must be read from
it, exactly; of the bytes of any other piece nothing is promised but that they harm no intact one.
"""

import struct
from dataclasses import dataclass

from hypothesis import strategies as st

from conftest import make_photo
from fuzz import raw_bson as raw

PHOTO = make_photo(1, side=8)
SMALL_IDS = st.integers(0, 300)  # three zero bytes in a row, as the end of a product has
IDS = SMALL_IDS | st.integers(-(2**31), 2**31 - 1) | st.text(min_size=1, max_size=6)
CATEGORIES = st.none() | st.integers(0, 5) | st.integers(-(2**63), 2**63 - 1)
NAMES = st.binary(max_size=8) | st.sampled_from(
    [b"nul\0inside", b"caf\xe9", b"\xed\xa0\x80", b"\0"]
)


@dataclass(frozen=True)
class Product:
    """What must be read: the id as text, the category and the bytes of the images in order."""

    product_id: str
    category: int | None
    images: tuple[bytes, ...]


@dataclass(frozen=True)
class Piece:
    """Some bytes of a catalogue; an intact product when ``product`` is there."""

    data: bytes
    product: Product | None


def plain(product_id: int, *images: bytes, category: int | None = None) -> bytes:
    entries = [raw.picture(str(rank).encode(), image) for rank, image in enumerate(images)]
    label = [] if category is None else [raw.int32(b"category_id", category)]
    return raw.document([raw.int32(b"_id", product_id), raw.array(b"imgs", entries), *label])


CATALOGUE_INSIDE = b"".join(plain(9000 + row, b"inner %d" % row, category=1) for row in range(4))
IMAGES = st.sampled_from(
    [b"", b"\0" * 9, PHOTO, PHOTO[:60], CATALOGUE_INSIDE, plain(9009), CATALOGUE_INSIDE[:-1]]
) | st.binary(max_size=20)


@st.composite
def entries(draw: st.DrawFn, images: list[bytes]) -> list[bytes]:
    """Return the elements of ``imgs``: keys in order or not, several pictures in one entry."""
    keys = [str(rank).encode() for rank in range(len(images))]
    if draw(st.booleans()):
        keys = [draw(st.sampled_from([b"", b"0", b"2", b"7", b"x"])) for _ in images]
    again = st.lists(IMAGES, max_size=1)
    return [raw.picture(key, image, *draw(again)) for key, image in zip(keys, images, strict=True)]


@st.composite
def extras(draw: st.DrawFn) -> list[bytes]:
    """Return fields that a product may have besides."""
    title, brand = draw(NAMES), draw(NAMES)
    fields = [
        raw.text(b"title", title),
        raw.text(b"brand", brand),
        raw.double(b"price", draw(st.floats())),
        raw.nested(b"deep", draw(st.sampled_from([1, 50, 500]))),
        raw.binary(b"copy", CATALOGUE_INSIDE),
        raw.element(0x03, b"inner", plain(9010, b"other", category=2)),
    ]
    return draw(st.lists(st.sampled_from(fields), max_size=3, unique_by=lambda field: field[:6]))


def repeats(elements: list[bytes]) -> list[bytes]:
    """Return what a second value of each key could be: it must not count."""
    other = [raw.int32(b"_id", 8), raw.array(b"imgs", [raw.picture(b"0", b"not mine")])]
    label = [raw.int32(b"category_id", 4)] if len(elements) > 2 else []
    return other + label


@st.composite
def products(draw: st.DrawFn, product_id: int | str) -> Piece:
    """Return an intact product, whatever it looks like."""
    images = draw(st.lists(IMAGES, max_size=4))
    category = draw(CATEGORIES)
    if isinstance(product_id, int):
        number = draw(st.sampled_from([raw.int32, raw.int64, raw.double]))
        elements = [number(b"_id", product_id)]
    else:
        elements = [raw.text(b"_id", product_id.encode())]
    elements.append(raw.array(b"imgs", draw(entries(images))))
    if category is not None:
        elements.append(raw.int64(b"category_id", category))
    later = draw(st.lists(st.sampled_from(repeats(elements)), max_size=1))
    elements = draw(st.permutations([*elements, *draw(extras())])) + later
    return Piece(raw.document(elements), Product(str(product_id), category, tuple(images)))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Return ``data`` with bytes changed, cut out, put in, doubled, or with a wrong length."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(changed)))
        stop = draw(st.integers(start, min(len(changed), start + 60)))
        stretch = changed[start:stop]
        lengths = [struct.pack("<i", n) for n in (-1, 0, 4, 5, 2**31 - 1, -(2**31), len(data) + 9)]
        changed[start:stop] = draw(
            st.sampled_from([b"", stretch * 2, *lengths])
            | st.binary(max_size=20)
            | st.just(bytes(byte ^ 1 for byte in stretch))
        )
    return bytes(changed[: draw(st.just(len(changed)) | st.integers(0, len(changed)))])


@st.composite
def catalogues(draw: st.DrawFn, *, most: int = 8) -> list[Piece]:
    """Return the pieces of a file: intact products, damaged ones, bytes of nothing."""
    pieces = []
    for product_id in draw(st.lists(IDS, min_size=1, max_size=most, unique_by=str)):
        piece = draw(products(product_id))
        fate = draw(st.sampled_from(["intact", "intact", "damaged", "junk before"]))
        if fate == "junk before":
            junk = st.binary(max_size=30) | st.just(CATALOGUE_INSIDE[:-30]) | st.just(bytes(40))
            pieces.append(Piece(draw(junk), None))
        pieces.append(Piece(draw(damaged(piece.data)), None) if fate == "damaged" else piece)
    return pieces
