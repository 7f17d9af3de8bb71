"""Images at addresses: fetched only when asked, within bounds, and never from inside the house."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from conftest import make_photo
from etalage.errors import ConfigError
from etalage.exchange.reading.fetch import Fetcher, Fetching, is_public
from etalage.exchange.reading.places import RefusedError

Make = Callable[..., Any]
HERE = Fetching(allow_private=True, max_bytes=100_000, seconds=1.0, threads=4)


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    """A fetcher that may ask this machine."""
    made = Fetcher(HERE)
    yield made
    made.close()


def test_fetched_images_become_a_catalogue_and_failures_are_listed(
    server: str, table: Make, imported: Make
) -> None:
    rows = [(row, 5, f"{server}/photo/{row}") for row in range(40)]
    source = table("_id,category_id,url", *rows, (40, 5, f"{server}/gone"))
    found = imported(source, fetching=HERE)
    assert found.products == {row: [make_photo(row)] for row in range(40)} | {40: [b""]}
    assert found.issues == [("40", "not fetched", f"rank 0: {server}/gone: status 404")]


def test_nothing_is_fetched_unless_asked(server: str, table: Make, imported: Make) -> None:
    found = imported(table("_id,image", (1, f"{server}/photo/1")))
    assert found.products == {1: [b""]}
    assert "give --fetch-urls" in found.issues[0][2]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/hops/6", "more than 5 redirects"),
        ("/endless", "more than 100000 bytes"),
        ("/cut", "cut after 100 of 5000 bytes"),
        ("/drip", "time is up"),
        ("/to/file:///etc/passwd", "only http and https are fetched"),
        ("/to/ftp://127.0.0.1/x", "only http and https are fetched"),
        ("/gone", "status 404"),
    ],
)
def test_every_bound_holds(path: str, reason: str, server: str, fetcher: Fetcher) -> None:
    start = time.monotonic()
    with pytest.raises(RefusedError) as refused:
        fetcher.fetch(server + path)
    assert reason in refused.value.detail
    assert time.monotonic() - start < 5


def test_some_redirects_are_followed(server: str, fetcher: Fetcher) -> None:
    assert fetcher.fetch(f"{server}/hops/5") == make_photo(1)


def test_a_private_address_is_refused_also_after_a_redirect_or_behind_a_name(server: str) -> None:
    fetcher = Fetcher(Fetching())
    port = server.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"):
        with pytest.raises(RefusedError) as refused:
            fetcher.fetch(f"http://{host}:{port}/photo/1")
        assert "private address" in refused.value.detail
    fetcher.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *[(address, True) for address in ("8.8.8.8", "2001:4860:4860::8888")],
        *[(address, False) for address in (
            "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "0.0.0.0",
            "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "fc00::1",
            "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::1",
        )],
    ],
)  # fmt: skip
def test_only_public_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_server_that_is_not_there_is_listed(fetcher: Fetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError, match="not fetched"):
            fetcher.fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a\nb/", "http://x:99999999/", "x"])
def test_what_is_no_address_is_refused(url: str, fetcher: Fetcher) -> None:
    with pytest.raises(RefusedError):
        fetcher.fetch(url)


def test_bounds_that_let_nothing_through_are_refused() -> None:
    with pytest.raises(ConfigError, match="0 bytes"):
        Fetching(max_bytes=0)
