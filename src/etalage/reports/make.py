"""``report``: one page about an artefact, and the numbers that stand in it."""

from pathlib import Path
from typing import Any

from etalage.errors import ConfigError
from etalage.files import refuse_existing, whole_file
from etalage.reports.catalogue import DECODE, catalogue_page
from etalage.reports.training.make import training_page


def report(
    artefact: Path,
    output: Path,
    *,
    index: Path | None = None,
    against: Path | None = None,
    translations: Path | None = None,
    decode: int = DECODE,
    seed: int = 0,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a page about an INDEX or a MODEL, and return the numbers that stand in it.

    Args:
        artefact: the INDEX or the MODEL.
        output: the HTML file to write.
        index: of a MODEL: the INDEX it was trained on, for its pictures.
        against: of an INDEX: another one, to say how it differs from this one.
        translations: of an INDEX: a CSV file, header ``name,translation``, of the names of level 1.
        decode: of an INDEX: how many suspicious images of each kind to decode.
        seed: of an INDEX: of the example products; same seed, same products.
        overwrite: replace a file that is there.

    Raises:
        ConfigError: neither INDEX nor MODEL, an option of the other kind, ``decode`` below 0.
        CatalogueError: a damaged index, or one that the model was not trained on.
        ModelError: a damaged model.
        PredictionsError: validation products that cannot be read.
        OutputError: ``output`` exists, or cannot be written.
        TaxonomyError: translations that cannot be read.
    """
    refuse_existing(output, overwrite=overwrite)
    if is_model(artefact):
        _refuse("a MODEL", against=against, translations=translations)
        document, page = training_page(artefact, index=index)
    else:
        _refuse("an INDEX", index=index)
        document, page = catalogue_page(
            artefact, against=against, translations=translations, decode=decode, seed=seed
        )
    _write(page, output, overwrite=overwrite)
    return document


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


def _refuse(kind: str, **options: Path | None) -> None:
    for name, value in options.items():
        if value is not None:
            raise ConfigError(f"--{name} {value}: is no option of the page of {kind}")


def _write(page: str, output: Path, *, overwrite: bool) -> None:
    with whole_file(output, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
