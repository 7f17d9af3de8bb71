"""Every row of the table in docs/score.md: made, run, its message and exit status compared."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from documented import Row, matches
from etalage.catalogue.taxonomy import Taxonomy
from etalage.predictions.table import Predictions
from etalage.predictions.writer import PredictionsWriter
from scoring.conftest import TRAIN, Shops, shop

Maker = Callable[..., Predictions]
PAGE = Path(__file__).parents[2] / "docs/score.md"


def rows() -> dict[str, Row]:
    """Return the rows of the table, by their input."""
    section = PAGE.read_text(encoding="utf-8").split("## Bad input")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {
        cells[0].strip(): Row(cells[0], re.findall("`([^`]+)`", cells[2]), int(cells[3]))
        for cells in lines[2:]
    }


class Case:
    """Makes the input of a row and runs its command."""

    def __init__(
        self, shops: Shops, predict: Maker, taxonomy: Taxonomy, etalage: Any, place: Path
    ) -> None:
        self.shops, self.predict, self.taxonomy = shops, predict, taxonomy
        self.etalage, self.place = etalage, place

    def csv(self, *lines: str, header: str = "_id,category_id") -> Path:
        path = self.place / "t.csv"
        path.write_text("\n".join([header, *lines]) + "\n")
        return path

    def score(self, truth: Path, *options: object, answer: Path | None = None) -> Any:
        return self.etalage("score", answer or self.shops.answers, truth, *options)

    def indexed(self, *options: object) -> Any:
        return self.score(self.shops.test, *options)

    def report(self, artefact: Path, *options: object) -> Any:
        return self.etalage("report", artefact, *options, "-o", self.place / "r.html")

    def predictions(self, name: str, taxonomy: Taxonomy) -> Path:
        writer = PredictionsWriter(self.place / name, taxonomy=taxonomy, source={})
        writer.write(self.predict(range(11, 19), leaves=len(taxonomy)))
        writer.finish()
        return self.place / name

    def two_taxonomies(self) -> Any:
        one = self.predictions("p", self.taxonomy)
        moved = Taxonomy(self.taxonomy.ids + 1, self.taxonomy.paths)
        truth = self.csv(f"11,{self.taxonomy.ids[0]}")
        return self.score(truth, "--against", self.predictions("q", moved), answer=one)

    def two_hashes(self) -> Any:
        return self.indexed("--known", shop(self.place, "train", TRAIN, hash_name="md5"))

    def page_that_exists(self) -> Any:
        (self.place / "s.html").touch()
        return self.indexed("--html", self.place / "s.html")


NAMED = "_id,category_id,part"
CASES: dict[str, Callable[[Case], Any]] = {
    "answers to other products": lambda case: case.score(case.csv("98,10")),
    "predictions of two taxonomies": Case.two_taxonomies,
    "a truth with an unknown category": lambda case: case.score(
        case.csv("11,5"), "--taxonomy", case.shops.test / "categories.csv"
    ),
    "a truth with two rows for a product": lambda case: case.score(case.csv("11,10", "11,20")),
    "a truth without products": lambda case: case.score(case.csv()),
    "a part that the truth does not have": lambda case: case.score(
        case.csv("11,10,public", header=NAMED), "--part", "private"
    ),
    "decisions about other products": lambda case: case.indexed("--audited", case.csv("98,10")),
    "the scored index as the one learned from": lambda case: case.indexed(
        "--known", case.shops.test
    ),
    "two indexes whose images were hashed in two ways": Case.two_hashes,
    "a noise rate outside its interval": lambda case: case.indexed(
        "--noise", "0.1", "--noise-interval", "0.2", "0.3"
    ),
    "an interval of the noise without a rate": lambda case: case.indexed(
        "--noise-interval", "0.2", "0.3"
    ),
    "a page that exists": Case.page_that_exists,
    "`report` of answers without `--truth`": lambda case: case.report(case.shops.answers),
    "`report` of an INDEX with `--truth`": lambda case: case.report(
        case.shops.test, "--truth", case.csv("11,10")
    ),
}


def test_every_row_of_the_page_is_tried() -> None:
    assert list(rows()) == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_input_that_cannot_be_scored_is_one_line(
    name: str, shops: Shops, predict: Maker, taxonomy: Taxonomy, etalage: Any, tmp_path: Path
) -> None:
    row = rows()[name]
    run = CASES[name](Case(shops, predict, taxonomy, etalage, tmp_path))
    assert (run.code, run.out) == (row.exit, "")
    assert all(matches(message, run.err) for message in row.messages)
    assert "Traceback" not in run.err
