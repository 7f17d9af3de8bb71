"""The leaderboard: who stands where, and how the lead changed.

While a competition is open, teams rank by their best public score; of equal scores the one reached
first comes first. Once it is closed they rank by the best private score among their final
submissions: those the team chose and, for places it left free, its best public ones. Ranks go by
scores as they are shown: a finer order would tell more than the scores do.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from etalage.competition.folder import About
from etalage.competition.records import Entry, Team


@dataclass(frozen=True)
class Standing:
    """A line of the leaderboard.

    Attributes:
        rank: from 1, by the private score once there is one.
        team: its name.
        public: its best public score.
        public_rank: the rank by that.
        private: its best private score among its final submissions, None while it is open.
        submissions: how many it sent.
        best: when the score that ranks was sent, UTC.
        last: when the latest submission was sent, UTC.
    """

    rank: int
    team: str
    public: float
    public_rank: int
    private: float | None
    submissions: int
    best: str
    last: str


@dataclass(frozen=True)
class Lead:
    """A time at which the best public score of all rose."""

    time: str
    team: str
    public: float


@dataclass(frozen=True, eq=False)
class Board:
    """What everybody may see.

    Attributes:
        about: what the competition is.
        closed: when it was closed, or None.
        teams: how many are entered.
        standings: teams that sent something, by rank.
        leads: how the best public score rose, the earliest first.
    """

    about: About
    closed: str | None
    teams: int
    standings: list[Standing]
    leads: list[Lead]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)


def make_board(about: About, teams: list[Team], entries: list[Entry], closed: str | None) -> Board:
    """Rank teams.

    Args:
        about: what the competition is.
        teams: all of them.
        entries: all submissions in the order they were recorded.
        closed: when it was closed, or None.
    """
    names = {team.id: team.name for team in teams}
    by_team: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_team[entry.team].append(entry)
    best = {team: min(sent, key=_by_public) for team, sent in by_team.items()}
    public_rank = _ranks({team: _by_public(entry) for team, entry in best.items()})
    ranking, rank = best, public_rank
    if closed is not None:
        ranking = {team: _final(sent, about.finals) for team, sent in by_team.items()}
        rank = _ranks({team: _by_private(entry) for team, entry in ranking.items()})
    standings = [
        Standing(
            rank[team],
            names[team],
            best[team].public,
            public_rank[team],
            None if closed is None else ranking[team].private,
            len(by_team[team]),
            ranking[team].time,
            by_team[team][-1].time,
        )
        for team in sorted(rank, key=rank.__getitem__)
    ]
    return Board(about, closed, len(teams), standings, _leads(entries, names))


def finals(sent: list[Entry], places: int) -> list[Entry]:
    """Return the submissions of a team that count in the end: chosen ones, then the best."""
    return sorted(sent, key=lambda entry: (not entry.chosen, *_by_public(entry)))[:places]


def _final(sent: list[Entry], places: int) -> Entry:
    return min(finals(sent, places), key=_by_private)


def _by_public(entry: Entry) -> tuple[float, int]:
    return -entry.public, entry.id


def _by_private(entry: Entry) -> tuple[float, int]:
    return -entry.private, entry.id


def _ranks(keys: dict[int, tuple[float, int]]) -> dict[int, int]:
    return {team: rank for rank, team in enumerate(sorted(keys, key=keys.__getitem__), start=1)}


def _leads(entries: list[Entry], names: dict[int, str]) -> list[Lead]:
    leads: list[Lead] = []
    for entry in entries:
        if not leads or entry.public > leads[-1].public:
            leads.append(Lead(entry.time, names[entry.team], entry.public))
    return leads
