"""Boosted trees as plain arrays: fitted by scikit-learn, stored in safetensors, scored here.

Nothing of scikit-learn is pickled: the nodes of all trees are arrays of numbers, which say nothing
but where to go left. They are read without executing anything, checked (every child lies behind its
parent, so that every walk ends), and walked by compiled code of ours. Tensors of a file::

    start      int64 (T + 1,)   first node of each tree, and the end
    feature    int32 (N,)       what is looked at, -1 in a leaf
    threshold  float64 (N,)     at most this goes left
    left       int32 (N,)       places of the children, counted from the tree's first node
    right      int32 (N,)
    value      float64 (N,)     of a leaf: what it adds to the score
    baseline   float64 (1,)     what the score begins with
    columns    int64 (1,)       how many features there are
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from etalage.engines.local import usable_cores
from etalage.errors import PredictionsError
from etalage.files import whole_file

AGAIN = "fit the blend again: etalage blend ... --truth TRUTH --fit BLEND"


@dataclass(frozen=True, eq=False)
class Trees:
    """The nodes of all trees: see the module."""

    start: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    baseline: NDArray[np.float64]
    columns: NDArray[np.int64]

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the score (log-odds) of each row of features, (n, F), as (n,)."""
        found = np.full(len(features), self.baseline[0])
        cores = usable_cores()
        step = max(1, -(-len(features) // cores))

        def work(first: int) -> None:
            rows = slice(first, first + step)
            _walk(
                features[rows],
                self.start,
                self.feature,
                self.threshold,
                self.left,
                self.right,
                self.value,
                found[rows],
            )

        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(work, range(0, len(features), step)))
        return found


@njit(cache=True, nogil=True)
def _walk(
    features: NDArray[np.float32],
    start: NDArray[np.int64],
    feature: NDArray[np.int32],
    threshold: NDArray[np.float64],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> None:
    for row in range(len(features)):
        for tree in range(len(start) - 1):
            node = start[tree]
            while feature[node] >= 0:
                goes_left = features[row, feature[node]] <= threshold[node]
                node = start[tree] + (left[node] if goes_left else right[node])
            scores[row] += value[node]


def from_booster(booster: Any, columns: int) -> Trees:  # noqa: ANN401  scikit-learn has no types
    """Take the trees out of a fitted ``HistGradientBoostingClassifier`` of two classes.

    scikit-learn has no public way to them; a test holds our scores against its own.
    """
    trees = [step[0].nodes for step in booster._predictors]
    nodes = np.concatenate(trees)
    leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        np.cumsum([0, *map(len, trees)], dtype=np.int64),
        np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32),
        nodes["num_threshold"].astype(np.float64),
        nodes["left"].astype(np.int32),
        nodes["right"].astype(np.int32),
        nodes["value"].astype(np.float64),
        np.asarray(booster._baseline_prediction, np.float64).reshape(1),
        np.array([columns], np.int64),
    )


def write_trees(trees: Trees, path: Path) -> None:
    """Write the file that ``read_trees`` reads."""
    with whole_file(path) as part:
        part.write_bytes(save(dict(vars(trees))))


def read_trees(path: Path) -> Trees:
    """Read trees, believing nothing.

    Raises:
        PredictionsError: no such file, no safetensors, or no trees.
    """
    try:
        tensors = load(path.read_bytes())
        trees = Trees(**{field.name: tensors[field.name] for field in fields(Trees)})
    except OSError as cause:
        raise PredictionsError(f"{path}: cannot be read: {cause.strerror}", hint=AGAIN) from cause
    except (SafetensorError, KeyError, ValueError, TypeError) as cause:
        raise PredictionsError(f"{path}: holds no trees: {cause}", hint=AGAIN) from cause
    if not _sound(trees):
        raise PredictionsError(f"{path}: is damaged: its nodes make no trees", hint=AGAIN)
    return trees


def _sound(trees: Trees) -> bool:
    kinds = {"start": "i8", "threshold": "f8", "value": "f8", "baseline": "f8", "columns": "i8"}
    for name, array in vars(trees).items():
        if array.ndim != 1 or array.dtype != kinds.get(name, "i4"):
            return False
    count = len(trees.feature)
    lengths = {len(trees.threshold), len(trees.left), len(trees.right), len(trees.value), count}
    ends = trees.start[:1].tolist() + trees.start[-1:].tolist()
    if len(lengths) > 1 or (len(trees.baseline), len(trees.columns)) != (1, 1):
        return False
    if ends != [0, count] or len(trees.start) < 2 or (np.diff(trees.start) < 1).any():
        return False
    return _children_follow(trees)


def _children_follow(trees: Trees) -> bool:
    """Whether every inner node has a feature, and children behind it in its own tree."""
    sizes = np.diff(trees.start)
    place = np.arange(len(trees.feature)) - np.repeat(trees.start[:-1], sizes)
    end = np.repeat(sizes, sizes)
    leaf = trees.feature < 0
    children = (trees.left > place) & (trees.left < end)
    children &= (trees.right > place) & (trees.right < end)
    return bool(((children & (trees.feature < trees.columns[0])) | leaf).all())
