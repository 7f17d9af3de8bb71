"""Fetches images from addresses: bounded in bytes, time, redirects and where they may lead.

Only http and https. A name is resolved once and the connection goes to the address that was
checked: one of a private, local or reserved network is refused unless asked for, on every redirect
again. A watchdog closes a connection whose time is up, however slowly it drips.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from etalage.errors import ConfigError
from etalage.exchange.reading.places import RefusedError

KIND = "not fetched"
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 2**16
# NAT64: IPv4 behind IPv6, of the whole network and of one's own.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED_HERE = ipaddress.IPv6Network("64:ff9b:1::/48")
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"


@dataclass(frozen=True)
class Fetching:
    """How images are fetched.

    Attributes:
        allow_private: whether addresses of private and local networks may be asked.
        max_bytes: of one image.
        seconds: for one image, redirects included.
        threads: images fetched at once.
        redirects: followed for one image.
    """

    allow_private: bool = False
    max_bytes: int = 20_000_000
    seconds: float = 30.0
    threads: int = 16
    redirects: int = 5

    def __post_init__(self) -> None:
        """Check that every limit lets something through."""
        if self.max_bytes < 1 or self.seconds <= 0 or not 1 <= self.threads <= 256:
            raise ConfigError(
                f"{self.max_bytes} bytes, {self.seconds} seconds, {self.threads} threads: "
                "expected at least 1 byte, more than 0 seconds and 1 to 256 threads"
            )


class Fetcher:
    """Fetches addresses on several threads, in the order asked for."""

    def __init__(self, how: Fetching) -> None:
        self.how = how
        self._pool = ThreadPoolExecutor(how.threads, "fetch")
        self._tls = ssl.create_default_context()

    def close(self) -> None:
        """Stop the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def start(self, url: str) -> Future[bytes]:
        """Begin to fetch; the future raises ``RefusedError``."""
        return self._pool.submit(self.fetch, url)

    def fetch(self, url: str) -> bytes:
        """Return the bytes at an address.

        Raises:
            RefusedError: they cannot be had within the limits.
        """
        try:
            return self._follow(url)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RefusedError(KIND, f"{url}: {_reason(error)}") from error

    def _follow(self, url: str) -> bytes:
        at = url
        with _Watchdog(self.how.seconds) as watchdog:
            for _ in range(self.how.redirects + 1):
                with (
                    closing(self._connect(at, watchdog)) as connection,
                    closing(connection.getresponse()) as response,
                ):
                    if response.status in _REDIRECTS:
                        at = urljoin(at, response.headers.get("Location", ""))
                        continue
                    return self._body(url, response)
        raise RefusedError(KIND, f"{url}: more than {self.how.redirects} redirects")

    def _connect(self, url: str, watchdog: "_Watchdog") -> http.client.HTTPConnection:
        """Return a connection that has sent the request for ``url``."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RefusedError(KIND, f"{url}: only http and https are fetched")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        plain = socket.create_connection((self._address(url, parts, port), port), self.how.seconds)
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=self.how.seconds)
        watchdog.watch(plain)
        try:
            connection.sock = plain
            if parts.scheme == "https":
                connection.sock = self._tls.wrap_socket(plain, server_hostname=parts.hostname)
                watchdog.watch(connection.sock)
            target = quote(parts.path or "/", safe=_PATH_SAFE)
            target += f"?{quote(parts.query, safe=_PATH_SAFE + '?')}" if parts.query else ""
            headers = {"Host": _host(parts), "User-Agent": "etalage", "Connection": "close"}
            connection.request("GET", target, headers=headers)
        except BaseException:
            connection.close()
            raise
        return connection

    def _address(self, url: str, parts: SplitResult, port: int) -> str:
        """Return an address of the host that may be asked."""
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        for *_, (address, *_rest) in found:
            if self.how.allow_private or is_public(str(address)):
                return str(address)
        raise RefusedError(KIND, f"{url}: leads to a private address, see --allow-private")

    def _body(self, url: str, response: http.client.HTTPResponse) -> bytes:
        if response.status != 200:
            raise RefusedError(KIND, f"{url}: status {response.status}")
        most = self.how.max_bytes
        announced = response.length
        if announced is not None and announced > most:
            raise RefusedError(KIND, f"{url}: {announced} bytes, at most {most} are fetched")
        parts: list[bytes] = []
        size = 0
        while size <= most and (chunk := response.read(_CHUNK)):
            parts.append(chunk)
            size += len(chunk)
        if size > most:
            raise RefusedError(KIND, f"{url}: more than {most} bytes")
        if announced is not None and size < announced:
            raise RefusedError(KIND, f"{url}: cut after {size} of {announced} bytes")
        return b"".join(parts)


def is_public(address: str) -> bool:
    """Whether an address is one of the public network, also behind an IPv4-in-IPv6 form."""
    where = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(where, ipaddress.IPv6Address):
        inner = where.ipv4_mapped or where.sixtofour
        if where in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(where) & 0xFFFFFFFF)
        if where.teredo or where in _TRANSLATED_HERE:
            return False
        where = inner or where
    return where.is_global and not where.is_multicast


def _host(parts: SplitResult) -> str:
    """Return the host and port of an address, without a user's name."""
    return parts.netloc.rpartition("@")[2]


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time is up"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


class _Watchdog:
    """Shuts the socket it watches when the time is up; what reads it then fails."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._late = False
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> "_Watchdog":
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        if self._late:
            raise TimeoutError

    def watch(self, connection: socket.socket) -> None:
        with self._lock:
            self._socket = connection
        if self._late:
            raise TimeoutError

    def _bite(self) -> None:
        with self._lock:
            self._late = True
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return


def in_order(fetcher: Fetcher, urls: Iterator[str]) -> Iterator[Future[bytes]]:
    """Yield the futures of addresses in their order, a bounded number of them begun."""
    waiting: list[Future[bytes]] = []
    for url in urls:
        waiting.append(fetcher.start(url))
        if len(waiting) > 2 * fetcher.how.threads:
            yield waiting.pop(0)
    yield from waiting
