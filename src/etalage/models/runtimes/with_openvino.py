"""OpenVINO: several chunks at a time, one thread each, in bfloat16 where the processor has it.

OpenVINO's package reports to its vendor that it was imported, and what it converts. Here it does
not: it finds no package to report with, and takes its own stand-in, which does nothing.
"""

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from etalage.models.runtimes.chunks import Compute, Make, Shape
from etalage.models.runtimes.graph import Graph, export, plain

CHUNK = 16


def import_openvino() -> Any:  # noqa: ANN401  a module without types
    """Return OpenVINO, imported without its reporter."""
    modules: dict[str, Any] = sys.modules
    modules.setdefault("openvino_telemetry", None)  # as if it were not installed
    import openvino

    return openvino


def openvino_graph(graph: Graph, *, bf16: bool, threads: int) -> Make:
    """Return what makes the computation for chunks of one shape."""

    def make(shape: Shape) -> Compute:
        openvino = import_openvino()
        with plain():
            exported = export(graph, shape)
        # The conversion traces the graph once more, and bears as little as the export.
        with torch.inference_mode(mode=False), torch.autocast("cpu", enabled=False):
            model = openvino.convert_model(exported)
        model.reshape(list(shape))
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "ENABLE_CPU_PINNING": False,  # the decoding threads work on the same cores
        }
        ready = _core().compile_model(model, "CPU", settings)
        return _Streams(openvino.AsyncInferQueue(ready, threads), *ready.output(0).shape)

    return make


@cache
def _core() -> Any:  # noqa: ANN401
    """Return the one core of this process, which lives as long as the process does.

    A core gives the thread that makes it a stack for signal handlers, and takes it away when it
    goes. Where two of them go in another order than they came, or in another thread, the stack
    that is left is no memory any more, and the next signal (Ctrl-C) ends the process.
    """
    return import_openvino().Core()


class _Streams:
    """Gives each chunk to whichever stream is free.

    Args:
        queue: one request for each stream.
        size: images in a chunk.
        width: numbers in the features of an image.
    """

    def __init__(self, queue: Any, size: int, width: int) -> None:  # noqa: ANN401
        self._queue = queue
        self._size = size
        self._width = width

    def __call__(self, pixels: Tensor) -> Tensor:
        features = np.empty((len(pixels), self._width), np.float32)
        self._queue.set_callback(_keep(features))
        for start in range(0, len(pixels), self._size):
            chunk = pixels[start : start + self._size].numpy()
            self._queue.start_async({0: chunk}, userdata=start, share_inputs=True)
        self._queue.wait_all()
        return torch.from_numpy(features)


def _keep(features: NDArray[np.float32]) -> Callable[[Any, int], None]:
    def keep(request: Any, start: int) -> None:  # noqa: ANN401
        found = request.get_output_tensor(0).data
        features[start : start + len(found)] = found

    return keep
