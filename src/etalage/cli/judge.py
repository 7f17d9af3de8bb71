"""``etalage judge``: a competition, one command for each thing that is done with it."""

import json as json_module
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from etalage.cli import COMMANDS
from etalage.competition.board import Board
from etalage.competition.competition import Receipt, open_competition
from etalage.competition.folder import REGISTER, create_competition, read_about
from etalage.competition.register import Register
from etalage.competition.remote import TOKEN, Remote
from etalage.errors import CompetitionError, ConfigError

judge = App(name="judge", help=COMMANDS["judge"], version_flags=())


@judge.command
def create(
    truth: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    name: str = "",
    taxonomy: Path | None = None,
    split: Path | None = None,
    part: str | None = None,
    public: float = 0.3,
    per_day: int = 5,
    finals: int = 2,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Make a competition of a truth.

    Args:
        truth: a labelled INDEX, or a CSV file with the columns _id and category_id; a column
            "part" of it says which products are public and which private.
        output: the COMPETITION folder to write.
        name: the title of the competition, by default the folder's name.
        taxonomy: category_names.csv; an INDEX brings its own.
        split: of an INDEX: a SPLIT of which only one part is asked.
        part: train, validation or test of the split.
        public: the share of the products to make public, where the truth does not say it.
        per_day: how many submissions a team has on a day (UTC).
        finals: how many submissions of a team count in the end.
        seed: of the lot that deals the parts; same seed, same parts.
        yes: replace a folder that is there, with all its submissions.
        json: print one JSON document.
    """
    about = create_competition(
        truth,
        output,
        name=name,
        taxonomy=taxonomy,
        split=split,
        part=part,
        public=public,
        per_day=per_day,
        finals=finals,
        seed=seed,
        overwrite=yes,
    )
    if json:
        print(json_module.dumps(asdict(about), ensure_ascii=False))
    else:
        shares = f"{about.public:,} public and {about.private:,} private products"
        print(f"{output}: {shares}, {about.categories:,} categories", file=sys.stderr)


@judge.command
def team(competition: Path, name: str, /, *, renew: bool = False) -> None:
    """Enter a team and print its token, which is shown this once and kept nowhere.

    Args:
        competition: the COMPETITION folder.
        name: what the team is called.
        renew: give a team that is there a new token; the old one is worth nothing from then on.
    """
    print(_register(competition).enter(name, renew=renew))


@judge.command
def serve(
    competition: Path, /, *, host: str = "127.0.0.1", port: int = 8000, at_once: int = 8
) -> None:
    """Take submissions and show the leaderboard over HTTP until stopped.

    Args:
        competition: the COMPETITION folder.
        host: the address to listen on; with another than this machine's own, put a server that
            speaks TLS before it.
        port: the port to listen on; 0 takes a free one.
        at_once: how many teams may be sending at the same time; further ones are asked to wait.
    """
    try:
        from etalage.serve.judge.run import run
    except ModuleNotFoundError as cause:
        message = f"judge serve: {cause.name} must be installed"
        raise ConfigError(message, hint="pip install 'etalage[serve]'") from cause
    run(open_competition(competition), host=host, port=port, at_once=at_once)


@judge.command
def submit(
    competition: str,
    submission: Path,
    /,
    *,
    team: str | None = None,
    note: str = "",
    json: bool = False,
) -> None:
    """Send a submission and print its public score.

    Args:
        competition: the COMPETITION folder, or the address of one that is served; the team's
            token stands in the environment variable ETALAGE_JUDGE_TOKEN then.
        submission: the file, .csv or zipped.
        team: whose it is, where the competition is a folder.
        note: a few words to know it by.
        json: print one JSON document.
    """
    if _is_address(competition):
        receipt = Remote(competition, _token()).submit(submission, note)
    else:
        opened = open_competition(Path(competition))
        of = opened.register.team(_named(team))
        receipt = opened.submit(submission, of, note=note)
    if json:
        print(json_module.dumps(asdict(receipt), ensure_ascii=False))
    else:
        print(f"submission {receipt.id} of {receipt.team}: public score {receipt.public:.5f}")


@judge.command
def choose(
    competition: str, /, *submissions: int, team: str | None = None, json: bool = False
) -> None:
    """Choose the submissions of a team that count in the end; none leaves it to the public score.

    Args:
        competition: the COMPETITION folder, or the address of one that is served.
        submissions: their numbers.
        team: whose they are, where the competition is a folder.
        json: print one JSON document.
    """
    if _is_address(competition):
        receipts = Remote(competition, _token()).choose(list(submissions))
    else:
        opened = open_competition(Path(competition))
        receipts = opened.choose(opened.register.team(_named(team)), list(submissions))
    _show_history(receipts, json)


@judge.command
def board(competition: str, /, *, team: str | None = None, json: bool = False) -> None:
    """Show the leaderboard, or with --team all submissions of one team.

    Args:
        competition: the COMPETITION folder, or the address of one that is served.
        team: show this team's submissions; of an address "mine", those of the token's team.
        json: print one JSON document.
    """
    if _is_address(competition):
        if team is not None:
            _show_history(Remote(competition, _token()).history(), json)
            return
        found = Remote(competition, "").board()
    else:
        opened = open_competition(Path(competition))
        if team is not None:
            _show_history(opened.history(opened.register.team(team)), json)
            return
        found = opened.board()
    if json:
        print(json_module.dumps(found.to_json(), ensure_ascii=False))
    else:
        Console().print(_board_table(found))


@judge.command
def close(competition: Path, /) -> None:
    """Close a competition for good and reveal the private scores.

    Args:
        competition: the COMPETITION folder.
    """
    print(f"{competition}: closed at {_register(competition).close()}", file=sys.stderr)


def _register(folder: Path) -> Register:
    read_about(folder)
    return Register(folder / REGISTER)


def _is_address(competition: str) -> bool:
    return competition.startswith(("http://", "https://"))


def _token() -> str:
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise CompetitionError(f"no token in {TOKEN}", hint=f"export {TOKEN}=...")
    return token


def _named(team: str | None) -> str:
    if team is None:
        raise ConfigError("whose submission is it?", hint="add --team NAME")
    return team


def _show_history(receipts: list[Receipt], json: bool) -> None:
    if json:
        shown = [asdict(receipt) for receipt in receipts]
        print(json_module.dumps(shown, ensure_ascii=False))
        return
    table = Table()
    for title in ("number", "time (UTC)", "public", "private", "counts", "note"):
        table.add_column(title, justify="right" if title in ("public", "private") else "left")
    for receipt in receipts:
        counts = "chosen" if receipt.chosen else "yes" if receipt.counts else ""
        scores = _score(receipt.public), _score(receipt.private)
        table.add_row(str(receipt.id), _minute(receipt.time), *scores, counts, Text(receipt.note))
    Console().print(table)


def _board_table(board: Board) -> Table:
    state = "open" if board.closed is None else f"closed {board.closed}"
    table = Table(title=f"{board.about.name} ({state})", title_justify="left")
    for title in ("rank", "team", "public", "private", "submissions", "last (UTC)"):
        table.add_column(title, justify="left" if title in ("team", "last (UTC)") else "right")
    for standing in board.standings:
        scores = _score(standing.public), _score(standing.private)
        count = f"{standing.submissions:,}"
        table.add_row(
            str(standing.rank), Text(standing.team), *scores, count, _minute(standing.last)
        )
    return table


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.5f}"


def _minute(time: str) -> str:
    return f"{time[:10]} {time[11:16]}"
