"""Numbers that are spelt as text."""

import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$"


def spelt_numbers(texts: pa.Array) -> pa.Array:
    """Return strings that spell a decimal number as float64, else null."""
    return pc.cast(pc.if_else(pc.match_substring_regex(texts, _NUMBER), texts, None), pa.float64())
