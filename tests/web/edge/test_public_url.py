"""The address in links: which headers it is taken from, and from which peers."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import field, frozen

from grokcore.config import ServerConfig
from grokcore.web.edge.public_url import public_base

OWN = "http://127.0.0.1:8000"


@frozen
class Asked:
    """A request, and the address that its client can be given.

    :ivar headers: in their order, a name maybe more than once.
    :ivar trusted: the proxies that the configuration names.
    """

    expected: str
    headers: tuple[tuple[str, str], ...] = ()
    client: tuple[str, int] | None = ("127.0.0.1", 40000)
    server: tuple[str, int | None] | None = ("127.0.0.1", 8000)
    scheme: str = "http"
    trusted: tuple[str, ...] = ()
    public_url: str = ""

    @property
    def scope(self) -> dict[str, Any]:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in self.headers]
        return {"headers": raw, "client": self.client, "server": self.server, "scheme": self.scheme}


def host(value: str, expected: str | None = None, **more: Any) -> Asked:
    """A Host header; it is believed unless it says otherwise."""
    return Asked(f"http://{value}" if expected is None else expected, (("host", value),), **more)


HOSTS = [
    host("localhost:8000"),
    host("me.example.com"),
    host("ME_and-you.example.com:443"),
    host("192.0.2.7:8080"),
    host("[2001:db8::7]:8080"),
    host("me.example.com", "https://me.example.com", scheme="https"),
    Asked(OWN),
    Asked("http://[::1]:8000", server=("::1", 8000)),
    Asked("http://[fe80::1]:8000", server=("fe80::1%eth0", 8000)),
    Asked("http://127.0.0.1", server=None),
    Asked("http://127.0.0.1", server=("127.0.0.1", None)),
    *(
        host(value, OWN)
        for value in (
            "",
            " ",
            "me.example.com/x",
            "me.example.com?x",
            "me.example.com#x",
            "user@me.example.com",
            "me.example.com:80:80",
            "me.example.com:",
            "me.example.com:port",
            "me.example.com:123456",
            "me.example.com, other.example.com",
            "me.example.com\t",
            'me"onload="x',
            "<b>",
            ")](javascript:x",
            "2001:db8::7",
            "[me.example.com]",
            "[::1",
            "m\xe9.example.com",
            "a" * 300,
        )
    ),
]


@pytest.mark.parametrize("case", HOSTS, ids=lambda case: repr(case.headers)[:60])
def test_links_lead_to_where_the_client_has_asked(case: Asked) -> None:
    """A Host header that is not plainly a host is not repeated; the socket's own address is right
    then, for the machine.
    """
    assert public_base(ServerConfig(), case.scope) == case.expected


@pytest.mark.parametrize("url", ["https://me.example.com", "http://me.example.com:8000/grok"])
def test_what_is_configured_counts_before_all_else(url: str) -> None:
    """For every client, and whatever headers proxies send; it may have a path."""
    headers = (
        ("host", "a.example.com"),
        ("x-forwarded-host", "b.example.com"),
        ("x-forwarded-proto", "https"),
    )

    for trusted in ((), ("127.0.0.1",)):
        config = ServerConfig(public_url=f"{url}/", trusted_proxies=trusted)
        assert public_base(config, Asked("", headers).scope) == url


@frozen
class Peer:
    """Who a connection comes from, and whether these entries trust it."""

    address: str
    trusted: tuple[str, ...]
    believed: bool = True


PEERS = [
    Peer("127.0.0.1", ("127.0.0.1",)),
    Peer("127.0.0.1", ("10.0.0.0/8", "127.0.0.0/8")),
    Peer("10.1.2.3", (" 10.1.2.3/8 ",)),
    Peer("::1", ("::1",)),
    Peer("2001:db8::7", ("2001:db8::/32",)),
    Peer("fe80::1%eth0", ("fe80::/10",)),
    Peer("::ffff:10.1.2.3", ("10.0.0.0/8",)),
    Peer("10.1.2.3", (), believed=False),
    Peer("10.1.2.3", ("10.1.2.4", "10.1.3.0/24"), believed=False),
    Peer("10.1.2.3", ("::/0",), believed=False),
    Peer(
        "10.1.2.3",
        ("", "*", "all", "localhost", "10.1.2.3:80", "10.1.2.3/33", "0x0a010203"),
        believed=False,
    ),
    Peer("10.1.2.3", ("*", "10.1.2.3")),
    Peer("", ("0.0.0.0/0", "::/0"), believed=False),
    Peer("proxy.example.com", ("0.0.0.0/0", "proxy.example.com"), believed=False),
]


@pytest.mark.parametrize("case", PEERS, ids=lambda case: f"{case.address} by {case.trusted}")
def test_only_trusted_proxies_are_believed(case: Peer) -> None:
    """An entry that is no address and no network trusts nobody, and harms no other."""
    headers = (
        ("host", "127.0.0.1:8000"),
        ("X-Forwarded-Host", "me.example.com"),
        ("X-Forwarded-Proto", "https"),
    )
    asked = Asked("", headers, client=(case.address, 40000))

    found = public_base(ServerConfig(trusted_proxies=case.trusted), asked.scope)
    assert found == ("https://me.example.com" if case.believed else OWN)


def test_a_connection_without_an_address_is_nobody_s() -> None:
    """Such as one over a Unix socket."""
    asked = Asked("", (("host", "a"), ("x-forwarded-host", "b")), client=None)

    assert (
        public_base(ServerConfig(trusted_proxies=("0.0.0.0/0", "::/0")), asked.scope) == "http://a"
    )


@frozen
class Forwarded:
    """Headers of a trusted proxy, and the address made of them and of the Host ``inside:8000``."""

    expected: str
    hosts: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = field(init=False)

    @headers.default
    def _headers(self) -> tuple[tuple[str, str], ...]:
        told = [("host", "inside:8000"), *(("x-forwarded-host", value) for value in self.hosts)]
        return (*told, *(("x-forwarded-proto", value) for value in self.schemes))


FORWARDED = [
    Forwarded("http://inside:8000"),
    Forwarded("https://inside:8000", schemes=("https",)),
    Forwarded("https://inside:8000", schemes=("HTTPS",)),
    Forwarded("https://inside:8000", schemes=(" https , http",)),
    Forwarded("http://inside:8000", schemes=("http, https",)),
    Forwarded("https://inside:8000", schemes=("https", "http")),
    Forwarded("http://inside:8000", schemes=("wss",)),
    Forwarded("http://inside:8000", schemes=("javascript:",)),
    Forwarded("http://inside:8000", schemes=("",)),
    Forwarded("http://me.example.com", ("me.example.com",)),
    Forwarded("http://me.example.com:8443", ("me.example.com:8443, inner.example.com",)),
    Forwarded("http://me.example.com", ("me.example.com", "inner.example.com")),
    Forwarded("https://me.example.com", ("me.example.com",), ("https",)),
    Forwarded("https://inside:8000", ("me.example.com/x",), ("https",)),
    Forwarded("http://inside:8000", (", me.example.com",)),
    Forwarded("http://inside:8000", ('"><script>',)),
]


@pytest.mark.parametrize("case", FORWARDED, ids=lambda case: repr(case.headers[1:]))
def test_of_what_a_proxy_says_the_first_counts_if_it_can_be_read(case: Forwarded) -> None:
    """What can't be read is as if it had not been said."""
    config = ServerConfig(trusted_proxies=("127.0.0.1",))

    assert public_base(config, Asked("", case.headers).scope) == case.expected
