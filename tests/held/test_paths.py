"""Paths in every spelling and with every method, from a client without a key: none gives any data
away.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import answer
from tests.servers import Site, chat, on_site, read_all, run_on_site

from .figures import Figure, Record, sizes, thousands

TOKEN = TokenEntry("canary-session-of-an-account", note="canary-note")
CONFIG = """
[grok]
api_key = "canary-owner-key"
[[keys]]
name = "canary-guest"
key = "canary-guest-key"
rpm = 5
[models."canary-model"]
grok_model = "grok-3"
mode = "MODEL_MODE_FAST"
"""
QUESTION, ANSWER = "canary-question", "canary-answer"

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
ROUTES = (
    *(
        "/v1/models",
        "/v1/models/canary-model",
        "/v1/chat/completions",
        "/v1/images/generations",
        "/v1/images/edits",
    ),
    *(
        "/metrics",
        "/openapi.json",
        "/status",
        "/status/events",
        "/status/ticket",
        "/status/tokens/{key}/disable",
    ),
    *(
        "/status/tokens/{key}/check",
        "/media/",
        "/media/../state.jsonl",
        "/media/..%2fstate.jsonl",
        "/data/state.jsonl",
    ),
)


def _forms(path: str) -> Iterator[str]:
    """Spellings of a path that a proxy, a router or a file system may take for the same."""
    first, _, rest = path[1:].partition("/")
    bare = path.removeprefix("/v1")
    yield from (
        path,
        path + "/",
        path + "//",
        "/" + path,
        "//" + path,
        path + "?key=x",
        path + "#x",
        path + ";v=1",
    )
    yield from (
        path + "%20",
        path + "%00",
        path + ".json",
        path + "/.",
        path + "/..;/",
        path + "\\",
        path + "%2f",
    )
    yield from (bare, "/v1" + path, "/v1/v1" + bare, "/V1" + bare, path.upper(), path.title())
    yield from (
        "/health/.." + path,
        "/health/%2e%2e" + path,
        "/media/.." + path,
        "/health;" + path,
        "/." + path,
    )
    yield from (
        f"/%{ord(first[0]):02x}{first[1:]}/{rest}",
        f"/%25{ord(first[0]):02x}{first[1:]}/{rest}",
    )
    yield from (
        "http://localhost" + path,
        "http://localhost/" + path,
        "HTTP://localhost" + path,
        "/health?" + path,
    )


@frozen
class Ask:
    """A request of a stranger."""

    method: str
    target: str

    @property
    def raw(self) -> bytes:
        body = json.dumps(chat(QUESTION)).encode() if self.method == "POST" else b""
        lines = [f"{self.method} {self.target} HTTP/1.1", "host: localhost", "connection: close"]
        return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


ASKS = [
    Ask(method, form)
    for route, method in itertools.product(ROUTES, METHODS)
    for form in _forms(route.format(key=TOKEN.key))
]
CANARIES = [
    text.encode()
    for text in (
        *(
            "canary",
            TOKEN.sso,
            TOKEN.key,
            ANSWER,
            base64.b64encode(TOKEN.sso.encode()).decode().rstrip("="),
        ),
        *('"grok-3', "grok2api_streams_open", "switched_off", "grok2api_state"),
    )
]
"""What no stranger may see: tokens, notes, keys, names of models, questions, answers, metrics and
the state file.
"""


def leaks(ask: Ask, reply: bytes) -> list[bytes]:
    """The canaries in a reply, without those that the stranger has sent; its own path is echoed."""
    sent = ask.raw.lower()
    return [one for one in CANARIES if one.lower() in reply.lower() and one.lower() not in sent]


@sizes(160, len(ASKS))
def test_no_spelling_of_a_path_gives_data_to_a_stranger(
    count: int, tmp_path: Path, record: Record
) -> None:
    """Nor asks Grok or changes a token: only the open doors (health, the empty page, a preflight)
    are 2xx.
    """
    asks = ASKS[:: len(ASKS) // count]
    opened: list[Ask] = []

    async def scenario(site: Site) -> None:
        site.simulator.always(answer(ANSWER))
        owner = {"authorization": "Bearer canary-owner-key"}
        assert (
            await site.client.post("/v1/chat/completions", json=chat(QUESTION), headers=owner)
        ).status_code == 200
        seen = (await site.client.get("/status", headers=owner)).content
        assert any(one in seen for one in CANARIES), "the canaries are there to be seen"
        await site.settled()
        calls = len(site.simulator.calls), len(site.simulator.asks)

        for ask in asks:
            async with await site.connect() as stream:
                await stream.send_all(ask.raw)
                with trio.fail_after(10):
                    reply = await read_all(stream)
            assert leaks(ask, reply) == [], (ask, reply[:300])
            assert not reply.startswith(b"HTTP/1.1 5"), (ask, reply[:300])
            if reply.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3")):
                opened.append(ask)

        assert (len(site.simulator.calls), len(site.simulator.asks)) == calls
        assert all(not account.switched_off for account in site.server.pool.book.accounts)

    run_on_site(
        scenario,
        config=CONFIG,
        tokens=(TOKEN,),
        state_file=tmp_path / "state.jsonl",
        patience_s=150,
    )
    assert [ask for ask in opened if not may_open(ask)] == []
    result = f"0 with data, 0 that did anything ({len(opened)} open doors: health, page, preflight)"
    record(Figure("path forms without a key", thousands(len(asks)), result, "no data"))


def may_open(ask: Ask) -> bool:
    """Whether it is one of the doors that are open to anybody; what they show holds no canary."""
    return ask.method == "OPTIONS" or "health" in ask.target


@pytest.mark.parametrize("target", ["/v1/models", "/v1/models/canary-model", "/metrics", "/status"])
@on_site(config=CONFIG, tokens=(TOKEN,))
async def test_a_stranger_s_canaries_are_ones(site: Site, target: str) -> None:
    """The measurement means something: with the owner's key the same paths show them."""
    found = await site.client.get(target, headers={"authorization": "Bearer canary-owner-key"})
    assert found.status_code == 200
    assert leaks(Ask("GET", "/"), found.content)
