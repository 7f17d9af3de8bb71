"""Any top-k table that there can be, down to certainty and nothing, for property tests."""

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from etalage.predictions.table import Predictions, top_k

LEAVES = 6


@st.composite
def tables(draw: st.DrawFn) -> Predictions:
    """Draw some products with the top 1 to 6 of six categories."""
    logits = st.lists(st.floats(-60, 60), min_size=LEAVES, max_size=LEAVES)
    rows = np.array(draw(st.lists(logits, min_size=1, max_size=5)))
    shares = np.exp(rows - rows.max(axis=1, keepdims=True))
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    top = top_k(shares, draw(st.integers(1, LEAVES)))
    return Predictions(pa.array(range(len(rows))), *top, np.ones(len(rows), np.int16))
