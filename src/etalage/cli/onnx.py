"""``etalage onnx``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def onnx(
    model: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    yes: bool = False,
) -> None:
    """Write a model as one ONNX file: images of products in, probabilities of categories out.

    Args:
        model: the MODEL folder.
        output: the file to write; beside it comes its description, with .json after the name.
        yes: replace files that are there.
    """
    from etalage.models.onnx_export import onnx as run

    description = run(model, output, overwrite=yes)
    print(f"{output}: {output.stat().st_size:,} bytes; how to use it: {description}")
