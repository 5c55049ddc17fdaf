"""An official lane: its one request for an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from grokcore.errors import (
    GrokApiError,
    InternalError,
    OfficialCredentialRejected,
    QuotaExhausted,
    UpstreamUnavailable,
)
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.models import LaneName, official_model
from grokcore.protocol.pool.book import Need
from grokcore.runtime.lanes.official.credentials import Credential
from grokcore.runtime.lanes.official.lane import OfficialLane, headers_of
from grokcore.runtime.lanes.official.uploads import FileUploads
from grokcore.runtime.pool.desk import Desk
from grokcore.runtime.pool.leases import AnyLease
from grokcore.simulator.scripts import Script, Send, error
from tests.scenarios import on_fake_clock

from ...fakes import FakeTransport
from .xai import Source

BASE = "https://api.example.com/v1"
MODEL = official_model("grok-auto")


class Names:
    """Another name for each model, and facts about none."""

    names = ("grok-auto",)

    def upstream_name(self, model: str) -> str:
        return {"grok-auto": "grok-4.7"}.get(model, "")

    def reasons(self, model: str) -> bool:
        return False

    def facts(self, model: str) -> dict[str, object]:
        return {"context_window": 9} if self.upstream_name(model) else {}

    def cost_of(self, usage: object, model: str) -> None:
        return None

    def gone(self, model: str) -> None: ...


def lane_of(name: LaneName, script: Script, *credentials: Credential | None) -> OfficialLane:
    transport = FakeTransport([script])
    source = Source(list(credentials or (Credential("xai-key"),)))
    return OfficialLane(name, transport, BASE, source, Names(), FileUploads(transport))


def lease_of(lane: OfficialLane) -> AnyLease:
    lease = Desk(lane.name, lane.source, Names()).lend(Need(MODEL), 0.0)
    assert lease is not None
    return lease


def question(text: str = "hello") -> Question:
    assert MODEL.limits is not None
    return Question(MODEL, MODEL.limits, (Message("user", text),))


def stream(*events: dict[str, Any]) -> Script:
    data = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    return Script((Send(data),), headers=(("content-type", "text/event-stream"),))


DONE = stream(
    {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "delta": "Hi"},
    {"type": "response.completed", "response": {"id": "r", "status": "completed"}},
)


@pytest.mark.parametrize("name", [LaneName.API, LaneName.CLI])
@on_fake_clock
async def test_a_question_is_one_request_and_its_answer_events(name: LaneName) -> None:
    """As a plain client over a kept connection, under xAI's name of the model."""
    lane = lane_of(name, DONE, Credential("xai-key", user_id="user-1", version="1.2.3"))
    prepared = await lane.render(question()).prepare(lease_of(lane), repeated=False)
    exchange = prepared.open(fresh=True)
    await exchange.accepted()
    decoder, events = prepared.decoder(), []
    while data := await exchange.read():
        events += decoder.receive(data)
    events += decoder.close()
    assert [event for event in events if isinstance(event, Text | Finished)] == [
        Text("Hi"),
        Finished(),
    ]
    await exchange.aclose()
    [sent] = lane.transport.exchanges  # type: ignore[attr-defined]
    request = sent.request
    assert (request.url, request.fresh, request.kept) == (f"{BASE}/responses", True, True)
    assert not request.impersonated
    headers = {key.lower(): value for key, value in request.headers}
    assert headers["authorization"] == "Bearer xai-key"
    assert headers["user-agent"].startswith("grok2api/")
    assert (headers.get("x-grok-model-override") == "grok-4.7") == (name is LaneName.CLI)
    assert (headers.get("x-grok-client-version") == "1.2.3") == (name is LaneName.CLI)
    body = json.loads(request.body)
    assert (body["model"], body["stream"], body["store"]) == ("grok-4.7", True, False)


REFUSALS = [
    (error(429, {"error": "slow down"}), QuotaExhausted),
    (error(503, {"error": "down"}), UpstreamUnavailable),
    (Script((Send(b"<html>"),), headers=(("content-type", "text/html"),)), GrokApiError),
]


@pytest.mark.parametrize(("script", "leaf"), REFUSALS)
@on_fake_clock
async def test_another_head_than_an_answers_is_judged(
    script: Script, leaf: type[GrokApiError]
) -> None:
    """A page with the status 200 is no answer either."""
    lane = lane_of(LaneName.API, script)
    prepared = await lane.render(question()).prepare(lease_of(lane), repeated=False)
    exchange = prepared.open(fresh=False)
    with pytest.raises(leaf):
        await exchange.accepted()
    await exchange.aclose()


@on_fake_clock
async def test_nothing_is_sent_without_a_credential() -> None:
    """The owner is told why, also of one that can't stand in a header."""
    lane = lane_of(LaneName.CLI, DONE)
    lease = lease_of(lane)
    gone = evolve(lane, source=Source([None]))
    with pytest.raises(OfficialCredentialRejected, match="grok login"):
        await gone.render(question()).prepare(lease, repeated=False)
    for name in (LaneName.API, LaneName.CLI):
        with pytest.raises(OfficialCredentialRejected, match="can't be sent") as caught:
            headers_of(name, Credential("xai key\n"), "grok-4.7")
        assert "xai key" not in str(caught.value)


@on_fake_clock
async def test_the_lane_has_no_media() -> None:
    """A URL of an answer is the client's to open."""
    lane = lane_of(LaneName.API, DONE)
    lease = lease_of(lane)
    for fetch in (lane.fetch, lane.fetch_file):
        with pytest.raises(InternalError):
            await fetch(lease, "https://example.com/a.jpg")
    with pytest.raises(InternalError):
        await lane.save(lease, "https://example.com/a.mp4", None)  # type: ignore[arg-type]
    lane.failed(lease, InternalError("nothing to forget"))
