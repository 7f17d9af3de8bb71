"""The leaderboard as a browser shows it, without a script and without a network."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from competitions import Files, serving
from etalage.competition.board import Lead, make_board
from etalage.competition.competition import Competition
from etalage.competition.folder import About
from etalage.competition.records import Entry, Team
from etalage.serve.judge.page import HEIGHT, WIDTH, curve, render


@pytest.fixture
def chromium() -> str:
    """A browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium is installed here")
    return found


def browse(chromium: str, profile: Path, address: str, *options: str) -> str:
    """Return what a browser has made of a page."""
    command = [chromium, "--headless", "--no-sandbox", f"--user-data-dir={profile}", *options]
    # Whatever is not on this machine itself cannot be found.
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    run = subprocess.run(
        [*command, offline, address], capture_output=True, text=True, timeout=120, check=True
    )
    return run.stdout


@pytest.mark.slow
def test_a_browser_shows_ranks_history_and_the_end_without_a_script(
    chromium: str, competition: Competition, files: Files, tmp_path: Path
) -> None:
    for name, wrong in (("Ada", 90), ("Bob & <b>Co</b>", 40)):
        competition.register.enter(name)
        competition.submit(files.answer("s.csv", wrong), competition.register.team(name))
    competition.register.close()
    with serving(competition.folder) as server:
        seen = browse(chromium, tmp_path / "b", server.address, "--dump-dom")
        picture = f"--screenshot={tmp_path / 'page.png'}"
        browse(chromium, tmp_path / "b", server.address, picture, "--window-size=400,900")
    rows = re.findall(r'<td class="n">(\d)</td>\s*<th scope="row">(.*?)</th>', seen)
    assert rows == [("1", "Bob &amp; &lt;b&gt;Co&lt;/b&gt;"), ("2", "Ada")]
    assert "The private scores decide." in seen
    assert "<polyline" in seen
    assert (tmp_path / "page.png").stat().st_size > 10_000


def test_the_page_of_a_closed_competition_tells_who_rose_and_who_fell() -> None:
    about = About("Small", 100, 30, 70, 5, 2, 12)
    teams = [Team(1, "Ada"), Team(2, "Bob")]
    time = "2026-11-20T10:00:00.000Z"
    sent = [
        Entry(1, 1, time, "", 1, "", "", 0.7, 0.5, chosen=False),
        Entry(2, 2, time, "", 1, "", "", 0.6, 0.8, chosen=False),
    ]
    page = re.sub(r"<[^>]+>|\s+", " ", render(make_board(about, teams, sent, time)))
    assert re.search(r"1 +Bob +0.80000 +0.60000 +2 +▲ +rose by +1 +1 +2026-11-20 10:00", page)
    assert re.search(r"2 +Ada +0.50000 +0.70000 +1 +▼ +fell by +1 +1 +2026-11-20 10:00", page)
    assert "It is over" in page
    assert "How to take part" not in page


def test_the_page_of_an_empty_competition_says_so() -> None:
    page = render(make_board(About("<i>", 1, 1, 1, 5, 2, 12), [], [], None))
    assert page.count("No submission yet.") == 2
    assert "<title>&lt;i&gt;: leaderboard</title>" in page


def test_the_curve_begins_low_at_the_left_and_ends_high_at_the_right() -> None:
    leads = [
        Lead(f"2026-11-{day}T10:00:00.000Z", "Ada", score)
        for day, score in ((20, 0.4), (21, 0.5), (24, 0.8))
    ]
    points = [[float(number) for number in point.split(",")] for point in curve(leads).split()]
    assert points[0] == [6, HEIGHT - 6]
    assert points[-1] == [WIDTH - 6, 6]
    assert points == sorted(points, key=lambda point: (point[0], -point[1]))


def test_one_lead_alone_is_no_curve() -> None:
    assert curve([Lead("2026-11-20T10:00:00.000Z", "Ada", 0.4)]) == ""
