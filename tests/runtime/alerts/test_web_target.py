"""Webhooks and ntfy, over libcurl against a web server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from attrs import frozen

import grokcore.runtime.alerts.web_target as subject
from grokcore.protocol.alerts.styles import WebhookStyle
from grokcore.runtime.alerts.target import Outcome
from grokcore.runtime.alerts.web_target import WebTarget, ntfy_target, webhook_target
from grokcore.runtime.transport.curl import CurlSettings, CurlTransport
from tests.alert_receivers import WebReceiver, answering
from tests.protocol.alerts.messages import told
from tests.scenarios import decorator


@frozen
class Place:
    """A web server and the transport."""

    receiver: WebReceiver
    transport: CurlTransport

    def webhook(self, style: WebhookStyle = WebhookStyle.JSON) -> WebTarget:
        return webhook_target(self.transport, self.receiver.url, style)


def run_at_place(scenario: Callable[[Place], Awaitable[None]]) -> None:
    async def main() -> None:
        receiver, transport = WebReceiver(), CurlTransport(CurlSettings())
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                await nursery.start(transport.run)
                await nursery.start(receiver.serve)
                await scenario(Place(receiver, transport))
                assert transport.under_way == 0
                nursery.cancel_scope.cancel()

    trio.run(main)


at_place = decorator(run_at_place, gives=1)


@at_place
async def test_a_webhook_gets_json_and_nothing_of_grok_s(place: Place) -> None:
    """No cookie and no browser's headers: it is another site."""
    assert await place.webhook().send(told()) == Outcome(again=True)
    (posted,) = place.receiver.posted
    assert posted.line == "POST /hook/canary-path?key=canary-key HTTP/1.1"
    assert posted.json["kind"] == "used_up"
    assert {*posted.headers} <= {
        *("host", "accept", "user-agent", "accept-encoding"),
        *("content-type", "content-length"),
    }
    assert posted.headers["user-agent"] == "grok2api"


@at_place
async def test_ntfy_gets_the_text_with_title_and_token(place: Place) -> None:
    """To the topic's own URL."""
    target = ntfy_target(place.transport, place.receiver.url, "tk_1")
    assert (await target.send(told(server="主机"))).delivered
    (posted,) = place.receiver.posted
    assert posted.body.decode() == told().body
    assert posted.headers["authorization"] == "Bearer tk_1"
    assert posted.headers["title"].startswith("=?utf-8?b?")


@frozen
class Answer:
    """A response, and the outcome."""

    response: bytes
    fault: str
    again: bool


ANSWERS = [
    Answer(answering(204), "", True),
    Answer(answering(500), "127.0.0.1 answered 500", True),
    Answer(answering(503, "canary"), "127.0.0.1 answered 503", True),
    Answer(answering(429), "127.0.0.1 answered 429", True),
    Answer(answering(404, "canary"), "127.0.0.1 answered 404", False),
    Answer(
        answering(302, location="http://127.0.0.1:9/"),
        "127.0.0.1 answered 302, and redirects are not followed",
        False,
    ),
    Answer(
        answering(200, '{"code": 19024, "msg": "Key Words Not Found"}'),
        "127.0.0.1 refused it: it answered with the error 19024: Key Words Not Found",
        True,
    ),
    Answer(
        b"",
        "127.0.0.1 could not be reached: the server closed without a response (curl error 52)",
        True,
    ),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case.fault or "taken")
@at_place
async def test_each_answer_has_its_outcome(place: Place, case: Answer) -> None:
    """The fault names the host alone; a token is not carried to where a redirect points."""
    place.receiver.responses = [case.response]
    outcome = await place.webhook(WebhookStyle.FEISHU).send(told())
    assert outcome == Outcome(case.fault, again=case.again)
    assert "canary" not in outcome.fault
    assert len(place.receiver.posted) == 1


@at_place
async def test_a_server_that_hangs_is_left(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its answer, the try has failed; within it, the alert was taken."""
    monkeypatch.setattr(subject, "SEND_S", 0.3)
    monkeypatch.setattr(subject, "BODY_S", 0.05)
    place.receiver.responses = [None, b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"]
    outcome = await place.webhook().send(told())
    assert outcome == Outcome("127.0.0.1 did not answer within 0.3 s", again=True)
    assert (await place.webhook(WebhookStyle.FEISHU).send(told())).delivered


@at_place
async def test_a_host_that_nobody_serves_is_reported(place: Place) -> None:
    """With libcurl's reason."""
    target = webhook_target(place.transport, "http://127.0.0.1:9/canary", WebhookStyle.AUTO)
    outcome = await target.send(told())
    assert (
        outcome.fault
        == "127.0.0.1 could not be reached: no connection could be made (curl error 7)"
    )
    assert "canary" not in repr(target)


@at_place
async def test_a_proxy_is_used_where_one_is_set(place: Place) -> None:
    """Of [alerts] alone."""
    proxy = f"http://127.0.0.1:{place.receiver.port}"
    target = webhook_target(place.transport, "http://example.invalid/x", WebhookStyle.JSON, proxy)
    assert (await target.send(told())).delivered
    assert place.receiver.posted[0].line == "POST http://example.invalid/x HTTP/1.1"
