"""How one catalogue differs from another: what a model trained on the one meets in the other.

Each property is a distribution over bins. Two numbers say how far two distributions p and q are
apart:

* the Jensen-Shannon distance (Lin 1991, "Divergence measures based on the Shannon entropy"; a
  metric by Endres and Schindelin 2003), here to base 2: 0 where they are equal, 1 where nothing is
  common, the same from both sides;
* the population stability index, sum of (p - q) ln(p / q), the habit of credit scoring (Siddiqi
  2006, "Credit Risk Scorecards"): below 0.1 stable, above 0.25 changed. These limits are a rule of
  thumb: small samples and many bins exceed them by chance (Yurdakul and Naranjo 2020, "Statistical
  properties of the population stability index"). Half a count is added to every bin, so that an
  empty one does not make it infinite.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from etalage.catalogue.duplicates import find_shared
from etalage.catalogue.index import Index
from etalage.errors import CatalogueError
from etalage.reports.jpegs import quality_counts, size_counts, text_counts
from etalage.reports.numbers import TENTHS, round_edges, share

STABLE = 0.1
CHANGED = 0.25
_MOST_BYTES = 10**8
_SHOWN = 12
_QUALITIES = 5
_MANY = 10
Counts = dict[str, int]


@dataclass(frozen=True)
class Share:
    """A bin of a distribution: its share here and in the other catalogue."""

    name: str
    here: float
    there: float


@dataclass(frozen=True)
class Property:
    """One property of two catalogues.

    Attributes:
        name: what it is.
        bins: number of bins that are not empty in both.
        distance: Jensen-Shannon distance, 0 to 1.
        stability_index: population stability index.
        verdict: "stable", "shifted" or "changed", by the index.
        shares: the bins with the largest shares; those in their order where they have one.
    """

    name: str
    bins: int
    distance: float
    stability_index: float
    verdict: str
    shares: list[Share]


@dataclass(frozen=True)
class Shared:
    """What the other catalogue (``there``) has in common with this one.

    Attributes:
        products: its products.
        with_image: of these, how many have an image that this one has too, byte for byte.
        with_image_share: the same as a share.
        images: its images.
        images_here: of these, how many this one has too.
        images_here_share: the same as a share.
        same_id: its products whose id this one has too.
    """

    products: int
    with_image: int
    with_image_share: float
    images: int
    images_here: int
    images_here_share: float
    same_id: int


@dataclass(frozen=True)
class Drift:
    """This catalogue against another.

    Attributes:
        here: name of this index.
        there: name of the other.
        fingerprint: of the other.
        shared: what they have in common.
        new_categories: categories that only the other has products of; None without labels.
        properties: how far distributions are apart.
    """

    here: str
    there: str
    fingerprint: str
    shared: Shared
    new_categories: int | None
    properties: list[Property]


def compare(index: Index, other: Index) -> Drift:
    """Compare a catalogue with another.

    Raises:
        CatalogueError: the two tell images by different hashes.
    """
    if index.record["hash"] != other.record["hash"]:
        kinds = f"{index.record['hash']} and {other.record['hash']}"
        raise CatalogueError(
            f"{other.folder}: its images cannot be compared with those of {index.folder}: {kinds}",
            hint=f"make one of them again with: etalage index --hash {index.record['hash']}",
        )
    here, there = _profile(index), _profile(other)
    names = [name for name in here if name in there]
    leaves = [set(profile.get("category", {})) for profile in (here, there)]
    return Drift(
        here=index.folder.resolve().name,
        there=other.folder.resolve().name,
        fingerprint=other.fingerprint,
        shared=_shared(index, other),
        new_categories=len(leaves[1] - leaves[0]) if all(leaves) else None,
        properties=[compare_counts(name, here[name], there[name]) for name in names],
    )


def compare_counts(name: str, here: Counts, there: Counts) -> Property:
    """Compare two counts of the same bins, in the order of ``here``, then of ``there``."""
    bins = list(dict.fromkeys([*here, *there]))
    p, q = (np.array([counts.get(bin, 0) for bin in bins], np.float64) for counts in (here, there))
    both = p / max(p.sum(), 1) + q / max(q.sum(), 1)
    shown = np.sort(np.argsort(-both, kind="stable")[:_SHOWN])
    index = stability_index(p, q)
    verdict = "stable" if index < STABLE else "shifted" if index < CHANGED else "changed"
    return Property(
        name=name,
        bins=len(bins),
        distance=distance(p, q),
        stability_index=index,
        verdict=verdict,
        shares=[Share(bins[at], share(p[at], p.sum()), share(q[at], q.sum())) for at in shown],
    )


def distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Return the Jensen-Shannon distance of two counts, to base 2; 0 where one has none."""
    return round(float(jensenshannon(p, q, base=2)), 6) if p.sum() and q.sum() else 0.0


def stability_index(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Return the population stability index of two counts, half a count added to each bin."""
    if not (p.sum() and q.sum()):
        return 0.0
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (p, q))
    return round(float(((p - q) * np.log(p / q)).sum()), 6)


def _profile(index: Index) -> dict[str, Counts]:
    """Count the bins of every property; categories only where there are labels."""
    profile = {
        "images of a product": _image_counts(index),
        "bytes of an image": _byte_counts(index),
        "size": size_counts(index),
        "format": {name or "none": n for name, n in _texts(index, "format").items()},
        "JPEG quality": _quality_counts(index),
        "chroma": {name or "unknown": n for name, n in _texts(index, "chroma").items()},
    }
    if (index.labels >= 0).any():
        profile |= _label_counts(index)
    return profile


def _texts(index: Index, name: str) -> Counts:
    return text_counts(index.column("images", name))


def _image_counts(index: Index) -> Counts:
    counts = np.bincount(np.minimum(index.image_count, _MANY)).tolist()
    return {
        f"{n}" if n < _MANY else f"{n} or more": count for n, count in enumerate(counts) if count
    }


def _byte_counts(index: Index) -> Counts:
    edges = np.append(0, round_edges(_MOST_BYTES, TENTHS))
    length = index.column("images", "length").to_numpy()
    counts = np.bincount(np.searchsorted(edges, length, side="right") - 1, minlength=len(edges))
    return {f"from {low:,}": n for low, n in zip(edges.tolist(), counts.tolist(), strict=True) if n}


def _quality_counts(index: Index) -> Counts:
    counts = quality_counts(index)
    low = np.arange(101) // _QUALITIES * _QUALITIES
    bins = np.bincount(low[1:], weights=counts[1:]).astype(np.int64)
    named = {f"{at}": int(n) for at, n in enumerate(bins.tolist()) if n}
    return ({"unknown": int(counts[0])} if counts[0] else {}) | named


def _label_counts(index: Index) -> dict[str, Counts]:
    taxonomy = index.taxonomy
    leaves = np.bincount(index.labels[index.labels >= 0], minlength=len(taxonomy))
    names = [
        f"{path[-1].strip()} ({leaf})".strip()
        for path, leaf in zip(taxonomy.paths, taxonomy.ids.tolist(), strict=True)
    ]
    by_leaf = {"category": _largest_first(names, leaves)}
    if taxonomy.is_flat:
        return by_leaf
    branches = sorted({path[0] for path in taxonomy.paths})
    tops = np.bincount(taxonomy.nodes(1), weights=leaves).astype(np.int64)
    return {"category of level 1": _largest_first(branches, tops)} | by_leaf


def _largest_first(names: list[str], counts: NDArray[np.int64]) -> Counts:
    order = np.argsort(-counts, kind="stable")
    return {names[row]: int(counts[row]) for row in order.tolist() if counts[row]}


def _shared(index: Index, other: Index) -> Shared:
    """Find the images and products of ``other`` that ``index`` has too."""
    hashes = np.concatenate([index.hashes, other.hashes])
    product = np.concatenate([index.image_product, other.image_product + np.int32(len(index))])
    nowhere = np.full(len(index) + len(other), -1, np.int32)
    number = find_shared(product, hashes, nowhere).image_number
    del hashes, product
    known = np.zeros(int(number.max(initial=-1)) + 1, np.bool_)
    known[number[: len(index.image_product)]] = True
    here = known[number[len(index.image_product) :]]
    products = len(np.unique(other.image_product[here]))
    return Shared(
        products=len(other),
        with_image=products,
        with_image_share=share(products, len(other)),
        images=len(here),
        images_here=int(here.sum()),
        images_here_share=share(here.sum(), len(here)),
        same_id=_same_ids(index.product_ids, other.product_ids),
    )


def _same_ids(here: pa.Array, there: pa.Array) -> int:
    if here.type != there.type:
        here, there = here.cast(pa.string()), there.cast(pa.string())
    return int(pc.sum(pc.is_in(there, value_set=here)).as_py() or 0)
