"""Answers of the server, compared with their description."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from attrs import field, frozen

from grokcore.protocol.models import Tier
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.runtime.lanes.official.media_calls import PICTURE_MODELS
from grokcore.simulator import lines
from grokcore.simulator.assets import png
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    answer,
    drawing,
    error,
    page,
    play_lines,
    wrapped,
)
from grokcore.web import app as web_app
from grokcore.web.edge import bodies
from grokcore.web.edits import Edited
from grokcore.web.openapi import ERRORS
from tests.examples import CITING, FIRST_TOKEN, THOUGHTS, TOOLS
from tests.servers import TOKENS, Site, chat, on_site, run_on_site
from tests.web.media_site import on_media_site
from tests.web.official_media import studio_of
from tests.web.openapi_document import (
    CHAT,
    Described,
    Object,
    document,
    events_in,
    operations,
)
from tests.wire import read_reply

ALL_OF_IT = play_lines([*map(wrapped, [*THOUGHTS, *TOOLS, *CITING, lines.soft_stop()])])


OWNER = '[server]\npage_edits = true\n[grok]\napi_key = "owner"\nimage_mode = "cache"'


async def chats(site: Site) -> AsyncIterator[httpx.Response]:
    """Whole, streamed, broken off."""
    usage = {"include_usage": True}
    site.simulator.always(ALL_OF_IT)
    yield await site.ask(temperature=1)
    yield await site.ask(stream=True)
    yield await site.ask(stream=True, stream_options=usage)
    site.simulator.always(Script((*FIRST_TOKEN.steps[:1], CUT)))
    yield await site.ask(stream=True, stream_options=usage)


CALLS = answer(
    'I look.\n<fn:call name="read">\n<fn:arg name="path">a.txt</fn:arg>\n</fn:call>'
    '\n<fn:call name="note">\n<fn:arg name="input">b</fn:arg>\n</fn:call>'
)
"""Two calls, of a function and of a custom tool."""

READ = {"name": "read", "parameters": {"type": "object", "properties": {"path": {}}}}


async def calls(site: Site) -> AsyncIterator[httpx.Response]:
    """Chats with tools and limits: whole, streamed, of older clients, cut, in several choices."""
    site.simulator.always(CALLS)
    tools = [{"type": "function", "function": READ}, {"type": "custom", "custom": {"name": "note"}}]
    for stream in (False, True):
        yield await site.ask(tools=tools, stream=stream)
        yield await site.ask(functions=[READ], stream=stream)
        yield await site.ask(n=2, max_tokens=1, stream=stream)


async def responses(site: Site) -> AsyncIterator[httpx.Response]:
    """All that the Responses API has: answers, calls, failures, what is kept."""
    tools = [{"type": "function", **READ}, {"type": "custom", "name": "note"}]
    asked = {"model": "grok-4.1", "input": "hi"}

    async def ask(path: str = "/responses", **fields: Any) -> httpx.Response:
        return await site.client.post(path, json={**asked, **fields})

    for stream in (False, True):
        site.simulator.always(ALL_OF_IT)
        yield await ask(stream=stream)
        yield await ask(stream=stream, tools=[{"type": "web_search"}], max_output_tokens=1)
        site.simulator.always(CALLS)
        yield (called := await ask(stream=stream, tools=tools))
    site.simulator.always(Script((*FIRST_TOKEN.steps[:1], CUT)))
    yield await ask(stream=True)
    site.simulator.always(answer("fine"))
    yield (first := await ask())
    kept = f"/responses/{first.json()['id']}"
    yield await ask(previous_response_id=first.json()["id"])
    for path in (kept, f"{kept}/input_items", "/responses/resp_none"):
        yield await site.client.get(path)
    yield await site.client.post(f"{kept}/cancel")
    yield await site.client.delete(kept)
    yield await ask(previous_response_id="resp_none")
    yield await ask(input=[{"type": "item_reference", "id": "msg_none"}])
    yield await ask("/responses/input_tokens", tools=tools)
    yield await ask("/responses/compact")
    assert "function_call" in called.text


async def messages(site: Site) -> AsyncIterator[httpx.Response]:
    """All that the Messages API has: answers with thinking, calls, searches, refusals, failures."""
    tools = [{"name": "read", "input_schema": READ["parameters"]}]
    asked = {"model": "grok-4.1", "messages": [{"role": "user", "content": "hi"}]}

    async def ask(path: str = "/messages", **fields: Any) -> httpx.Response:
        return await site.client.post(path, json={**asked, **fields})

    for stream in (False, True):
        site.simulator.always(ALL_OF_IT)
        yield await ask(stream=stream, thinking={"type": "enabled"}, max_tokens=1)
        search = {"type": "web_search_20250305", "name": "web_search"}
        yield await ask(stream=stream, tools=[search])
        site.simulator.always(CALLS)
        yield await ask(stream=stream, tools=tools)
        site.simulator.always(error(403, lines.ERROR_403_MODERATED))
        yield await ask(stream=stream)
    site.simulator.always(Script((*FIRST_TOKEN.steps[:1], CUT)))
    yield await ask(stream=True)
    yield await ask()
    yield await ask("/messages/count_tokens", tools=tools)
    yield await ask("/messages/count_tokens", messages=[])
    site.simulator.always(answer("fine"))


async def pictures(site: Site) -> AsyncIterator[httpx.Response]:
    """Drawn, edited, and fetched from here in all ways."""
    site.simulator.always(drawing(["users/u/generated/a/image.jpg"]))
    drawn = await site.client.post("/v1/images/generations", json={"prompt": "a cat"})
    yield drawn
    form = {"prompt": "redder", "n": "1", "response_format": "url"}
    yield await site.client.post("/v1/images/edits", data=form, files=[("image", ("a.png", png()))])
    url = drawn.json()["data"][0]["url"]
    whole = await site.client.get(url)
    yield whole
    yield await site.client.head(url)
    for name, value in (
        ("range", "bytes=0-9"),
        ("range", "bytes=9999999-"),
        ("if-none-match", whole.headers["etag"]),
    ):
        yield await site.client.get(url, headers={name: value})
    yield await site.client.get("/media/nothing.png")


async def films(site: Site) -> AsyncIterator[httpx.Response]:
    """Paid videos, of all kinds, at each of their stages; and paid pictures."""
    studio = studio_of(site)
    site.server.media_maker = lambda: studio.maker
    body: Object = {"prompt": "a cat", "video": "https://example.com/a.mp4"}
    for task in ("edits", "extensions"):
        yield await site.client.post(f"/videos/{task}", json=body)
    del body["video"]
    yield await site.client.post("/images/generations", json={**body, "model": PICTURE_MODELS[0]})
    yield await site.client.post("/videos/generations", json=body)
    made = await site.client.post("/videos", json=body)
    yield made
    yield await site.client.get(f"/videos/{made.json()['id']}/content")
    for _ in range(2):
        yield await site.client.get(f"/videos/{made.json()['request_id']}")
    for _ in range(2):
        yield await site.client.get(f"/videos/{made.json()['id']}")
    for part in ("bytes=0-9", "bytes=9999999-", ""):
        content = f"/videos/{made.json()['id']}/content"
        yield await site.client.get(content, headers={"range": part})
    site.server.media_maker = lambda: None


async def acts(site: Site) -> AsyncIterator[httpx.Response]:
    """Everything that can be done with a token."""
    token = (await site.client.get("/status")).json()["tokens"]["rows"][0]["key"]
    for act in ("check", "disable", "enable", "clear"):
        yield await site.client.post(f"/status/tokens/{token}/{act}")
    yield await site.client.post("/status/tokens/ffffffff/check")


class MadeEdits:
    """Changes of files that are none."""

    async def add_token(self, text: str, tier: Tier, note: str) -> Edited:
        return Edited("It is added.", token_id(text))

    async def replace_token(self, key: str, text: str) -> Edited:
        return Edited("It is replaced.", token_id(text))

    async def remove_token(self, key: str) -> Edited:
        return Edited("It is removed.", key[:8])

    async def take_copy(self, text: str, tier: Tier) -> Edited:
        return Edited("It is taken.")

    async def take_value(self, setting: str, text: str) -> Edited:
        return Edited("It is taken.", in_use=False)


async def edits(site: Site) -> AsyncIterator[httpx.Response]:
    """Everything that can be done with the owner's files."""
    token = (await site.client.get("/status")).json()["tokens"]["rows"][0]["key"]
    for edits in (None, MadeEdits()):
        site.server.edits = edits
        yield await site.client.post("/status/tokens", json={"token": "sso-9", "note": "mine"})
        yield await site.client.post(f"/status/tokens/{token}/replace", json={"token": "sso-9"})
        yield await site.client.post(f"/status/tokens/{token}/remove")
        yield await site.client.post("/status/browser-values", json={"curl": "curl 'x'"})
        yield await site.client.post("/status/browser-values", json={"cf_clearance": "c" * 40})
    for span in ("24h", "30d", "1h"):
        yield await site.client.get("/status/history", params={"span": span})


async def looks(site: Site) -> AsyncIterator[httpx.Response]:
    """Everything that can be read."""
    for path in (
        "/models",
        "/models/grok-4.1",
        "/models/gpt-4o",
        "/usage",
        "/health",
        "/ready",
        "/metrics",
        "/openapi.json",
        "/",
        "/status",
    ):
        yield await site.client.get(path)
    etag = (await site.client.get("/")).headers["etag"]
    yield await site.client.get("/", headers={"if-none-match": etag})
    yield await site.client.post("/status/ticket")


async def watch(site: Site) -> tuple[httpx.Response, list[Any]]:
    """A stream that ends with other settings, and its events."""
    text = ""
    async with site.client.stream("GET", "/status/events") as reply:
        async for piece in reply.aiter_text():
            text += piece
            site.server.state.adopt(site.server.state.config)
    return reply, events_in(text)


@on_media_site(config=OWNER, official=True)
async def test_every_operation_answers_as_described(site: Site) -> None:
    """With everything that an answer can have: thinking, citations, usage, links, allowances, a
    fault in the last hour.
    """
    site.client.headers["authorization"] = "Bearer owner"
    described = await Described.by(site)
    seen = set()
    for answers in (chats, calls, responses, messages, pictures, films, acts, edits, looks):
        async for reply in answers(site):
            seen.add(described.check(reply))
    reply, reports = await watch(site)
    seen.add(described.check(reply, reports))
    assert seen == set(ERRORS)
    assert reports[0]["recent_faults"]
    assert [row for row in reports[0]["tokens"]["rows"] if row["groups"]]


@frozen
class Failure:
    """A request that fails."""

    name: str
    status: int
    code: str | None
    script: Script = field(factory=lambda: answer("fine"))
    path: str = "/v1/chat/completions"
    body: Object = field(factory=chat)
    headers: dict[str, str] = field(factory=dict)
    config: str = ""
    tokens: tuple[TokenEntry, ...] = TOKENS[:1]
    before: Callable[[Site], object] = lambda _: None


GUEST = '[[keys]]\nname = "guest"\nkey = "guest"\nmodels = ["grok-4.1"]\nrpm = 1\n[[keys]]\nname = "owner"\nkey = "owner"'


AS_GUEST = {"authorization": "Bearer guest"}


def draining(site: Site) -> None:
    site.server.state.draining = True


def spent(site: Site) -> None:
    """The guest's only request of this minute."""
    (guest,) = [caller for caller in site.server.state.keys.callers.values() if caller.allowance]
    assert guest.allowance
    today = site.server.state.today()
    guest.allowance.end(guest.allowance.begin(trio.current_time(), today))


FAILURES = [
    Failure("no field is right", 400, None, body={}),
    Failure("moderated", 400, "content_policy_violation", error(403, lines.ERROR_403_MODERATED)),
    Failure("too long", 400, "context_length_exceeded", config='[grok]\nlong_context = "error"\nlong_context_chars = 1000',
            body=chat("x" * 2000)),
    Failure("a file of no kind", 400, "invalid_attachment",
            body=chat(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:;base64,AAA="}}]}])),
    Failure("a wrong key", 401, "invalid_api_key", headers={"x-api-key": "x"}, config=GUEST),
    Failure("another's model", 403, "model_not_allowed", headers=AS_GUEST, config=GUEST),
    Failure("an odd name", 403, "host_not_allowed", headers={"host": "rebound.example.com"}),
    Failure("a page", 403, "origin_not_allowed", headers={"origin": "https://example.com"}),
    Failure("a page and a token", 403, "origin_not_allowed", path="/status/tokens/1/check", headers={"origin": "null"}),
    Failure("a guest and the state", 403, "permission_denied", path="/status/ticket", headers=AS_GUEST, config=GUEST),
    Failure("no such model", 404, "model_not_found", body=chat(model="gpt-4o")),
    Failure("too large", 413, "request_too_large", config="[server]\nmax_body_mb = 0.001", body=chat("x" * 2000)),
    Failure("used up", 429, "rate_limit_exceeded", error(429, lines.ERROR_429)),
    Failure("a guest too often", 429, "key_limit_exceeded", headers=AS_GUEST, config=GUEST, before=spent,
            body=chat(model="grok-4.1")),
    Failure("a bug", 500, "internal_error", before=lambda site: vars(site.gateway).update(completion=None)),
    Failure("a challenge", 502, "upstream_challenge", page()),
    Failure("anti-bot rules", 502, "upstream_antibot", error(403, lines.ERROR_403_ANTIBOT)),
    Failure("no answer", 502, "empty_upstream_response", play_lines([wrapped(lines.soft_stop())])),
    Failure("broken off", 502, "upstream_error", Script((CUT,))),
    Failure("no picture", 502, "upstream_refused", path="/v1/images/generations", body={"prompt": "a cat"}),
    Failure("no tokens", 503, "no_tokens", tokens=()),
    Failure("no session", 503, "no_valid_tokens", error(401, lines.ERROR_401)),
    Failure("load", 503, "upstream_overloaded", error(429, lines.ERROR_429_HEAVY)),
    Failure("stopping", 503, "shutting_down", before=draining),
    Failure("silence", 504, "timeout_first_response", Script((HANG,)), config="[grok]\nstream_first_response_timeout = 0.1"),
]  # fmt: skip


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.name)
@on_site(config=lambda case: case.config, tokens=lambda case: case.tokens)
async def test_failures_look_as_described(site: Site, case: Failure) -> None:
    """Each under its status, with its code among those that the operation names."""
    site.simulator.always(case.script)
    case.before(site)
    reply = await site.client.post(case.path, json=case.body, headers=case.headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (case.status, case.code)
    Described(document()).check(reply)


VISITS: list[tuple[str, str, dict[str, str], tuple[str, ...]]] = [
    ("nobody", GUEST, {}, ("get", "post")),
    ("a guest", GUEST, AS_GUEST, ("get", "post")),
    ("an odd name", "", {"host": "rebound.example.com"}, ("get", "post")),
    ("a page", "", {"origin": "https://example.com"}, ("post",)),
]


@pytest.mark.parametrize(
    ("config", "headers", "methods"), [row[1:] for row in VISITS], ids=[row[0] for row in VISITS]
)
@on_media_site(config=lambda config: config)
async def test_every_operation_refuses_as_described(
    site: Site, config: str, headers: dict[str, str], methods: tuple[str, ...]
) -> None:
    """A client without the right to a route gets the described error."""
    described = Described(document())
    for path, method, _ in operations(described.document):
        if method in methods:
            url = path.format(name="nothing", token="1", act="check")
            body = {
                "model": "grok-3-fast",
                "messages": [{"role": "user", "content": "a cat"}],
                "prompt": "a cat",
            }
            described.check(await site.client.request(method, url, json=body, headers=headers))


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"


BROKEN: list[tuple[str, bytes, int]] = [
    ("no HTTP", HEAD + b"content-length: many\r\n\r\n", 400),
    ("two lengths", HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", 400),
    ("half a body", HEAD + b"content-length: 2\r\n\r\n{", 408),
]


@pytest.mark.parametrize(
    ("sent", "status"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_refusals_by_other_layers_look_as_described(
    sent: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the HTTP server, by the edge around the app, by Quart."""

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(sent)
            reply = await read_reply(stream)
        assert reply.status == status
        headers = {name.lower(): value for name, value in reply.headers.items()}
        found = httpx.Response(reply.status, headers=headers, content=reply.body, request=CHAT)
        Described(document()).check(found)

    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.1)
    run_on_site(scenario)


def test_no_name_stands_twice_in_an_object() -> None:
    """JSON allows a repeated key, and the last one would win silently."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
        return dict(pairs)

    document = Path(web_app.__file__).with_name("openapi.json").read_text("utf-8")
    json.loads(document, object_pairs_hook=once)
