"""What keeps a served competition safe: headers, how long a body may be, how many at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etalage.competition.records import Team
from etalage.serve.judge.faults import RefusedError

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_LONGEST_UPLOAD, _LONGEST_DRAIN = 600.0, 30.0
_WAIT = 5


class SafeHeaders:
    """Adds the safe headers to every answer, errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application within does."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_safely)


class Slots:
    """How many submissions are taken at the same time: a few in all, one of each team."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._busy: set[int] = set()

    @contextmanager
    def taken(self, team: Team) -> Iterator[None]:
        """Hold a slot for a team, or refuse with the time after which to try again."""
        if team.id in self._busy:
            message = f"another submission of {team.name} is being judged"
            raise RefusedError(429, "busy", message, hint="send it again later", wait=_WAIT)
        if len(self._busy) >= self._at_once:
            message = f"{self._at_once} submissions are being judged already"
            raise RefusedError(429, "busy", message, hint="send it again later", wait=_WAIT)
        self._busy.add(team.id)
        try:
            yield
        finally:
            self._busy.discard(team.id)


class Body:
    """The body of a request, taken as it comes."""

    def __init__(self, request: Request, max_bytes: int) -> None:
        self._request = request
        self._max_bytes = max_bytes
        self._whole = False

    async def save(self, file: IO[bytes]) -> None:
        """Write it to a file.

        Raises:
            RefusedError: it is too long, takes too long, or breaks off.
        """
        announced = self._request.headers.get("content-length", "0")
        self._refuse_long(int(announced) if announced.isdecimal() else 0)
        size = 0
        try:
            async with asyncio.timeout(_LONGEST_UPLOAD):
                async for chunk in self._chunks():
                    size += len(chunk)
                    self._refuse_long(size)
                    file.write(chunk)
        except TimeoutError as cause:
            message = f"the upload took more than {_LONGEST_UPLOAD:.0f} seconds"
            raise RefusedError(408, "too_slow", message, hint="send it zipped") from cause
        except ClientDisconnect as cause:
            raise RefusedError(400, "broken_off", "the upload broke off") from cause
        file.flush()

    async def drain(self) -> None:
        """Read what is still coming, within bounds, and forget it.

        Most clients read no answer before they have sent everything; one that waits to be told to
        go on (``Expect: 100-continue``, as curl does) is not told to.
        """
        if "expect" in self._request.headers:
            return
        size = 0
        with suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(_LONGEST_DRAIN):
                async for chunk in self._chunks():
                    size += len(chunk)
                    if size > self._max_bytes:
                        return

    async def _chunks(self) -> AsyncIterator[bytes]:
        while not self._whole:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._whole = not message.get("more_body", False)
            yield message.get("body", b"")

    def _refuse_long(self, size: int) -> None:
        if size > self._max_bytes:
            message = f"the file is longer than {self._max_bytes:,} bytes"
            hint = "a submission has one line for each product: _id,category_id"
            raise RefusedError(413, "too_large", message, hint=hint)
