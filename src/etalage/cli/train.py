"""``etalage train``."""

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from etalage.errors import ConfigError

if TYPE_CHECKING:
    from etalage.training import TrainReport


def train(
    index: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    split: Path,
    recipe: str = "standard",
    weights: str = "pretrained",
    settings: Annotated[list[str] | None, Parameter(name="--set", negative="")] = None,
    teacher: Path | None = None,
    embeddings: Path | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Train a product classifier and write the MODEL.

    Args:
        index: the INDEX.
        output: the MODEL folder to write.
        split: the SPLIT of that index.
        recipe: what to train and how: demo, frozen, quick, standard, best, winner-2017...
        weights: of the backbone to start from: pretrained (from the hub), none, a file, or a MODEL.
        settings: change a value of the recipe, as in --set epochs=3; may be given again.
        teacher: PREDICTIONS of a teacher for the training products, to learn from too.
        embeddings: EMBEDDINGS for a recipe with a frozen backbone; made where there are none.
        seed: of order, crops and first weights.
        device: auto, cpu, cuda, cuda:1...
        resume: go on with a training that was stopped.
        yes: start again where a model or half a training stands.
        json: print one JSON document.
    """
    from etalage.training import train as run  # PyTorch takes seconds to load

    report = run(
        index,
        output,
        split=split,
        recipe=recipe,
        weights=weights,
        teacher=teacher,
        settings=pairs(settings),
        embeddings=embeddings,
        seed=seed,
        device=device,
        resume=resume,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(report.to_json(), ensure_ascii=False))
    else:
        print(_told(report))


def pairs(settings: list[str] | None) -> dict[str, str]:
    """Return what --set was given as names and texts.

    Raises:
        ConfigError: one without an equals sign.
    """
    return dict(_pair(text) for text in settings or [])


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set {text}: expected key=value", hint="for example --set epochs=3")
    return key, value


def _told(report: "TrainReport") -> str:
    told = f"{report.model}: {report.epochs} epochs, {report.steps:,} steps, {report.seconds:.0f} s"
    if found := report.validation:
        told += (
            f"\nvalidation, {found.products:,} products: level 1 {found.level1:.3f}, level 2 "
            f"{found.level2:.3f}, level 3 {found.level3:.3f}, log-loss "
            f"{report.calibrated_log_loss:.3f} at temperature {report.temperature:.2f}"
        )
    if report.unreadable or report.without_images:
        told += (
            f"\nleft out: {report.unreadable:,} unreadable images, "
            f"{report.without_images:,} products without a readable image"
        )
    return told
