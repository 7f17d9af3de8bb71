"""Puts a runtime in the place of a network's backbone."""

import logging

import torch

from etalage.models.network import ProductModel
from etalage.models.precision import use_bf16
from etalage.models.runtimes import compiled, with_onnx, with_openvino
from etalage.models.runtimes.choice import Runtime, pick_runtime
from etalage.models.runtimes.chunks import Chunks, Compute
from etalage.models.runtimes.eager import eagerly
from etalage.models.runtimes.graph import Graph

log = logging.getLogger(__name__)


def use_runtime(
    network: ProductModel,
    name: str,
    *,
    device: torch.device,
    precision: str = "auto",
    images: int | None = None,
) -> Runtime:
    """Let a runtime compute ``network.features`` from now on; the log says which, and why.

    Graphs are made when the first images come. The weights must not change afterwards.

    Args:
        network: in evaluation mode, on ``device``.
        name: ``auto``, ``torch``, ``compile``, ``openvino`` or ``onnx``.
        device: where the network lies.
        precision: of the model: ``auto``, ``bf16`` or ``none``.
        images: how many will be answered, None for very many: ``auto`` heeds it.

    Returns:
        The runtime, with the precision it computes in.

    Raises:
        ConfigError: no such runtime, or not on this device.
        ModelError: what it needs is not installed.
    """
    eager_bf16 = use_bf16(network.backbone, device, precision)
    runtime = pick_runtime(name, device, precision=precision, eager_bf16=eager_bf16, images=images)
    network.engine = _engine(network, runtime, device)
    log.info("runtime: %s in %s (%s)", runtime.name, runtime.precision, runtime.why)
    return runtime


def _engine(network: ProductModel, runtime: Runtime, device: torch.device) -> Compute | None:
    eager, graph = eagerly(network.backbone_features), Graph(network)
    bf16, threads = runtime.precision == "bfloat16", torch.get_num_threads()
    if runtime.name == "compile":
        make = compiled.compiled(graph, device, bf16=bf16)
        return Chunks(compiled.chunk(device), make, eager)
    if runtime.name == "openvino":
        make = with_openvino.openvino_graph(graph, bf16=bf16, threads=threads)
        return Chunks(with_openvino.CHUNK, make, eager)
    if runtime.name == "onnx":
        return Chunks(with_onnx.CHUNK, with_onnx.onnx_graph(graph, threads=threads), eager)
    return eager if device.type == "cpu" else None
