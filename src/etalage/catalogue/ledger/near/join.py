"""Finds pairs of images that look the same, without comparing all with all.

The 256 bits of an image are eight bands of 32. For each band the images are sorted by it; those of
equal bands form a bucket and are compared. Two images that differ in 7 bits or fewer have a band in
common, so they always meet.

A bucket of up to ``_ALL`` images compares every two of them. In a larger one an image is compared
with those that were like no earlier one, the latest ``_KEPT`` of these: copies of one picture cost
one comparison each, not one with each other. A bucket of more than ``_CROWD`` images is divided by
the next band first. Both are counted, since a pair can be missed there.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.catalogue.hashes import changes
from etalage.catalogue.ledger.near.looks import Looks
from etalage.engines.local import usable_cores
from etalage.images.perceptual import WORDS

_ALL = 16
_KEPT = 256
_CROWD = 4096
_ROW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)

Words = NDArray[np.uint64]
Tones = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images that look the same.

    Attributes:
        pairs: the later image's number shifted by 32 bits, plus the earlier one's; ascending.
        crowded: number of buckets so large that they were divided.
        cut: number of buckets in which an image was not compared with all it might be like.
    """

    pairs: Words
    crowded: int
    cut: int


def find_pairs(looks: Looks, *, distance: int, tone: int, threads: int | None = None) -> Pairs:
    """Find pairs of images that look the same.

    Args:
        looks: what the images look like; those with a state are left out.
        distance: most bits that may differ.
        tone: most that any mean colour may differ, in levels of 255.
        threads: None for one on each core.
    """
    words = looks.bits.view(np.uint64)
    rows = np.flatnonzero(looks.state == 0).astype(np.uint64)

    def scan(band: int) -> tuple[Words, int, int]:
        keys = (looks.bits[rows, band].astype(np.uint64) << _HIGH) | rows
        keys.sort()
        following = looks.bits[:, (band + 1) % WORDS]
        return _scan(keys, following, words, looks.tones, distance, tone)

    pairs, crowded, cut = np.empty(0, np.uint64), 0, 0
    with ThreadPoolExecutor(threads or usable_cores()) as pool:
        for found, more_crowded, more_cut in pool.map(scan, range(WORDS)):
            pairs = _merge(pairs, found)
            crowded, cut = crowded + more_crowded, cut + more_cut
    return Pairs(pairs, crowded, cut)


def _merge(pairs: Words, more: Words) -> Words:
    """Return both, ascending, each pair once."""
    both = np.concatenate([pairs, more])
    both.sort()
    return both[changes(both)]


@njit(cache=True, nogil=True)
def _scan(
    keys: Words, following: NDArray[np.uint32], words: Words, tones: Tones, distance: int, tone: int
) -> tuple[Words, int, int]:
    """Compare within every run of equal bands; return pairs, crowded and cut buckets."""
    pairs, total = np.empty(1024, np.uint64), 0
    kept = np.empty(_KEPT, np.int64)
    crowded, cut, start = 0, 0, 0
    while start < len(keys):
        end = _end_of_run(keys, start)
        if end - start > _CROWD:
            crowded += 1
            inner = keys[start:end] & _ROW
            for place in range(len(inner)):
                band = np.uint64(following[inner[place]])
                inner[place] |= band << _HIGH
            inner.sort()
        else:
            inner = keys[start:end]
        at = 0
        while at < len(inner):
            stop = _end_of_run(inner, at)
            pairs, total, all_seen = _compare(
                inner[at:stop], words, tones, distance, tone, kept, pairs, total
            )
            cut += not all_seen
            at = stop
        start = end
    return pairs[:total].copy(), crowded, cut


@njit(cache=True, nogil=True)
def _end_of_run(keys: Words, start: int) -> int:
    end = start + 1
    while end < len(keys) and keys[end] >> _HIGH == keys[start] >> _HIGH:
        end += 1
    return end


@njit(cache=True, nogil=True)
def _compare(
    keys: Words,
    words: Words,
    tones: Tones,
    distance: int,
    tone: int,
    kept: NDArray[np.int64],
    pairs: Words,
    total: int,
) -> tuple[Words, int, bool]:
    """Add the pairs of one bucket to ``pairs``; return these, and whether all was compared."""
    few = len(keys) <= _ALL
    keeping = 0
    for key in keys:
        row = np.int64(key & _ROW)
        alike = False
        for place in range(min(keeping, len(kept))):
            other = kept[place]
            if difference(words, row, other) <= distance and same_tones(tones, row, other, tone):
                pairs = _room(pairs, total)
                pairs[total] = (np.uint64(row) << _HIGH) | np.uint64(other)
                total += 1
                alike = True
                if not few:
                    break
        if few or not alike:
            kept[keeping % len(kept)] = row
            keeping += 1
    return pairs, total, keeping <= len(kept)


@njit(cache=True, nogil=True)
def _room(pairs: Words, total: int) -> Words:
    if total < len(pairs):
        return pairs
    grown = np.empty(2 * len(pairs), np.uint64)
    grown[:total] = pairs
    return grown


@njit(cache=True, nogil=True)
def difference(words: Words, row: int, other: int) -> int:
    """Return in how many of their 256 bits two images differ; ``words`` is (D, 4)."""
    total = 0
    for word in range(4):
        total += _ones(words[row, word] ^ words[other, word])
    return total


@njit(cache=True, nogil=True)
def _ones(word: np.uint64) -> int:
    """Count the ones of a word; compiles to one instruction."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    fours = np.uint64(0x3333333333333333)
    word = (word & fours) + ((word >> np.uint64(2)) & fours)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def same_tones(tones: Tones, row: int, other: int, most: int) -> bool:
    """Tell whether no mean colour of two images differs by more than ``most``."""
    for place in range(tones.shape[1]):
        if abs(np.int64(tones[row, place]) - np.int64(tones[other, place])) > most:
            return False
    return True
