"""Requests that are refused: with which error, and the field at fault."""

from __future__ import annotations

import json
import logging
import re
import socket
from typing import Any

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.simulator.scripts import answer
from grokcore.web.answers import questions as web_questions
from grokcore.web.edge import asgi, bodies
from grokcore.web.edge.lifetime import Lifetime
from grokcore.web.observing.trace import Trace
from tests.examples import FIRST_TOKEN
from tests.servers import Site, chat, on_site, read_until, run_on_site
from tests.web.edge.edge_cases import BIG, KEYED, SMALL
from tests.wire import (
    SOON_S,
    chunked,
    ends_within,
    happens,
    http,
    post,
    read_reply,
    reply_to,
    send_and_read,
    until,
    upstream_free,
)

# Refusals ----------------------------------------------------------------------------------------


@frozen
class Refused:
    """A request, and the error object it gets."""

    name: str
    request: bytes
    status: int = 400
    code: str | None = None
    param: str | None = None
    says: str = ""
    config: str = ""
    allow: str | None = None


def bad_field(name: str, value: Any, param: str | None = None, **expected: Any) -> Refused:
    """A chat request with one field that can't be."""
    return Refused(
        f"{name} = {json.dumps(value)}",
        post(chat(**{name: value})),
        param=param or name,
        **expected,
    )


def bad_message(value: Any, param: str, **expected: Any) -> Refused:
    """A chat request with one message that can't be."""
    return bad_field("messages", [value], f"messages[0]{param}", **expected)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

REFUSED = (
    Refused("unknown url", http("GET", "/v1/nothing"), 404, "unknown_url", says="GET /v1/nothing"),
    Refused("POST root", http("POST", "/"), 405, "method_not_allowed", allow="GET, HEAD, OPTIONS"),
    Refused("long path", http("GET", "/" + "x" * 9000), 404, "unknown_url"),
    Refused("GET chat", http("GET"), 405, "method_not_allowed", allow="OPTIONS, POST", says="GET"),
    Refused(
        "POST models",
        http("POST", "/v1/models"),
        405,
        "method_not_allowed",
        allow="GET, HEAD, OPTIONS",
    ),
    Refused(
        "own method",
        http("BREW", "/v1/models"),
        405,
        "method_not_allowed",
        allow="GET, HEAD, OPTIONS",
    ),
    Refused("too large", post(BIG), 413, "request_too_large", says="max_body_mb", config=SMALL),
    Refused(
        "too large, chunked",
        chunked(BIG),
        413,
        "request_too_large",
        says="max_body_mb",
        config=SMALL,
    ),
    Refused("no JSON", post(b'{"model":')),
    Refused("no body", post(b"")),
    Refused("no length", http()),
    Refused("not UTF-8", post(b"\xff\xfe")),
    Refused("200 000 lists deep", post(b"[" * 200_000)),
    Refused("200 000 objects deep", post(b'{"a":' * 200_000)),
    Refused("5000 digits", post(b'{"n": ' + b"9" * 5000 + b"}")),
    Refused("null", post(None)),
    Refused("list", post([chat()])),
    Refused("string", post("hello")),
    Refused("empty object", post({}), param="model"),
    Refused("model missing", post({"messages": chat()["messages"]}), param="model"),
    bad_field("model", 5),
    bad_field("model", ""),
    bad_field(
        "model", "grok-3-fats", status=404, code="model_not_found", says="Did you mean grok-3-fast"
    ),
    bad_field("messages", None),
    bad_field("messages", "hello"),
    bad_field("messages", []),
    bad_message("hello", ""),
    bad_message({"content": "hello"}, ".role"),
    bad_message({"role": "wizard", "content": "hello"}, ".role"),
    bad_message({"role": ["user"], "content": "hello"}, ".role"),
    bad_message({"role": "user", "content": 5}, ".content"),
    bad_message({"role": "user", "content": {"words": "hello"}}, ".content"),
    bad_message({"role": "user", "content": [{"type": "smell"}]}, ".content[0]"),
    bad_message({"role": "user", "content": [{"type": "text", "text": 5}]}, ".content[0]"),
    bad_message(
        {"role": "user", "content": [IMAGE]},
        ".content[0]",
        code="invalid_attachment",
        says="of no known kind",
    ),
    Refused("blank", post(chat("  ")), param="messages"),
    bad_field("stream", "yes"),
    bad_field("stream", 2),
    bad_field("stream_options", True),
    bad_field("stream_options", {"include_usage": 2}, "stream_options.include_usage"),
    bad_field("n", 5),
    bad_field("n", "5"),
    bad_field("n", True),
    bad_field("tool_choice", "required"),
    bad_field("tool_choice", {"type": "function", "function": {"name": "f"}}),
    Refused(
        "unknown model shown",
        http("GET", "/v1/models/grok-4-expart"),
        404,
        "model_not_found",
        "model",
        "grok-4-expert",
    ),
)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.name[:60])
def test_a_refusal_is_an_error_object_with_the_field_at_fault(refused: Refused) -> None:
    """Four keys, JSON, a request id, and "don't repeat it"; the client gets it also if it sends
    first and reads later.
    """
    reply = reply_to(refused.request, config=refused.config)

    assert (reply.status, reply.error["code"], reply.error["param"]) == (
        refused.status,
        refused.code,
        refused.param,
    )
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert reply.error["type"] == "invalid_request_error"
    assert isinstance(reply.error["message"], str)
    assert refused.says in reply.error["message"]
    assert 0 < len(reply.error["message"]) < 500
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-should-retry"] == "false"
    assert re.fullmatch("req_[0-9a-f]{24}", reply.headers["x-request-id"])
    assert reply.headers.get("allow") == refused.allow


@on_site
async def test_content_length_with_transfer_encoding_is_refused_and_closed(site: Site) -> None:
    """Two lengths are how requests are smuggled past a proxy (RFC 9112 §6.1); what follows is not
    read as a request.
    """
    smuggled = http("GET", "/v1/models")
    both = http("POST", "/v1/chat/completions", "content-length: 5", "transfer-encoding: chunked")
    async with await site.connect() as stream:
        await stream.send_all(both + b"0\r\n\r\n" + smuggled)
        reply = await read_reply(stream)
        assert await stream.receive_some(65536) == b""
    assert reply.status == 400
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert reply.headers["x-request-id"].startswith("req_")
    assert site.simulator.calls == []


def test_content_length_with_transfer_encoding_is_refused_with_the_headers_of_every_error() -> None:
    """A word on repeating, on every error."""
    reply = reply_to(
        http("POST", "/health", "content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n"
    )
    assert reply.headers.get("x-should-retry") == "false"


def test_a_target_that_is_no_url_is_no_bug() -> None:
    """The path counts, as far as there is one; no request makes a 500, or a traceback in the
    log.
    """
    assert reply_to(http("GET", "http://[bad/v1/models")).status < 500
    assert reply_to(http("GET", "http://[bad")).status < 500


def test_a_websocket_is_refused() -> None:
    """There are none here: a 4xx, with the headers of every error, and no traceback in the log."""
    offer = (
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: AAAAAAAAAAA=",
    )
    reply = reply_to(http("GET", "/v1/models", *offer))
    assert 400 <= reply.status < 500
    assert reply.headers.get("x-request-id")


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """408 after BODY_TIMEOUT_S, and the connection is closed after a moment: the rest of the body
    would look like a request.
    """
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(asgi, "LINGER_S", 0.1)

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(post(chat())[:-5])
            reply = await read_reply(stream)
            assert await ends_within(stream, SOON_S)
        assert reply.status == 408
        assert set(reply.error) == {"message", "type", "param", "code"}

    run_on_site(scenario)


def test_a_bug_is_a_500_that_gives_nothing_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets the request id, the log the traceback under it."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(web_questions, "chosen_model", broken)
    with caplog.at_level(logging.ERROR):
        reply = reply_to(post(chat(), "x-request-id: mine-1"))
    assert (reply.status, reply.error["code"], reply.error["type"]) == (
        500,
        "internal_error",
        "server_error",
    )
    assert b"secret detail" not in reply.body
    assert reply.headers["x-request-id"] == "mine-1"
    assert reply.headers["x-should-retry"] == "false"
    assert "mine-1" in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (http("HEAD", "/v1/models"), 200),
        (http("HEAD", "/health"), 200),
        (http("HEAD", "/nothing"), 404),
        (http("HEAD"), 405),
    ],
)
@on_site
async def test_head_is_get_without_the_body(site: Site, request_: bytes, status: int) -> None:
    """The same status and headers; the connection stays in step."""
    async with await site.connect() as stream:
        await stream.send_all(request_ + http("GET", "/v1/models"))
        received = await read_until(stream, b'"available":true}]}')
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-request-id: req_" in head
    assert rest.startswith(b"HTTP/1.1 200 ")


def test_options_names_the_methods() -> None:
    """With ``Allow`` and nothing else; no key is needed for it."""
    reply = reply_to(http("OPTIONS"), config=KEYED, bodiless=True)
    assert (reply.status, reply.body) == (204, b"")
    assert not {"content-type", "content-length"} & set(reply.headers)
    assert set(reply.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize(
    "sent", [post(chat(stream=True))[:-20], post(chat(stream=True))], ids=["half", "whole"]
)
@on_site
async def test_a_client_that_leaves_with_its_first_bytes_is_noticed(
    site: Site, sent: bytes
) -> None:
    """A request may begin after the connection's end was seen; it must get the disconnect, or it
    would wait two minutes for its body.
    """
    site.simulator.always(FIRST_TOKEN)
    began: list[Lifetime] = []
    ended: list[Trace] = []
    site.server.state.on_request_end.append(ended.append)
    begin = Lifetime.__init__

    def counted(self: Lifetime, *arguments: Any) -> None:
        began.append(self)
        begin(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lifetime, "__init__", counted)
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", site.port)) as connection:
                connection.sendall(sent)
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked(0.01)

        async def calm() -> None:
            while len(ended) < len(began) or site.simulator.open_calls:
                await trio.testing.wait_all_tasks_blocked(0.001)

        assert await happens(calm)


# How much at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("stream_wanted", [False, True], ids=["whole", "streamed"])
@on_site(config="[server]\nmax_streams = 1")
async def test_beyond_max_streams_a_request_is_turned_away(site: Site, stream_wanted: bool) -> None:
    """503 overloaded, "again in a second", without a call to Grok; a place that is free again is
    given away again.
    """
    site.simulator.always(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await read_until(stream, b"data: ")
        reply = await send_and_read(site, post(chat(stream=stream_wanted)))
        assert (reply.status, reply.error["code"]) == (503, "overloaded")
        assert (reply.headers["retry-after"], reply.headers["x-should-retry"]) == ("1", "true")
        assert (await send_and_read(site, http("GET", "/v1/models"))).status == 200
    await upstream_free(site)()
    assert len(site.simulator.calls) == 1
    site.simulator.always(answer("ok"))
    await until(lambda: site.gateway.open_count == 0)
    assert (await send_and_read(site, post(chat()))).status == 200
