"""Answers of an earlier PREDICTIONS folder of the same model, to be carried over."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etalage.errors import PredictionsError
from etalage.predictions.folder import read_predictions
from etalage.predictions.product_ids import positions
from etalage.predictions.table import Predictions


class Carried:
    """What an earlier run answered; some 180 bytes a product in memory.

    Args:
        folder: the earlier PREDICTIONS.
        source: what the new ones are made from: all but the index must be the same.
        product_ids: of the index, (P,).

    Raises:
        PredictionsError: they cannot be read, or were made otherwise.
    """

    def __init__(self, folder: Path, source: dict[str, Any], product_ids: pa.Array) -> None:
        self._earlier = read_predictions(folder)
        earlier = self._earlier.source
        for name in [*source, *(earlier.keys() - source.keys())]:
            if name != "index" and earlier.get(name) != source.get(name):
                raise PredictionsError(
                    f"{folder}: was made with {name} {earlier.get(name)}, "
                    f"now it is {source.get(name)}: its answers cannot be carried over",
                    hint="choose another folder for the predictions of this model",
                )
        self._place = positions(product_ids, self._earlier.product_ids)

    def has(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of the product rows were answered."""
        return np.asarray(self._place[rows] >= 0)

    def answers(self, rows: NDArray[np.int64]) -> Predictions:
        """Return the answers of product rows that were answered."""
        return self._earlier.take(self._place[rows])


def joined(first: Predictions, second: Predictions) -> Predictions:
    """Return the rows of both."""
    kind = first.product_ids.type if len(first) else second.product_ids.type
    return Predictions(
        pa.concat_arrays([first.product_ids.cast(kind), second.product_ids.cast(kind)]),
        np.concatenate([first.categories, second.categories]),
        np.concatenate([first.probabilities, second.probabilities]),
        np.concatenate([first.rest, second.rest]),
        np.concatenate([first.images, second.images]),
    )
