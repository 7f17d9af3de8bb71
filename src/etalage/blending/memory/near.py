"""Near memory: images that look like the asked one, by their embeddings, bring their labels.

Every known picture counts once, with the shares of its labels; a neighbour of cosine s has
``exp((s - 1) / temperature)`` votes, so that the same picture would have one and another less. Left
out are: known pictures of the asked product's own duplicate group, of which exact memory speaks;
and pictures, asked or known, that are on products of several groups: boilerplate.
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from etalage.blending.memory.cells import find_by_cells, share_found
from etalage.blending.memory.meeting import Images, Meeting
from etalage.blending.memory.neighbours import Neighbours, Vectors, find_neighbours
from etalage.blending.memory.witnesses import Witnesses, from_lengths, pieces
from etalage.catalogue.duplicates import group_products
from etalage.embedding.folder import Embeddings
from etalage.errors import EmbeddingsError

COMPARED = 10**13
"""Products of two numbers up to which every asked vector is compared with every known one."""
SEVERAL = -2
"""In place of the group of a picture that products of several groups show."""


@dataclass(frozen=True, eq=False)
class Likenesses:
    """Images that resemble known ones.

    Attributes:
        witnesses: their votes are shares of labels.
        similarity: cosine of the picture of each entry, (E,).
        found: share of the true neighbours that were found; 1 where all were compared.
    """

    witnesses: Witnesses
    similarity: NDArray[np.float32]
    found: float = 1.0

    def at(self, temperature: float) -> Witnesses:
        """Return the witnesses with votes that fall with the distance."""
        fall = np.exp((self.similarity - np.float32(1)) / np.float32(temperature))
        return self.witnesses._replace(votes=self.witnesses.votes * fall)

    def of(self, rows: NDArray[np.int64]) -> "Likenesses":
        """Return what tells of some products, in the order asked."""
        return replace(self, witnesses=self.witnesses.of(rows))


def recall_near(
    meeting: Meeting, embeddings: Embeddings, known_embeddings: Embeddings, neighbours: int
) -> Likenesses:
    """Return what the most similar known images say of each asked product.

    Raises:
        EmbeddingsError: the vectors are of other indexes, or of two backbones.
    """
    refuse_other_vectors(meeting, embeddings, known_embeddings)
    asked_group, known_group = _groups(meeting)
    group = np.full(meeting.contents, -1, np.int32)
    _note_groups(meeting.known.content, known_group[meeting.known.product], group, SEVERAL)
    _note_groups(meeting.asked.content, asked_group[meeting.asked.product], group, SEVERAL)
    asked_content, asked = _vectors(embeddings, meeting.asked, group)
    known_content, known = _vectors(known_embeddings, meeting.known, group)
    few = len(asked) * len(known) * asked.width <= COMPARED
    found = (find_neighbours if few else find_by_cells)(asked, known, neighbours)
    told = _as_witnesses(meeting, asked_content, found, *_label_shares(meeting, known_content))
    return told if few else replace(told, found=share_found(asked, known, found))


def refuse_other_vectors(
    meeting: Meeting, embeddings: Embeddings, known_embeddings: Embeddings
) -> None:
    """Raise ``EmbeddingsError`` unless both are of their index, and of one backbone."""
    pairs = ((embeddings, meeting.asked_index), (known_embeddings, meeting.known_index))
    for vectors, index in pairs:
        if vectors.manifest.source.get("index") != index.fingerprint:
            raise EmbeddingsError(
                f"{vectors.folder}: was made from another index "
                f"({vectors.manifest.source.get('index')}), {index.folder} is {index.fingerprint}",
                hint=f"embed this one with: etalage embed MODEL {index.folder} -o EMBEDDINGS",
            )
    encoders = [vectors.manifest.source["encoder"] for vectors, _ in pairs]
    for name in encoders[0] | encoders[1]:
        if encoders[0].get(name) != encoders[1].get(name):
            raise EmbeddingsError(
                f"{known_embeddings.folder}: was made with another {name} "
                f"({encoders[1].get(name)}, not {encoders[0].get(name)} as {embeddings.folder})",
                hint="embed both indexes with the same MODEL and options",
            )


def _groups(meeting: Meeting) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the duplicate group of each asked and of each known product, numbered together.

    What asked products are labelled is not looked at, not even to tell what is boilerplate.
    """
    known, asked = meeting.known_index, meeting.asked_index
    label = np.full(len(known), -1, np.int32)
    label[meeting.known_rows] = known.labels[meeting.known_rows]
    branch = np.append(known.taxonomy.nodes(2), np.int32(-1))[label]
    image_product, hashes, readable = known.image_product, known.hashes, known.readable
    first = 0
    if not meeting.same_index:
        first, blank = len(known), np.full(len(asked), -1, np.int32)
        label, branch = np.concatenate([label, blank]), np.concatenate([branch, blank])
        image_product = np.concatenate([image_product, asked.image_product + np.int32(first)])
        hashes = np.concatenate([hashes, asked.hashes])
        readable = np.concatenate([readable, asked.readable])
    group = group_products(
        image_product, hashes, branch, len(label), labels=label, readable=readable
    ).product_group
    return group[first + meeting.asked_rows], group[meeting.known_rows]


@njit(cache=True)
def _note_groups(
    content: NDArray[np.int32],
    group: NDArray[np.int32],
    noted: NDArray[np.int32],
    several: int,
) -> None:
    """Note the group of each content, -1 before; of one that is in two groups ``several``."""
    for place in range(len(content)):
        here = noted[content[place]]
        if here == -1:
            noted[content[place]] = group[place]
        elif here != group[place]:
            noted[content[place]] = several


def _vectors(
    embeddings: Embeddings, images: Images, group: NDArray[np.int32]
) -> tuple[NDArray[np.int32], Vectors]:
    """Return the distinct contents that have a vector and one group, and their vectors."""
    content, first = np.unique(images.content, return_index=True)
    image = images.row[first]
    chosen = embeddings.has(image) & (group[content] >= 0)
    content, row = content[chosen], embeddings.rows[image[chosen]]
    # In the order of the vectors, so that blocks are read one after the other.
    order = np.argsort(row, kind="stable")
    content, row = content[order], row[order]
    vectors = Vectors(lambda positions: embeddings.take(row[positions]), group[content],
                      embeddings.width)  # fmt: skip
    return content, vectors


def _label_shares(
    meeting: Meeting, contents: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return the labels of each of some known contents: where they begin, leaf rows, shares."""
    number = np.full(meeting.contents, -1, np.int64)
    number[contents] = np.arange(len(contents))
    row = number[meeting.known.content]
    leaf = meeting.labels[meeting.known.product]
    key, count = np.unique(row[row >= 0] * meeting.leaves + leaf[row >= 0], return_counts=True)
    picture, label = np.divmod(key, meeting.leaves)
    total = np.bincount(picture, weights=count, minlength=len(contents))
    share = (count / total[picture]).astype(np.float32)
    start = from_lengths(np.bincount(picture, minlength=len(contents)))
    return start, label.astype(np.int32), share


def _as_witnesses(
    meeting: Meeting,
    asked_content: NDArray[np.int32],
    found: Neighbours,
    label_start: NDArray[np.int64],
    leaf: NDArray[np.int32],
    share: NDArray[np.float32],
) -> Likenesses:
    there = found.row >= 0
    entry, lengths = pieces(label_start, found.row[there].astype(np.int64))
    asked = np.repeat(np.nonzero(there)[0], lengths)
    row = np.full(meeting.contents, -1, np.int32)
    row[asked_content] = np.arange(len(asked_content), dtype=np.int32)
    speaking = row[meeting.asked.content] >= 0
    product, slot = meeting.asked.product[speaking], meeting.asked.content[speaking]
    witnesses = Witnesses(
        start=from_lengths(np.bincount(product, minlength=len(meeting.asked_rows))),
        content=row[slot],
        own=np.full(len(slot), -1, np.int32),
        entry_start=from_lengths(np.bincount(asked, minlength=len(asked_content))),
        leaf=leaf[entry],
        votes=share[entry],
    )
    return Likenesses(witnesses, np.repeat(found.similarity[there], lengths))
