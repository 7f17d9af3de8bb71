"""The page says what the JSON says, needs nothing from outside, and can be read by everybody."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import make_photo, make_product
from etalage.reports.page import text_of
from report.conftest import Made, make_products, write_shop


def numbers_of(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of a JSON document and its place."""
    if isinstance(value, dict | list):
        steps = value.items() if isinstance(value, dict) else enumerate(value)
        for step, below in steps:
            yield from numbers_of(below, f"{place}.{step}" if place else str(step))
    elif isinstance(value, int | float):
        yield place, value


def test_every_number_of_the_page_is_that_of_the_json(made: Made) -> None:
    said = dict(numbers_of(made.document))
    shown = {place: float(value) for place, (value, _) in made.page.numbers.items()}
    assert len(shown) > 200
    assert shown == {place: pytest.approx(said[place]) for place in shown}


def test_a_number_is_shown_as_it_is(made: Made) -> None:
    plain = [
        (float(value), float(text.replace(",", "")))
        for value, text in made.page.numbers.values()
        if re.fullmatch(r"[\d,.]+", text)
    ]
    shares = [
        (float(value), float(text.removesuffix(" %")) / 100)
        for value, text in made.page.numbers.values()
        if re.fullmatch(r"[\d.]+ %", text)
    ]
    assert len(plain) > 80
    assert len(shares) > 50
    assert all(abs(value - text) <= 0.0501 for value, text in plain)
    assert all(abs(value - text) <= 0.00051 for value, text in shares)


def test_tables_have_every_row(made: Made) -> None:
    def rows(place: str) -> int:
        here: Any = made.document
        for step in place.split("."):
            here = here[int(step)] if isinstance(here, list) else here[step]
        return len(here)

    assert len(made.page.rows) > 5
    assert all(count == rows(place) for place, count in made.page.rows.items())


def test_the_numbers_that_matter_are_all_on_the_page(stall: Made) -> None:
    # Places and bins of what is drawn; ids; what is said only where it is not nothing.
    hidden = r"schema|run|rows?|\w+_id|level|curve|frequencies|shares|p1|p99|total|count"
    hidden += r"|examples|boilerplate"
    missing = [
        place
        for place, _ in numbers_of(stall.document)
        if place not in stall.page.numbers and not re.search(rf"(^|\.)({hidden})(\.|$)", place)
    ]
    assert missing == []


def test_the_page_needs_nothing_from_outside(made: Made) -> None:
    html = made.path.read_text(encoding="utf-8")
    links = [*made.page.attributes("src"), *made.page.attributes("href")]
    assert (
        re.findall(r"https?:|//[a-z]|@import|@font-face", re.sub(r"base64,[^\"]+", "", html)) == []
    )
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in links)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in made.page.tags}


def test_ids_are_unique_and_all_that_is_referred_to_exists(made: Made) -> None:
    ids = Counter(made.page.attributes("id"))
    html = made.path.read_text(encoding="utf-8")
    assert [name for name, count in ids.items() if count > 1] == []
    assert set(re.findall(r'(?:href="|url\()#([\w-]+)', html)) <= set(ids)


def test_everybody_can_read_it(made: Made) -> None:
    tags = [tag for tag, _ in made.page.tags]
    images = [attributes for tag, attributes in made.page.tags if tag == "img"]
    roles = [attributes for _, attributes in made.page.tags if attributes.get("role") == "img"]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h\d", tag)]
    assert ("html", {"lang": "en"}) in made.page.tags
    assert images
    assert all(attributes["alt"] for attributes in images)
    assert len(roles) == tags.count("svg") >= 10
    assert all(attributes["aria-label"] for attributes in roles)
    assert tags.count("caption") == tags.count("table")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


def test_figures_follow_the_colour_scheme(made: Made) -> None:
    html = made.path.read_text(encoding="utf-8")
    style = html.split("</style>")[0]
    figures = "".join(re.findall(r"(?s)<svg.*?</svg>", html))
    used = set(re.findall(r"var\(--(\w+)\)", figures))
    assert re.findall(r"#[0-9a-f]{6}\b", figures) == []
    assert {"ink", "rule", "mark", "second"} <= used
    assert all(style.count(f"--{name}:") == 3 for name in used)  # light, dark, paper
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_names_of_the_catalogue_are_text_not_markup(made: Made) -> None:
    assert "<b>VERRE</b>" in made.page.text
    assert "b" not in {tag for tag, _ in made.page.tags}


def test_the_same_index_gives_the_same_page_but_for_the_run(
    stall: Made, make_report: Callable[..., Made]
) -> None:
    pages = [make_report(stall.index, seed=seed) for seed in (0, 0, 1)]
    lines = [
        [
            line
            for line in page.path.read_text(encoding="utf-8").splitlines()
            if "étalage" not in line
        ]
        for page in pages
    ]
    assert lines[0] == lines[1]
    assert pages[0].document["examples"] != pages[2].document["examples"]


@pytest.mark.parametrize("products", [0, 1])
def test_a_catalogue_of_hardly_anything_has_a_page(
    products: int, tmp_path: Path, make_report: Callable[..., Made]
) -> None:
    documents = [make_product(1, []), make_product(2, [make_photo(1)])][: products + 1]
    made = make_report(write_shop(tmp_path, documents, "little"))
    assert made.document["totals"]["images"] == products
    assert made.document["concentration"] is None
    assert "No product of this catalogue has a label." in made.page.text


def test_a_catalogue_without_names_or_resellers_has_a_page(
    tmp_path: Path, make_report: Callable[..., Made], etalage: Any
) -> None:
    plain = [product | {"reseller": None} for product in make_products(1)]
    write_shop(tmp_path, plain, "shop")
    assert etalage("index", tmp_path / "shop.bson", "-o", tmp_path / "flat").code == 0
    made = make_report(tmp_path / "flat")
    assert made.document["level1"] == []
    assert [level["level"] for level in made.document["levels"]] == [3]
    assert made.document["resellers"] is None
    assert "Table 1" not in made.page.text


def test_the_command_prints_the_numbers_of_its_page(
    stall: Made, tmp_path: Path, etalage: Any
) -> None:
    run = etalage("report", stall.index, "-o", tmp_path / "r.html", "--json")
    again = etalage("report", stall.index, "-o", tmp_path / "r.html")
    assert json.loads(run.out)["copies"] == stall.document["copies"]
    assert (again.code, (tmp_path / "r.html").is_file()) == (1, True)
    assert "exists already" in again.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nx,y\n", "the header is 'a,b', not 'name,translation'"),
        ("name,translation\nx\n", "1 fields, expected 2"),
        ("", "the header is ''"),
    ],
)
def test_translations_of_another_shape_are_refused(
    text: str, message: str, stall: Made, tmp_path: Path, etalage: Any
) -> None:
    (tmp_path / "words.csv").write_text(text)
    options = ("--translations", tmp_path / "words.csv")
    run = etalage("report", stall.index, "-o", tmp_path / "r.html", *options)
    assert run.code == 1
    assert message in run.err
    assert not (tmp_path / "r.html").exists()


def test_numbers_are_written_for_people() -> None:
    cases = {"whole": "1,234,567", "bytes": "1.2 MB", "plain": "1234567", "fine": "1,234,567.000"}
    assert {kind: text_of(1_234_567, kind) for kind in cases} == cases
    assert [text_of(share, "share") for share in (0.7549, 0.0001, 0.0)] == [
        "75.5 %",
        "< 0.1 %",
        "0.0 %",
    ]
