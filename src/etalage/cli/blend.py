"""``etalage blend``."""

import json as json_module
from dataclasses import astuple
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.blending.fit import MOST, FitReport, fit_blend
from etalage.blending.ranker import CANDIDATES, FOLDS
from etalage.blending.write import BlendReport
from etalage.blending.write import blend as run
from etalage.errors import ConfigError


def blend(
    *predictions: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    mean: Literal["arithmetic", "geometric", "power"] = "arithmetic",
    exponent: float | None = None,
    weights: str | None = None,
    using: Path | None = None,
    fit: Path | None = None,
    truth: Path | None = None,
    audited: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    ranker: Annotated[bool, Parameter(negative="")] = False,
    candidates: int = CANDIDATES,
    folds: int = FOLDS,
    most: int = MOST,
    top: int | None = None,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Make the predictions of several models one. A stopped blend is gone on with.

    Weights may be fitted where the truth is known, and a second level with them (--fit), to be
    applied to other predictions of the same models (--using).

    Args:
        predictions: PREDICTIONS folders of the same products, two or more.
        output: the PREDICTIONS folder to write.
        mean: of the probabilities.
        exponent: of the power mean.
        weights: of each, as in 0.5,0.3,0.2; equal ones without.
        using: a BLEND that was fitted on these models, in this order.
        fit: write a BLEND, fitted on the products whose category is known.
        truth: with --fit: given labels, a labelled INDEX or a CSV.
        audited: with --fit, instead of --truth: what persons decided blind.
        split: take one part of this SPLIT of the truth.
        part: of the split, else of the truth's column part.
        ranker: with --fit: fit a second level that ranks the candidates.
        candidates: how many candidates of a product it ranks.
        folds: how many rankers answer what the others were fitted on.
        most: products to fit on; of more, so many are drawn by lot.
        top: how many categories to keep; without, as many as the predictions.
        seed: of the lot, the folds and the booster.
        yes: replace what is there.
        json: print one JSON document.
    """
    if (truth is not None) + (audited is not None) != (fit is not None) or not (output or fit):
        raise ConfigError(
            "a blend is written with -o, and fitted with --fit and one of --truth and --audited",
            hint="etalage blend A B -o PREDICTIONS, or etalage blend A B --truth T --fit BLEND",
        )
    if fit is None and (ranker or split is not None or part is not None):
        raise ConfigError("--ranker, --split and --part belong to --fit")
    if fit is not None and using is not None:
        raise ConfigError(f"{using}: is fitted already; --fit fits another one")
    shares = None if weights is None else numbers(weights, "weights")
    fitted = None
    if fit is not None:
        fitted = fit_blend(
            predictions,
            fit,
            truth=audited or truth or Path(),
            audited=audited is not None,
            split=split,
            part=part,
            mean=mean,
            exponent=exponent,
            weights=shares,
            ranker=ranker,
            candidates=candidates,
            folds=folds,
            most=most,
            seed=seed,
            overwrite=yes,
        )
    made = None
    if output is not None and fit is not None:
        made = run(predictions, output, using=fit, top=top, overwrite=yes)
    elif output is not None:
        made = run(
            predictions,
            output,
            mean=mean,
            exponent=exponent,
            weights=shares,
            using=using,
            top=top,
            overwrite=yes,
        )
    if json:
        parts = {"fit": fitted and fitted.to_json(), "blend": made and made.to_json()}
        print(json_module.dumps(parts))
        return
    _tell(predictions, fitted, made)


def _tell(
    predictions: tuple[Path, ...], fitted: FitReport | None, made: BlendReport | None
) -> None:
    if fitted is not None:
        Console().print(_table(predictions, fitted))
    if made is not None:
        again = f", {made.reordered} of them put into the order of the first" * bool(made.reordered)
        print(f"{made.products:,} products, {made.members} predictions{again}")


def _table(predictions: tuple[Path, ...], fitted: FitReport) -> Table:
    of = "decisions of persons" if fitted.truth == "audited" else "the given labels"
    table = Table(title=f"Against {of}, {fitted.products:,} products", title_justify="left")
    for name in ("", "weight", "log-loss", "accuracy"):
        table.add_column(name, justify="right" if name else "left")
    rows = [
        (str(path), f"{weight:.4f}", figures)
        for path, weight, figures in zip(
            predictions, fitted.mean.weights, fitted.members, strict=True
        )
    ]
    rows += [(f"{fitted.mean.name} mean, equal weights", "", fitted.equal)]
    rows += [(f"{fitted.mean.name} mean, these weights", "", fitted.weights)]
    if fitted.ranker is not None:
        rows += [("second level, out of fold", "", fitted.ranker)]
    for name, weight, figures in rows:
        table.add_row(name, weight, *(f"{value:.4f}" for value in astuple(figures)))
    return table


def numbers(text: str, name: str) -> list[float]:
    """Return the numbers of ``0.5,0.3,0.2``.

    Raises:
        ConfigError: one is none.
    """
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise ConfigError(f"--{name} {text}: expected numbers, as in 0.5,0.3,0.2") from None
