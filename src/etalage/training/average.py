"""The moving average of the weights: what is checked, kept as best, and becomes the MODEL."""

from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from etalage.models.network import ProductModel


def decay(step: int, most: float) -> float:
    """Return how much of the average stays at its ``step``-th update, counted from 0.

    It rises towards ``most``, so that a short training does not end near its first weights: after n
    updates the average reaches back over about a tenth of them.
    """
    return min(most, (1 + step) / (10 + step))


class Average:
    """The average of a network's weights and batch statistics over the steps of a training.

    Args:
        network: what is averaged; the average begins with its weights.
        most: the largest decay.
    """

    def __init__(self, network: ProductModel, most: float) -> None:
        self._most = most
        self._steps = 0
        self._averaged = AveragedModel(network, multi_avg_fn=self._blend, use_buffers=True)
        self._averaged.requires_grad_(requires_grad=False)

    @property
    def network(self) -> ProductModel:
        """The network with the averaged weights."""
        return cast(ProductModel, self._averaged.module)

    def update(self, network: ProductModel) -> None:
        """Take the weights after a step into the average."""
        self._averaged.update_parameters(network)
        self._steps += 1

    def _blend(self, averaged: Any, current: Any, _: Any) -> None:  # noqa: ANN401  as torch calls it
        weight = 1 - decay(self._steps, self._most)
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, weight)
        else:
            torch._foreach_copy_(averaged, current)  # counts of batches

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps."""
        state: dict[str, Tensor] = self._averaged.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what a checkpoint kept."""
        self._averaged.load_state_dict(state)
        self._steps = int(self._averaged.n_averaged)


def judged(network: ProductModel, average: Average | None) -> ProductModel:
    """Return the network that is checked and kept: the averaged one where there is one."""
    return network if average is None else average.network
