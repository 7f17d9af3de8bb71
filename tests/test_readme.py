"""The Python of the readme runs as it stands, but for a smaller recipe."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[1] / "README.md"


def test_the_python_of_the_readme_runs(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    small = 'recipe="demo", weights="none", settings={"image_size": "32", "epochs": "1"}'
    shutil.copy(shop.folder / "shop.bson", tmp_path / "train.bson")
    shutil.copy(shop.folder / "names.csv", tmp_path / "category_names.csv")
    monkeypatch.chdir(tmp_path)
    exec(code.replace('recipe="standard"', small), {})
    assert capsys.readouterr().out.startswith("Accuracy(level1=")
