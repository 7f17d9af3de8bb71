"""Every row of the table of docs/judge.md: made, run, its message and exit status compared."""

import io
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import documented
from competitions import HEADER, Files
from etalage.competition.competition import Competition

PAGE = Path(__file__).parents[2] / "docs/judge.md"
Lines = list[str]


def table() -> dict[str, tuple[str, int]]:
    """Return message and exit status of each input."""
    section = PAGE.read_text(encoding="utf-8").split("## Bad input")[1].split("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {cells[0].strip(): (cells[1].strip(" `"), int(cells[2])) for cells in lines[2:]}


def zipped(*names: str, text: str = HEADER) -> bytes:
    """Return a zip file of files with this text."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, text)
    return file.getvalue()


def lying(data: bytes) -> bytes:
    """Return a zip file that says its content is shorter than it is."""
    size = data.index(b"PK\x01\x02") + 24
    return data[:size] + struct.pack("<I", 1000) + data[size + 4 :]


BOMB = "0" * 2_000_000
SUBMISSIONS: dict[str, Callable[[Lines], Lines | bytes]] = {
    "another header": lambda s: ["id,category\n", *s[1:]],
    "a line with too few or too many fields": lambda s: [*s[:2], "2\n", *s[3:]],
    "a product that is missing": lambda s: s[:-1],
    "a product that was not asked for": lambda s: [*s, "999999,1000\n"],
    "a product twice": lambda s: [*s, s[1]],
    "an unknown category": lambda s: [s[0], s[1].split(",")[0] + ",5\n", *s[2:]],
    "a category that is no integer": lambda s: [s[0], s[1].split(",")[0] + ",tea\n", *s[2:]],
    "not UTF-8": lambda s: "".join([s[0], "7,\xff\n", *s[2:]]).encode("latin-1"),
    "an empty file": lambda s: b"",
    "too long a file": lambda s: bytes(2_000_000),
    "a zip bomb": lambda s: zipped("s.csv", text=BOMB),
    "a zip bomb that lies about its size": lambda s: lying(zipped("s.csv", text=BOMB)),
    "a zip file that lists thousands of files": lambda s: zipped(*map(str, range(1001))),
    "a damaged zip file": lambda s: zipped("s.csv")[:-30],
    "a zip file without a CSV file": lambda s: zipped("readme.txt"),
}


@pytest.mark.parametrize("case", SUBMISSIONS)
def test_a_bad_submission_is_refused_in_words_and_counts_for_nothing(
    case: str,
    competition: Competition,
    files: Files,
    etalage: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    competition.register.enter("Ada")
    monkeypatch.chdir(files.folder)
    lines = files.answer("s.csv").read_text().splitlines(keepends=True)
    made = SUBMISSIONS[case](lines)
    Path("s.csv").write_bytes(made if isinstance(made, bytes) else "".join(made).encode())
    run = etalage("judge", "submit", "c", "s.csv", "--team", "Ada")
    message, code = table()[case]
    assert (run.code, run.out) == (code, "")
    assert documented.matches(message, run.err), run.err
    assert competition.register.entries() == []


SUBMIT = ("submit", "c", "s.csv", "--team", "Ada")
CREATE = ("create", "t.csv", "-o", "new", "--taxonomy", "names.csv")
COMMANDS: dict[str, tuple[str, ...]] = {
    "a team that is not entered": ("submit", "c", "s.csv", "--team", "Bob"),
    "too many submissions on a day": SUBMIT,
    "a submission after the end": SUBMIT,
    "a choice of another team's submission": ("choose", "c", "9", "--team", "Ada"),
    "a choice of too many": ("choose", "c", "1", "2", "3", "--team", "Ada"),
    "a folder that is no competition": ("close", "."),
    "a truth that others may read": SUBMIT,
    "a truth without its taxonomy": ("create", "t.csv", "-o", "new"),
    "a truth with an unknown category": CREATE,
    "a truth with other parts than public and private": CREATE,
    "a private category that is not public": CREATE,
    "a truth too small to have a private part": CREATE,
}
TRUTHS = {
    "a truth with an unknown category": HEADER + "1,5\n",
    "a truth with other parts than public and private": "_id,category_id,part\n1,1000,test\n",
    "a private category that is not public": (
        "_id,category_id,part\n1,1000,public\n2,1010,private\n"
    ),
    "a truth too small to have a private part": HEADER + "1,1000\n",
}


@pytest.mark.parametrize("case", COMMANDS)
def test_what_cannot_be_done_is_told_in_words(
    case: str,
    competition: Competition,
    files: Files,
    etalage: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    competition.register.enter("Ada")
    monkeypatch.chdir(files.folder)
    Path("t.csv").write_text(TRUTHS.get(case, HEADER + "1,1000\n2,1000\n"))
    for wrong in range(5 if case == "too many submissions on a day" else 0):
        competition.submit(files.answer("s.csv", wrong), competition.register.team("Ada"))
    files.answer("s.csv", 99)
    if case == "a submission after the end":
        competition.register.close()
    if case == "a truth that others may read":
        Path("c/truth.parquet").chmod(0o644)
    run = etalage("judge", *COMMANDS[case])
    message, code = table()[case]
    assert (run.code, run.out, Path("new").exists()) == (code, "", False)
    assert documented.matches(message, run.err), run.err


def test_every_row_of_the_table_has_its_test() -> None:
    assert sorted([*SUBMISSIONS, *COMMANDS]) == sorted(table())


def test_the_whole_road_on_the_command_line(
    files: Files, etalage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files.folder)
    run = etalage("judge", "create", "truth.csv", "-o", "c", "--taxonomy", "names.csv", "--json")
    assert '"products": 400' in run.out
    assert len(etalage("judge", "team", "c", "Ada").out.strip()) == 43
    for wrong in (50, 90):
        files.answer("s.csv", wrong)
        assert etalage("judge", "submit", "c", "s.csv", "--team", "Ada").out.startswith(
            "submission"
        )
    assert etalage("judge", "choose", "c", 2, "--team", "Ada", "--json").code == 0
    assert '"private": null' in etalage("judge", "board", "c", "--json").out
    assert etalage("judge", "close", "c").code == 0
    assert '"private": 0.' in etalage("judge", "board", "c", "--json").out
    shutil.rmtree("c")
