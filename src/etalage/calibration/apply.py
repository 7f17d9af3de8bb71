"""Writes calibrated PREDICTIONS, part by part; a stopped run is gone on with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etalage.calibration.artefact import apply_to, read_calibration, require_taxonomy
from etalage.files import fingerprint
from etalage.predictions.folder import open_predictions, read_part
from etalage.predictions.manifest import NAME
from etalage.predictions.writer import PredictionsWriter
from etalage.progress import progress_bar


@dataclass(frozen=True)
class ApplyReport:
    """What ``apply`` did.

    Attributes:
        products: predictions in the folder.
        method: of the calibration.
        temperature: of the calibration.
    """

    products: int
    method: str
    temperature: float


def apply(
    calibration: Path, predictions: Path, output: Path, *, overwrite: bool = False
) -> ApplyReport:
    """Write predictions with calibrated probabilities; answers and their order stay what they are.

    Args:
        calibration: a CALIBRATION, fitted on predictions of the same making.
        predictions: a PREDICTIONS folder of the same making.
        output: the PREDICTIONS folder to write.
        overwrite: replace what stands at ``output``.

    Raises:
        PredictionsError: damaged, of another taxonomy, or ``output`` is half made otherwise.
        OutputError: ``output`` exists, or cannot be written.
    """
    fitted, opened = read_calibration(calibration), open_predictions(predictions)
    require_taxonomy(fitted, calibration, opened.taxonomy)
    manifest = opened.manifest
    writer = PredictionsWriter(
        output,
        taxonomy=opened.taxonomy,
        source=made_from(manifest.source, calibration, fingerprint(predictions / NAME)),
        products=manifest.products,
        overwrite=overwrite,
    )
    with progress_bar("apply", manifest.products) as advance:
        advance(writer.done_products)
        for part in manifest.parts[len(writer.done_parts) :]:
            table = read_part(predictions, part, manifest, opened.taxonomy)
            writer.write(apply_to(fitted, table, len(opened.taxonomy)))
            advance(part.rows)
    writer.finish()
    return ApplyReport(manifest.products, fitted.method, fitted.temperature)


def made_from(source: dict[str, Any], calibration: Path, predictions: str) -> dict[str, Any]:
    """Return what calibrated predictions record: all that the others did, and the calibration."""
    return source | {"calibration": fingerprint(calibration), "uncalibrated": predictions}
