"""The calibration that a model's answers go through before they are written."""

import logging
from dataclasses import dataclass
from pathlib import Path

from etalage.calibration.artefact import (
    IN_MODEL,
    Calibration,
    apply_to,
    read_calibration,
    require_taxonomy,
)
from etalage.catalogue.taxonomy import Taxonomy
from etalage.files import fingerprint
from etalage.predictions.table import Predictions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mend:
    """A calibration for answers of so many categories, and the fingerprint of its file."""

    calibration: Calibration
    leaves: int
    fingerprint: str

    def done_to(self, predictions: Predictions) -> Predictions:
        """Return calibrated predictions."""
        return apply_to(self.calibration, predictions, self.leaves)


def find_mend(
    model: Path, given: Path | None, taxonomy: Taxonomy, logit_adjustment: float
) -> Mend | None:
    """Return the calibration given, else the model's own; that one knows the prior where it is.

    Raises:
        PredictionsError: it cannot be read, or is of other categories.
    """
    own = model / IN_MODEL
    path = given or (own if own.is_file() and not logit_adjustment else None)
    if path is None:
        return None
    found = read_calibration(path)
    require_taxonomy(found, path, taxonomy)
    log.info("calibration: %s, temperature %.3f", path, found.temperature)
    return Mend(found, len(taxonomy), fingerprint(path))
