"""The register of a competition: teams and submissions, in SQLite (``judge.sqlite``, schema 1).

Several processes may write at once: every change is one transaction, in WAL mode, synced to the
disk before it is acknowledged. Tokens are kept as SHA-256 only; a token is 256 random bits, so
that hashing it slowly would add nothing. Scores are kept as shown, rounded.

    state(closed)                   when it was closed, or null; one row
    teams(id, name, token, created)
    submissions(id, team, time, day, sha256, bytes, file, note, public, private, chosen)
"""

import hashlib
import secrets
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etalage.competition.records import Entry, Sent, Team, Version
from etalage.errors import ClosedError, CompetitionError, LimitError, TokenError

_SCHEMA = 1
_WAIT = 30.0
_LONGEST_NAME, LONGEST_NOTE = 60, 200
_TABLES = """
CREATE TABLE state (closed TEXT) STRICT;
INSERT INTO state VALUES (NULL);
CREATE TABLE teams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE,
    token BLOB NOT NULL UNIQUE, created TEXT NOT NULL) STRICT;
CREATE TABLE submissions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, team INTEGER NOT NULL REFERENCES teams (id),
    time TEXT NOT NULL, day TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL,
    file TEXT NOT NULL, note TEXT NOT NULL, public REAL NOT NULL, private REAL NOT NULL,
    chosen INTEGER NOT NULL DEFAULT 0, UNIQUE (team, sha256)) STRICT;
CREATE INDEX of_the_day ON submissions (team, day);
"""


def create_register(path: Path) -> None:
    """Write an empty register that only its owner may read."""
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.executescript(_TABLES)
        base.execute(f"PRAGMA user_version = {_SCHEMA}")


def now() -> datetime:
    """Return the time by which days are told: UTC."""
    return datetime.now(UTC)


def seconds_to_midnight() -> int:
    """Return how long it is until the next day (UTC), rounded up."""
    time = now()
    return 86_400 - (time.hour * 3600 + time.minute * 60 + time.second)


class Register:
    """Reads and changes ``judge.sqlite``; each call is one transaction of its own connection."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = now) -> None:
        """Open the register.

        Args:
            path: of the file.
            clock: tells the time, UTC.

        Raises:
            CompetitionError: it is absent, damaged or of another schema.
        """
        self._path = path
        self._clock = clock
        if not path.is_file():
            raise CompetitionError(f"{path}: is not there")
        with self._reading() as base:
            version = base.execute("PRAGMA user_version").fetchone()[0]
        if version != _SCHEMA:
            raise CompetitionError(f"{path}: has schema {version}, expected {_SCHEMA}")

    def _day(self) -> str:
        return self._clock().date().isoformat()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, _WAIT, isolation_level=None)) as base:
                base.execute("PRAGMA synchronous = FULL")
                base.row_factory = sqlite3.Row
                yield base
        except sqlite3.Error as cause:
            raise CompetitionError(f"{self._path}: cannot be used: {cause}") from cause

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that is alone to write, and commit when the block ends well."""
        with self._reading() as base:
            base.execute("BEGIN IMMEDIATE")
            yield base
            base.execute("COMMIT")  # without it, closing the connection undoes what was done

    def closed(self) -> str | None:
        """Return when the competition was closed, None while it is open."""
        with self._reading() as base:
            return _closed(base)

    def version(self) -> Version:
        """Return what changes whenever the leaderboard does."""
        with self._reading() as base:
            row = base.execute(
                "SELECT closed, (SELECT count(*) FROM teams), "
                "(SELECT coalesce(max(id), 0) FROM submissions) FROM state"
            ).fetchone()
        return Version(*row)

    def close(self) -> str:
        """Close the competition for good, and return when; a second time changes nothing."""
        with self._writing() as base:
            base.execute("UPDATE state SET closed = coalesce(closed, ?)", (_stamp(self._clock()),))
            return str(_closed(base))

    def enter(self, name: str, *, renew: bool = False) -> str:
        """Enter a team, or give it a new token, and return the token: it is not kept.

        Raises:
            CompetitionError: the name cannot be shown, is taken, or unknown where it is to renew.
        """
        name = _proper(name)
        token = secrets.token_urlsafe(32)
        with self._writing() as base:
            team = _team_named(base, name)
            if renew != (team is not None):
                what = "there is no team" if renew else "there is already a team"
                raise CompetitionError(
                    f"{what} {name!r}",
                    hint="leave out --renew" if renew else "choose another name, or add --renew",
                )
            if team is not None:
                base.execute("UPDATE teams SET token = ? WHERE id = ?", (_hash(token), team.id))
            else:
                row = (name, name.casefold(), _hash(token), _stamp(self._clock()))
                base.execute(
                    "INSERT INTO teams (name, folded, token, created) VALUES (?, ?, ?, ?)", row
                )
        return token

    def team(self, name: str) -> Team:
        """Return the team of a name."""
        with self._reading() as base:
            team = _team_named(base, _proper(name))
        if team is None:
            raise CompetitionError(
                f"there is no team {name!r}", hint="etalage judge team COMPETITION NAME"
            )
        return team

    def team_of_token(self, token: str) -> Team:
        """Return the team whose token this is.

        Raises:
            TokenError: it is nobody's.
        """
        with self._reading() as base:
            row = base.execute(
                "SELECT id, name FROM teams WHERE token = ?", (_hash(token),)
            ).fetchone()
        if row is None:
            raise TokenError("the token is no team's", hint="ask who holds the competition")
        return Team(*row)

    def teams(self) -> list[Team]:
        """Return all teams in the order they entered."""
        with self._reading() as base:
            return [Team(*row) for row in base.execute("SELECT id, name FROM teams ORDER BY id")]

    def check_open(self, team: Team, per_day: int) -> int:
        """Return how many submissions a team has left today.

        Raises:
            ClosedError: the competition is over.
            LimitError: there is none left.
        """
        with self._reading() as base:
            return _left(base, team, per_day, self._day())

    def record(self, team: Team, sent: Sent, per_day: int) -> Entry:
        """Record a submission; the very same file of a team is recorded once.

        Raises:
            ClosedError: the competition is over.
            LimitError: the team has used up its submissions of the day.
        """
        with self._writing() as base:
            earlier = _sent_before(base, team, sent.sha256)
            if earlier is not None:
                return earlier
            _left(base, team, per_day, self._day())
            time = self._clock()
            base.execute(
                "INSERT INTO submissions (team, time, day, sha256, bytes, file, note, public, "
                "private) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (team.id, _stamp(time), time.date().isoformat(), *vars(sent).values()),
            )
            entry = _sent_before(base, team, sent.sha256)
        if entry is None:
            raise CompetitionError(f"{self._path}: lost a submission of {team.name}")
        return entry

    def entries(self, team: Team | None = None) -> list[Entry]:
        """Return the submissions of a team, or all, in the order they were recorded."""
        with self._reading() as base:
            rows = base.execute(
                "SELECT * FROM submissions WHERE ?1 IS NULL OR team = ?1 ORDER BY id",
                (None if team is None else team.id,),
            )
            return [_entry(row) for row in rows]

    def choose(self, team: Team, ids: list[int], finals: int) -> None:
        """Set which submissions of a team shall count in the end; none leaves it to the scores.

        Raises:
            ClosedError: the competition is over.
            CompetitionError: too many, or one that is not the team's.
        """
        if len(set(ids)) > finals:
            raise CompetitionError(
                f"{len(set(ids))} submissions are chosen, at most {finals} count"
            )
        with self._writing() as base:
            _refuse_closed(base)
            own = base.execute("SELECT id FROM submissions WHERE team = ?", (team.id,))
            others = set(ids) - {row["id"] for row in own}
            if others:
                raise CompetitionError(f"submission {min(others)} is none of {team.name}")
            base.execute("UPDATE submissions SET chosen = 0 WHERE team = ?", (team.id,))
            base.executemany(
                "UPDATE submissions SET chosen = 1 WHERE id = ?", [(number,) for number in set(ids)]
            )


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _proper(name: str) -> str:
    """Return a name as it is kept: one form of each letter, nothing that cannot be seen."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise CompetitionError(
            f"a team cannot be called {name[:80]!r}",
            hint=f"1 to {_LONGEST_NAME} characters that can be seen",
        )
    return name


def _team_named(base: sqlite3.Connection, name: str) -> Team | None:
    row = base.execute("SELECT id, name FROM teams WHERE folded = ?", (name.casefold(),)).fetchone()
    return None if row is None else Team(*row)


def _closed(base: sqlite3.Connection) -> str | None:
    found: str | None = base.execute("SELECT closed FROM state").fetchone()[0]
    return found


def _refuse_closed(base: sqlite3.Connection) -> None:
    closed = _closed(base)
    if closed is not None:
        raise ClosedError(f"the competition was closed at {closed}")


def _left(base: sqlite3.Connection, team: Team, per_day: int, today: str) -> int:
    _refuse_closed(base)
    query = "SELECT count(*) FROM submissions WHERE team = ? AND day = ?"
    used = int(base.execute(query, (team.id, today)).fetchone()[0])
    if used >= per_day:
        raise LimitError(
            f"{team.name} has used up its {per_day} submissions of {today}",
            hint="the next day begins at 00:00 UTC; a file that was refused has not counted",
        )
    return per_day - used


def _sent_before(base: sqlite3.Connection, team: Team, sha256: str) -> Entry | None:
    query = "SELECT * FROM submissions WHERE team = ? AND sha256 = ?"
    row = base.execute(query, (team.id, sha256)).fetchone()
    return None if row is None else _entry(row)


def _entry(row: sqlite3.Row) -> Entry:
    values: dict[str, Any] = {name: row[name] for name in Entry.__dataclass_fields__}
    return Entry(**{**values, "chosen": bool(values["chosen"])})
