"""A served competition: a real server on this machine's own address, asked over HTTP."""

import hashlib
import http.client
import re
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from competitions import HEADER, Files, Server, make_files, serving, until
from etalage.competition.competition import Competition, open_competition
from etalage.competition.folder import create_competition
from etalage.competition.remote import Remote
from etalage.errors import CompetitionError, SubmissionError


@dataclass(frozen=True)
class Held:
    """A competition that is served to all tests that do not end it."""

    competition: Competition
    files: Files
    server: Server

    def enter(self, name: str) -> str:
        """Enter a team of the test's own and return its token."""
        return self.competition.register.enter(name)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """The competition, served."""
    files = make_files(tmp_path_factory.mktemp("held"))
    create_competition(files.truth, files.folder / "c", taxonomy=files.names, per_day=3)
    competition = open_competition(files.folder / "c")
    with serving(competition.folder) as server:
        yield Held(competition, files, server)


def test_a_submission_is_taken_shown_and_in_the_history(held: Held) -> None:
    token = held.enter("Ada")
    said = held.server.submit(token, held.files.answer("s.csv", wrong=80))
    assert said.status == 201
    assert (said.json["team"], said.json["private"]) == ("Ada", None)
    assert held.server.ask("/api/submissions", token).json == [said.json]
    standings = held.server.ask("/api/leaderboard").json["standings"]
    assert ("Ada", said.json["public"]) in [(line["team"], line["public"]) for line in standings]
    assert f"{said.json['public']:.5f}" in held.server.ask("/").text
    assert held.server.ask("/healthz").json == {"status": "ok"}


def test_errors_have_one_shape_and_the_line_that_is_wrong(held: Held) -> None:
    token = held.enter("Bad")
    lines = held.files.answer("bad.csv").read_text().splitlines(keepends=True)
    lines[4] = "999999,1000\n"
    (held.files.folder / "bad.csv").write_text("".join(lines))
    said = held.server.submit(token, held.files.folder / "bad.csv")
    assert (said.status, said.error["code"], said.error["line"]) == (422, "bad_submission", 5)
    assert said.error["message"] == "submission: line 5: product 999999 is none of the 400 expected"
    assert held.server.ask("/api/submissions", token).json == []


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/nothing", "GET", 404, "not_found"),
        ("/", "DELETE", 405, "method_not_allowed"),
        ("/api/submissions", "GET", 401, "unauthorized"),
        ("/api/submissions", "POST", 401, "unauthorized"),
        ("/api/chosen?submission=1", "PUT", 401, "unauthorized"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_the_same_shape(
    held: Held, path: str, method: str, status: int, code: str
) -> None:
    said = held.server.ask(path, method=method)
    assert (said.status, said.error["code"]) == (status, code)
    assert said.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in said.headers["content-security-policy"]
    assert "server" not in said.headers


def test_choosing_over_http(held: Held) -> None:
    token = held.enter("Choosy")
    ids = [
        held.server.submit(token, held.files.answer("s.csv", wrong)).json["id"]
        for wrong in (10, 20, 30)
    ]
    said = held.server.ask(f"/api/chosen?submission={ids[2]}", token, method="PUT")
    assert [receipt["chosen"] for receipt in said.json] == [False, False, True]
    assert [receipt["counts"] for receipt in said.json] == [True, False, True]
    both = f"{ids[0]}&submission={ids[1]}"
    for wrong, status in (("0", 422), ("x", 422), ("9" * 30, 422), (both, 200)):
        asked = held.server.ask(f"/api/chosen?submission={wrong}", token, method="PUT")
        assert asked.status == status


def test_the_daily_limit_says_when_to_come_back(held: Held) -> None:
    token = held.enter("Eager")
    for wrong in range(3):
        assert held.server.submit(token, held.files.answer("s.csv", wrong)).status == 201
    said = held.server.submit(token, held.files.answer("s.csv", 5))
    assert (said.status, said.error["code"]) == (429, "daily_limit")
    assert 0 < int(said.headers["retry-after"]) <= 86_400


def test_too_long_a_file_is_refused_announced_or_not(held: Held) -> None:
    token = held.enter("Long")
    body = bytes(held.competition.max_bytes + 1)
    assert held.server.ask("/api/submissions", token, body).error["code"] == "too_large"
    place = urlsplit(held.server.address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port)
    pieces = (body[at : at + 99_999] for at in range(0, len(body), 99_999))
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("POST", "/api/submissions", pieces, headers, encode_chunked=True)
    with connection.getresponse() as answer:
        assert answer.status == 413
    connection.close()


def test_a_name_is_text_on_the_page_and_the_page_needs_nothing_else(held: Held) -> None:
    name = '<script src="//x.example/">&amp;'
    held.server.submit(held.enter(name), held.files.answer("s.csv"))
    page = held.server.ask("/").text
    assert "&lt;script src=&#34;//x.example/&#34;&gt;&amp;amp;" in page
    assert "<script" not in page
    assert set(re.findall(r'(?:href|src)="([^"#]+)"', page)) == {
        "style.css",
        "sample_submission.csv.zip",
        "api/leaderboard",
    }
    assert not re.search(r"@import|url\(|http", held.server.ask("/style.css").text)


def test_an_address_that_is_taken_is_told_in_words(held: Held, etalage: Any) -> None:
    port = urlsplit(held.server.address).port
    run = etalage("judge", "serve", held.competition.folder, "--port", port)
    assert run.code == 1
    assert re.match(r"error: 127.0.0.1, port \d+: cannot be listened on: Address already", run.err)


def test_the_command_line_speaks_with_a_served_competition(
    held: Held, etalage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETALAGE_JUDGE_TOKEN", held.enter("Hand"))
    address, file = held.server.address, held.files.answer("s.csv")
    run = etalage("judge", "submit", address, file, "--note", "by hand")
    said = re.fullmatch(r"submission (\d+) of Hand: public score 1.00000\n", run.out)
    assert said
    assert etalage("judge", "choose", address, said[1]).code == 0
    assert "chosen" in etalage("judge", "board", address, "--team", "mine").out
    assert "Hand" in etalage("judge", "board", address).out


def test_what_a_served_competition_refuses_is_an_error_in_words(held: Held) -> None:
    remote = Remote(held.server.address, held.enter("Far"))
    bad = held.files.folder / "far.csv"
    bad.write_text("id\n")
    with pytest.raises(SubmissionError, match="submission: line 1: the header") as caught:
        remote.submit(bad)
    assert caught.value.line == 1
    bad.write_bytes(bytes(held.competition.max_bytes + 1))
    with pytest.raises(CompetitionError, match="the file is longer than"):
        remote.submit(bad)
    with pytest.raises(SubmissionError, match=r"absent.csv: cannot be read: No such file"):
        remote.submit(Path("absent.csv"))
    with pytest.raises(CompetitionError, match="the token is no team's"):
        Remote(held.server.address, "x").submit(bad)


def test_an_address_where_nothing_is_is_told_in_words() -> None:
    with pytest.raises(CompetitionError, match=r"127.0.0.1:9: cannot be reached: .*refused"):
        Remote("http://127.0.0.1:9", "").board()


def begin_upload(server: Server, token: str, size: int) -> socket.socket:
    """Send the head of a submission and its first line only."""
    place = urlsplit(server.address)
    connection = socket.create_connection((str(place.hostname), int(place.port or 0)))
    head = f"POST /api/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    connection.sendall(f"{head}Content-Length: {size}\r\n\r\n{HEADER}".encode())
    return connection


def refused_as_busy(server: Server, token: str, files: Files) -> str:
    """Send a submission that must wait and return what is said."""
    said = server.submit(token, files.folder / "s.csv")
    assert (said.status, said.error["code"]) == (429, "busy")
    assert int(said.headers["retry-after"]) > 0
    return str(said.error["message"])


def test_busy_it_says_when_to_try_again_and_stopped_it_finishes_what_it_began(
    competition: Competition, files: Files
) -> None:
    ada, bob, cy = map(competition.register.enter, ("Ada", "Bob", "Cy"))
    whole = files.answer("s.csv", wrong=80).read_bytes()
    with serving(competition.folder, "--at-once", "2") as server:
        with begin_upload(server, ada, len(whole)) as upload:
            until(lambda: len(list(competition.sent.iterdir())) == 1)
            assert refused_as_busy(server, ada, files).startswith("another submission of Ada")
            with begin_upload(server, bob, len(whole)):
                until(lambda: len(list(competition.sent.iterdir())) == 2)
                assert refused_as_busy(server, cy, files).startswith("2 submissions are being")
            assert server.ask("/").status == 200
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            upload.sendall(whole[len(HEADER) :])
            assert b"201 Created" in upload.recv(100_000)
        assert server.process.wait(20) == 0
    assert [entry.sha256 for entry in competition.register.entries()] == [
        hashlib.sha256(whole).hexdigest()
    ]


def test_the_private_part_is_revealed_when_closed_and_not_before(
    competition: Competition, files: Files
) -> None:
    token = competition.register.enter("Ada")
    with serving(competition.folder) as server:
        server.submit(token, files.answer("s.csv", wrong=80))
        before = server.ask("/").text + server.ask("/api/leaderboard").text
        competition.register.close()
        private = server.ask("/api/leaderboard").json["standings"][0]["private"]
        assert str(private) not in before
        assert f"{private:.5f}" in server.ask("/").text
        assert server.submit(token, files.answer("s.csv")).error["code"] == "closed"
