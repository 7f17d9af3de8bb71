"""Exact memory: an image whose bytes are known brings the labels of the products that show it."""

import numpy as np
from numpy.typing import NDArray

from etalage.blending.memory.meeting import Meeting
from etalage.blending.memory.witnesses import Witnesses, from_lengths


def recall_exact(meeting: Meeting) -> Witnesses:
    """Return what is known of the images of each asked product, byte by byte the same.

    A known product counts once for each image it shows. An asked product that is itself among the
    known ones is noted as such (``own``): it does not tell itself what it is.
    """
    pairs = _known_pairs(meeting)
    products, leaves = len(meeting.known_rows), meeting.leaves
    content, product = np.divmod(pairs, products)
    entries, counts = np.unique(content * leaves + meeting.labels[product], return_counts=True)
    entry_content, leaf = np.divmod(entries, leaves)
    known, lengths = np.unique(entry_content, return_counts=True)
    row = np.full(meeting.contents, -1, np.int32)
    row[known] = np.arange(len(known), dtype=np.int32)
    speaking = row[meeting.asked.content] >= 0
    asked, slot = meeting.asked.product[speaking], meeting.asked.content[speaking]
    return Witnesses(
        start=from_lengths(np.bincount(asked, minlength=len(meeting.asked_rows))),
        content=row[slot],
        own=_own_leaf(meeting, pairs, asked, slot),
        entry_start=from_lengths(lengths),
        leaf=leaf.astype(np.int32),
        votes=counts.astype(np.float32),
    )


def _known_pairs(meeting: Meeting) -> NDArray[np.int64]:
    """Return ``content * K + product`` of each known image that is asked about, ascending."""
    asked = np.zeros(meeting.contents, np.bool_)
    asked[meeting.asked.content] = True
    chosen = asked[meeting.known.content]
    content = meeting.known.content[chosen].astype(np.int64)
    return np.sort(content * len(meeting.known_rows) + meeting.known.product[chosen])


def _own_leaf(
    meeting: Meeting,
    pairs: NDArray[np.int64],
    asked: NDArray[np.int64],
    content: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Return for each witness the leaf under which the asked product itself stands in it, or -1."""
    own = meeting.own[asked]
    wanted = content.astype(np.int64) * len(meeting.known_rows) + own.clip(min=0)
    place = np.searchsorted(pairs, wanted).clip(max=max(len(pairs) - 1, 0))
    there = (own >= 0) & (pairs[place] == wanted) if len(pairs) else np.zeros(len(own), np.bool_)
    return np.where(there, meeting.labels[own.clip(min=0)], -1).astype(np.int32)
