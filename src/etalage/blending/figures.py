"""How well answers do where the truth is known: enough to see what a blend gains."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etalage.blending.kernels import LEAST
from etalage.blending.means import Stack
from etalage.blending.ranker import Answer


@dataclass(frozen=True)
class Figures:
    """How well some answers do.

    Attributes:
        log_loss: mean negative log-probability of the true category, in nats; one that is not kept
            has its even share of the rest, 1e-10 at least.
        accuracy: share of products whose first category is the true one.
    """

    log_loss: float
    accuracy: float


def figures(answer: Answer, truth: NDArray[np.int32], leaves: int) -> Figures:
    """Compare answers with the true leaf rows, (n,)."""
    categories, probabilities, rest = answer
    here = categories == truth[:, None]
    others = rest / max(1, leaves - categories.shape[1])
    share = np.where(here.any(axis=1), (probabilities * here).sum(axis=1), others)
    loss = -np.log(np.maximum(share.astype(np.float64), LEAST)).mean()
    return Figures(round(float(loss), 6), round(float(here[:, 0].mean()), 6))


def alone(given: Stack, member: int) -> Answer:
    """Return what one of several models says."""
    kept = int(given.kept[member])
    categories = given.categories[member, :, :kept]
    return categories, given.probabilities[member, :, :kept], given.rest[member]
