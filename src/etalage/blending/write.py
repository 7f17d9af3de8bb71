"""``blend``: the PREDICTIONS of several models made one, out of core.

Products come in the order of the first model, in parts of ``PART_PRODUCTS``, whatever the parts of
the models; a part that is there is not computed again, so that a blend that was killed ends with
the bytes of one that was not. ``source`` in the manifest has what it was made from::

    {"blend": {"mean": "arithmetic", "exponent": 1.0, "weights": [0.5, 0.5], "fitted": "...",
               "members": [{"manifest": "...", "source": {...}}, ...]}, "top": 20}

``fitted`` is the fingerprint of the BLEND that was applied, or null; ``source`` that of the model's
own predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etalage.blending.aligned import Members, blocks, open_members, orders, refuse_own, scratch
from etalage.blending.folder import Fitted, open_fitted
from etalage.blending.means import Mean, blended, make_mean, stack
from etalage.errors import ConfigError
from etalage.files import fingerprint
from etalage.predictions.manifest import NAME
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from etalage.progress import progress_bar

PART_PRODUCTS = 32_768


@dataclass(frozen=True)
class BlendReport:
    """What a blend did.

    Attributes:
        products: in the folder.
        members: how many predictions were blended.
        reordered: how many of them had their products in another order than the first.
        resumed: products that an earlier run had written.
        mean: which mean, its exponent and its weights.
        ranked: whether a second level ranked the candidates.
    """

    products: int
    members: int
    reordered: int
    resumed: int
    mean: Mean
    ranked: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {**vars(self), **self.mean.record()}


def blend(
    predictions: Sequence[Path],
    output: Path,
    *,
    mean: str = "arithmetic",
    exponent: float | None = None,
    weights: Sequence[float] | None = None,
    using: Path | None = None,
    top: int | None = None,
    overwrite: bool = False,
) -> BlendReport:
    """Write the blend of several PREDICTIONS of the same products.

    Args:
        predictions: two or more folders; the first one gives the order of the products.
        output: the PREDICTIONS folder to write; an unfinished one of the same making is finished.
        mean: ``arithmetic``, ``geometric`` or ``power``.
        exponent: of the power mean.
        weights: of each, None for equal ones.
        using: a BLEND of ``fit_blend`` for these models in this order: its mean, its weights and,
            where it has one, its second level.
        top: categories to keep; None for as many as the predictions that keep most.
        overwrite: replace what stands at ``output``.

    Raises:
        ConfigError: a mean or weights that make no sense, or beside ``using``.
        PredictionsError: they cannot be read, are of other categories or products, or are not of
            the models that the BLEND was fitted on.
        OutputError: ``output`` is finished already, one of the predictions, or no place to write.
    """
    members = open_members(predictions)
    refuse_own(output, predictions)
    level = None if using is None else open_fitted(using, members)
    if level is None:
        chosen = make_mean(mean, len(members), weights, exponent)
    else:
        if weights is not None or exponent is not None or mean != "arithmetic":
            raise ConfigError(f"{using}: brings mean and weights of its own; give no others")
        chosen = level.mean
    most = max(members.kept)
    if top is not None and not 1 <= top <= most:
        raise ConfigError(f"top is {top}: 1 to {most} can be kept of these predictions")
    ids, places = orders(members)
    source = _source(members, chosen, level, most if top is None else top)
    writer = PredictionsWriter(
        output,
        taxonomy=members.taxonomy,
        source=source,
        products=len(ids),
        overwrite=overwrite,
    )
    start = writer.done_products
    with scratch(output) as folder, progress_bar("blend", len(ids)) as advance:
        advance(start)
        done = start
        for tables in blocks(members, places, len(ids), folder, start=start, size=PART_PRODUCTS):
            rows = ids[done : done + len(tables[0])]
            writer.write(_answer(tables, rows, members, chosen, level, source["top"]))
            done += len(rows)
            advance(len(rows))
    writer.finish()
    moved = sum(place is not None for place in places)
    ranked = level is not None and level.ranker is not None
    return BlendReport(len(ids), len(members), moved, start, chosen, ranked)


def _source(members: Members, mean: Mean, level: Fitted | None, top: int) -> dict[str, Any]:
    made_of = [
        {"manifest": fingerprint(opened.folder / NAME), "source": opened.manifest.source}
        for opened in members.opened
    ]
    fitted = None if level is None else level.fingerprint
    return {"blend": {**mean.record(), "fitted": fitted, "members": made_of}, "top": top}


def _answer(
    tables: Sequence[Predictions],
    ids: Any,  # noqa: ANN401  an Arrow array
    members: Members,
    mean: Mean,
    level: Fitted | None,
    top: int,
) -> Predictions:
    given = stack(tables, len(members.taxonomy))
    answer = blended(given, mean, max(members.kept))
    if level is not None and level.ranker is not None:
        answer = level.ranker.answer(given, answer, level.folds(ids))
    categories, probabilities, rest = answer
    if top < categories.shape[1]:
        rest = rest + probabilities[:, top:].sum(axis=1, dtype=np.float32)
        categories, probabilities = categories[:, :top], probabilities[:, :top]
    return Predictions(ids, categories, probabilities, rest.clip(0, 1), given.images.max(axis=0))
