"""Sums the gradients of several processes, while the backward pass is still under way."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from etalage.training.distributed import Team, together


class Gradients:
    """Sums the gradients of all processes while the backward pass is still under way.

    Parameters are put into buckets in the order in which their gradients come; a bucket is sent as
    soon as it and all before it are complete, so that every process sends the same in the same
    order. A process that had nothing to learn from sends zeros.

    Args:
        team: the processes.
        parameters: all that is learned.
        megabytes: size of a bucket.
    """

    def __init__(self, team: Team, parameters: Sequence[Tensor], megabytes: int = 25) -> None:
        self.team = team
        self._buckets = _buckets(parameters, megabytes << 20)
        self._bucket_of = {
            parameter: number for number, bucket in enumerate(self._buckets) for parameter in bucket
        }
        self._missing: list[int] = []
        self._sent: list[tuple[Tensor, dist.Work]] = []
        for parameter in parameters:
            parameter.register_post_accumulate_grad_hook(self._arrived)  # type: ignore[no-untyped-call]

    def expect(self) -> None:
        """Send the gradients of the backward pass that comes now, the last one of the step."""
        self._missing = [len(bucket) for bucket in self._buckets]

    def _arrived(self, parameter: Tensor) -> None:
        if self._missing:
            self._missing[self._bucket_of[parameter]] -= 1
            while len(self._sent) < len(self._missing) and not self._missing[len(self._sent)]:
                self._send()

    def _send(self) -> None:
        bucket = self._buckets[len(self._sent)]
        flat = torch.cat([_gradient(parameter).reshape(-1) for parameter in bucket])
        with together():
            work = dist.all_reduce(flat, async_op=True)
        self._sent.append((flat, work))

    def average(self, weight: float) -> None:
        """Set every gradient to the sum over all processes, divided by that of their weights."""
        while len(self._sent) < len(self._buckets):
            self._send()
        weights = self._sent[0][0].new_tensor([weight])
        with together():
            dist.all_reduce(weights)
            for _, work in self._sent:
                work.wait()
        for bucket, (flat, _) in zip(self._buckets, self._sent, strict=True):
            flat /= weights.clamp(min=1)
            parts = torch.split(flat, [parameter.numel() for parameter in bucket])
            for parameter, part in zip(bucket, parts, strict=True):
                _gradient(parameter).copy_(part.view_as(parameter))
        self._sent, self._missing = [], []


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def _buckets(parameters: Sequence[Tensor], most: int) -> list[list[Tensor]]:
    buckets: list[list[Tensor]] = []
    room = 0
    for parameter in reversed(parameters):
        size = parameter.numel() * parameter.element_size()
        if size > room or not buckets:
            buckets.append([])
            room = most
        buckets[-1].append(parameter)
        room -= size
    return buckets
