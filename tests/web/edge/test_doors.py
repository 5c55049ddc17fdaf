"""Which requests of web pages are let in: Host, Origin, CORS."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
import trio
from attrs import field, frozen

from grokcore.config import ServerConfig
from grokcore.web.edge.asgi import LINGER_S
from grokcore.web.edge.doors import Doors
from tests.servers import Site, chat, on_site
from tests.wire import http, read_reply, reply_to, send_and_read

PUBLIC = {"public_url": "https://grok.example.com/api"}


@frozen
class Host:
    """A Host header, and whether a server like this takes it."""

    header: str
    taken: bool
    settings: Mapping[str, object] = field(factory=dict)
    keyed: bool = False


HOSTS = [
    *(
        Host(name, taken=True)
        for name in (
            "localhost",
            "localhost:8000",
            "LocalHost.",
            "127.0.0.1:8000",
            "[::1]:80",
            "::1",
        )
    ),
    *(Host(name, taken=True) for name in ("", "a.localhost:1", "192.168.1.5:8000", "[fe80::1]")),
    *(
        Host(name, taken=False)
        for name in (
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
        )
    ),
    *(
        Host(name, taken=False)
        for name in ("xlocalhost", "127.0.0.1evil", "grok.example.com", "a b", "localhost/", "?")
    ),
    Host("grok.example.com", taken=True, settings=PUBLIC),
    Host("GROK.example.com:443", taken=True, settings=PUBLIC),
    Host("x.grok.example.com", taken=False, settings=PUBLIC),
    Host("vps.lan", taken=True, settings={"host": "vps.lan"}),
    # A page does not know the key, so its name may be any, unless names are listed.
    Host("evil.example", taken=True, keyed=True),
    Host("evil.example", taken=False, keyed=True, settings={"allowed_hosts": ("a.lan",)}),
    Host("a.lan:80", taken=True, settings={"allowed_hosts": ("a.lan",)}),
    Host("A.lan", taken=True, settings={"allowed_hosts": ("a.LAN:8000",)}),
    Host("localhost", taken=True, keyed=True, settings={"allowed_hosts": ("a.lan",)}),
    Host("b.a.lan", taken=False, settings={"allowed_hosts": ("a.lan",)}),
    Host("b.a.lan", taken=True, settings={"allowed_hosts": (".a.lan",)}),
    Host("c.b.a.lan", taken=True, settings={"allowed_hosts": ("*.a.lan",)}),
    Host("a.lan", taken=False, settings={"allowed_hosts": ("*.a.lan",)}),
    Host("xa.lan", taken=False, settings={"allowed_hosts": (".a.lan",)}),
    Host("any.thing", taken=True, settings={"allowed_hosts": ("*",)}),
]


@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_name_must_be_known(host: Host) -> None:
    """A page whose name was made to lead here (DNS rebinding) gives itself away by its Host
    header.
    """
    doors = Doors(ServerConfig(**host.settings), keyed=host.keyed)  # type: ignore[arg-type]
    refusal = doors.refusal("GET", {"host": host.header} if host.header else {})
    assert (refusal is None) is host.taken
    if refusal is not None:
        assert refusal.code == "host_not_allowed"


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("", True),
        ("http://localhost:8000", True),
        ("HTTP://LOCALHOST:8000", True),
        ("http://localhost:3000", False),
        ("https://evil.example", False),
        ("null", False),
        ("https://app.example.com", True),
        ("https://app.example.com.evil.example", False),
        ("file://", True),
        ("app://obsidian.md", True),
        ("chrome-extension://abc", True),
    ],
)
@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "open"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_without_a_key_no_foreign_page_has_anything_done(
    method: str, keyed: bool, origin: str, taken: bool
) -> None:
    """A browser sends a page's POST even if the page may not read the answer. With a key, there is
    nothing to fear.
    """
    doors = Doors(ServerConfig(cors_origins=("https://app.example.com/",)), keyed=keyed)
    refusal = doors.refusal(method, {"host": "localhost:8000", "origin": origin})
    assert (refusal is None) is (taken or keyed or method == "GET")
    assert refusal is None or refusal.code == "origin_not_allowed"


CONFIG = '[server]\ncors_origins = ["https://app.example.com", "http://localhost:3000"]'
PREFLIGHT = (
    "access-control-request-method: POST",
    "access-control-request-headers: authorization,x-stainless-os",
)


def test_a_refusal_comes_before_anything_else() -> None:
    """Also for routes that do not exist and for /health; it is JSON, like every other error."""
    for request in (
        http("GET", "/health").replace(b"localhost", b"evil.example"),
        http("GET", "/nothing").replace(b"localhost", b"evil.example"),
        http(
            "POST",
            "/v1/chat/completions",
            "origin: https://evil.example",
            body=json.dumps(chat()).encode(),
        ),
    ):
        reply = reply_to(request)
        assert reply.status == 403
        assert reply.error["code"] in ("host_not_allowed", "origin_not_allowed")
        assert reply.headers["x-request-id"]


@on_site(config=CONFIG + '\n[grok]\napi_key = "k"')
async def test_a_listed_origin_may_ask_and_read(site: Site) -> None:
    """The preflight allows the requested headers without a key; scripts may read the answer and its
    headers, errors included.
    """
    asked = http("OPTIONS", "/v1/chat/completions", "origin: https://app.example.com", *PREFLIGHT)
    allowed = await send_and_read(site, asked, bodiless=True)
    assert allowed.status == 204
    assert allowed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert allowed.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
    assert "POST" in allowed.headers["access-control-allow-methods"]
    for key, status in (("k", 200), ("wrong", 401)):
        answer = await site.client.get(
            "/v1/models",
            headers={"origin": "https://app.example.com", "authorization": f"Bearer {key}"},
        )
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


@on_site(config=CONFIG)
async def test_a_preflight_keeps_nobody_waiting(site: Site) -> None:
    """The request it was for comes on the same connection, at once."""
    asked = http("OPTIONS", "/v1/models", "origin: https://app.example.com", *PREFLIGHT)
    async with await site.connect() as stream:
        with trio.fail_after(LINGER_S / 2):
            await stream.send_all(asked)
            assert (await read_reply(stream, bodiless=True)).status == 204
            await stream.send_all(http("GET", "/v1/models"))
            assert (await read_reply(stream)).status == 200


def test_behind_a_proxy_the_page_is_at_home() -> None:
    """A proxy may pass another Host on than the browser asked for; the public address is this
    server's own origin.
    """
    doors = Doors(ServerConfig(**PUBLIC), keyed=False)  # type: ignore[arg-type]
    headers = {"host": "127.0.0.1:8000", "origin": "https://GROK.example.com"}
    assert doors.refusal("POST", headers) is None
    assert doors.refusal("POST", {**headers, "origin": "http://grok.example.com"}) is not None
    assert Doors(ServerConfig(), keyed=False).refusal("POST", {**headers, "origin": "://"}) is None


@pytest.mark.parametrize("config", ["", CONFIG])
def test_nobody_else_may_read(config: str) -> None:
    """CORS is off unless origins are listed, and for those that are not."""
    for request in (
        http("GET", "/v1/models", "origin: https://evil.example"),
        http("OPTIONS", "/v1/models", "origin: https://evil.example", *PREFLIGHT),
    ):
        reply = reply_to(request, config=config, bodiless=request.startswith(b"OPTIONS"))
        assert "access-control-allow-origin" not in reply.headers


def test_a_star_is_everybody() -> None:
    """As a person would expect who lists it."""
    reply = reply_to(
        http("GET", "/v1/models", "origin: null"), config='[server]\ncors_origins = ["*"]'
    )
    assert reply.headers["access-control-allow-origin"] == "null"


def test_what_is_asked_for_in_a_preflight_is_not_sent_back_unread() -> None:
    """Header names only; anything else gets the usual two."""
    doors = Doors(ServerConfig(cors_origins=("*",)), keyed=True)
    headers = {"origin": "https://a.example", "access-control-request-method": "POST"}
    for asked in ("x: y", "é", "a" * 3000):
        allowed = doors.preflight("OPTIONS", {**headers, "access-control-request-headers": asked})
        assert allowed is not None
        assert allowed["access-control-allow-headers"] == "authorization, content-type"


def test_a_local_network_question_is_answered() -> None:
    """Browsers ask before a public page may reach a private address."""
    doors = Doors(ServerConfig(cors_origins=("https://a.example",)), keyed=True)
    asked = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-private-network": "true",
    }
    allowed = doors.preflight("OPTIONS", asked)
    assert allowed is not None
    assert allowed["access-control-allow-private-network"] == "true"
