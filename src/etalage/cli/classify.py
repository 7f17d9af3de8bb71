"""``etalage classify``."""

import json as json_module
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table


def classify(
    model: Path,
    /,
    *images: Path,
    together: bool = False,
    top: int = 5,
    device: str = "auto",
    runtime: Literal["auto", "torch", "compile", "openvino", "onnx"] = "auto",
    json: bool = False,
) -> None:
    """Answer for image files, now: JPEG, PNG or WebP.

    Args:
        model: the MODEL folder.
        images: the files; each is a product of its own.
        together: they all show one product.
        top: how many categories to name.
        device: auto, cpu or cuda.
        runtime: what computes: auto is the fastest here that pays for so many images.
        json: print one JSON document.
    """
    from etalage.inference.classify import classify as run

    answers = run(model, list(images), together=together, top=top, device=device, runtime=runtime)
    if json:
        documents = [
            {
                "images": [str(path) for path in answer.images],
                "guesses": [vars(guess) for guess in answer.guesses],
            }
            for answer in answers
        ]
        print(json_module.dumps(documents, ensure_ascii=False))
        return
    table = Table("images", "probability", "category id", "category")
    for answer in answers:
        names = ", ".join(path.name for path in answer.images)
        for guess in answer.guesses:
            table.add_row(names, f"{guess.probability:.3f}", str(guess.category_id), guess.category)
            names = ""
        table.add_section()
    Console().print(table)
