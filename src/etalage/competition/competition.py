"""A competition at work: it judges submissions, keeps them, and shows the board."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from etalage.catalogue.taxonomy import Taxonomy
from etalage.competition.board import Board, finals, make_board
from etalage.competition.folder import REGISTER, SAMPLE, Hidden, read_about, read_hidden
from etalage.competition.records import Entry, Sent, Team, Version
from etalage.competition.register import LONGEST_NOTE, Register
from etalage.errors import CompetitionError
from etalage.files import writing
from etalage.predictions.product_ids import positions
from etalage.predictions.submission import Submission, read_submission

DECIMALS = 5
_ZIP = b"PK\x03\x04"
_SLACK, _BASE = 3, 1_000_000
_UNFINISHED = ".unfinished-"
_FORGOTTEN = 24 * 3600


@dataclass(frozen=True)
class Receipt:
    """What a team is told of a submission.

    Attributes:
        id: its number.
        team: the team's name.
        time: when it was recorded, UTC.
        sha256: of the file as it was sent.
        note: what the team wrote to it.
        public: its public score.
        private: its private score, None until the competition is closed.
        chosen: whether the team chose it to count in the end.
        counts: whether it would count in the end as things stand.
    """

    id: int
    team: str
    time: str
    sha256: str
    note: str
    public: float
    private: float | None
    chosen: bool
    counts: bool


class Competition:
    """An open COMPETITION folder; its methods may be called from several threads.

    Attributes:
        folder: where it lies.
        about: what everybody may know.
        register: teams and submissions.
        sample: the sample submission.
        sent: the folder of submissions as they were sent.
        max_bytes: the longest submission that is read, unpacked.
    """

    def __init__(self, folder: Path) -> None:
        """Open a competition: see ``open_competition``."""
        self.folder = folder
        self.about, document = read_about(folder)
        self.register = Register(folder / REGISTER)
        self._hidden, self._taxonomy = read_hidden(folder, document)
        self.sample = folder / SAMPLE
        self.sent = folder / "submissions"
        self._board: tuple[Version | None, Board | None] = None, None
        self.max_bytes = _longest(self._hidden.product_ids, self._taxonomy)

    def submit(self, file: Path, team: Team, *, note: str = "", name: str | None = None) -> Receipt:
        """Judge a file and record it. What is returned is on the disk.

        Args:
            file: a submission, plain or zipped; it is copied.
            team: whose it is.
            note: a few words to know it by.
            name: what to call the file in messages.

        Raises:
            SubmissionError: it is not exactly what was asked for; it is not recorded and does not
                count.
            ClosedError: the competition is over.
            LimitError: the team has used up its submissions of the day.
            CompetitionError: a note too long or with characters that cannot be seen.
        """
        self.check(team, note)
        submission = read_submission(
            file,
            self._taxonomy,
            expected=self._hidden.product_ids,
            name=name,
            max_bytes=self.max_bytes,
        )
        sent = self._keep(file, team, note, _scores(submission, self._hidden))
        return self._receipt(team, self.register.record(team, sent, self.about.per_day))

    def check(self, team: Team, note: str = "") -> None:
        """Refuse what can be refused without the file: see ``submit``."""
        if len(note) > LONGEST_NOTE or not note.isprintable():
            raise CompetitionError(f"a note has at most {LONGEST_NOTE} characters, all visible")
        self.register.check_open(team, self.about.per_day)

    def _keep(self, file: Path, team: Team, note: str, scores: tuple[float, float]) -> Sent:
        """Copy a file to ``submissions/``, synced; one that is not recorded then is harmless."""
        with file.open("rb") as sent:
            zipped = sent.read(len(_ZIP)) == _ZIP
            sent.seek(0)
            sha256 = hashlib.file_digest(sent, "sha256").hexdigest()
        name = f"{team.id:05d}-{sha256[:16]}.{'zip' if zipped else 'csv'}"
        place = self.sent / name
        with writing(place), unfinished(place.parent) as copy:
            with file.open("rb") as sent:
                shutil.copyfileobj(sent, copy)
            copy.flush()
            os.fsync(copy.fileno())
            Path(copy.name).rename(place)
        return Sent(sha256, place.stat().st_size, name, note, *scores)

    def sweep(self) -> None:
        """Remove what killed processes left unfinished, a day ago or longer."""
        for left in self.sent.glob(f"{_UNFINISHED}*"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _FORGOTTEN:
                    left.unlink()

    def history(self, team: Team) -> list[Receipt]:
        """Return a team's own submissions, the earliest first."""
        entries = self.register.entries(team)
        counting = {entry.id for entry in finals(entries, self.about.finals)}
        closed = self.register.closed() is not None
        return [_shown(team, entry, entry.id in counting, closed) for entry in entries]

    def _receipt(self, team: Team, entry: Entry) -> Receipt:
        return next(receipt for receipt in self.history(team) if receipt.id == entry.id)

    def choose(self, team: Team, ids: list[int]) -> list[Receipt]:
        """Set which submissions of a team shall count in the end, and return its history."""
        self.register.choose(team, ids, self.about.finals)
        return self.history(team)

    def board(self) -> Board:
        """Return the leaderboard as it stands: the same object until something has changed."""
        version = self.register.version()
        seen, board = self._board
        if board is None or seen != version:
            board = make_board(
                self.about, self.register.teams(), self.register.entries(), version.closed
            )
            self._board = version, board
        return board


@contextmanager
def unfinished(folder: Path) -> Iterator[IO[bytes]]:
    """Yield a file that is gone at the end unless it was given its name."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=_UNFINISHED, delete=False) as file:
        try:
            yield file
        finally:
            Path(file.name).unlink(missing_ok=True)


def open_competition(folder: Path) -> Competition:
    """Open a COMPETITION folder, reading its truth into memory.

    Raises:
        CompetitionError: it is none, is damaged, or others than its owner may read the truth.
    """
    return Competition(folder)


def _shown(team: Team, entry: Entry, counts: bool, closed: bool) -> Receipt:
    return Receipt(
        entry.id,
        team.name,
        entry.time,
        entry.sha256,
        entry.note,
        entry.public,
        entry.private if closed else None,
        entry.chosen,
        counts,
    )


def _scores(submission: Submission, hidden: Hidden) -> tuple[float, float]:
    """Return the shares of right answers in the public and the private part, rounded."""
    rows = positions(hidden.product_ids, submission.product_ids)
    right = submission.categories[rows] == hidden.categories
    parts: tuple[Any, Any] = right[hidden.public].mean(), right[~hidden.public].mean()
    return round(float(parts[0]), DECIMALS), round(float(parts[1]), DECIMALS)


def _longest(product_ids: pa.Array, taxonomy: Taxonomy) -> int:
    """Return what a submission may have in bytes: three times its plain form, to have room."""
    ids = int(pc.sum(pc.binary_length(product_ids.cast(pa.string()))).as_py())
    widest = max(len(str(leaf)) for leaf in taxonomy.ids.tolist())
    return _BASE + _SLACK * (ids + (widest + 2) * len(product_ids))
