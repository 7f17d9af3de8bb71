"""What the second level is told of a candidate is what the models said of it."""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from etalage.blending.features import candidate_features, names
from etalage.blending.means import blended, make_mean, stack
from etalage.predictions.table import Predictions, top_k

BRANCHES = np.array([[0, 0, 1, 1], [0, 1, 2, 2]], np.int32)
PRIOR = np.array([0.1, 0.2, 0.3, 0.4], np.float32)


def table(shares: list[float], k: int, images: int) -> Predictions:
    kept = top_k(np.array([shares], np.float32), k)
    return Predictions(pa.array([1]), *kept, np.array([images], np.int16))


@pytest.fixture
def described() -> dict[str, NDArray[np.float32]]:
    """Return each feature of leaves 2 and 1, of one product that two models answer."""
    models = [table([0.1, 0.2, 0.6, 0.1], 2, 1), table([0.3, 0.5, 0.1, 0.1], 1, 3)]
    given = stack(models, 4)
    mean = blended(given, make_mean("arithmetic", 2), 2)
    assert mean[0].tolist() == [[2, 1]] or mean[0].tolist() == [[1, 2]]
    rows = candidate_features(given, *mean[:2], 2, BRANCHES, PRIOR)
    order = [mean[0][0].tolist().index(leaf) for leaf in (2, 1)]
    return dict(zip(names(2), rows[order].T, strict=True))


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("log_probability_1", np.log([0.6, 0.2])),
        ("log_probability_2", np.log([0.5 / 3, 0.5])),
        ("rank_1", [1, 2]),
        ("rank_2", [2, 1]),
        ("margin_1", np.log([0.6 / 0.2, 0.2 / 0.6])),
        ("margin_2", np.log([0.5 / 3 / 0.5, 0.5 / (0.5 / 3)])),
        ("rest_1", [0.2, 0.2]),
        ("rest_2", [0.5, 0.5]),
        ("images", [3, 3]),
        ("firsts", [1, 1]),
        ("named", [1, 2]),
        ("opinions", [2, 2]),
        ("lowest", np.log([0.5 / 3, 0.2])),
        ("highest", np.log([0.6, 0.5])),
        ("spread", [np.std(np.log([0.6, 0.5 / 3])), np.std(np.log([0.2, 0.5]))]),
        ("blend", np.log([(0.6 + 0.5 / 3) / 2, 0.35])),
        ("place", [1, 2]),
        ("lead", np.log([(0.6 + 0.5 / 3) / 0.7, 0.7 / (0.6 + 0.5 / 3)])),
        ("branch1", [(0.6 + 0.5 / 3) / 2, 0.35]),
        ("branch2", [(0.6 + 0.5 / 3) / 2, 0.35]),
        ("prior", np.log([0.3, 0.2])),
    ],
)
def test_a_feature_is_what_its_name_says(
    described: dict[str, NDArray[np.float32]], feature: str, expected: list[float]
) -> None:
    assert np.allclose(described[feature], expected, atol=1e-5)
    assert len(described) == 21
