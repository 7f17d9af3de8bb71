"""Everything that goes wrong, said in one shape.

    {"error": {"code": "bad_submission", "message": "...", "hint": "...", "line": 3}}

``line`` is null where no line of a file is meant. What only concerns the machine (a full disk, a
damaged register) is logged, and told without names of files.
"""

import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from etalage.competition.register import seconds_to_midnight
from etalage.errors import (
    ClosedError,
    CompetitionError,
    EtalageError,
    LimitError,
    SubmissionError,
    TokenError,
)

_log = logging.getLogger(__name__)
_OF_HTTP = {
    404: ("not_found", "there is nothing under this path"),
    405: ("method_not_allowed", "this path does not take such a request"),
}


class RefusedError(EtalageError):
    """What the interface itself refuses.

    Attributes:
        status: of HTTP.
        code: the word programs go by.
        wait: after how many seconds it is worth asking again, None where it is not.
    """

    def __init__(
        self, status: int, code: str, message: str, *, hint: str = "", wait: int | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.wait = wait


def add_faults(app: FastAPI) -> None:
    """Have the application answer every error in the one shape."""
    app.add_exception_handler(EtalageError, _known)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _unknown)


def _known(request: Request, error: Exception) -> Response:
    headers: dict[str, str] = {}
    match error:
        case RefusedError():
            if error.wait is not None:
                headers["Retry-After"] = str(error.wait)
            return _said(error.status, error.code, error.message, error.hint, headers=headers)
        case SubmissionError():
            return _said(422, "bad_submission", error.message, error.hint, error.line)
        case TokenError():
            headers["WWW-Authenticate"] = "Bearer"
            return _said(401, "unauthorized", error.message, error.hint, headers=headers)
        case ClosedError():
            return _said(409, "closed", error.message, error.hint)
        case LimitError():
            headers["Retry-After"] = str(seconds_to_midnight())
            return _said(429, "daily_limit", error.message, error.hint, headers=headers)
        case CompetitionError() if error.__cause__ is None:
            return _said(422, "not_possible", error.message, error.hint)
    _log.error("%s %s: %s", request.method, request.url.path, error)
    return _said(503, "unavailable", "the judge cannot do this now", "ask who holds it")


def _of_http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    code, message = _OF_HTTP.get(status, ("refused", f"refused with status {status}"))
    return _said(status, code, message, "the paths are in docs/judge.md")


def _malformed(_request: Request, _error: Exception) -> Response:
    return _said(422, "malformed", "the request has a value of a wrong kind", "see docs/judge.md")


def _unknown(_request: Request, _error: Exception) -> Response:
    return _said(500, "internal", "the judge made a mistake", "tell who holds it")


def _said(
    status: int,
    code: str,
    message: str,
    hint: str,
    line: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    document = {"error": {"code": code, "message": message, "hint": hint, "line": line}}
    return JSONResponse(document, status, headers)
