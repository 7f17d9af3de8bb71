"""``etalage predict``."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from etalage.errors import ConfigError


def predict(
    model: Path,
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    split: Path | None = None,
    part: Literal["train", "validation", "test"] | None = None,
    max_images: int | None = None,
    top: int = 20,
    logit_adjustment: float = 0.0,
    embeddings: Path | None = None,
    calibration: Path | None = None,
    flip: Annotated[bool, Parameter(negative="")] = False,
    sizes: str | None = None,
    device: str = "auto",
    runtime: Literal["auto", "torch", "compile", "openvino", "onnx"] = "auto",
    csv: Path | None = None,
    xlsx: Path | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Write the most probable categories of every product. A stopped run is gone on with.

    Args:
        model: the MODEL folder.
        index: the INDEX folder.
        output: the PREDICTIONS folder to write.
        split: answer one part of this SPLIT only.
        part: which part.
        max_images: use only the first so many images of each product.
        top: how many categories to keep of each product.
        logit_adjustment: how far the prior is taken out; 1 answers as if all categories were
            equally frequent.
        embeddings: answer from these EMBEDDINGS of the model's backbone, decoding nothing.
        calibration: a CALIBRATION to make probabilities honest with; without one calibration.json
            of the MODEL, if it is there and no prior is taken out.
        flip: answer with the mean over each image and its mirror image.
        sizes: answer with the mean over these sizes of every image, in pixels of what the network
            sees, as in 160,180,224.
        device: auto, cpu or cuda.
        runtime: what computes: auto is the fastest here that pays for so many images.
        csv: also write a table for people: id, category path, confidence, second choice.
        xlsx: the same as an Excel workbook.
        yes: replace predictions that are there.
        json: print one JSON document.
    """
    from etalage.inference.predict import predict as run
    from etalage.predictions.spreadsheet import write_csv, write_xlsx

    report = run(
        model,
        index,
        output,
        split=split,
        part=part,
        max_images=max_images,
        top=top,
        logit_adjustment=logit_adjustment,
        embeddings=embeddings,
        calibration=calibration,
        flip=flip,
        sizes=None if sizes is None else _sides(sizes),
        device=device,
        runtime=runtime,
        overwrite=yes,
    )
    for path, write in ((csv, write_csv), (xlsx, write_xlsx)):
        if path is not None:
            write(output, path, overwrite=yes)
    if json:
        print(json_module.dumps(asdict(report)))
    else:
        print(
            f"{output}: {report.products:,} products answered, {report.from_prior:,} of them "
            f"without a readable image (from the prior), {report.unreadable:,} images unreadable"
        )


def _sides(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise ConfigError(f"--sizes {text}: expected pixels, as in 160,180,224") from None
