"""``report``: one page about an artefact, and the numbers that stand in it."""

from pathlib import Path
from typing import Any

from etalage.errors import ConfigError
from etalage.files import refuse_existing, whole_file
from etalage.predictions import manifest as manifests
from etalage.reports.catalogue import DECODE, catalogue_page
from etalage.reports.score.make import score_page
from etalage.reports.training.make import training_page
from etalage.scoring.score import score


def report(
    artefact: Path,
    output: Path,
    *,
    index: Path | None = None,
    against: Path | None = None,
    translations: Path | None = None,
    decode: int = DECODE,
    seed: int = 0,
    truth: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    known: Path | None = None,
    audited: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a page about an artefact, and return the numbers that stand in it.

    Args:
        artefact: the INDEX, the MODEL, the PREDICTIONS or the submission.
        output: the HTML file to write.
        index: of a MODEL: the INDEX it was trained on, for its pictures; of answers: the INDEX of
            their products.
        against: of an INDEX: another one, to say how it differs from this one; of answers: other
            ones, to be compared with.
        translations: of an INDEX: a CSV file, header ``name,translation``, of the names of level 1.
        decode: of an INDEX: how many suspicious images of each kind to decode.
        seed: of an INDEX: of the example products; same seed, same products; of answers: of the
            resamples behind the intervals.
        truth: of answers, which need it: what is right, as ``score`` takes it.
        split: of answers, as ``score`` takes it, like the next three.
        part: of the split.
        known: the INDEX that was learned from.
        audited: blind decisions.
        overwrite: replace a file that is there.

    Raises:
        ConfigError: no such artefact, an option of another kind, answers without a truth,
            ``decode`` below 0.
        CatalogueError: a damaged index, or one that the model was not trained on.
        ModelError: a damaged model.
        PredictionsError: answers, truth or validation products that cannot be read.
        OutputError: ``output`` exists, or cannot be written.
        TaxonomyError: translations that cannot be read.
    """
    refuse_existing(output, overwrite=overwrite)
    scored: dict[str, Path | str | None] = {
        "truth": truth, "split": split, "part": part, "known": known, "audited": audited
    }  # fmt: skip
    if is_answers(artefact):
        _refuse("answers", translations=translations)
        result = score(
            artefact,
            _truth(artefact, truth),
            split=split,
            part=part,
            index=index,
            known=known,
            audited=audited,
            against=against,
            seed=seed,
        )
        document, page = score_page(result, artefact)
    elif is_model(artefact):
        _refuse("a MODEL", against=against, translations=translations, **scored)
        document, page = training_page(artefact, index=index)
    else:
        _refuse("an INDEX", index=index, **scored)
        document, page = catalogue_page(
            artefact, against=against, translations=translations, decode=decode, seed=seed
        )
    _write(page, output, overwrite=overwrite)
    return document


def is_answers(artefact: Path) -> bool:
    """Whether an artefact is a PREDICTIONS folder, finished or not, or a submission."""
    if artefact.suffix.lower() in (".csv", ".zip") and not artefact.is_dir():
        return True
    if (artefact / "model.json").is_file() or (artefact / "index.json").is_file():
        return False
    return (artefact / manifests.NAME).is_file() or (artefact / manifests.UNFINISHED).is_file()


def _truth(artefact: Path, truth: Path | None) -> Path:
    if truth is None:
        raise ConfigError(
            f"{artefact}: holds answers, and their page compares them with a truth",
            hint="add --truth TRUTH: a labelled INDEX, or a CSV of _id,category_id",
        )
    return truth


def is_model(artefact: Path) -> bool:
    """Whether an artefact is a MODEL; if not it is an INDEX.

    Raises:
        ConfigError: it is neither.
    """
    if (artefact / "index.json").is_file():
        return False
    if (artefact / "model.json").is_file():
        return True
    if (artefact / "checkpoints").is_dir():
        raise ConfigError(
            f"{artefact}: is an unfinished training: it has no model.json",
            hint="finish it with: etalage train INDEX -o MODEL --split SPLIT --resume",
        )
    raise ConfigError(
        f"{artefact}: is neither an INDEX (it has no index.json) nor a MODEL (no model.json)",
        hint="etalage index CATALOGUE... -o INDEX makes the one, etalage train the other",
    )


def _refuse(kind: str, **options: Path | str | None) -> None:
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"--{name} {value}: is no option of the page of {kind}")


def _write(page: str, output: Path, *, overwrite: bool) -> None:
    with whole_file(output, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
