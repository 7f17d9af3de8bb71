"""Distillation: what a teacher, or an ensemble, answered for the training products.

The teacher is a PREDICTIONS folder: of each product the k most probable categories and the mass
outside them. It is read once, part by part, into half the room: float16 probabilities and int16
categories (int32 above 32,767), 82 bytes a product at k = 20, in the teacher's own order. Of a
batch the answers are found by the number of the example.

The student is held against k + 1 outcomes: each kept category, and "any other". The loss is the
Kullback-Leibler divergence from the teacher's distribution over them to the student's (Hinton,
Vinyals and Dean 2015, at temperature 1).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import kl_div

from etalage.catalogue.index import Index
from etalage.catalogue.taxonomy import Taxonomy
from etalage.errors import PredictionsError
from etalage.models.precision import to_device
from etalage.predictions.folder import PredictionsFolder, open_predictions
from etalage.predictions.product_ids import positions

log = logging.getLogger(__name__)

_LEAST = -100.0
"""Log-probability below which "any other" is not looked at: it has no category when k is C."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the teacher says of P products, on the device of the network.

    Attributes:
        known: 1 where the teacher knows the product, else 0, (P,) float32.
        categories: leaf rows, (P, k) int64.
        outcomes: probability of each of them and of any other, adding up to 1, (P, k + 1) float32.
    """

    known: Tensor
    categories: Tensor
    outcomes: Tensor

    def take(self, products: Tensor) -> "Answers":
        """Return the answers of some of the products, in the order asked."""
        return Answers(self.known[products], self.categories[products], self.outcomes[products])

    def divergence(self, log_probabilities: Tensor) -> Tensor:
        """Return the divergence of a student from the teacher; 0 where that knows nothing, (P,).

        Args:
            log_probabilities: of the student, float32 (P, C).
        """
        kept = log_probabilities.gather(1, self.categories)
        # Summed over the others themselves: 1 minus the sum of the kept would cancel.
        others = log_probabilities.scatter(1, self.categories, -1e9).logsumexp(1, keepdim=True)
        student = torch.cat([kept, others.clamp(min=_LEAST)], dim=1)
        return kl_div(student, self.outcomes, reduction="none").sum(1) * self.known


@dataclass(frozen=True, eq=False)
class Teacher:
    """The answers of a teacher in memory.

    Attributes:
        place: for each example the row of its answer, -1 where there is none, (U,) int32.
        categories: leaf rows, (T, k).
        outcomes: probabilities of these and of any other, float16 (T, k + 1).
    """

    place: NDArray[np.int32]
    categories: NDArray[np.int16] | NDArray[np.int32]
    outcomes: NDArray[np.float16]

    def answers(self, numbers: NDArray[np.int64], device: torch.device) -> Answers:
        """Return the answers of some examples, by their numbers."""
        place = self.place[numbers]
        row = place.clip(min=0)
        outcomes = self.outcomes[row].astype(np.float32)
        outcomes /= outcomes.sum(axis=1, keepdims=True)
        arrays = (place >= 0).astype(np.float32), self.categories[row].astype(np.int64), outcomes
        return Answers(*(to_device(each, device) for each in arrays))


def read_teacher(folder: Path, index: Index, rows: NDArray[np.int64]) -> Teacher:
    """Read the PREDICTIONS of a teacher.

    Args:
        folder: the PREDICTIONS.
        index: the index that is trained on.
        rows: product row that stands for each example, (U,).

    Raises:
        PredictionsError: they cannot be read, are of other categories, or know none of the rows.
    """
    opened = open_predictions(folder)
    _require_same_categories(folder, opened.taxonomy, index)
    ids, categories, outcomes, answered = _read(opened)
    place = positions(index.product_ids.take(pa.array(rows)), ids)
    place[place >= 0] = np.where(answered[place[place >= 0]], place[place >= 0], -1)
    known = int((place >= 0).sum())
    if not known:
        raise PredictionsError(
            f"{folder}: knows none of the {len(rows):,} training products",
            hint="let the teacher answer them: etalage predict MODEL INDEX -o PREDICTIONS",
        )
    log.info("teacher %s: knows %s of %s examples", folder, f"{known:,}", f"{len(rows):,}")
    return Teacher(place.astype(np.int32), categories, outcomes)


def _require_same_categories(folder: Path, taxonomy: Taxonomy, index: Index) -> None:
    ours = index.taxonomy
    if not np.array_equal(taxonomy.ids, ours.ids):
        both = int((ours.rows(taxonomy.ids) >= 0).sum())
        raise PredictionsError(
            f"{folder}: is a teacher of another taxonomy: {both:,} of its {len(taxonomy):,} "
            f"categories are among the {len(ours):,} of {index.folder}",
            hint="let a model of these categories answer, or index with the teacher's --taxonomy",
        )


def _read(
    opened: PredictionsFolder,
) -> tuple[pa.Array, NDArray[np.int32], NDArray[np.float16], NDArray[np.bool_]]:
    """Return ids, categories, outcomes, and which were answered from images."""
    products, k = opened.manifest.products, opened.manifest.k
    small = len(opened.taxonomy) <= np.iinfo(np.int16).max
    categories = np.empty((products, k), np.int16 if small else np.int32)
    outcomes = np.empty((products, k + 1), np.float16)
    answered = np.empty(products, np.bool_)
    ids: list[pa.Array] = []
    done = 0
    for part in opened.parts():
        here = slice(done, done + len(part))
        categories[here] = part.categories
        outcomes[here, :k], outcomes[here, k] = part.probabilities, part.rest
        answered[here] = part.images > 0
        ids.append(part.product_ids)
        done += len(part)
    return pa.concat_arrays(ids), categories, outcomes, answered
