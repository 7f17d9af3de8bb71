"""The product model as one ONNX file: images of products in, probabilities of categories out.

Inputs and output of the graph; P products and K images are free with every call::

    images         uint8 (P, K, size, size, 3), RGB: row p holds the images of product p by rank,
                   then anything
    count          int64 (P,): how many of them are images, 0 to K
    probabilities  float32 (P, C), each row adding up to 1; the prior where there is no image

So that every input begins with the product, as servers that gather requests into batches want it;
only what is an image is computed. Normalisation, crop and temperature are part of the graph.
Beside ``model.onnx`` stands ``model.onnx.json``, schema 1, with what is needed to use it: ``model``
(the fingerprint), ``onnx`` (hash of the file), ``preprocessing``, ``max_images``, ``temperature``
and ``categories`` (id, path and prior of each column).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from etalage.errors import ModelError
from etalage.files import fingerprint_bytes, refuse_existing, whole_file, write_json
from etalage.models.checkpoint import Model, open_model
from etalage.models.fusion import Places
from etalage.models.network import centre_crop
from etalage.models.onnx_graph import SHOWN, shown, to_onnx

SCHEMA = 1


def onnx(model: Path, output: Path, *, overwrite: bool = False) -> Path:
    """Write a MODEL as ``output`` and ``output``.json.

    Args:
        model: the MODEL folder.
        output: the file to write, ``model.onnx``.
        overwrite: replace what stands there.

    Returns:
        The description that stands beside the file.

    Raises:
        ModelError: the model cannot be used or has no form in ONNX, or ONNX is not installed.
        OutputError: ``output`` is there already, or cannot be written.
    """
    if any(find_spec(package) is None for package in ("onnx", "onnxscript")):
        raise ModelError(
            "onnx and onnxscript must be installed", hint="pip install 'etalage[onnx]'"
        )
    description = output.with_name(f"{output.name}.json")
    for path in (output, description):
        refuse_existing(path, overwrite=overwrite)
    opened = open_model(model, device="cpu")
    if opened.architecture.fusion == "collage":
        raise ModelError(
            f"{model}: fusion 'collage' has no form in ONNX: its pictures change their shape",
            hint="serve it with Étalage, or train it with another --set fusion=NAME",
        )
    content = onnx_bytes(opened)
    with whole_file(output, overwrite=overwrite) as part:
        part.write_bytes(content)
    write_json(description, _description(opened, content))
    return description


def onnx_bytes(model: Model) -> bytes:
    """Return the content of the ONNX file of a model that lies on a processor.

    Raises:
        ModelError: it has no form in ONNX.
    """
    from onnx import checker, compose

    network = to_onnx(_program(model), SHOWN, "probabilities")
    pairs = [(f"shown_{name}", name) for name in SHOWN]
    whole = compose.merge_models(shown(model.size, network), network, io_map=pairs)
    whole.graph.name, whole.producer_name = "etalage", "etalage"
    whole.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "products"
    checker.check_model(whole, full_check=True)
    content: bytes = whole.SerializeToString(deterministic=True)
    return content


class _Answer(nn.Module):
    """From the images that are there, and where they belong, to probabilities."""

    prior: Tensor

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = model.network
        self.size = model.architecture.image_size
        self.temperature = model.temperature
        self.register_buffer("prior", torch.from_numpy(model.prior))

    def forward(self, pixels: Tensor, product: Tensor, rank: Tensor, count: Tensor) -> Tensor:
        places = _Counted(product, rank, count.shape[0], count)
        features = self.network.features(centre_crop(pixels, self.size))
        logits = self.network.classify(features, places)
        answer = (logits / self.temperature).softmax(1)
        return torch.where(count.unsqueeze(1) > 0, answer, self.prior)


@dataclass(frozen=True, eq=False)
class _Counted(Places):
    """Places whose numbers of images are known, so that nothing needs counting in the graph."""

    given: Tensor

    def images(self) -> Tensor:
        """Return the number of images of each product, (P,) int64."""
        return self.given


def _program(model: Model) -> torch.export.ExportedProgram:
    """Return the network for any number of products P with any number of images N."""
    example = (
        torch.zeros(5, model.size, model.size, 3, dtype=torch.uint8),
        torch.tensor([0, 0, 2, 2, 2]),
        torch.tensor([0, 1, 0, 1, 2]),
        torch.tensor([2, 0, 3]),
    )
    images, products = torch.export.Dim("N"), torch.export.Dim("P")
    shapes = ({0: images}, {0: images}, {0: images}, {0: products})
    with torch.no_grad():
        return torch.export.export(_Answer(model).eval(), example, dynamic_shapes=shapes)


def _description(model: Model, content: bytes) -> dict[str, Any]:
    made, size = model.architecture, model.size
    named = zip(
        model.taxonomy.ids.tolist(), model.taxonomy.paths, model.prior.tolist(), strict=True
    )
    return {
        "artefact": "onnx",
        "schema": SCHEMA,
        "model": model.fingerprint,
        "onnx": fingerprint_bytes(content),
        "inputs": {
            "images": {"type": "uint8", "shape": ["products", "images", size, size, 3]},
            "count": {"type": "int64", "shape": ["products"]},
        },
        "output": {"probabilities": {"type": "float32", "shape": ["products", len(model.prior)]}},
        "preprocessing": {
            "size": size,
            "channels": "RGB, 0 to 255",
            "fit": "the longer side fills the square, white on both sides of the shorter one",
            "inside": {
                "crop": made.image_size,
                "mean": made.mean,
                "std": made.std,
                "mirror": made.mirror,
            },
        },
        "max_images": model.max_images,
        "temperature": model.temperature,
        "categories": [{"id": leaf, "path": path, "prior": share} for leaf, path, share in named],
    }
