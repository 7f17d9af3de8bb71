"""Learning from the stored answers of a teacher."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from etalage.catalogue.index import open_index
from etalage.catalogue.taxonomy import flat_taxonomy
from etalage.errors import ModelError, PredictionsError
from etalage.predictions.table import Predictions, top_k
from etalage.predictions.writer import PredictionsWriter
from etalage.training import Recipe, TrainReport
from etalage.training.loss import Lesson
from etalage.training.mix import Mix
from etalage.training.plan import Data
from etalage.training.teacher import Answers, read_teacher

CPU = torch.device("cpu")
Begin = Callable[..., TrainReport]
STUDENT = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log()
ANSWERS = Answers(torch.ones(1), torch.tensor([[2, 0]]), torch.tensor([[0.5, 0.25, 0.25]]))
DIVERGENCE = 0.5 * math.log(0.5 / 0.3) + 0.25 * math.log(0.25 / 0.1) + 0.25 * math.log(0.25 / 0.6)


def write(folder: Path, ids: list[int], leaves: list[int], *, k: int = 2, images: int = 1) -> Path:
    """Write answers that give 0.6, 0.3 and 0.1 to the leaves from each product's own onwards."""
    taxonomy = flat_taxonomy(np.array(leaves))
    chances = np.stack([np.roll(np.array([0.6, 0.3, 0.1], np.float32), each) for each in ids])
    rows = Predictions(pa.array(ids), *top_k(chances, k), np.full(len(ids), images, np.int16))
    writer = PredictionsWriter(folder, taxonomy=taxonomy, source={}, products=len(ids))
    writer.write(rows)
    writer.finish()
    return folder


def test_the_student_is_held_against_the_kept_categories_and_the_rest() -> None:
    assert ANSWERS.divergence(STUDENT).item() == pytest.approx(DIVERGENCE, rel=1e-5)


def test_a_student_that_agrees_costs_nothing_and_is_not_moved() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5, -3.0]], requires_grad=True)
    chances = logits.detach().softmax(1)[0]
    outcomes = torch.stack([chances[1], chances[0], chances[2:].sum()]).unsqueeze(0)
    found = Answers(torch.ones(1), torch.tensor([[1, 0]]), outcomes).divergence(
        logits.log_softmax(1)
    )
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert found.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6


def test_a_teacher_that_kept_every_category_leaves_no_rest() -> None:
    every = torch.tensor([[3, 2, 1, 0]])
    for rounding, most in ((0.0, 1e-6), (1e-4, 0.02)):
        outcomes = torch.tensor([[0.4, 0.3, 0.2, 0.1 - rounding, rounding]])
        found = Answers(torch.ones(1), every, outcomes).divergence(STUDENT)
        assert 0 <= found.item() + 1e-6 <= most + 1e-6


def test_the_teachers_weight_is_taken_from_the_labels() -> None:
    lesson = Lesson(0.6 * torch.tensor([[0.0, 1.0, 0.0, 0.0]]), ((torch.tensor([[0.4]]), ANSWERS),))
    expected = -0.6 * math.log(0.2) + 0.4 * DIVERGENCE
    assert lesson.loss(STUDENT, (), 0.0).item() == pytest.approx(expected, rel=1e-5)


def test_a_mixed_product_listens_to_the_teacher_of_both() -> None:
    two = Answers(torch.tensor([1.0, 0.0]), ANSWERS.categories.expand(2, 2),
                  ANSWERS.outcomes.expand(2, 3))  # fmt: skip
    lesson = Lesson(torch.zeros(2, 4), ((torch.full((2, 1), 0.4), two),))
    mixed = lesson.mixed(Mix(torch.tensor([1, 0]), torch.tensor([[0.75], [0.75]])))
    found = mixed.loss(STUDENT.expand(2, 4), (), 0.0)
    assert found.item() == pytest.approx(0.4 * DIVERGENCE, rel=1e-5)


@pytest.fixture
def data(make_data: Callable[..., Data]) -> Data:
    """Return four products of three categories, 0, 1 and 2."""
    return make_data([0, 1, 2, 0], [("", "", "")] * 3)


def test_answers_are_found_by_product(data: Data, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", [2, 9, 0], [0, 1, 2])
    teacher = read_teacher(folder, data.index, data.examples.rows)
    found = teacher.answers(np.array([1, 2, 0]), CPU)
    assert found.known.tolist() == [0, 1, 1]
    assert found.categories[1:].tolist() == [[2, 0], [0, 1]]
    assert found.outcomes[1].tolist() == pytest.approx([0.6, 0.3, 0.1], abs=1e-3)


def test_an_answer_without_an_image_teaches_nothing(data: Data, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", [0, 1], [0, 1, 2], images=0)
    with pytest.raises(PredictionsError, match="knows none of the 4 training products"):
        read_teacher(folder, data.index, data.examples.rows)


def test_a_teacher_of_another_taxonomy_is_refused(data: Data, tmp_path: Path) -> None:
    folder = write(tmp_path / "p", [0, 1], [0, 1, 7])
    with pytest.raises(PredictionsError, match="another taxonomy: 2 of its 3 categories"):
        read_teacher(folder, data.index, data.examples.rows)


def test_a_student_learns_from_its_teacher_alone(
    shop: Path, begin: Begin, tiny: Recipe, tmp_path: Path
) -> None:
    ids = open_index(shop / "index").product_ids.to_pylist()
    folder = write(tmp_path / "p", ids, [10, 11, 12], k=3)
    options: dict[str, Any] = {"settings": {"distillation": "1", "epochs": "1"}}
    report = begin(tmp_path / "model", tiny, teacher=folder, **options)
    assert report.validation is not None
    with pytest.raises(ModelError, match="differs in teacher"):
        begin(tmp_path / "model", tiny, resume=True, **options)
