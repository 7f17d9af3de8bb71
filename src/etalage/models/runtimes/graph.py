"""The part of a network that a runtime takes over: from uint8 images to features."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from etalage.models.network import ProductModel
from etalage.models.runtimes.chunks import Shape


class Graph(nn.Module):
    """From images, uint8 (B, H, W, 3), to features, float32 (B, F), normalisation included."""

    def __init__(self, network: ProductModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features."""
        return self.network.backbone_features(pixels)


def export(graph: Graph, shape: Shape) -> torch.export.ExportedProgram:
    """Return the graph for pixels of one shape, (B, H, W, 3), in evaluation mode."""
    with torch.no_grad():
        return torch.export.export(graph.eval(), (torch.zeros(shape, dtype=torch.uint8),))


@contextmanager
def plain() -> Iterator[None]:
    """Leave inference mode and autocast, in which answers are computed: no graph can be made so."""
    with torch.inference_mode(mode=False), torch.autocast("cpu", enabled=False):
        yield
