"""Weights of a mixture by the log-loss, one set for each bin, thin bins held by all together.

Where p_s(truth) is what source s gives the truth of a product, the weights maximise the sum of
log(sum_s w_s p_s(truth)): concave, and solved by expectation and maximisation (Dempster, Laird and
Rubin 1977). The prior is counted in products: first one of the network alone, so that a memory
nobody has tested is not believed, then in each bin one of what all bins together say.
"""

import numpy as np
from numpy.typing import NDArray

NETWORK_FIRST = 10.0
"""Products that speak for the network alone before any other is seen."""
TOGETHER = 30.0
"""Products that speak in each bin for the weights of all bins."""
_ROUNDS, _TINY = 200, 1e-12


def fit_weights(
    likelihoods: NDArray[np.float64], bins: NDArray[np.int64], count: int, rounds: int = _ROUNDS
) -> NDArray[np.float64]:
    """Return the weights of each bin, (count, S), each row adding up to 1.

    Args:
        likelihoods: what each source gives the truth of each product, the network first, (n, S).
        bins: bin of each product, (n,).
        count: number of bins.
        rounds: of expectation and maximisation.
    """
    sources = likelihoods.shape[1]
    first = np.zeros((1, sources))
    first[0, 0] = NETWORK_FIRST
    everyone = np.zeros(len(bins), np.int64)
    overall = _maximise(likelihoods, everyone, first, rounds)
    return _maximise(likelihoods, bins, np.repeat(TOGETHER * overall, count, axis=0), rounds)


def _maximise(
    likelihoods: NDArray[np.float64],
    bins: NDArray[np.int64],
    prior: NDArray[np.float64],
    rounds: int,
) -> NDArray[np.float64]:
    count, sources = prior.shape
    weights = np.full((count, sources), 1 / sources)
    for _ in range(rounds):
        shares = weights[bins] * likelihoods + _TINY
        shares /= shares.sum(axis=1, keepdims=True)
        found = prior + np.column_stack(
            [np.bincount(bins, shares[:, source], count) for source in range(sources)]
        )
        update = found / found.sum(axis=1, keepdims=True)
        if np.abs(update - weights).max() < 1e-6:
            return update
        weights = update
    return weights


def mixture_loss(
    likelihoods: NDArray[np.float64], weights: NDArray[np.float64], bins: NDArray[np.int64]
) -> float:
    """Return the mean log-loss of the mixture, in nats."""
    mixed = (weights[bins] * likelihoods).sum(axis=1)
    return float(-np.log(mixed + _TINY).mean())


def bin_edges(
    confidence: NDArray[np.floating], most: int = 10, least: int = 100
) -> NDArray[np.float64]:
    """Return inner edges of bins with equally many products: ``least`` or more."""
    bins = min(most, len(confidence) // least)
    if bins < 2:
        return np.empty(0)
    inner = np.quantile(confidence.astype(np.float64), np.arange(1, bins) / bins)
    return np.unique(np.round(inner, 6))


def bins_of(confidence: NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each confidence, 0 to the number of edges."""
    return np.searchsorted(edges, confidence.astype(np.float64), side="right")
