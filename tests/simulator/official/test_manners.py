"""Answers of the simulated API in every manner, read as the standard of server-sent events says."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import httpx
import pytest
import trio
from attrs import evolve

from grokcore.simulator.official.answers import Answer, Manner
from grokcore.simulator.official.app import KEY
from grokcore.simulator.official.failures import REFUSALS
from grokcore.simulator.official.manners import JUNK, MANNERS
from grokcore.simulator.scripts import CUT, HANG, Cut, Wait

from .place import MODEL, Place, events_in, in_place

SAID = "This is a simulated Grok. You said: "

LEGAL = [
    "crlf",
    "cr",
    "unnamed",
    "unspaced",
    "pretty",
    "comments",
    "done_mark",
    "unknown",
    "big_line",
    "bytewise",
    "glued",
    "slow",
]
STOPPED = ["stall", "stall_at_once", "cut", "cut_at_once"]


def read(raw: bytes) -> list[Any]:
    """The events of a stream, by the standard (html.spec.whatwg.org, server-sent events)."""
    found = []
    for block in re.split(r"(?:\r\n|\r|\n){2}", raw.decode()):
        lines = re.split(r"\r\n|\r|\n", block)
        data = [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]
        if data and data != ["[DONE]"]:
            found.append(json.loads("\n".join(data)))
    return found


@pytest.mark.parametrize("name", LEGAL)
@in_place
async def test_a_legal_manner_changes_nothing_that_is_said(place: Place, name: str) -> None:
    """A client that reads by the standard reads the same answer."""
    reply = await place.ask(f"simulate:{name}", stream=True)
    events = read(reply.content)
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == f"{SAID}simulate:{name}"
    assert events[-1]["type"] == "response.completed"


@in_place
async def test_a_manner_shows_on_the_wire(place: Place) -> None:
    """Each test of a decoder has what it asks for."""

    async def raw(name: str) -> bytes:
        return (await place.ask(f"simulate:{name}", stream=True)).content

    assert b"\n" in (crlf := await raw("crlf"))
    assert b"\n" not in crlf.replace(b"\r\n", b"")
    assert b"\n" not in await raw("cr")
    assert b"event:" not in await raw("unnamed")
    assert b"data: " not in await raw("unspaced")
    assert (await raw("comments")).startswith(b": keepalive\n\n")
    assert (await raw("done_mark")).endswith(b"data: [DONE]\n\n")
    assert not (await raw("open_end")).endswith(b"\n")
    assert b"simulated_novelty" in await raw("unknown")
    assert b".delta" not in await raw("no_deltas")
    assert b".done" not in await raw("no_items")
    assert len((await raw("big_line")).split(b"\n")[1]) > 4_000_000
    junk = await raw("junk")
    assert all(piece in junk for piece in JUNK)


@pytest.mark.parametrize("asked", ["gzip", "identity"])
@in_place
async def test_only_clients_that_take_it_get_gzip(place: Place, asked: str) -> None:
    """The header decides, not the manner alone."""
    headers = {"authorization": f"Bearer {KEY}", "accept-encoding": asked}
    body = {"model": MODEL, "input": "simulate:gzip", "stream": True}
    url = f"{place.urls.api}/responses"
    async with place.http.stream("POST", url, json=body, headers=headers) as reply:
        raw = b"".join([piece async for piece in reply.aiter_raw()])
    assert (reply.headers.get("content-encoding") == "gzip") == (asked == "gzip")
    assert b"response.completed" in (gzip.decompress(raw) if asked == "gzip" else raw)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("failed", "response.failed"),
        ("error_event", "error"),
        ("incomplete", "response.incomplete"),
        ("content_filter", "response.incomplete"),
        ("no_end", "response.output_item.done"),
        ("thoughts_only", "response.output_item.done"),
        ("empty", "response.completed"),
    ],
)
@in_place
async def test_answers_end_as_they_are_asked_to(place: Place, name: str, last: str) -> None:
    """In the events that xAI has for it."""
    events = events_in((await place.ask(f"simulate:{name}", stream=True)).text)
    assert events[-1]["type"] == last
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


@pytest.mark.parametrize("name", ["no_usage", "no_cost"])
@in_place
async def test_a_usage_may_be_missing(place: Place, name: str) -> None:
    """An answer without a cost counts for nothing in the sum of the simulator."""
    usage = (await place.ask(f"simulate:{name}")).json()["usage"]
    assert not (usage or {}).get("cost_in_usd_ticks")
    assert place.simulator.spent_ticks == 0


@in_place
async def test_a_ruined_call_has_broken_arguments(place: Place) -> None:
    """A model may write no JSON."""
    tools = [{"type": "function", "name": "f"}]
    reply = await place.ask("simulate:ruined_call", tools=tools)
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(reply.json()["output"][-1]["arguments"])


@pytest.mark.parametrize("name", ["cut", "cut_at_once", "reset"])
@in_place
async def test_a_stream_is_cut(place: Place, name: str) -> None:
    """The connection breaks off within the body."""
    with pytest.raises(httpx.RemoteProtocolError):
        await place.ask(f"simulate:{name}", stream=True)
    (call,) = place.simulator.calls
    await place.simulator.until(lambda: call.outcome == "cut")


@pytest.mark.parametrize("name", ["hang", "stall", "stall_at_once"])
@in_place
async def test_a_stream_hangs_until_the_client_leaves(place: Place, name: str) -> None:
    """The record of the request shows that the client left."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: place.ask(f"simulate:{name}", stream=True))
        await place.simulator.until(lambda: bool(place.simulator.calls))
        nursery.cancel_scope.cancel()
    (call,) = place.simulator.calls
    await place.simulator.until(lambda: call.outcome == "aborted")


def test_every_manner_has_a_use() -> None:
    """Manners change an answer; none is the plain one by another name."""
    answer = Answer("x", calls=())
    for name, manner in MANNERS.items():
        changed = manner(answer)
        assert changed != answer or name == "ruined_call"
    stops = [MANNERS[name](answer).manner.breaks for name in STOPPED]
    assert {type(stop.step) for stop in stops if stop} == {Wait, Cut}
    assert (stops[0] and stops[0].step, stops[2] and stops[2].step) == (HANG, CUT)
    assert evolve(Manner(), newline="\r").newline == "\r"


@pytest.mark.parametrize("name", sorted(REFUSALS.keys() - {"hang", "reset"}))
@in_place
async def test_every_refusal_can_be_asked_for(place: Place, name: str) -> None:
    """By a word of the message, and by the name of the model."""
    by_text = await place.ask(f"please simulate:{name}")
    by_model = await place.ask(model=f"simulate-{name}")
    assert by_text.status_code == by_model.status_code >= 300
    assert by_text.content == by_model.content
