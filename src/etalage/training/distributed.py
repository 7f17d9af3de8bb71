"""Several processes that train one network, as ``torchrun`` starts them.

Sums that the host needs go over gloo, gradients on GPUs over NCCL. What one process meets that ends
the training is told once: the first to fail says so in the store that all share, the others end
without a word.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import psutil
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from etalage.engines.local import usable_cores
from etalage.errors import ConfigError, EngineError, EtalageError, ModelError
from etalage.models.precision import pick_device

_LOOPBACK = "127.0.0.1"
_PATIENCE = timedelta(hours=12)
"""How long processes wait for one another: the first may be embedding a whole catalogue. That one
of them has died shows at once."""


@dataclass(frozen=True)
class Team:
    """The processes of a training, seen from one of them.

    Attributes:
        rank: number of this process, from 0; the first alone writes and tells.
        of: number of processes.
        local: number of this process on its machine.
        beside: processes on its machine.
    """

    rank: int = 0
    of: int = 1
    local: int = 0
    beside: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def threads(self) -> int:
        """Return the decoding threads of this process: the cores are shared."""
        return max(1, usable_cores() // self.beside)

    def device(self, name: str) -> torch.device:
        """Return the device of this process: on GPUs each has one of its own.

        Raises:
            ConfigError, ModelError: no such device, or one for several processes.
        """
        device = pick_device(name)
        if self.of == 1 or device.type == "cpu":
            return device
        if name not in ("auto", "cuda"):
            raise ConfigError(
                f"--device {name} for {self.of} processes: each needs a device of its own",
                hint="use --device cuda",
            )
        seen = torch.cuda.device_count()
        if self.beside > seen:
            raise ModelError(
                f"{self.beside} processes on this machine, PyTorch sees {seen} CUDA devices",
                hint=f"use --nproc-per-node {seen}",
            )
        torch.cuda.set_device(self.local)
        return torch.device("cuda", self.local)

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sums of some numbers over all processes."""
        if self.of == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        with together():
            dist.all_reduce(sums)
        return sums.tolist()

    def gather(self, rows: NDArray[Any], most: int) -> list[NDArray[Any]]:
        """Return the rows of every process to the first one, nothing to the others.

        Args:
            rows: of this process, at most ``most``, of one shape and type everywhere.
            most: rows that the largest share has.
        """
        if self.of == 1:
            return [rows]
        padded = np.zeros((most, *rows.shape[1:]), rows.dtype)
        padded[: len(rows)] = rows
        mine = torch.from_numpy(padded)
        parts = [torch.empty_like(mine) for _ in range(self.of)] if self.first else None
        with together():
            dist.gather(mine, parts)
        return [part.numpy() for part in parts or []]

    def wait(self) -> None:
        """Return when every process has come here."""
        self.total([0.0])

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process run the block before the others do."""
        if not self.first:
            self.wait()
        yield
        if self.first:
            self.wait()

    def told(self, value: Any) -> Any:  # noqa: ANN401  anything that can be pickled
        """Return what the first process says."""
        if self.of == 1:
            return value
        box = [value]
        with together():
            dist.broadcast_object_list(box, device=torch.device("cpu"))
        return box[0]

    def same_start(self, network: nn.Module) -> None:
        """Give every process the weights of the first."""
        if self.of > 1:
            with torch.no_grad(), together():
                for tensor in (*network.parameters(), *network.buffers()):
                    whole = tensor.detach().contiguous()
                    dist.broadcast(whole, 0)
                    tensor.copy_(whole)

    def mean_buffers(self, network: nn.Module) -> None:
        """Average the statistics of batch norms over the processes."""
        if self.of > 1:
            with torch.no_grad(), together():
                for name, buffer in network.named_buffers():
                    if name.endswith(("running_mean", "running_var")):
                        whole = buffer.contiguous()
                        dist.all_reduce(whole)
                        buffer.copy_(whole / self.of)


@contextmanager
def together() -> Iterator[None]:
    """Turn the loss of another process, which any exchange may meet, into an error of ours.

    Raises:
        EngineError: another process has ended, or cannot be reached.
    """
    try:
        yield
    except RuntimeError as error:  # all that torch.distributed raises
        raise EngineError(
            f"another process of this training cannot be reached: {str(error).splitlines()[0]}",
            hint="see what it says; go on with the same command and --resume",
        ) from error


@dataclass(frozen=True)
class _Store:
    """What all processes can write to, whatever else they are at."""

    store: Store
    key: str = field(default_factory=lambda: f"failed/{_environment('TORCHELASTIC_RESTART_COUNT')}")

    def first_to_fail(self) -> bool:
        try:
            return bool(self.store.add(self.key, 1) == 1)
        except RuntimeError:  # dist.DistError: the store has gone with the process that failed
            return False


@contextmanager
def joined() -> Iterator[Team]:
    """Yield the team that this process is of; one of its own where ``torchrun`` started none.

    Within another ``joined`` it is the same team.

    Raises:
        EngineError: another process has ended, or cannot be reached.
    """
    team = _team()
    if team.of == 1 or dist.is_initialized():
        yield team
        return
    store = _join(team)
    logger = logging.getLogger("etalage")
    level = logger.level
    logger.setLevel(level if team.first else logging.CRITICAL)
    try:
        yield team
    except EtalageError as error:
        if store.first_to_fail():
            raise
        raise SystemExit(1) from error  # another process has told what is wrong
    finally:
        logger.setLevel(level)
    dist.destroy_process_group()


def _team() -> Team:
    of = _environment("WORLD_SIZE", 1)
    if of == 1 or "RANK" not in os.environ:
        return ALONE
    local, beside = _environment("LOCAL_RANK"), _environment("LOCAL_WORLD_SIZE", 1)
    return Team(_environment("RANK"), of, local, beside)


def _join(team: Team) -> _Store:
    if os.environ.get("MASTER_ADDR") in (_LOOPBACK, "localhost"):
        # On a machine without a network its name leads nowhere.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _loopback())
    nccl = torch.cuda.is_available() and dist.is_nccl_available()
    with together():
        store, rank, of = next(rendezvous("env://"))
        backend = "cpu:gloo,cuda:nccl" if nccl else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=of, timeout=_PATIENCE)
    return _Store(PrefixStore("etalage", store))


def _loopback() -> str:
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == _LOOPBACK for address in addresses):
            return name
    return "lo"


def _environment(name: str, default: int = 0) -> int:
    return int(os.environ.get(name, default))


ALONE = Team()
