"""A competition that is served elsewhere, over HTTP, with nothing but Python's own client."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from etalage.competition.board import Board, Lead, Standing
from etalage.competition.competition import Receipt
from etalage.competition.folder import About
from etalage.errors import CompetitionError, SubmissionError

TOKEN = "ETALAGE_JUDGE_TOKEN"
_WAIT = 600.0
_MOST = 64_000_000


class Remote:
    """Speaks for a team with a served competition."""

    def __init__(self, address: str, token: str) -> None:
        """Remember where the competition is and the team's token, empty to only look."""
        self._address = address.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def submit(self, file: Path, note: str = "") -> Receipt:
        """Send a submission.

        Raises:
            SubmissionError: the judge refused it, with the line that is wrong.
            CompetitionError: anything else: the token, the day's limit, the network.
        """
        self.history()  # a wrong token is told before the file is sent
        try:
            size = file.stat().st_size
            with file.open("rb") as body:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
                place = f"/api/submissions?{urlencode({'note': note})}"
                return Receipt(**self._ask("POST", place, body, headers))
        except OSError as cause:
            raise SubmissionError(f"{file}: cannot be read: {cause.strerror}") from cause

    def history(self) -> list[Receipt]:
        """Return the team's own submissions, the earliest first."""
        return _receipts(self._ask("GET", "/api/submissions"))

    def choose(self, ids: list[int]) -> list[Receipt]:
        """Set which submissions shall count in the end, and return the history."""
        query = urlencode([("submission", number) for number in ids])
        return _receipts(self._ask("PUT", f"/api/chosen?{query}"))

    def board(self) -> Board:
        """Return the leaderboard."""
        found = self._ask("GET", "/api/leaderboard")
        return Board(
            About(**found["about"]),
            found["closed"],
            found["teams"],
            [Standing(**standing) for standing in found["standings"]],
            [Lead(**lead) for lead in found["leads"]],
        )

    def _ask(
        self,
        method: str,
        place: str,
        body: Any = None,  # noqa: ANN401  bytes, or an open file
        headers: dict[str, str] | None = None,
    ) -> Any:  # noqa: ANN401  any JSON value
        request = urllib.request.Request(
            self._address + place, body, {**self._headers, **(headers or {})}, method=method
        )
        with _understood(self._address), urllib.request.urlopen(request, timeout=_WAIT) as answer:
            return json.loads(answer.read(_MOST))


@contextmanager
def _understood(address: str) -> Iterator[None]:
    """Turn what the judge says, and what the network does, into errors in words."""
    try:
        yield
    except urllib.error.HTTPError as cause:
        with cause:
            raise _refusal(address, cause.code, cause.read(_MOST)) from cause
    except (OSError, HTTPException) as cause:
        reason = getattr(cause, "reason", None) or cause
        raise CompetitionError(f"{address}: cannot be reached: {reason}") from cause
    except ValueError as cause:
        raise CompetitionError(f"{address}: answers no JSON: is it a competition?") from cause


def _refusal(address: str, status: int, body: bytes) -> CompetitionError | SubmissionError:
    try:
        said = json.loads(body)["error"]
        message, hint, line = said["message"], said["hint"], said["line"]
    except (ValueError, KeyError, TypeError):
        return CompetitionError(f"{address}: answers with status {status}")
    if said.get("code") == "bad_submission":
        return SubmissionError(message, hint=hint, line=line)
    return CompetitionError(message, hint=hint)


def _receipts(found: list[dict[str, Any]]) -> list[Receipt]:
    return [Receipt(**receipt) for receipt in found]
