"""``etalage memory`` and ``etalage remember`` from the files to the files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage import memory, read_predictions, read_split, remember
from etalage.blending.memory.settings import OVERRIDE, read_settings, write_settings
from etalage.catalogue.index import open_index
from etalage.errors import EtalageError

Stock = Callable[..., Path]
Make = Callable[..., Path]
PRODUCTS = 160
DOCUMENT = Path(__file__).parents[3] / "docs/memory.md"


def test_what_is_remembered_makes_answers_better(case: Any, tmp_path: Path) -> None:
    report = remember(case.test, case.index, tmp_path / "r", **case.settings)
    assert report.exact == report.products == len(read_predictions(tmp_path / "r"))
    assert report.changed > 0
    assert case.accuracy(tmp_path / "r") > case.accuracy(case.test) + 0.3


def test_the_memory_tells_what_it_stands_on(case: Any) -> None:
    record = json.loads((case.folder / "m.json").read_text())
    assert record["fitted_on"]["truth"] == "given"
    assert record["fitted_on"]["products"] == record["found"]["all"]["products"] == 65
    losses = record["found"]["exact"]["log_loss"]
    assert losses["fused"] < losses["network"]
    assert (
        record["found"]["all"]["after"]["accuracy"] > record["found"]["all"]["before"]["accuracy"]
    )


def test_the_override_gives_the_one_label_of_known_pictures(case: Any, tmp_path: Path) -> None:
    remember(case.test, case.index, tmp_path / "o", override=True, **case.known)
    write_settings(tmp_path / "o.json", OVERRIDE, overwrite=False)
    remember(case.test, case.index, tmp_path / "w", memory=tmp_path / "o.json", **case.known)
    one, other = read_predictions(tmp_path / "o"), read_predictions(tmp_path / "w")
    assert np.array_equal(one.categories, other.categories)
    replaced = one.probabilities[:, 0] == 1
    assert 0 < replaced.sum() < len(one)
    same = read_predictions(case.test)
    assert np.array_equal(one.categories[~replaced], same.categories[~replaced])


def test_labels_of_products_that_are_asked_about_are_not_looked_at(
    case: Any, goods: list[Any], tmp_path: Path
) -> None:
    rows = read_split(case.known["split"]).rows(open_index(case.index), "test").tolist()
    hidden = [(one, shown, None if one in rows else leaf) for one, shown, leaf in goods]
    settings = {"known": case.index, **case.settings}
    remember(case.test, case.index, tmp_path / "a", **settings)
    remember(case.test, case.shop.stock("hidden", hidden), tmp_path / "b", **settings)
    one, other = read_predictions(tmp_path / "a"), read_predictions(tmp_path / "b")
    assert np.array_equal(one.probabilities, other.probabilities)
    assert np.array_equal(one.categories, other.categories)


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(case: Any, tmp_path: Path) -> None:
    settings = case.settings
    for name in ("whole", "killed"):
        remember(case.test, case.index, tmp_path / name, **settings)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    manifest = json.loads((killed / "manifest.json").read_text())
    manifest["products"] -= manifest["parts"].pop()["rows"]
    (killed / "unfinished.json").write_text(json.dumps(manifest))
    (killed / "manifest.json").unlink()
    remember(case.test, case.index, killed, **settings)
    files = sorted(path.name for path in whole.iterdir() if path.name != "run.json")
    assert [(killed / name).read_bytes() for name in files] == [
        (whole / name).read_bytes() for name in files
    ]


def test_similar_images_help_where_none_is_known(case: Any, embed: Make, tmp_path: Path) -> None:
    labels = np.repeat(open_index(case.index).labels, 2)
    noise = np.random.default_rng(0).normal(scale=0.2, size=(len(labels), 4))
    vectors = embed(tmp_path / "e", case.index, np.eye(4)[labels] + noise)
    settings = read_settings(case.fit("near.json", embeddings=vectors, neighbours=5))
    assert settings.near is not None
    assert settings.fitted_on["encoder"] == "w"
    report = remember(
        case.test, case.index, tmp_path / "r", memory=tmp_path / "near.json", embeddings=vectors,
        **case.known,
    )  # fmt: skip
    assert report.near > 0
    assert case.accuracy(tmp_path / "r") > case.accuracy(case.test) + 0.3


def test_a_memory_of_similar_images_alone_is_believed_of_known_ones_too(
    case: Any, embed: Make, tmp_path: Path
) -> None:
    labels = np.repeat(open_index(case.index).labels, 2)
    vectors = embed(tmp_path / "e", case.index, np.eye(4)[labels] + 0.1)
    path = case.fit("near.json", embeddings=vectors, neighbours=5)
    record = json.loads(path.read_text())
    record |= {"exact": None, "weights": {"near": record["weights"]["both"]}}
    record["weights"]["near"] = [[1 - row[2], 0, row[2]] for row in record["weights"]["near"]]
    path.write_text(json.dumps(record))
    report = remember(
        case.test,
        case.index,
        tmp_path / "r",
        memory=path,
        embeddings=vectors,
        **case.known,
    )
    assert (report.exact, report.near) == (0, report.products)


def test_the_commands_print_tables_or_json(case: Any, etalage: Any, tmp_path: Path) -> None:
    known = ("--split", case.known["split"], "--part", "train")
    fitted = etalage("memory", case.validation, case.index, *known, "--truth", case.index,
                     "-o", tmp_path / "f.json")  # fmt: skip
    assert fitted.code == 0
    assert "agreement with the given labels" in fitted.out
    none = etalage("memory", case.validation, case.index, *known, "-o", tmp_path / "n.json")
    assert (none.code, "expected one truth" in none.err) == (1, True)
    run = etalage("remember", case.test, case.index, *known, "--memory", tmp_path / "f.json",
                  "-o", tmp_path / "r", "--json")  # fmt: skip
    assert json.loads(run.out)["products"] == 32
    again = etalage("remember", case.test, case.index, *known, "--override", "-o", tmp_path / "r")
    assert (again.code, "exists already" in again.err) == (1, True)


def test_the_same_inputs_give_the_same_memory(case: Any) -> None:
    assert case.fit("a.json").read_bytes() == case.fit("b.json").read_bytes()


def spoil(case: Any, name: str, embed: Make) -> Callable[[], object]:
    """Return a call with the fault that a row of the page names."""
    away, out = case.folder, case.folder / "out"
    known, stock = case.known, case.shop.stock
    blank = [(1000 + row, [900 + row], 10) for row in range(3)]

    def using(**changes: Any) -> Callable[[], object]:
        path = away / "m.json"
        record = json.loads(path.read_text()) | changes
        path.write_text(json.dumps(record))
        return lambda: remember(case.test, case.index, out, memory=path, **known)

    def of_vectors(weights: str) -> Callable[[], object]:
        rows = 2 * PRODUCTS
        vectors = np.random.default_rng(0).normal(size=(rows, 3))
        case.fit("near.json", embeddings=embed(away / "e", case.index, vectors))
        given: dict[str, Any] = {
            "embeddings": embed(away / "f", case.index, vectors, weights=weights)
        }
        given = given if weights else {}
        return lambda: remember(
            case.test, case.index, out, memory=away / "near.json", **known, **given
        )

    faults: dict[str, Callable[[], Callable[[], object]]] = {
        "neither a MEMORY nor the override": lambda: (
            lambda: remember(case.test, case.index, out, **known)
        ),
        "a part without a split": lambda: (
            lambda: remember(case.test, case.index, out, override=True, part="train")
        ),
        "a MEMORY that is another kind of file": lambda: using(artefact="calibration"),
        "a MEMORY whose weights do not add up to 1": lambda: using(
            weights={"exact": [[0.5, 0.6, 0]]}, edges=[]
        ),
        "products that the INDEX does not have": lambda: (
            lambda: remember(case.test, stock("other", blank), out, override=True)
        ),
        "predictions none of which has a truth": lambda: (
            lambda: memory(case.validation, case.index, out, truth=stock("other", blank))
        ),
        "nothing is remembered of any product": lambda: (
            lambda: memory(
                case.shop.answer("few", [1000, 1001]), stock("other", blank), out,
                truth=away / "other",
            )
        ),
        "a known INDEX without labels of the taxonomy": lambda: (
            lambda: remember(
                case.test, case.index, out, override=True, known=stock("no", [(1, [1], None)])
            )
        ),
        "a MEMORY of similar images, and no embeddings": lambda: of_vectors(""),
        "embeddings of another backbone than the MEMORY's": lambda: of_vectors("other"),
        "embeddings of one side only": lambda: (
            lambda: memory(
                case.validation, case.index, out, truth=case.index, known=case.index,
                embeddings=away,
            )
        ),
    }  # fmt: skip
    return faults[name]()


def faults() -> dict[str, str]:
    """Return the messages of the page's table by input."""
    section = DOCUMENT.read_text(encoding="utf-8").split("## Bad input")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): re.findall("`([^`]+)`", cells[1])[0] for cells in lines[2:]}


@pytest.mark.parametrize("name", faults())
def test_bad_input_is_one_message_and_nothing_is_written(name: str, case: Any, embed: Make) -> None:
    call = spoil(case, name, embed)
    pattern = ".*".join(map(re.escape, faults()[name].split("…")))
    with pytest.raises(EtalageError, match=pattern):
        call()
    assert not (case.folder / "out").exists()
