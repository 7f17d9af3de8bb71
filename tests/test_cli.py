"""The command line as a whole: it starts fast, errs in one line, and its words are documented."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import etalage as package
from etalage.cli import COMMANDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_help_loads_neither_torch_nor_arrow() -> None:
    code = (
        "import sys; from etalage.cli import app; app(['--help'], result_action='return_value'); "
        "sys.exit('torch' in sys.modules or 'pyarrow' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert "Generate a small catalogue" in run.stdout


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "etalage", "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_for_each_of_its_options(command: str, etalage: Any) -> None:
    run = etalage(command, "--help")
    assert run.code == 0
    assert COMMANDS[command].split(".")[0] in run.out


def test_wrong_usage_exits_with_two(etalage: Any) -> None:
    assert etalage("index", "--no-such-option").code == 2
    assert etalage("nonsense").code == 2


def test_an_error_is_one_line_and_a_hint(etalage: Any, tmp_path: Path) -> None:
    run = etalage("split", tmp_path / "nothing", "-o", tmp_path / "s.parquet")
    lines = run.err.splitlines()
    assert (run.code, run.out, len(lines)) == (1, "", 2)
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")


def test_every_public_name_can_be_had() -> None:
    assert sorted(package.__all__) == package.__all__
    assert all(callable(getattr(package, name)) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense


def test_a_command_of_commands_has_help_for_each(etalage: Any) -> None:
    for command in ("create", "team", "serve", "submit", "choose", "board", "close"):
        run = etalage("judge", command, "--help")
        assert (run.code, run.out.startswith(f"Usage: etalage judge {command}")) == (0, True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_a_document_names_exists(document: Path, etalage: Any) -> None:
    text = re.sub(r"\\\n\s*", "", document.read_text(encoding="utf-8"))
    for line in re.findall(r"(?m)^\s*(?:\$ )?etalage ([a-z]+ .*)$", text):
        words = line.split()
        # The second word may be a command of the first, as in "etalage judge serve".
        known = etalage(words[0], "--help").out + etalage(*words[:2], "--help").out
        options = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
        assert words[0] in COMMANDS, line
        assert all(option in known for option in options), line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert all((document.parent / link).exists() for link in links), links
