"""What a register keeps: teams and submissions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Team:
    """Who takes part."""

    id: int
    name: str


@dataclass(frozen=True)
class Entry:
    """A counted submission.

    Attributes:
        id: its number.
        team: the number of its team.
        time: when it was recorded, UTC, ISO 8601 with milliseconds.
        sha256: of the file as it was sent, hexadecimal.
        file: its name in ``submissions/``.
        note: what the team wrote to it.
        public, private: its scores, rounded.
        chosen: whether the team wants it to count in the end.
    """

    id: int
    team: int
    time: str
    sha256: str
    bytes: int
    file: str
    note: str
    public: float
    private: float
    chosen: bool


@dataclass(frozen=True)
class Version:
    """How far a register has come: when it was closed, how many teams, the latest submission."""

    closed: str | None
    teams: int
    submission: int


@dataclass(frozen=True)
class Sent:
    """What is known of a submission before it is recorded: see ``Entry``."""

    sha256: str
    bytes: int
    file: str
    note: str
    public: float
    private: float
