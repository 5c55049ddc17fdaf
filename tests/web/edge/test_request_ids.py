"""A request's id: taken over if it is harmless, and on every answer."""

from __future__ import annotations

import re

import pytest

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import answer
from tests.servers import Site, chat, on_site, read_until
from tests.web.edge.edge_cases import BIG, SMALL
from tests.wire import http, post, reply_to


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (b"abc-123_X.y:z", True),
        (b"a" * 128, True),
        (b"a" * 129, False),
        (b"", False),
        (b"two words", False),
        (b"a\tb", False),
        (b"a,b", False),
        (b"<script>", False),
        (b"a%0d%0aset-cookie: x=1", False),
        (b'"; DROP', False),
        ("ключ".encode(), False),
        (b"a\xc4\x8d\xc4\x8ab", False),
    ],
)
def test_a_request_id_is_taken_over_if_it_is_harmless(offered: bytes, taken: bool) -> None:
    """It goes into a header and the log; anything else is replaced."""
    reply = reply_to(http("GET", "/v1/models", b"x-request-id: " + offered))
    found = reply.headers["x-request-id"]
    assert found == offered.decode() if taken else re.fullmatch("req_[0-9a-f]{24}", found)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (http("GET", "/v1/models", "x-request-id: mine"), 200),
        (http("GET", "/health", "x-request-id: mine"), 200),
        (http("OPTIONS", "/health", "x-request-id: mine"), 204),
        (http("GET", "/nothing", "x-request-id: mine"), 404),
        (http("DELETE", "/health", "x-request-id: mine"), 405),
        (post(b"{", "x-request-id: mine"), 400),
        (post(BIG, "x-request-id: mine"), 413),
        (post(chat(), "x-request-id: mine"), 200),
        (post(chat(stream=True), "x-request-id: mine"), 200),
        (post(chat(model="grok-4-heavy"), "x-request-id: mine"), 503),
    ],
)
@on_site(config=SMALL, tokens=(TokenEntry("sso-basic"),))
async def test_every_answer_has_the_request_id_once(
    site: Site, request_: bytes, status: int
) -> None:
    """Whatever became of the request."""
    site.simulator.always(answer("ok"))
    async with await site.connect() as stream:
        await stream.send_all(request_)
        head = await read_until(stream, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert head.lower().count(b"x-request-id") == 1
    assert b"\r\nx-request-id: mine\r\n" in head
