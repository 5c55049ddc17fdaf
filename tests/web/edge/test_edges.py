"""Requests with mistakes in them against the whole server: an answer that knows every word of them,
or a plain 400.
"""

from __future__ import annotations

import json
from typing import Any

import httpx

from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.attachment_parts import NAME_KEYS
from grokcore.protocol.dialects.openai_chat.request import ChatRequest
from grokcore.protocol.dialects.openai_errors import error_object
from grokcore.simulator.scripts import answer
from tests.protocol.dialects.edges import fault_of, named
from tests.protocol.grok_web.mutants import Maker, leaves
from tests.servers import Site, on_site, run_on_site

REQUESTS = 400

CLOSED = "http://127.0.0.1:9/a.png"
"""A picture that nobody may fetch. (The names of others are those of the files that go up.)"""


def test_any_request_is_answered_or_refused_by_its_place() -> None:
    """Never a 500; the question to Grok and the header account for everything that was accepted."""
    maker = Maker(2026, web=CLOSED, real_pictures=True)
    statuses: dict[int, int] = {}

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("fine"))
        for _ in range(REQUESTS):
            fields = maker.request() | {"model": "grok-3-fast"}
            site.simulator.calls.clear()
            reply = await site.client.post("/v1/chat/completions", content=json.dumps(fields))
            statuses[reply.status_code] = statuses.get(reply.status_code, 0) + 1
            check(reply, fields, site)

    def check(reply: httpx.Response, fields: dict[str, Any], site: Site) -> None:
        assert reply.status_code in (200, 400), (reply.text, fields)
        if reply.status_code == 400:
            assert reply.json()["error"]["param"], (reply.text, fields)
            assert not site.simulator.calls
            return
        assert isinstance(fault_of(fields), ChatRequest)
        (call,) = site.simulator.calls
        names = reply.headers.get("x-grok2api-ignored", "").split(", ")
        told = call.body["message"]
        lost = [
            leaf
            for leaf in leaves(fields)
            if leaf[1] not in told and not named(leaf, fields, names)
        ]
        assert [leaf for leaf in lost if leaf[0][-1] not in NAME_KEYS] == [], (
            names,
            json.dumps(fields),
        )

    run_on_site(scenario)
    assert statuses[200] > REQUESTS // 4
    assert statuses[400] > REQUESTS // 10


@on_site
async def test_what_is_refused_here_is_refused_by_the_parser(site: Site) -> None:
    """The faults that the server reports are those that were found without it."""
    maker = Maker(1)
    for _ in range(40):
        fields = maker.request() | {"model": "grok-3-fast"}
        found = fault_of(fields)
        if isinstance(found, GrokApiError):
            reply = await site.client.post("/v1/chat/completions", content=json.dumps(fields))
            assert reply.json() == error_object(found)
