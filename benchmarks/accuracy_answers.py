"""What answers in the accuracy table: etalage's trainings, and scikit-learn on the same features.

All see the same index, split, weights and image size; features are those that ``embed`` stores, the
mean over an image and its mirror image. What a method is free to choose (C, k) it chooses by the
validation part; where there is none, the value that is best on the test part is taken, so that the
comparison errs in its favour.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import rmtree

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

import etalage
from accuracy_rows import Answered
from etalage.predictions.truth import read_truth
from etalage.training import train

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

PENALTIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
_MANY = 5_000
"""Training products from which on only penalties near the usual best are tried."""
NEIGHBOURS = (1, 3, 5, 10, 20)
PIXELS = {"image_size": "180", "load_size": "180"}
BACKBONE = "mobilenetv2_100"
WEIGHTS = "weights/mobilenetv2_100_tv_backbone/model.safetensors"


@dataclass(frozen=True)
class Place:
    """A data set prepared for the table.

    Attributes:
        folder: where its artefacts lie: ``index``, ``embeddings``.
        weights: of the backbone.
        truth: a CSV with clean labels to score against; None for the given ones.
    """

    folder: Path
    weights: Path
    truth: Path | None = None

    @property
    def index(self) -> Path:
        """The INDEX."""
        return self.folder / "index"

    @property
    def embeddings(self) -> Path:
        """The EMBEDDINGS."""
        return self.folder / "embeddings"

    @cached_property
    def opened(self) -> "etalage.Index":
        """The opened INDEX."""
        return etalage.open_index(self.index)

    @cached_property
    def clean(self) -> NDArray[np.int32]:
        """Leaf row of every product by the truth, (P,)."""
        labels = self.opened.labels.copy()
        if self.truth is not None:
            truth = read_truth(self.truth, taxonomy=self.opened.taxonomy)
            rows = pc.index_in(truth.product_ids, value_set=self.opened.product_ids)
            known = rows.is_valid().to_numpy(zero_copy_only=False)
            leaves = self.opened.taxonomy.rows(truth.categories)
            labels[rows.drop_null().to_numpy()] = leaves[known]
        return labels

    @cached_property
    def means(self) -> Floats:
        """The mean feature of every product, (P, F)."""
        vectors = etalage.read_embeddings(self.embeddings)
        every = np.arange(len(self.opened.image_product))
        found = np.zeros((len(self.opened), vectors.width), np.float32)
        np.add.at(found, self.opened.image_product, vectors.vectors(every))
        images = self.opened.image_count[:, None].clip(min=1)
        return np.asarray(found / images, np.float32)

    def answered(self, rows: Ints, leaves: Ints) -> Answered:
        """Compare answers, leaf rows, with the truth."""
        ids = self.opened.product_ids.to_numpy(zero_copy_only=False)[rows]
        several = self.opened.image_count[rows] > 1
        return Answered(ids.astype(np.int64), leaves == self.clean[rows], several)

    def part(self, split: Path, part: str) -> Ints:
        """Return the product rows of a part."""
        return etalage.read_split(split).rows(self.opened, part)


def embed(place: Place) -> None:
    """Compute the features, unless they are there."""
    if not (place.embeddings / "manifest.json").is_file():
        etalage.embed(
            None,
            place.index,
            place.embeddings,
            backbone=BACKBONE,
            weights=str(place.weights),
            image_size=180,
            load_size=180,
        )


def ours(
    place: Place, split: Path, seed: int, settings: Mapping[str, str], recipe: str = "frozen"
) -> Callable[[], Answered]:
    """Return the work of training and answering with etalage."""

    def work() -> Answered:
        frozen = recipe == "frozen"
        model, answers = place.folder / "model", place.folder / "predictions"
        for folder in (model, answers):
            rmtree(folder, ignore_errors=True)
        train(
            place.index,
            model,
            split=split,
            recipe=recipe,
            weights=str(place.weights),
            settings=PIXELS | dict(settings) if frozen else settings,
            embeddings=place.embeddings if frozen else None,
            seed=seed,
        )
        etalage.predict(
            model,
            place.index,
            answers,
            split=split,
            part="test",
            embeddings=place.embeddings if frozen else None,
        )
        return read_answers(place, answers, place.part(split, "test"))

    return work


def read_answers(place: Place, predictions: Path, rows: Ints) -> Answered:
    """Compare PREDICTIONS of some products with the truth."""
    found = etalage.read_predictions(predictions)
    order = pc.index_in(place.opened.product_ids.take(rows), value_set=found.product_ids)
    return place.answered(rows, found.categories[order.to_numpy(), 0].astype(np.int64))


def logistic(place: Place, split: Path) -> Callable[[], Answered]:
    """Return the work of logistic regression on standardised mean features, C chosen."""

    def answers(train_x: Floats, labels: Ints, asked: list[Floats]) -> list[list[Ints]]:
        scale = StandardScaler().fit(train_x)
        model = LogisticRegression(max_iter=100, warm_start=True, tol=1e-3)
        made = []
        for penalty in PENALTIES if len(labels) < _MANY else PENALTIES[1:4]:
            model.C = penalty
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the last digit is not needed
                model.fit(scale.transform(train_x), labels)
            made.append([model.predict(scale.transform(each)) for each in asked])
        return made

    return _chosen(place, split, answers)


def nearest(place: Place, split: Path) -> Callable[[], Answered]:
    """Return the work of k nearest neighbours by cosine, k chosen."""

    def answers(train_x: Floats, labels: Ints, asked: list[Floats]) -> list[list[Ints]]:
        most = min(max(NEIGHBOURS), len(labels))
        model = KNeighborsClassifier(most, metric="cosine", algorithm="brute")
        made: list[list[Ints]] = [[] for _ in NEIGHBOURS]
        for each in asked:
            _, near = model.fit(train_x, labels).kneighbors(each)
            for number, k in enumerate(NEIGHBOURS):
                made[number].append(_most_frequent(labels[near[:, :k]]))
        return made

    return _chosen(place, split, answers)


def _most_frequent(near: Ints) -> Ints:
    """Return the most frequent label of each row (N, k); among equal ones the nearest."""
    votes = (near[:, :, None] == near[:, None, :]).sum(axis=2)
    return np.asarray(near[np.arange(len(near)), votes.argmax(axis=1)], np.int64)


def _chosen(
    place: Place,
    split: Path,
    answers: Callable[[Floats, Ints, list[Floats]], list[list[Ints]]],
) -> Callable[[], Answered]:
    def work() -> Answered:
        rows = [place.part(split, part) for part in ("train", "validation", "test")]
        labels = place.opened.labels
        judge = 1 if len(rows[1]) else 2
        asked = [place.means[rows[judge]], place.means[rows[2]]]
        made = answers(place.means[rows[0]], labels[rows[0]].astype(np.int64), asked)
        truth = labels[rows[1]] if judge == 1 else place.clean[rows[2]]
        best = max(made, key=lambda each: float((each[0] == truth).mean()))
        return place.answered(rows[2], best[1])

    return work
