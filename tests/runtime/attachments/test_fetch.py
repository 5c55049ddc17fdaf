"""Fetching for a stranger: on real sockets, with a canary that must never be reached."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
import trio
import trustme
from attrs import evolve, frozen

from grokcore.protocol.urls import public_addresses as addresses
from grokcore.runtime.attachments import fetch
from grokcore.runtime.attachments.fetch import Fetcher
from grokcore.runtime.attachments.lookups import Lookups
from grokcore.runtime.transport.curl import CurlSettings
from grokcore.runtime.transport.curl.exchange import BUFFER_BYTES
from grokcore.runtime.transport.seam import ResponseHead, UpstreamRequest
from grokcore.simulator.scripts import Script, Send
from tests.runtime.attachments.hosts import (
    LOOPBACK_URLS,
    OTHER_PUBLIC,
    PICTURE,
    PRIVATE_ANSWERS,
    PUBLIC,
    page,
    redirect,
)
from tests.scenarios import on_real_clock
from tests.servers import free_port

from ..fakes import FakeExchange, FakeTransport
from .fetch_world import (
    MOST,
    NAME,
    SECRET,
    SILENCE,
    STALLING,
    Page,
    World,
    cut,
    endless,
    in_world,
    refusal,
    run_in_world,
)

# Fetched --------------------------------------------------------------------------------


@in_world
async def test_a_fetch_asks_for_the_url_and_gives_nothing_away(world: World) -> None:
    """Its Host is the URL's; there is no cookie, no token, nothing of the browser or of Grok's in
    it.
    """
    world.pages["/a.png?size=1"] = page()
    assert await world.fetch("/a.png?size=1#fragment") == PICTURE
    request, *headers = world.heads[0].strip().split("\r\n")
    assert request == "GET /a.png?size=1 HTTP/1.1"
    assert dict(line.split(": ", 1) for line in headers) == {
        "Host": f"{NAME}:{world.port}",
        "User-Agent": "grok2api",
        "Accept": "image/*, */*;q=0.8",
        "Accept-Encoding": "identity",
    }


@in_world
async def test_redirects_are_followed_and_carry_no_cookie(world: World) -> None:
    """All five kinds, relative ones too, three in a row; each hop looks its name up once and has
    its own connection.
    """
    world.names["other.example.com"] = [["127.0.0.1"]]
    world.pages |= {
        "/301": redirect("/b/308?a", 301),
        "/b/308?a": redirect("303", 308),
        "/b/303": redirect(f"//other.example.com:{world.port}/%C3%A9", 303),
        "/302": redirect("/é", 302),
        "/307": redirect(f"http://{NAME}:{world.port}/%C3%A9#a", 307),
        "/%C3%A9": page(),
    }
    fetcher = world.fetcher(NAME, "other.example.com")
    for status, hops in (("301", 3), ("302", 1), ("307", 1)):
        world.connections = 0
        world.lookups.clear()
        assert await fetcher.fetch(f"http://{NAME}:{world.port}/{status}", most=MOST) == PICTURE
        assert world.connections == len(world.lookups) == hops + 1
    assert not any("cookie" in head.lower() for head in world.heads)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://127.0.0.1:{port}/a.png", "public internet"),
        ("http://localhost:{port}/a.png", "public internet"),
        ("//127.0.0.1:{port}/a.png", "public internet"),
        ("http://[::ffff:127.0.0.1]:{port}/a.png", "public internet"),
        ("http://169.254.169.254/latest/meta-data/", "public internet"),
        ("http://127.1:{port}/a.png", "four decimal numbers"),
        (f"http://{NAME}:1/a.png", "neither 80 nor 443"),
        ("http://user:pass@pictures.example.com:{port}/a.png", "user name"),
        ("file:///etc/hostname", "http:// or https://"),
        ("gopher://127.0.0.1:{port}/_GET", "http:// or https://"),
        ("http://[::1", "can't be read"),
        ("http://" + "a" * 3000, "longer than"),
        ("", "redirects to nowhere"),
    ],
)
@in_world
async def test_a_redirect_is_judged_like_any_other_url(
    world: World, location: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a host that may be asked nobody gets to one that may not."""
    monkeypatch.setattr(addresses, "USUAL_PORTS", {80, 443, world.port})
    world.names["localhost"] = [["127.0.0.1"]]
    world.pages["/a.png"] = redirect(location.format(port=world.port))
    fetcher = world.fetcher(f"{NAME}:{world.port}")
    message = await refusal(fetcher.fetch(f"http://{NAME}:{world.port}/a.png", most=MOST))
    assert says in message
    assert world.connections == len(world.transport.exchanges) == 1


@in_world
async def test_a_fourth_redirect_is_one_too_many(world: World) -> None:
    """A loop ends."""
    world.pages["/a.png"] = redirect("/a.png")
    assert "more than 3 redirects" in await refusal(world.fetch())
    assert world.connections == 4


# Not asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", LOOPBACK_URLS)
@in_world
async def test_no_way_of_writing_loopback_reaches_it(
    world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the system's own resolver, and on a port that would be taken."""
    monkeypatch.setattr(addresses, "USUAL_PORTS", {80, 443, world.port})
    fetcher = evolve(world.fetcher(), resolve=Lookups())
    await refusal(fetcher.fetch(url.format(port=world.port) + f"?{SECRET}", most=MOST))
    assert world.transport.exchanges == []
    assert world.connections == 0


@pytest.mark.parametrize("answer", PRIVATE_ANSWERS.values(), ids=PRIVATE_ANSWERS)
@in_world
async def test_a_name_that_leads_anywhere_else_than_to_the_public_is_not_asked(
    world: World, answer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One private address among its addresses is enough."""
    monkeypatch.setattr(addresses, "USUAL_PORTS", {80, 443, world.port})
    world.names[NAME] = [answer]
    message = await refusal(
        world.fetcher().fetch(f"http://{NAME}:{world.port}/a.png?{SECRET}", most=MOST)
    )
    assert message.startswith(NAME)
    assert "public internet" in message
    assert "allow_hosts" in message
    assert world.lookups == [NAME]
    assert world.transport.exchanges == []
    assert world.connections == 0


@in_world
async def test_the_canary_is_one(world: World) -> None:
    """The tests above mean something: the same places answer when the configuration names them."""
    world.pages["/a.png"] = page()
    world.names["localhost"] = [["127.0.0.1"]]
    fetcher = world.fetcher("127.0.0.1", "localhost")
    for host in ("127.0.0.1", "LOCALHOST.", "[::ffff:127.0.0.1]"):
        assert await fetcher.fetch(f"http://{host}:{world.port}/a.png", most=MOST) == PICTURE
    assert world.connections == 3


@pytest.mark.parametrize(
    "url", [f"http://{NAME}:22/", f"https://{NAME}:8443/", "http://93.184.215.14:25/"]
)
@in_world
async def test_other_ports_are_other_services(world: World, url: str) -> None:
    """Not even the name is looked up."""
    assert "neither 80 nor 443" in await refusal(world.fetcher().fetch(url, most=MOST))
    assert world.lookups == []
    assert world.transport.exchanges == []


@in_world
async def test_an_entry_with_a_port_allows_that_port_only(world: World) -> None:
    """And a host is allowed by its whole name."""
    world.pages["/a.png"] = page()
    url = f"http://{NAME}:{world.port}/a.png"
    assert await world.fetcher(f"{NAME}:{world.port}").fetch(url, most=MOST) == PICTURE
    for entry in (f"{NAME}:80", "example.com", f"x.{NAME}"):
        await refusal(world.fetcher(entry).fetch(url, most=MOST))
    assert world.connections == 1


# Pinned -----------------------------------------------------------------------------------------


@frozen
class Pinned:
    """What a name server answers in turn, and where the one connection goes."""

    name: str
    answers: list[Sequence[str]]
    address: str


PINNED = [
    Pinned("rebinding", [[PUBLIC], ["127.0.0.1"]], PUBLIC),
    Pinned("rebinding, IPv6", [[OTHER_PUBLIC], ["::1"]], OTHER_PUBLIC),
    Pinned("several", [[OTHER_PUBLIC, PUBLIC]], OTHER_PUBLIC),
    Pinned("mapped", [[f"::ffff:{PUBLIC}"]], PUBLIC),
]


@pytest.mark.parametrize("case", PINNED, ids=lambda case: case.name)
@on_real_clock
async def test_the_address_that_was_judged_is_the_one_that_is_asked(case: Pinned) -> None:
    """The name is resolved once, and what the name server says afterwards is not heard. (No
    sockets: they are public.)
    """
    transport = FakeTransport([Script((Send(PICTURE),))])
    world = World(transport, names={NAME: list(case.answers)})  # type: ignore[arg-type]
    assert await world.fetcher().fetch(f"https://{NAME}/a.png", most=MOST) == PICTURE
    assert world.lookups == [NAME]
    request = transport.exchanges[0].request
    assert (request.url, request.connect_to, request.impersonated) == (
        f"https://{NAME}/a.png",
        case.address,
        False,
    )
    assert transport.all_closed


@on_real_clock
async def test_a_connection_that_leads_elsewhere_all_the_same_is_not_read() -> None:
    """The address at the other end is compared, should the way there have been changed."""

    class Elsewhere(FakeExchange):
        async def head(self) -> ResponseHead:
            return evolve(await super().head(), peer="127.0.0.1")

    class Misled(FakeTransport):
        def open(self, request: UpstreamRequest) -> FakeExchange:
            self.exchanges.append(Elsewhere(request, self.scripts[0]))
            return self.exchanges[-1]

    transport = Misled([Script((Send(PICTURE),))])
    world = World(transport, names={NAME: [[PUBLIC]]})  # type: ignore[arg-type]
    assert "led elsewhere" in await refusal(world.fetcher().fetch(f"http://{NAME}/", most=MOST))
    assert transport.all_closed


@in_world
async def test_behind_a_proxy_only_hosts_of_the_configuration_are_fetched(world: World) -> None:
    """It resolves names itself, so nothing else can be judged; the message says so."""
    url = f"http://{NAME}/a.png"
    world.pages[url] = page()
    proxy_url = f"http://user:{SECRET}@127.0.0.1:{world.port}"
    message = await refusal(
        world.fetcher("nas.example.com", proxy_url=proxy_url).fetch(url, most=MOST)
    )
    assert "a proxy is configured" in message
    assert world.connections == 0
    assert await world.fetcher(NAME, proxy_url=proxy_url).fetch(url, most=MOST) == PICTURE
    assert world.lookups == []


# Answers --------------------------------------------------------------------------------


@frozen
class Bad:
    """A page of a server, and the message of the refusal."""

    name: str
    page: Page
    says: str


BAD = [
    Bad("not found", page(b"no", status="404 Not Found"), f"{NAME} answered 404"),
    Bad("a part", page(status="206 Partial Content"), f"{NAME} answered 206"),
    Bad("nothing new", page(b"", status="304 Not Modified"), f"{NAME} answered 304"),
    Bad("choices", page(status="300 Multiple Choices", location="/b.png"), f"{NAME} answered 300"),
    Bad("empty", page(b""), f"{NAME} sent nothing"),
    Bad("no content", page(b"", status="204 No Content"), f"{NAME} answered 204"),
    Bad("too large, as it says", page(length=MOST + 1), "larger than the 100000 bytes"),
    Bad("far too large, as it says", page(length="9" * 5000), "larger than the 100000 bytes"),
    Bad("too large by one", page(bytes(MOST + 1)), "larger than the 100000 bytes"),
    Bad("endless", endless, "larger than the 100000 bytes"),
    Bad(
        "large once unpacked",
        page(gzip.compress(bytes(50 * MOST)), content_encoding="gzip"),
        "larger than the 100000 bytes",
    ),
    Bad("cut off", cut, f"{NAME}'s answer was lost: the response was cut off"),
    Bad("silent", SILENCE, "could not be fetched within 0.2 s"),
    Bad("stalling", STALLING, "could not be fetched within 0.2 s"),
    Bad("another protocol", b"SSH-2.0-OpenSSH_9.9\r\n", "the connection broke"),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_what_can_t_be_taken_is_refused_with_its_reason_and_let_go_at_once(
    bad: Bad, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time and bytes are bounded whatever the server does, and the connection is closed."""
    if "within" in bad.says:
        monkeypatch.setattr(fetch, "FETCH_S", 0.2)

    async def scenario(world: World) -> None:
        world.pages[f"/a.png?{SECRET}"] = bad.page
        assert bad.says in await refusal(world.fetch(f"/a.png?{SECRET}"))
        assert world.transport.exchanges[0]._received <= MOST + 2 * BUFFER_BYTES
        await world.all_closed()

    run_in_world(scenario)


@in_world
async def test_as_much_as_is_taken_is_taken(world: World) -> None:
    """Of plain and of packed content."""
    body = bytes(MOST)
    world.pages |= {
        "/plain": page(body),
        "/packed": page(gzip.compress(body), content_encoding="gzip"),
    }
    assert await world.fetch("/plain") == await world.fetch("/packed") == body


@in_world
async def test_a_server_that_is_not_there_and_a_name_that_is_not_known(world: World) -> None:
    """The reason is passed on, with the host and nothing else of the URL."""
    message = await refusal(
        world.fetcher(NAME).fetch(f"http://{NAME}:{free_port()}/{SECRET}", most=MOST)
    )
    assert f"{NAME} could not be reached: no connection could be made" in message
    for answer in ([], ["fe80::1%2"]):
        world.names[NAME] = [answer]
        assert f"{NAME} could not be resolved" in await refusal(world.fetch(f"/{SECRET}"))


@on_real_clock
async def test_the_system_s_resolver_is_asked() -> None:
    """It gives addresses as they can be judged."""
    found = await Lookups()("localhost", 80)
    assert found
    assert all(ip_address(address).is_loopback for address in found)


def test_a_name_server_that_hangs_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound holds for everything, looking the name up included."""
    monkeypatch.setattr(fetch, "FETCH_S", 0.05)

    async def hang(host: str, port: int) -> list[str]:
        await trio.sleep_forever()
        raise AssertionError

    async def main() -> None:
        fetcher = Fetcher(FakeTransport([]), frozenset(), resolve=hang)
        assert "within 0.05 s" in await refusal(fetcher.fetch(f"http://{NAME}/", most=MOST))

    trio.run(main)


@in_world
async def test_a_long_host_is_cut_in_messages(world: World) -> None:
    """A message stays one."""
    host = "a." * 120 + "example.com"
    world.names[host] = [["127.0.0.1"]]
    assert "a.a.a.…" in await refusal(world.fetcher().fetch(f"http://{host}/", most=MOST))


@in_world
async def test_a_client_that_goes_away_takes_its_fetch_along(world: World) -> None:
    """Cancelled while it waits for the head or for the body, it leaves no connection."""
    world.pages |= {"/silent": SILENCE, "/stalling": STALLING}
    for path in world.pages:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.fetch, path)
            while not world.transport.exchanges or not world.transport.exchanges[-1]._received:
                if path == "/silent" and world.open_connections:
                    break
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert world.transport.transport.under_way == 0
        await world.all_closed()


# TLS --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.mark.parametrize(
    ("issued_to", "trusted", "says"),
    [(NAME, True, ""), ("other.example.com", True, "certificate"), (NAME, False, "certificate")],
)
def test_a_certificate_is_checked_for_the_url_s_name(
    issued_to: str, trusted: bool, says: str, authority: trustme.CA, tmp_path: Path
) -> None:
    """Though the connection goes to an address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(issued_to).configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)

    async def scenario(world: World) -> None:
        world.pages["/a.png"] = page()
        url = f"https://{NAME}:{world.port}/a.png"
        if says:
            assert says in await refusal(world.fetcher(NAME).fetch(url, most=MOST))
        else:
            assert await world.fetcher(NAME).fetch(url, most=MOST) == PICTURE

    run_in_world(
        scenario, settings=CurlSettings(ca_file=str(ca_file) if trusted else ""), context=context
    )
