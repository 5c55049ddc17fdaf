"""Requests that no library writes, as bytes on a socket: each has a clean answer in JSON, and the
server goes on.
"""

from __future__ import annotations

import json
import random
import zlib
from typing import Any

import pytest
import trio
from attrs import frozen

from grokcore.simulator.scripts import answer
from grokcore.web.edge import asgi
from tests.servers import Site, chat, on_site, read_all, run_on_site

CHAT = json.dumps(chat("hello")).encode()
KEYED = '[grok]\napi_key = "owner-key"'


def raw(line: str, *headers: str, body: bytes = b"", host: str = "localhost") -> bytes:
    """A request that ends its connection."""
    length = [f"content-length: {len(body)}"] if body else []
    lines = [
        line,
        *([f"host: {host}"] if host else []),
        "connection: close",
        *headers,
        *length,
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + body


async def send(site: Site, sent: bytes) -> bytes:
    async with await site.connect() as stream:
        await stream.send_all(sent)
        return await read_all(stream)


def status_and_body(received: bytes) -> tuple[int, Any]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), received[:200]
    if b"chunked" in head.lower() or not body:
        return int(head[9:12]), None
    return int(head[9:12]), json.loads(body)


@frozen
class Odd:
    """A request, the status, and words of the message."""

    name: str
    sent: bytes
    status: int
    words: str = ""


ODD = (
    Odd("a target without a slash", raw("GET x/v1/models HTTP/1.1"), 400, "neither a path"),
    Odd("a target of another scheme", raw("GET ftp://localhost/v1/models HTTP/1.1"), 400, "neither a path"),
    Odd("no target but a query", raw("GET ? HTTP/1.1"), 400, "neither a path"),
    Odd("CONNECT", raw("CONNECT example.com:443 HTTP/1.1"), 400, "neither a path"),
    Odd("get", raw("get /v1/models HTTP/1.1"), 400, "upper case"),
    Odd("head", raw("head /v1/models HTTP/1.1"), 400, "upper case"),
    Odd("a folded header", raw("GET /v1/models HTTP/1.1", "x-a: b\r\n c"), 400, "not valid HTTP"),
    Odd("a folded length", raw("POST /v1/chat/completions HTTP/1.1", "content-length:\r\n\t2") + b"{}", 400, "not valid HTTP"),
    Odd("websocket without its headers", raw("GET /v1/models HTTP/1.1", "upgrade: websocket", "connection: upgrade"), 404, "websockets"),
    Odd("OPTIONS of all", raw("OPTIONS * HTTP/1.1"), 204),
    Odd("OPTIONS of a route", raw("OPTIONS /v1/chat/completions HTTP/1.1"), 204),
    Odd("a host like .x", raw("GET /v1/models HTTP/1.1", host=".x"), 403, "'.x'"),
    Odd("a host of dots", raw("GET /v1/models HTTP/1.1", host="a..b"), 403),
    Odd("a long host", raw("GET /v1/models HTTP/1.1", host="a" * 300), 403),
    Odd("a host in latin-1", raw("GET /v1/models HTTP/1.1", host="\xe9.\xe9"), 403),
    Odd("a host that is an open bracket", raw("GET /v1/models HTTP/1.1", host="["), 200),
    Odd("doubled", raw("POST /v1/chat/completions/v1/chat/completions HTTP/1.1", body=CHAT), 404, "base URL to http://localhost/v1"),
    Odd("prefixed", raw("POST /api/v1/chat/completions HTTP/1.1", body=CHAT), 404, "base URL to http://localhost/v1"),
    Odd("Azure's", raw("POST /openai/deployments/x/chat/completions?api-version=1 HTTP/1.1", body=CHAT), 404, "base URL to http://localhost/v1"),
    Odd("models, prefixed", raw("GET /x/v1/models HTTP/1.1"), 404, "base URL to http://localhost/v1"),
    Odd("upper case", raw("POST /V1/Chat/Completions HTTP/1.1", body=CHAT), 404, "base URL to http://localhost/v1"),
    Odd("nothing like it", raw("GET /nothing HTTP/1.1"), 404, "The base URL for clients is http://localhost/v1"),
    Odd("a route of OpenAI's that is absent", raw("POST /v1/completions HTTP/1.1", body=CHAT), 404, "/v1, with /chat/completions,"),
    Odd("nearly a route", raw("POST /v1/chat/completion HTTP/1.1", body=CHAT), 404, "/v1, with /chat/completions,"),
    Odd("a browser at a route", raw("GET /v1/chat/completions HTTP/1.1"), 405, "does not take GET, only OPTIONS and POST."),
    Odd("a response", raw("GET /v1/responses/resp_1/input_items HTTP/1.1"), 404, "no response 'resp_1'"),
    Odd("batches", raw("POST /v1/messages/batches?beta=true HTTP/1.1", body=b"{}"), 501, "Messages API"),
    Odd("messages, prefixed", raw("POST /api/v1/messages HTTP/1.1", body=b"{}"), 404, "base URL to http://localhost/v1"),
    Odd("brotli", raw("POST /v1/chat/completions HTTP/1.1", "content-encoding: br", body=b"x"), 415, "'br'"),
    Odd("gzip twice", raw("POST /v1/chat/completions HTTP/1.1", "content-encoding: gzip, gzip", body=b"x"), 415, "gzip, gzip"),
    Odd("gzip that is none", raw("POST /v1/chat/completions HTTP/1.1", "content-encoding: gzip", body=CHAT), 400, "as gzip"),
)  # fmt: skip


@pytest.mark.parametrize("any_host", [False, True], ids=["known hosts", "any host"])
@on_site(config=lambda any_host: KEYED if any_host else "")
async def test_odd_requests_are_answered_cleanly(site: Site, any_host: bool) -> None:
    """Also where any Host will do, so that it is the routing that meets it."""
    key = b"x-api-key: owner-key\r\n" if any_host else b""
    for odd in ODD:
        line, _, rest = odd.sent.partition(b"\r\n")
        status, body = status_and_body(await send(site, line + b"\r\n" + key + rest))
        if any_host and odd.status == 403:
            assert status == 200, odd.name
            continue
        assert (odd.name, status) == (odd.name, odd.status), body
        assert odd.words in (body["error"]["message"] if body and "error" in body else ""), (
            odd.name,
            body,
        )
    assert (await site.client.get("/health")).status_code == 200


@on_site(config=KEYED)
async def test_absent_apis_answer_in_the_form_of_their_own_clients(site: Site) -> None:
    """Anthropic's clients read ``error.type``; with a wrong key as well."""
    for headers, status, kind in (
        ({"x-api-key": "owner-key"}, 501, "api_error"),
        ({}, 401, "authentication_error"),
    ):
        reply = await site.client.post("/v1/messages/batches", json={}, headers=headers)
        body = reply.json()
        assert (reply.status_code, body["type"], body["error"]["type"]) == (status, "error", kind)
        assert body["request_id"] == reply.headers["x-request-id"]
        assert reply.headers["x-should-retry"] == "false"


def compressed(data: bytes, bits: int) -> bytes:
    machine = zlib.compressobj(wbits=bits)
    return machine.compress(data) + machine.flush()


@pytest.mark.parametrize(
    ("encoding", "bits"),
    [("gzip", 31), ("x-gzip", 31), ("GZIP", 31), ("deflate", 15), ("deflate", -15)],
)
@on_site(config="[server]\nmax_body_mb = 2")
async def test_a_compressed_body_is_decoded(site: Site, encoding: str, bits: int) -> None:
    """``deflate`` with zlib's header and without; a body that is cut off or followed by more is
    refused, and a bomb is too large.
    """
    site.simulator.always(answer("ok"))
    body, headers = compressed(CHAT, bits), {"content-encoding": encoding}
    url = "/v1/chat/completions"
    assert (await site.client.post(url, content=body, headers=headers)).status_code == 200
    for wrong in (body[:-1], body + b"x", b""):
        reply = await site.client.post(url, content=wrong, headers=headers)
        assert (reply.status_code, "can't be decoded" in reply.text) == (400, True)
    reply = await site.client.post(url, content=compressed(b" " * 3_000_000, bits), headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@on_site
async def test_unusual_line_separators_never_stand_raw_in_an_answer(
    site: Site, stream: bool
) -> None:
    """httpx's and requests' ``iter_lines`` cut there; a token may hold one, and a picture's
    description.
    """
    text = "a\u2028b\u2029c\u0085d\x0be\x1cf"
    site.simulator.always(answer(text))
    reply = await site.ask(stream=stream)
    lines = reply.content.decode().splitlines()
    if stream:
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        said = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
        assert all(line.startswith("data: ") for line in lines if line)
    else:
        (line,) = lines
        said = json.loads(line)["choices"][0]["message"]["content"]
    assert said == text


def test_a_bug_around_the_app_is_an_error_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the request's id, in JSON; the log has the traceback."""

    def broken(path: str) -> str:
        raise RuntimeError(path)

    monkeypatch.setattr(asgi, "plain_path", broken)

    async def scenario(site: Site) -> None:
        reply = await site.client.get("/health", headers={"x-request-id": "mine"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (500, "internal_error")
        assert reply.headers["x-request-id"] == "mine"

    run_on_site(scenario)


# Anything ---------------------------------------------------------------------------------------

PIECES = (
    b"GET ", b"POST ", b"OPTIONS ", b"get ", b"/v1/models", b"/v1/chat/completions", b"/", b"*", b"http://localhost/v1/models", b"x", b"?a=%ff", b"%2f", b"..",
    b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n", b"\n", b" ", b"\t", b"\0", b"\xff", b":", b",",
    b"host: localhost\r\n", b"host: .x\r\n", b"host: [::1\r\n", b"content-length: 2\r\n", b"content-length: 0\r\n", b"content-length: -1\r\n",
    b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n", b"connection: close\r\n", b"connection: keep-alive, upgrade\r\n", b"upgrade: h2c\r\n", b"upgrade: websocket\r\n",
    b"content-encoding: gzip\r\n", b"content-type: multipart/form-data; boundary=x\r\n", b"authorization: Bearer Bearer\r\n", b"origin: null\r\n", b"x-request-id: \xff\r\n",
    b"2\r\n{}\r\n", b"0\r\n\r\n", b"zz\r\n", b"2;a=b\r\n{}\r\n", b"{}", b"\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)  # fmt: skip


def anything(rng: random.Random) -> bytes:
    """A request with a right beginning, often, and then anything."""
    begun = rng.choice(
        (
            b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n",
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n",
            b"",
        )
    )
    return (
        begun
        + b"".join(rng.choices(PIECES, k=rng.randrange(1, 9)))
        + rng.choice((b"", b"\r\n", b"\r\n\r\n"))
    )


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_sent_is_answered_in_json_or_not_at_all(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """No bare error, nothing that is logged as a bug, and the server goes on."""

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        rng = random.Random(seed)
        for _ in range(120):
            sent = anything(rng)
            async with await site.connect() as stream:
                try:
                    await stream.send_all(sent)
                    await stream.send_eof()
                    received = await read_all(stream)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    continue
            for head in received.split(b"HTTP/1.1 ")[1:]:
                if head[:1] in b"45":
                    assert b'"error":{' in head or b"HEAD" in sent, (sent, head)
                assert not head.startswith(b"500"), (sent, head)
        assert (await site.client.get("/health")).status_code == 200

    run_on_site(scenario)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
