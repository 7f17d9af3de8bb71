"""A score is what its definition says, whatever the order and the parts of the answers."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etalage.catalogue.taxonomy import Taxonomy, flat_taxonomy, write_taxonomy
from etalage.errors import PredictionsError, SubmissionError
from etalage.predictions.submission import submit
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.scoring.accuracy import constant_answer, most_frequent
from etalage.scoring.score import Score, score
from etalage.scoring.tables import frequency_table, score_table

Maker = Callable[..., Predictions]
Write = Callable[..., Path]


def write_truth(path: Path, labels: dict[Any, int]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("_id", "category_id"), *labels.items()])
    return path


def naive(predictions: Predictions, taxonomy: Taxonomy, labels: dict[Any, int]) -> dict[str, float]:
    """Score one product at a time."""
    answers = dict(
        zip(predictions.product_ids.to_pylist(), predictions.categories.tolist(), strict=True)
    )
    right = dict.fromkeys(("level1", "level2", "level3", "top5"), 0)
    for product, category in labels.items():
        row = taxonomy.ids.tolist().index(category)
        given = answers.get(product)
        if given is not None:
            path, answered = taxonomy.paths[row], taxonomy.paths[given[0]]
            right["level1"] += path[0] == answered[0]
            right["level2"] += path[:2] == answered[:2]
            right["level3"] += given[0] == row
            right["top5"] += row in given[:5]
    return {name: count / len(labels) for name, count in right.items()}


LABELS = st.dictionaries(st.integers(0, 40), st.integers(0, 6), min_size=1, max_size=40)


@given(labels=LABELS, products=st.integers(1, 40), seed=st.integers(0, 99), rows=st.integers(3, 40))
@settings(max_examples=20, deadline=None)
def test_a_score_is_its_definition_whatever_the_order_and_parts(
    labels: dict[int, int],
    products: int,
    seed: int,
    rows: int,
    predict: Maker,
    write: Write,
    taxonomy: Taxonomy,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("score")
    ids = np.random.default_rng(seed).permutation(products).tolist()
    labels = labels | {0: 3}  # one that is answered
    predictions = predict(ids, seed=seed, k=6)
    right = {product: int(taxonomy.ids[row]) for product, row in labels.items()}
    truth = write_truth(place / "t.csv", right)
    found = score(write(place / "p", predictions, rows), truth)
    document = found.to_json()
    assert document["accuracy"] == pytest.approx(naive(predictions, taxonomy, right))
    assert found.products == len(right)
    assert found.missing == len(right.keys() - set(ids))
    assert found.extra == len(set(ids) - right.keys())
    for groups in (found.by_images, found.by_frequency):
        assert sum(group.products for group in groups) == len(right)


@pytest.fixture
def labels(taxonomy: Taxonomy) -> dict[int, int]:
    return {product: int(taxonomy.ids[product % 7]) for product in range(30)}


@pytest.mark.parametrize("suffix", [".csv", ".csv.zip"])
def test_a_submission_scores_as_the_predictions_it_came_from(
    suffix: str,
    labels: dict[int, int],
    predict: Maker,
    write: Write,
    taxonomy: Taxonomy,
    tmp_path: Path,
) -> None:
    truth = write_truth(tmp_path / "t.csv", labels)
    folder = write(tmp_path / "p", predict(range(25)))
    submit(folder, tmp_path / f"s{suffix}")
    write_taxonomy(taxonomy, tmp_path / "names.csv")
    one = score(folder, truth).to_json()
    other = score(tmp_path / f"s{suffix}", truth, taxonomy=tmp_path / "names.csv").to_json()
    assert (other["by_images"], other["top5"]) == ([], None)
    assert one["accuracy"] | {"top5": None} == other["accuracy"]


def test_ids_that_are_texts_on_one_side_still_meet(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    truth = write_truth(tmp_path / "t.csv", {14: int(taxonomy.ids[0]), "x": int(taxonomy.ids[0])})
    assert score(write(tmp_path / "p", predict([10, 14])), truth).missing == 1


def test_without_a_taxonomy_only_the_leaf_is_scored(
    labels: dict[int, int], predict: Maker, write: Write, tmp_path: Path
) -> None:
    submit(write(tmp_path / "p", predict(range(30))), tmp_path / "s.csv")
    accuracy = score(tmp_path / "s.csv", write_truth(tmp_path / "t.csv", labels)).accuracy
    assert (accuracy.level1, accuracy.level2) == (None, None)
    assert 0 <= accuracy.level3 <= 1


def test_a_flat_taxonomy_has_no_levels(
    labels: dict[int, int], predict: Maker, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    flat = flat_taxonomy(taxonomy.ids)
    writer = PredictionsWriter(tmp_path / "p", taxonomy=flat, source={})
    writer.write(predict(range(30)))
    writer.finish()
    found = score(tmp_path / "p", write_truth(tmp_path / "t.csv", labels))
    assert found.accuracy.level2 is None
    assert [row[0] for row in score_table(found)] == ["", "products", "level3", "top5"]


def test_categories_are_grouped_by_how_often_they_occur(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    rare = {product: int(taxonomy.ids[0]) for product in range(9)}
    common = {product: int(taxonomy.ids[1]) for product in range(9, 120)}
    folder = write(tmp_path / "p", predict(range(120)), 50)
    found = score(folder, write_truth(tmp_path / "t.csv", rare | common))
    assert [(group.name, group.products) for group in found.by_frequency] == [
        ("1-9", 9),
        ("100-999", 111),
    ]
    assert frequency_table(found)[1][:2] == ("1-9", "9")


def test_a_truth_with_an_unknown_category_is_refused(
    predict: Maker, write: Write, tmp_path: Path
) -> None:
    truth = write_truth(tmp_path / "t.csv", {10: 5})
    with pytest.raises(PredictionsError, match="category 5 is not in the taxonomy"):
        score(write(tmp_path / "p", predict([10])), truth)


def test_predictions_outside_the_given_taxonomy_are_refused(
    predict: Maker, write: Write, taxonomy: Taxonomy, tmp_path: Path
) -> None:
    write_taxonomy(Taxonomy(taxonomy.ids[:1], taxonomy.paths[:1]), tmp_path / "names.csv")
    truth = write_truth(tmp_path / "t.csv", {10: int(taxonomy.ids[0])})
    folder = write(tmp_path / "p", predict(range(10, 30)))
    with pytest.raises(PredictionsError, match="predicts 6 categories that are not in the"):
        score(folder, truth, taxonomy=tmp_path / "names.csv")


def test_a_submission_outside_the_given_taxonomy_is_refused(
    taxonomy: Taxonomy, tmp_path: Path
) -> None:
    write_taxonomy(taxonomy, tmp_path / "names.csv")
    truth = write_truth(tmp_path / "t.csv", {10: int(taxonomy.ids[0])})
    answer = write_truth(tmp_path / "s.csv", {10: 5})
    with pytest.raises(SubmissionError, match="line 2: category 5 is not in the taxonomy of 7"):
        score(answer, truth, taxonomy=tmp_path / "names.csv")


def test_an_empty_answer_is_refused(tmp_path: Path) -> None:
    answer = write_truth(tmp_path / "s.csv", {})
    with pytest.raises(PredictionsError, match="has no products"):
        score(answer, write_truth(tmp_path / "t.csv", {1: 2}))


def test_the_most_frequent_category_is_the_floor(taxonomy: Taxonomy) -> None:
    labels = np.array([5, 1, 1, 5, 0, 4, -1], np.int32)
    row = most_frequent(labels)
    floor = constant_answer(taxonomy, labels[:-1], row).accuracy()
    assert row == 1
    assert floor.top5 is None
    assert [floor.level1, floor.level2, floor.level3] == pytest.approx([3 / 6, 3 / 6, 2 / 6])


def test_a_score_is_one_json_document_and_one_table(
    labels: dict[int, int], predict: Maker, write: Write, tmp_path: Path
) -> None:
    found: Score = score(
        write(tmp_path / "p", predict(range(30))), write_truth(tmp_path / "t.csv", labels)
    )
    document = json.loads(json.dumps(found.to_json()))
    assert document["accuracy"].keys() == {"level1", "level2", "level3", "top5"}
    table = score_table(found)
    assert table[0][:2] == ("", "all")
    assert [row[0] for row in table[1:]] == ["products", "level1", "level2", "level3", "top5"]
    assert {len(row) for row in table} == {2 + len(found.by_images)}
