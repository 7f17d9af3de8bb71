"""``etalage demo``."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from etalage.demo import CATEGORIES, PRODUCTS, Demo, run_demo


def demo(
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("demo"),
    products: int = PRODUCTS,
    categories: int = CATEGORIES,
    seed: int = 0,
    yes: bool = False,
) -> None:
    """Generate a small catalogue and take it all the way to a score, without any network.

    Args:
        output: folder for everything that is made.
        products: size of the catalogue; a fifth of it is the test.
        categories: number of leaves of its taxonomy.
        seed: another seed, another catalogue.
        yes: replace an earlier demo.
    """
    result = run_demo(
        output,
        products=products,
        categories=categories,
        seed=seed,
        overwrite=yes,
        announce=lambda stage: print(f"== {stage}", file=sys.stderr),
    )
    console = Console()
    console.print(_accuracy(result))
    print(
        "Truth: the clean labels of the generated test products. As in the test of 2017, duplicates"
        f"\nare not kept apart: {result.shared:.0%} of them show an image that training shows too."
    )
    console.print(_seconds(result))
    print(_next(result.folder))


def _accuracy(result: Demo) -> Table:
    groups = result.groups["all images"]
    titles = [f"{group.name} ({group.products:,})" for group in groups]
    table = Table(title="Accuracy by number of images (products)", title_justify="left")
    table.add_column("answered by")
    table.add_column("level")
    for title in titles:
        table.add_column(title, justify="right")
    for name, found in result.groups.items():
        for level in ("level1", "level2", "level3"):
            shares = [getattr(group.accuracy, level) for group in found]
            table.add_row(name, level[-1], *(f"{share:.3f}" for share in shares))
            name = ""
        table.add_section()
    return table


def _seconds(result: Demo) -> Table:
    places = {
        "synth": "catalogue",
        "index": "index-train, index-test",
        "split": "split.parquet",
        "train": "model",
        "predict": "predictions",
        "submit": "submission.csv",
        "score": "",
    }
    table = Table("stage", "seconds", "artefact", title=f"In {result.folder}", title_justify="left")
    for stage, seconds in result.seconds.items():
        table.add_row(stage, f"{seconds:.1f}", places[stage])
    table.add_section()
    table.add_row("all", f"{sum(result.seconds.values()):.1f}", "")
    return table


def _next(folder: Path) -> str:
    return f"""What to try next:
  etalage show {folder}/index-train
  etalage report {folder}/index-train -o {folder}/report.html
  etalage classify {folder}/model PHOTO.jpg ...
  etalage predict {folder}/model {folder}/index-test -o {folder}/again --xlsx {folder}/again.xlsx
  etalage score {folder}/predictions {folder}/catalogue/test_truth.csv --part private
  etalage train INDEX -o MODEL --split SPLIT --recipe quick     on a catalogue of your own"""
