"""Parts of ONNX graphs: an exported network, and what picks the images that are there."""

from collections.abc import Sequence
from typing import Any

import torch

SHOWN = ("pixels", "product", "rank", "count")
"""Outputs of ``shown``, each with ``shown_`` before its name, and inputs of the network."""


def to_onnx(program: torch.export.ExportedProgram, inputs: Sequence[str], output: str) -> Any:  # noqa: ANN401
    """Return an exported network as an ``onnx.ModelProto`` with inputs and output so named.

    The exporter notes the lines of code (with the folders of this machine) that each node comes
    from; these notes are taken out: the same network gives the same bytes wherever it lies.
    """
    made = torch.onnx.export(
        program, dynamo=True, verbose=False, input_names=inputs, output_names=[output]
    )
    if made is None:
        raise RuntimeError("the exporter of PyTorch answers with nothing")
    proto = made.model_proto
    for noted in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    return proto


def shown(size: int, like: Any) -> Any:  # noqa: ANN401
    """Return the graph that turns ``images`` and ``count`` into what the network wants.

    Of images (P, K, size, size, 3) those whose rank is below ``count`` of their product, (P,), come
    out as one list by product, then by rank: pixels (N, size, size, 3), product and rank (N,).

    Args:
        size: side of the images in pixels.
        like: the ``onnx.ModelProto`` whose versions the graph has to have.
    """
    from onnx import TensorProto, helper

    scalar: tuple[int, ...] = ()
    numbers = (("zero", scalar, 0), ("one", scalar, 1), ("first", (1,), 0), ("second", (1,), 1))
    constants = [
        helper.make_tensor(name, TensorProto.INT64, shape, [value])
        for name, shape, value in numbers
    ]
    steps = (
        ("Shape", ["images"], ["shape"]),
        ("Gather", ["shape", "one"], ["most"]),
        ("Range", ["zero", "most", "one"], ["ranks"]),
        ("Unsqueeze", ["ranks", "first"], ["row_of_ranks"]),
        ("Unsqueeze", ["count", "second"], ["column_of_counts"]),
        ("Less", ["row_of_ranks", "column_of_counts"], ["there"]),
        ("NonZero", ["there"], ["places"]),
        ("Transpose", ["places"], ["pairs"]),
        ("GatherND", ["images", "pairs"], ["shown_pixels"]),
        ("Gather", ["places", "zero"], ["shown_product"]),
        ("Gather", ["places", "one"], ["shown_rank"]),
        ("Identity", ["count"], ["shown_count"]),
    )
    graph = helper.make_graph(
        [helper.make_node(*step) for step in steps],
        "shown",
        [_value("images", "UINT8", "products", "images", size, size, 3),
         _value("count", "INT64", "products")],
        [_value("shown_pixels", "UINT8", "N", size, size, 3), _value("shown_product", "INT64", "N"),
         _value("shown_rank", "INT64", "N"), _value("shown_count", "INT64", "products")],
        constants,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=like.opset_import, ir_version=like.ir_version)


def _value(name: str, kind: str, *shape: int | str) -> Any:  # noqa: ANN401
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)
