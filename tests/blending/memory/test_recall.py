"""What is remembered of a product: counts of labels, never its own, near ones of other groups."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from etalage.blending.memory.cells import find_by_cells, share_found
from etalage.blending.memory.exact import recall_exact
from etalage.blending.memory.meeting import Meeting, meet
from etalage.blending.memory.near import Likenesses, recall_near
from etalage.blending.memory.neighbours import Vectors, find_neighbours
from etalage.blending.memory.witnesses import Witnesses
from etalage.catalogue.index import open_index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.embedding.folder import read_embeddings
from etalage.errors import CatalogueError, EmbeddingsError, PredictionsError

Stock = Callable[..., Path]
KNOWN = [(1, [1, 2], 10), (2, [1, 1], 10), (3, [1], 20), (4, [3], 30), (5, [1], None)]
ASKED = [(11, [1], None), (12, [2, 3], None), (13, [9], None), (14, [], None)]


def meeting_of(asked: Path, known: Path, taxonomy: Taxonomy) -> Meeting:
    first, second = open_index(asked), open_index(known)
    labelled = np.flatnonzero(second.labels >= 0)
    return meet(first, np.arange(len(first)), second, labelled, taxonomy)


def told(witnesses: Witnesses, product: int) -> list[dict[int, float]]:
    """Return the histogram that each picture of a product brings, its own label taken off."""
    found = []
    for slot in range(witnesses.start[product], witnesses.start[product + 1]):
        image = witnesses.content[slot]
        entries = range(witnesses.entry_start[image], witnesses.entry_start[image + 1])
        votes = {int(witnesses.leaf[at]): float(witnesses.votes[at]) for at in entries}
        if witnesses.own[slot] >= 0:
            votes[int(witnesses.own[slot])] -= 1
        found.append({leaf: count for leaf, count in votes.items() if count})
    return found


def test_a_known_image_brings_the_labels_of_the_products_that_show_it(
    stock: Stock, taxonomy: Taxonomy
) -> None:
    meeting = meeting_of(stock("asked", ASKED), stock("known", KNOWN), taxonomy)
    witnesses = recall_exact(meeting)
    assert told(witnesses, 0) == [{0: 2.0, 1: 1.0}]
    assert sorted(told(witnesses, 1), key=str) == [{0: 1.0}, {2: 1.0}]
    assert told(witnesses, 2) == told(witnesses, 3) == []
    np.testing.assert_allclose(meeting.prior(), np.array([3, 2, 2, 1]) / 8)


def test_a_product_does_not_tell_itself_what_it_is(stock: Stock, taxonomy: Taxonomy) -> None:
    folder = stock("known", KNOWN)
    witnesses = recall_exact(meeting_of(folder, folder, taxonomy))
    assert sorted(told(witnesses, 0), key=str) == [{0: 1.0, 1: 1.0}, {}]
    assert told(witnesses, 2) == [{0: 2.0}]
    assert told(witnesses, 3) == [{}]
    assert told(witnesses, 4) == [{0: 2.0, 1: 1.0}]


def test_a_grown_catalogue_leaves_out_the_product_of_the_same_id(
    stock: Stock, taxonomy: Taxonomy
) -> None:
    grown = stock("grown", [*KNOWN, (6, [2], 40)])
    witnesses = recall_exact(meeting_of(stock("known", KNOWN), grown, taxonomy))
    assert sorted(told(witnesses, 0), key=str) == [{0: 1.0, 1: 1.0}, {3: 1.0}]


def test_products_chosen_in_any_order_bring_their_own_witnesses(
    stock: Stock, taxonomy: Taxonomy
) -> None:
    witnesses = recall_exact(meeting_of(stock("asked", ASKED), stock("known", KNOWN), taxonomy))
    chosen = witnesses.of(np.array([1, 3, 0]))
    assert [told(chosen, row) for row in range(3)] == [told(witnesses, row) for row in (1, 3, 0)]


def test_indexes_hashed_in_two_ways_do_not_meet(stock: Stock, taxonomy: Taxonomy) -> None:
    other = stock("other", KNOWN, hash="md5")
    with pytest.raises(CatalogueError, match="hashed with md5"):
        meeting_of(stock("asked", ASKED), other, taxonomy)


def test_a_catalogue_without_a_label_of_the_predictions_is_refused(
    stock: Stock, taxonomy: Taxonomy
) -> None:
    with pytest.raises(PredictionsError, match="none of the products to remember has a label"):
        meeting_of(stock("asked", ASKED), stock("blank", [(1, [1], None)]), taxonomy)


# Picture 1 makes products 1 and 2 a group; picture 3 looks like it, 4 does not, 5 is another group.
ALIKE = [(1, [1], 10), (2, [1, 2], 10), (3, [3], 20), (4, [4], 30), (5, [5, 6], 40)]
VECTORS = np.array([[1, 0], [1, 0], [0.9, 0.1], [0.9, 0.2], [-1, 0], [1, 0.3], [0, 1]])


def likenesses(folder: Path, vectors: Path, taxonomy: Taxonomy, count: int = 2) -> Likenesses:
    found = read_embeddings(vectors)
    return recall_near(meeting_of(folder, folder, taxonomy), found, found, count)


def test_similar_images_tell_but_not_those_of_the_own_duplicate_group(
    stock: Stock, embed: Stock, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    folder = stock("alike", ALIKE)
    near = likenesses(folder, embed(tmp_path / "e", folder, VECTORS), taxonomy)
    assert [set(picture) for picture in told(near.witnesses, 0)] == [{1, 3}]
    assert all(set(picture) == {1, 3} for picture in told(near.witnesses, 1))
    assert [set(picture) for picture in told(near.witnesses, 2)] == [{0, 3}]


def test_votes_fall_with_the_distance(
    stock: Stock, embed: Stock, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    folder = stock("alike", ALIKE)
    near = likenesses(folder, embed(tmp_path / "e", folder, VECTORS), taxonomy)
    picture = told(near.at(0.1), 0)[0]
    cosines = [0.9 / np.hypot(0.9, 0.2), 1 / np.hypot(1, 0.3)]
    wanted = [np.exp((cosine - 1) / 0.1) for cosine in cosines]
    np.testing.assert_allclose([picture[1], picture[3]], wanted, rtol=1e-2)


def test_boilerplate_brings_no_near_votes(
    stock: Stock, embed: Stock, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    # 130 products show picture 1 and something of their own: too many for one group.
    goods = [(row, [1, 100 + row], 10) for row in range(130)]
    folder = stock("logo", goods)
    vectors = np.tile([[1.0, 0.0], [0.0, 1.0]], (130, 1))
    near = likenesses(folder, embed(tmp_path / "e", folder, vectors), taxonomy)
    assert len(near.witnesses.content)
    assert (np.diff(near.witnesses.start) <= 1).all()


def test_vectors_of_another_index_or_backbone_are_refused(
    stock: Stock, embed: Stock, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    folder, other = stock("alike", ALIKE), stock("other", KNOWN)
    ours = read_embeddings(embed(tmp_path / "e", folder, VECTORS))
    theirs = read_embeddings(embed(tmp_path / "o", other, VECTORS))
    meeting = meeting_of(folder, other, taxonomy)
    with pytest.raises(EmbeddingsError, match="from another index"):
        recall_near(meeting, theirs, theirs, 2)
    odd = read_embeddings(embed(tmp_path / "f", other, VECTORS, weights="v"))
    with pytest.raises(EmbeddingsError, match="another weights"):
        recall_near(meeting, ours, odd, 2)


def test_neighbours_are_the_most_similar_of_other_groups() -> None:
    random = np.random.default_rng(0)
    asked, known = random.normal(size=(60, 5)), random.normal(size=(9000, 5))
    known[7] = np.nan
    groups = random.integers(0, 50, 9000).astype(np.int32)
    own = random.integers(0, 50, 60).astype(np.int32)

    def vectors(values: np.ndarray, group: np.ndarray) -> Vectors:
        return Vectors(lambda at: values[at].astype(np.float32), group, 5)

    found = find_neighbours(vectors(asked, own), vectors(known, groups), 8)
    cosines = asked @ np.nan_to_num(known).T / np.linalg.norm(asked, axis=1)[:, None]
    cosines /= np.linalg.norm(np.nan_to_num(known), axis=1).clip(1e-9)
    cosines[own[:, None] == groups] = -1
    np.testing.assert_allclose(found.similarity, -np.sort(-cosines)[:, :8], atol=1e-5)
    rows = np.take_along_axis(cosines, found.row.astype(np.int64), axis=1)
    np.testing.assert_allclose(rows, found.similarity, atol=1e-5)


def in_clusters(random: np.random.Generator, count: int, centres: np.ndarray) -> Vectors:
    place = random.integers(0, len(centres), count)
    values = centres[place] + random.normal(scale=0.3, size=(count, centres.shape[1]))
    group = np.arange(count, dtype=np.int32) % 97
    return Vectors(lambda at: values[at].astype(np.float32), group, centres.shape[1])


def test_cells_find_nearly_all_neighbours_and_say_how_many() -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(60, 16))
    asked, known = in_clusters(random, 150, centres), in_clusters(random, 4000, centres)
    exact = find_neighbours(asked, known, 10)
    one, some, all_ = (find_by_cells(asked, known, 10, probes) for probes in (1, 8, 99))
    np.testing.assert_allclose(all_.similarity, exact.similarity, atol=1e-5)
    shares = [share_found(asked, known, found) for found in (one, some, all_)]
    assert shares[0] < shares[1] <= shares[2] == 1
    assert shares[1] > 0.9
    true = [np.isin(*rows).sum() for rows in zip(one.row, exact.row, strict=True)]
    assert shares[0] == pytest.approx(sum(true) / exact.row.size)
