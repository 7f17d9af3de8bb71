"""Which products of a truth are public and which private.

The public score of a submission is seen at once, the private one when all is over. Every category
of the private part is also in the public one, so that nothing is asked at the end that could not
have been seen going wrong before.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etalage.errors import CompetitionError, ConfigError

PUBLIC, PRIVATE = "public", "private"


def deal(leaves: NDArray[np.int32], share: float, seed: int) -> NDArray[np.bool_]:
    """Choose the public products by lot, in every category a like share and one at least.

    Categories are walked in order and the share is rounded along the way, so that the total is
    right as far as the one at least allows.

    Args:
        leaves: the leaf row of each product, in the order of their ids, (P,).
        share: of the products that shall be public.
        seed: of the lot, 0 or more.

    Returns:
        Whether each product is public, (P,).

    Raises:
        ConfigError: ``share`` is not between 0 and 1.
        CompetitionError: nothing would be private.
    """
    if not 0 < share < 1:
        raise ConfigError(f"a public share of {share} is not between 0 and 1")
    if seed < 0:
        raise ConfigError(f"seed {seed}: expected 0 or more")
    secret = hashlib.sha256(leaves.astype("<i4").tobytes()).digest()
    random = np.random.default_rng([seed, int.from_bytes(secret, "little")])
    order = np.lexsort((random.random(len(leaves)), leaves))
    counts = np.bincount(leaves)
    ends = np.cumsum(counts)
    wanted = np.diff(np.floor(ends * share + random.random()), prepend=0)
    wanted = np.clip(wanted, np.minimum(counts, 1), counts)
    rank = np.arange(len(leaves)) - (ends - counts)[leaves[order]]
    public = np.empty(len(leaves), np.bool_)
    public[order] = rank < wanted[leaves[order]]
    if public.all():
        raise CompetitionError(
            f"nothing is left for the private part: {len(leaves):,} products of "
            f"{np.count_nonzero(counts):,} categories, and one of each is public",
            hint="give a truth with more products",
        )
    return public


def given(part: pa.Array, leaves: NDArray[np.int32], name: str) -> NDArray[np.bool_]:
    """Return what column ``part`` of a truth says, checked.

    Args:
        part: the word of each product, (P,).
        leaves: the leaf row of each product, (P,).
        name: of the file, for messages.

    Raises:
        CompetitionError: other words than public and private, one of them missing, or a category
            that is in the private part only.
    """
    words = sorted(part.unique().to_pylist())
    if words != [PRIVATE, PUBLIC]:
        raise CompetitionError(
            f"{name}: the column 'part' holds {', '.join(map(repr, words[:5]))}, expected "
            f"'{PUBLIC}' and '{PRIVATE}'",
            hint="leave the column out to have the parts dealt",
        )
    public = np.asarray(pc.equal(part, PUBLIC).to_numpy(zero_copy_only=False), np.bool_)
    unseen = np.setdiff1d(leaves[~public], leaves[public])
    if len(unseen):
        raise CompetitionError(
            f"{name}: {len(unseen):,} categories are in the private part only",
            hint="move a product of each to the public part, or leave the column 'part' out",
        )
    return public
