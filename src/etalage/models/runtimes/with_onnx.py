"""ONNX Runtime, in float32."""

import numpy as np
import torch
from torch import Tensor

from etalage.models.onnx_graph import to_onnx
from etalage.models.runtimes.chunks import Compute, Make, Shape, pieces
from etalage.models.runtimes.graph import Graph, export, plain

CHUNK = 16


def onnx_graph(graph: Graph, *, threads: int) -> Make:
    """Return what makes the computation for chunks of one shape."""
    import onnxruntime

    def make(shape: Shape) -> Compute:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        with plain():
            content = to_onnx(export(graph, shape), ["pixels"], "features").SerializeToString()
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])

        def compute(pixels: Tensor) -> Tensor:
            chunks = (part.numpy() for part in pieces(pixels, shape[0]))
            found = [session.run(None, {"pixels": each})[0] for each in chunks]
            return torch.from_numpy(np.concatenate(found))

        return compute

    return make
