"""``torch.compile``: one graph of fixed shape; on a processor with the weights frozen into it."""

from typing import Any

import torch
from torch import Tensor

from etalage.models.precision import autocast
from etalage.models.runtimes.chunks import Compute, Make, Shape, pieces
from etalage.models.runtimes.graph import Graph

CPU_CHUNK, CUDA_CHUNK = 32, 256


def chunk(device: torch.device) -> int:
    """Return how many images are computed at a time."""
    return CUDA_CHUNK if device.type == "cuda" else CPU_CHUNK


def compiled(graph: Graph, device: torch.device, *, bf16: bool) -> Make:
    """Return what makes the computation for chunks of one shape."""
    # Frozen weights are constants: batch norms are folded into them, matrices packed beforehand.
    options: dict[str, Any] = {"freezing": True} if device.type == "cpu" else {}

    def make(shape: Shape) -> Compute:
        once = torch.compile(graph.eval(), fullgraph=True, dynamic=False, options=options)

        def compute(pixels: Tensor) -> Tensor:
            with torch.inference_mode(), autocast(device, bf16=bf16):
                return torch.cat([once(part) for part in pieces(pixels, shape[0])])

        return compute

    return make
