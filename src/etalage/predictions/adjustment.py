"""Logit adjustment: answers as if all categories were equally frequent (Menon et al. 2021).

What a network says of a category rests on how often it was the target. That is its share of the
training products, blended with an even share as label smoothing blends the targets: of a category
with few products or none, smoothing is all that the network has learned, and dividing that by a
share next to nothing would make noise the most probable answer.
"""

import numpy as np
from numpy.typing import NDArray

SMOOTHING = 0.1
"""Label smoothing that all recipes begin with."""


def target_share(prior: NDArray[np.floating], smoothing: float = SMOOTHING) -> NDArray[np.float64]:
    """Return how often each category is the target, label smoothing included, (C,)."""
    share = prior.astype(np.float64)
    return (1 - smoothing) * share + smoothing / len(share)


def adjust(
    probabilities: NDArray[np.float32], prior: NDArray[np.float32], strength: float
) -> NDArray[np.float32]:
    """Return probabilities with the prior taken out: softmax(logits - strength * log share).

    Args:
        probabilities: (P, C), each row adding up to 1.
        prior: share of each category among the training products, (C,).
        strength: 0 leaves them as they are, 1 takes the prior out altogether.
    """
    if not strength:
        return probabilities
    factor = target_share(prior) ** -strength
    weighted = probabilities * (factor / factor.max()).astype(np.float32)
    adjusted: NDArray[np.float32] = weighted / weighted.sum(axis=1, keepdims=True)
    return adjusted
