"""What was acknowledged is there after kill -9, and processes at once do not get in their way."""

import hashlib
import subprocess
import sys
import threading
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest

from competitions import Files, Server, serving
from etalage.competition.competition import Competition, open_competition
from etalage.competition.folder import create_competition


def send_until_it_dies(server: Server, token: str, files: Files) -> list[str]:
    """Send one submission after the other; return the hashes of those that were acknowledged."""
    taken: list[str] = []
    for wrong in count():
        try:
            said = server.submit(token, files.answer("s.csv", wrong % 400))
        except (OSError, HTTPException):
            return taken
        taken.append(said.json["sha256"])
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 0.63, 0.76])
def test_nothing_acknowledged_is_lost_by_kill_9(files: Files, seconds: float) -> None:
    create_competition(files.truth, files.folder / "c", taxonomy=files.names, per_day=999)
    competition = open_competition(files.folder / "c")
    token = competition.register.enter("Ada")
    with serving(competition.folder) as server:
        server.submit(token, files.answer("s.csv", 399))
        killer = threading.Timer(seconds, server.process.kill)
        killer.start()
        taken = send_until_it_dies(server, token, files)
    entries = competition.register.entries()
    assert taken
    assert [entry.sha256 for entry in entries][1 : len(taken) + 1] == taken
    assert len(entries) <= len(taken) + 2
    for entry in entries:
        kept = (competition.sent / entry.file).read_bytes()
        assert hashlib.sha256(kept).hexdigest() == entry.sha256


SENDER = """
import sys
from pathlib import Path
from etalage.competition.competition import open_competition
from etalage.errors import LimitError
competition = open_competition(Path(sys.argv[1]))
team = competition.register.team("Ada")
print("ready", flush=True)
sys.stdin.readline()
for file in sys.argv[2:]:
    try:
        print(competition.submit(Path(file), team).id, flush=True)
    except LimitError:
        pass
"""


def send_all(folder: Path, files: list[Path]) -> subprocess.Popen[str]:
    """Start a process that opens the competition, waits for a line, and sends the files."""
    command = [sys.executable, "-c", SENDER, str(folder), *map(str, files)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_two_processes_at_once_do_not_exceed_the_limit(
    competition: Competition, files: Files
) -> None:
    competition.register.enter("Ada")
    mine = [files.answer(f"a{wrong}.csv", wrong) for wrong in range(6)]
    yours = [files.answer(f"b{wrong}.csv", 50 + wrong) for wrong in range(6)]
    senders = [send_all(competition.folder, sent) for sent in (mine, yours)]
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write("\n")
        sender.stdin.flush()
    said = [sender.communicate(timeout=60) for sender in senders]
    assert [errors for _, errors in said] == ["", ""]
    assert sorted("".join(out for out, _ in said).split()) == ["1", "2", "3", "4", "5"]
    assert len(competition.register.entries()) == 5
