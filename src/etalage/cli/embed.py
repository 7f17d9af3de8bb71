"""``etalage embed``."""

import json as json_module
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.errors import ConfigError


def embed(
    *places: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    backbone: str | None = None,
    weights: str = "pretrained",
    image_size: int = 160,
    load_size: int = 180,
    mirror: bool = True,
    split: Path | None = None,
    part: Literal["train", "validation", "test"] | None = None,
    max_images: int | None = None,
    device: str = "auto",
    runtime: Literal["auto", "torch", "compile", "openvino", "onnx"] = "auto",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write a vector for every distinct image. A stopped run is gone on with.

    Args:
        places: the MODEL folder and the INDEX folder; with --backbone the INDEX alone.
        output: the EMBEDDINGS folder to write.
        backbone: embed with this backbone instead of a MODEL's, by timm's name.
        weights: of that backbone: pretrained (from the hub), none, a file, or a MODEL.
        image_size: side of the square that backbone sees, in pixels.
        load_size: side that images are loaded at for it.
        mirror: take the mean over each image and its mirror image.
        split: embed one part of this SPLIT only.
        part: which part.
        max_images: only the first so many images of each product.
        device: auto, cpu or cuda.
        runtime: what computes: auto is the fastest here that pays for so many images.
        yes: replace embeddings that are there.
        json: print one JSON document.
    """
    from etalage.embedding.write import embed as run  # PyTorch takes seconds to load

    model, index = _places(places, backbone)
    report = run(
        model,
        index,
        output,
        backbone=backbone,
        weights=weights,
        image_size=image_size,
        load_size=load_size,
        mirror=mirror,
        split=split,
        part=part,
        max_images=max_images,
        device=device,
        runtime=runtime,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json()))
    else:
        print(
            f"{output}: {report.vectors:,} vectors of {report.width:,} numbers for "
            f"{report.images:,} images, {report.unreadable:,} of them unreadable"
        )


def _places(places: tuple[Path, ...], backbone: str | None) -> tuple[Path | None, Path]:
    expected = 2 if backbone is None else 1
    if len(places) != expected:
        wanted = "MODEL INDEX" if backbone is None else "INDEX, and no MODEL beside --backbone"
        raise ConfigError(f"{len(places)} folders given, expected {wanted}")
    return (None, places[0]) if backbone is not None else (places[0], places[1])
