"""The leaderboard as a page: made here, without a script, with one stylesheet of our own."""

from datetime import datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from etalage.competition.board import Board, Lead

WIDTH, HEIGHT = 640, 160
_MARGIN = 6


def stylesheet() -> str:
    """Return the stylesheet."""
    return (files("etalage.serve.judge") / "templates/style.css").read_text(encoding="utf-8")


def render(board: Board) -> str:
    """Return the page of a leaderboard."""
    return (
        _environment()
        .get_template("board.html")
        .render(
            board=board,
            about=board.about,
            curve=curve(board.leads),
            width=WIDTH,
            height=HEIGHT,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("etalage.serve.judge"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["score"] = "{:.5f}".format
    environment.filters["count"] = "{:,}".format
    environment.filters["share"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["minute"] = lambda time: f"{time[:10]} {time[11:16]}"
    return environment


def curve(leads: list[Lead]) -> str:
    """Return the points of a line that rises at each lead, empty where there are fewer than two.

    Left is the first lead, right the latest; the lowest score is at the bottom.
    """
    if len(leads) < 2:
        return ""
    times = [datetime.fromisoformat(lead.time).timestamp() for lead in leads]
    low, high = leads[0].public, leads[-1].public
    across = (WIDTH - 2 * _MARGIN) / max(times[-1] - times[0], 1e-3)
    up = (HEIGHT - 2 * _MARGIN) / max(high - low, 1e-9)
    points: list[str] = []
    level = float(HEIGHT - _MARGIN)
    for time, lead in zip(times, leads, strict=True):
        x = _MARGIN + (time - times[0]) * across
        points.append(f"{x:.1f},{level:.1f}")
        level = HEIGHT - _MARGIN - (lead.public - low) * up
        points.append(f"{x:.1f},{level:.1f}")
    return " ".join(points)
