"""A small competition, and what it is made of."""

from pathlib import Path

import pytest

from competitions import Files, make_files
from etalage.competition.competition import Competition, open_competition
from etalage.competition.folder import create_competition


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """``make_files``."""
    return make_files(tmp_path)


@pytest.fixture
def competition(files: Files) -> Competition:
    """The competition, without teams."""
    create_competition(files.truth, files.folder / "c", taxonomy=files.names, name="Small")
    return open_competition(files.folder / "c")
