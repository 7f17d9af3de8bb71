"""The benchmark of training runs to its table at toy size, on a processor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/training.py"


def run(work: Path, *options: object) -> "subprocess.CompletedProcess[str]":
    """Run the benchmark on some hundred images of 64 pixels."""
    command = [
        sys.executable, SCRIPT, "--work", work, "--images", 200, "--files", 100, "--batch", 16,
        "--backbones", "test_byobnet", "--sizes", 64, "--no-standard", "--seconds", 0.2,
        "--device", "cpu", "--json", work / "figures.json", *options,
    ]  # fmt: skip
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_every_contestant_that_needs_no_compiler_has_a_figure(tmp_path: Path) -> None:
    names = ["etalage", "etalage, fixed", "plain, fixed", "plain, ImageFolder"]
    done = run(tmp_path, "--only", *names)
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())["test_byobnet@64"]
    assert sorted(figures) == sorted(names)
    assert all(speed["images"] > 0 for speed in figures.values())
    assert "of fixed" in done.stdout
    assert "times plain, fixed" in done.stdout


@pytest.mark.slow
def test_timm_is_measured_by_its_own_lines_and_a_failure_is_named(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, time\n"
        "for update in range(0, 1000, 2):\n"
        "    print(f'Train: 0 [{update:>4d}/999 (  0%)]  Loss: 1', file=sys.stderr, flush=True)\n"
        "    time.sleep(0.02)\n"
    )
    done = run(tmp_path, "--timm-script", script, "--only", "timm, eager")
    figures = json.loads((tmp_path / "figures.json").read_text())["test_byobnet@64"]
    assert 0 < figures["timm, eager"]["images"] <= 16 * 2 / 0.02
    script.write_text("raise SystemExit('no such flag')\n")
    assert (
        "timm, eager failed: train.py ended: no such flag"
        in run(tmp_path, "--timm-script", script, "--only", "timm, eager").stderr
    )
    assert done.returncode == 0
