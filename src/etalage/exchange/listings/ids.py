"""Ids as programs write them: an integer where its plain form is one, else a text."""

import re

import pyarrow as pa
import pyarrow.compute as pc

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
_PLAIN = re.compile(r"0|-?[1-9][0-9]{0,18}")


def plain_integer(value: object) -> int | None:
    """Return a 64-bit integer, given as a number or as a text in its plain form, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        number = int(value) if _PLAIN.fullmatch(value) else None
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    else:
        number = value
    return number if number is not None and INTEGER_MIN <= number <= INTEGER_MAX else None


def split_ids(values: pa.Array, *, as_text: bool = False) -> tuple[pa.Array, pa.Array]:
    """Return ids as (integers, texts), one of which is null on each row; empty ones null in both.

    Args:
        values: integers, or texts.
        as_text: whether texts stay texts even where they are integers in their plain form.
    """
    if pa.types.is_integer(values.type):
        if not pa.types.is_uint64(values.type):
            return values.cast(pa.int64()), pa.nulls(len(values), pa.string())
        values = values.cast(pa.string())
    texts = pc.if_else(pc.equal(values, ""), None, values.cast(pa.string()))
    if as_text:
        return pa.nulls(len(texts), pa.int64()), texts
    integers = plain_integers(texts)
    return integers, pc.if_else(pc.is_valid(integers), None, texts)


def plain_integers(texts: pa.Array) -> pa.Array:
    """Return texts as int64 where they are integers in their plain form, else null."""
    short = pc.match_substring_regex(texts, r"^(?:0|-?[1-9][0-9]{0,17})$")
    numbers = pc.if_else(short, texts, None).cast(pa.int64())
    long = pc.match_substring_regex(texts, r"^-?[1-9][0-9]{18}$")
    if not pc.any(long).as_py():
        return numbers
    # Nineteen digits may or may not fit: too few to matter, so one by one.
    rare = pa.array([plain_integer(text) for text in texts.to_pylist()], pa.int64())
    return pc.coalesce(numbers, pc.if_else(long, rare, None))
