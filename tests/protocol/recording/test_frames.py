"""Redaction of the websocket's messages: nothing of a person stays, and the decoder finds the same
events.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.counters import Counters
from grokcore.protocol.grok_socket.client_frames import (
    Chat,
    Message,
    item_create,
    ping,
    session_create,
)
from grokcore.protocol.grok_socket.decoder import Decoder
from grokcore.protocol.grok_socket.refusals import refusal_of_close, refusal_of_error
from grokcore.protocol.grok_web.markup import parse_tag_names
from grokcore.protocol.recording.frames import RedactedFrames

from ..grok_socket.frames_of import (
    CONVERSATION_ID,
    HEADER,
    OTHER_ID,
    RESPONSE_ID,
    SUMMARY,
    THINKING,
    Frame,
    attached,
    chunk,
    citation,
    created,
    done,
    event,
    failed,
    message,
    output,
    pages,
    picture,
    session_created,
    stream,
    stream_error,
    text,
    thought,
    tool,
    video,
    whole,
)
from ..strategies import chunked, json_objects, marked_up_text
from .shapes import shape

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
GOLDEN = sorted((Path(__file__).parents[1] / "grok_socket" / "golden").glob("*.ndjson"))
KEY = b"a key of the tests"


def redacted(data: bytes, tag_names: frozenset[str] = TAGS) -> bytes:
    """Lines of messages, redacted."""
    return b"\n".join(RedactedFrames(data.split(b"\n"), KEY, tag_names).messages)


def redacted_frame(frame: object) -> Any:
    return json.loads(redacted(message(frame)))


def shapes(
    data: bytes, tags: frozenset[str] = TAGS, mode: str = ""
) -> tuple[list[tuple[object, ...]], Counters]:
    """The shapes of an answer's events, and what was passed over; of unknown keys only how many."""
    decoder = Decoder(tags, mode=mode)
    events = decoder.receive(data) + decoder.close()
    counters = decoder.counters
    counters.unknown_keys = {"": sum(counters.unknown_keys.values())}
    return [shape(event) for event in events], counters


# The same events --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_recorded_shapes_are_decoded_to_the_same_events(path: Path) -> None:
    """Kinds, counts, lengths of texts and the error that ends it, whatever the filter takes out."""
    data = path.read_bytes()
    for tags in (TAGS, frozenset[str]()):
        assert shapes(redacted(data), tags) == shapes(data, tags)


CARD = {"id": "7", "cardType": "citation_card", "url": "https://example.com/a"}
ELEMENT = '<grok:render card_id="7" card_type="citation_card" type="render_inline_citation"></grok:render>'
POST = {"userhandle": "@ann_b", "post_id": "2100000000000000001", "text": "hi"}
POST_URL = "https://x.com/ann_b/status/2100000000000000001"


def delta(words: object, **settings_: Any) -> Frame:
    return event("response.output_text.delta", response_id=RESPONSE_ID, delta=words, **settings_)


def of_agent(words: str, agent: object) -> Frame:
    frame = text(words)
    frame["event"]["chunk"]["metadata"] = {"step_id": 0, "rollout_id": agent}
    return frame


@frozen
class Case:
    """Frames of an answer behind its acknowledgements."""

    name: str
    frames: Sequence[Frame]
    mode: str = ""


CASES = [
    Case("an element in pieces", [output(card_attachment=CARD), *map(text, ["a<grok:ren", 'der card_id="', '7" card_ty', f'pe="citation_card">{ELEMENT[-14:]}', "b"]), done()]),
    Case("an element in pieces of the thinking", [*map(thought, ["<xai:tool_usage_", "card><xai:tool_name>web_search</xai:tool_name></xai:tool_usage_card>t"]), text("a"), done()]),
    Case("a piece of another answer within", [text("a<grok:"), text("xyz", name=OTHER_ID), text("render>b</grok:render>c"), done()]),
    Case("a piece of another conversation within", [text("a<grok:"), text("xyz") | {"session_id": OTHER_ID}, text("render>b</grok:render>c"), done()]),
    Case("a title within", [text("a<grok:"), text("Reading", HEADER), text("render>b</grok:render>c"), done()]),
    Case("a new step within", [thought("a<xai:"), text("tool_usage_card>b", SUMMARY), text("c"), done()]),
    Case("an agent within", [text("a<grok:"), of_agent("xyz", "Agent 2"), of_agent("w", "agent-x of Bob"), of_agent("b", "Grok"), text("render>b</grok:render>c"), done()]),
    Case("deltas", [delta("a<grok:"), delta("t", x_grok={"is_thinking": True}), delta("render>b</grok:render>c"), delta(5), event("response.reasoning_text.delta", delta="t"), done()]),
    Case("a channel without a name that we know", [text("t", "CHANNEL NEW Analysis"), text("t", "new"), text("a", "Final answer"), text("a", None), done()]),
    Case("texts that are none", [chunk(text={"text": 5}), chunk(text=5), event("response.chunk", chunk=5), event("response.output_text.done", text=5), text("a"), done()]),
    Case("the whole text once more", [text("Hello, "), text("world"), whole("Hello, world"), done()]),
    Case("a copy that brings the rest", [text('a<grok:render card_id="'), whole(f"a{ELEMENT}, and <b>more</b>"), text(" c"), done()]),
    Case("a copy of the last part", [text("Hello. "), whole("Hello. "), text("a b"), whole("a b."), text("c"), done()]),
    Case("a copy of nothing", [whole(""), whole("Hello"), text("a"), done()]),
    Case("a copy that is thinking", [text("a"), whole("other", x_grok={"is_thinking": True}), done()]),
    Case("a copy that is another text", [text("Hello, world"), whole("Something else, and more"), done()]),
    Case("a copy with links", [text("It is so."), whole("It is [[1]](https://example.com/a) so."), done()]),
    Case("a copy that shows a loss", [text("Hello wld, it is"), whole("Hello world, it is"), done()]),
    Case("a copy that shows a loss at its beginning", [text("world"), whole("Hello, my world"), done()]),
    Case("a second copy of nothing new", [text("a"), whole("a"), whole("other"), done()]),
    Case("posts and citations", [chunk(tool_result={"x_post": {"posts": [POST]}}), text("a"), citation(POST_URL), citation(citation_id=3), done()]),
    Case("pages by number", [chunk(tool_result={"web_search": {"webpages": [{"url": "https://example.com/b", "title": "B", "citation_id": 3}]}}), text("a"), citation(citation_id=3), citation(citation_id="3"), done()]),
    Case("tools", [tool("web_search", query="a b"), tool("open_page", url="https://example.com"), chunk(client_tool_call={"function": {"name": "look", "arguments": '{"query":"q r s"}'}}), chunk(client_tool_call={"function": {"name": "f", "arguments": "{"}}), text("a"), done()]),
    Case("pictures", [picture(50), picture(100), picture(100, card="c4", rejection_reason="no reason: UNSPECIFIED"), picture(100, card="c2", rejection_reason="UNSPECIFIED"), picture(100, card="c3", moderated=True), video(100), done()]),
    Case("unknown", [event("response.new"), {"event": {"type": "a b"}}, {"news": 1}, chunk(novelty={}), text("a"), done()]),
    Case("without envelopes", [text("a")["event"], done()["event"], {"type": 5}]),
    Case("created without an id", [event("response.created", response={"id": 5}), event("response.created"), text("a"), done()]),
    Case("a refusal by code", [event("error", error={"code": "anti_bot", "message": "x"})]),
    Case("a refusal by message", [event("error", message="Too many requests")]),
    Case("a stream error", [stream_error("x", kind="global_rate_limit")]),
    Case("a stream error by flag", [stream_error("x", usageLimitReached={})]),
    Case("a stream error that is text", [output(stream_error="heavy usage")]),
    Case("a stream error of a tool", [stream_error("x", kind="tool_call_failed"), text("a"), done()]),
    Case("a passing error", [stream_error("Too many requests", severity="non-fatal"), failed("stream_error")]),
    Case("failed", [failed("content_moderated")]),
    Case("failed, heavy", [failed("stream_error")], mode="heavy"),
    Case("the session ends", [event("session.ended", reason="token expired")]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_redacted_answer_is_decoded_to_the_same_events(case: Case) -> None:
    """Texts keep their lengths and elements, references lead to the same sources, errors keep their
    meaning.
    """
    data = stream([session_created(), attached(), created(), *case.frames])
    assert shapes(redacted(data), mode=case.mode) == shapes(data, mode=case.mode)


@st.composite
def answers(draw: st.DrawFn) -> list[Frame]:
    """Answers whose elements are cut over pieces, among frames of others and keys that nobody
    knows.
    """
    said = [text(piece) for piece in draw(marked_up_text.flatmap(chunked))]
    thoughts = [
        text(piece, draw(st.sampled_from([THINKING, SUMMARY, HEADER])))
        for piece in draw(marked_up_text.flatmap(chunked))
    ]
    others = [
        text("x<", name=OTHER_ID),
        pages("https://example.com/a"),
        chunk(novelty=draw(json_objects)),
    ]
    answer = "".join(frame["event"]["chunk"]["text"]["text"] for frame in said)
    copies = draw(st.lists(st.sampled_from([answer, f"{answer} <b> more"]), max_size=1))
    late = draw(st.lists(st.sampled_from(others), max_size=3))
    for frame in late:
        said.insert(draw(st.integers(0, len(said))), frame)
    return [created(), *thoughts, text("Well:"), *said, *map(_copy, copies), done()]


def _copy(answer: str) -> Frame:
    return whole(f"Well:{answer}")


@settings(deadline=None, max_examples=100)
@given(answers(), st.sampled_from([TAGS, frozenset({"grok:render"}), frozenset[str]()]))
def test_any_redacted_answer_is_decoded_to_the_same_events(
    frames: list[Frame], tags: frozenset[str]
) -> None:
    """In the same order, with texts of the same lengths, also where elements only look like some."""
    data = stream(frames)
    assert shapes(redacted(data), tags) == shapes(data, tags)


_PATCHES = [b"", b"\n", b"{", b"}", b'"', b"null", b"[]", b"5", b"\xff", b"true", b"\\u200b"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_answer_without_its_announcement_is_replayed_as_it_was(path: Path) -> None:
    """The first id that is seen is the answer's: Grok's copy of the text has to fit there too."""
    frames = path.read_bytes().splitlines(keepends=True)
    data = b"".join(frame for frame in frames if b'"response.created"' not in frame)
    assert shapes(redacted(data)) == shapes(data)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_mutated_conversation_is_decoded_to_the_same_events(data: st.DataObject) -> None:
    """Pieces overwritten, taken out, put in: broken frames stay as broken as they were."""
    damaged = bytearray(data.draw(st.sampled_from(GOLDEN)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        length = data.draw(st.sampled_from([0, 1, 5, 300]))
        damaged[start : start + length] = data.draw(st.sampled_from(_PATCHES))
    found = redacted(bytes(damaged))
    assert found.count(b"\n") == damaged.count(b"\n")
    assert shapes(found) == shapes(bytes(damaged))


# Nothing of a person ----------------------------------------------------------------------------

SECRET = "Alice4711Wonder"
UUID = "4f0c1b2a-9d3e-4c5f-8a7b-6c5d4e3f2a1b"
PIECE = 6
"""Letters and digits in a row that would be recognised."""


@frozen
class Leak:
    """A message that has something of a person at a certain place."""

    name: str
    message: bytes
    secret: str = SECRET


def leak(name: str, frame: object, secret: str = SECRET) -> Leak:
    return Leak(name, message(frame), secret)


LEAKS = [
    Leak("the question", item_create(Message(SECRET, (SECRET,)), conversation_id=UUID, message_id=UUID, at_ms=1)),
    Leak("the conversation of a question", item_create(Message("a"), conversation_id=UUID, message_id=UUID, at_ms=1), UUID),
    Leak("the conversation of a ping", ping(conversation_id=UUID, at_ms=1), UUID),
    leak("an id", text("a") | {"session_id": UUID}, UUID),
    leak("the account", event("session.created", user_id=SECRET, userId=UUID, x={"email": f"{SECRET}@example.com"})),
    leak("the account's number", event("session.created", user_id=4711081547), "4711081547"),
    leak("the text", text(SECRET)),
    leak("a text of another answer", text(SECRET, name=OTHER_ID)),
    leak("a text of another conversation", text(SECRET) | {"session_id": OTHER_ID}),
    leak("the thinking", thought(SECRET)),
    leak("a title", text(SECRET, HEADER)),
    leak("a channel", text("a", f"{SECRET} analysis {SECRET}")),
    leak("an agent", of_agent("a", f"Agent {SECRET}")),
    leak("a delta", delta(SECRET)),
    leak("a copy", whole(SECRET)),
    leak("a conversation's title", event("conversation.title.updated", title=SECRET)),
    leak("a conversation's history", event("conversation.history.item", item={"content": [{"text": SECRET}]})),
    leak("a suggestion", chunk(follow_up_suggestions={"suggestions": [{"label": SECRET, "properties": {"x": SECRET}}]})),
    leak("a search", tool("web_search", query=SECRET, type=SECRET)),
    leak("a call", chunk(client_tool_call={"function": {"name": SECRET, "arguments": json.dumps({"type": SECRET, SECRET: SECRET})}})),
    leak("a call with objects", chunk(client_tool_call={"function": {"name": SECRET, "arguments": {"type": SECRET}}})),
    leak("a page", chunk(tool_result={"web_search": {"webpages": [{"url": f"https://{SECRET}.example.com/{SECRET}?{SECRET}", "title": SECRET, "snippet": SECRET}]}})),
    leak("a post", chunk(tool_result={"x_post": {"posts": [{"userhandle": SECRET, "name": SECRET, "text": SECRET, "profile_image_url": f"https://example.com/{SECRET}"}]}})),
    leak("a citation", citation(f"https://example.com/{SECRET}", citation_id=SECRET)),
    leak("a picture", picture(100, card=SECRET, prompt=SECRET)),
    leak("a video", video(100, videoUuid=SECRET, prompt=SECRET)),
    leak("a file", chunk(render_file_preview={"file_name": f"{SECRET}.csv", "url": f"users/{UUID}/{SECRET}.csv"})),
    leak("an error", event("error", error={"code": SECRET, "message": f"{SECRET} is not found"})),
    leak("an error without its object", event("error", message=SECRET, x=[SECRET])),
    leak("the end of the session", event("session.ended", reason=SECRET)),
    leak("a failure", failed(SECRET)),
    leak("a stream error", stream_error(SECRET, kind=SECRET, details={"reason": SECRET})),
    leak("an unknown event", event("response.new", news=SECRET)),
    leak("an unknown key", chunk(novelty=SECRET)),
    leak("no frame", [SECRET, {"text": SECRET}]),
    leak("a string", SECRET),
    Leak("no JSON", f"<p>{SECRET}</p>".encode()),
    Leak("JSON that is broken", f'{{"event":{{"{SECRET}":tru,"a":"{SECRET}"}}}}'.encode()),
    Leak("a conversation that is none", b'{"type":"conversation.alicewonder', "alicewonder"),
]  # fmt: skip


@pytest.mark.parametrize("case", LEAKS, ids=lambda case: case.name)
def test_wherever_something_personal_stands_it_goes(case: Leak) -> None:
    """Whole or in pieces; and so it does in a message with others, and in one that was cut off."""
    for data in (case.message, case.message * 2, b"x" + case.message, case.message[:-2]):
        found = redacted(data).decode().lower()
        pieces = {case.secret[at : at + PIECE] for at in range(len(case.secret) - PIECE + 1)}
        assert not [piece for piece in pieces if piece.lower() in found], found


# What stays -------------------------------------------------------------------------------------


def test_ids_are_the_same_in_the_messages_of_both_sides() -> None:
    """So that a reader sees which answer belongs to which question."""
    sent = ping(conversation_id=CONVERSATION_ID, at_ms=1)
    first, second = RedactedFrames([message(text("a")), sent], KEY).messages
    assert json.loads(first)["session_id"] == json.loads(second)["session_id"] != CONVERSATION_ID


def test_settings_of_the_session_stay() -> None:
    """They are the client's own, and half of what a report is about."""
    chat = Chat("heavy", temporary=True, memory=False, search=False)
    frame = json.loads(session_create(chat, uuid=UUID))
    found = redacted_frame(frame)
    assert found["event"].pop("event_id") != frame["event"].pop("event_id")
    assert found == frame


@frozen
class Broken:
    """A message that is no frame, and what becomes of it."""

    message: bytes
    becomes: bytes


BROKEN = [
    Broken(b"", b""),
    Broken(b'x {"a":1} y\r', b'x {"a":1} x\r'),
    Broken(b'{"a":tru}', b'{"x":xxx}'),
    Broken(b'{"a":"\x01"}', b'{"x":"x"x}'),
    Broken(b'{"event":{"type":"pong', b'{"xxxxx":{"xxxx":"xxxx'),
    Broken(b'{"type":"pong","video', b'{"xxxx":"pong","video'),
    Broken(b'"conversation.on"{', b'"conversation.xx"{'),
    Broken(b'{"\xc3\xa9\\"}"', b'{"xx\\"}"'),
    Broken(b"\0", b"x"),
]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: repr(case.message))
def test_broken_messages_stay_as_broken_as_they_were(case: Broken) -> None:
    """What may have been lost with one is judged by its punctuation and a few words."""
    assert redacted(case.message) == case.becomes


# Errors -----------------------------------------------------------------------------------------

REASONS = [
    *("toomanyrequests", "stream_er{ror", "anti_\u200bbot", "ratelimited"),
    *("anti_bot", "antiBot", "This page is out of date. Reload to continue.", "unauthenticated"),
    *("invalid-credentials", "token expired", "rate_limited", "RATE_LIMIT_EXCEEDED", "rateLimit"),
    *("Too many requests", "quota_exceeded", "resource_exhausted", "overloaded", "unavailable"),
    *("service_unavailable", "context_length_exceeded", "prompt_too_long", "content_filter"),
    *("content policy", "moderated", "requires_upgrade", "subscription_required"),
    *("mode_not_allowed", "Upgrade to SuperGrok", "requires Premium", "usageLimitReached"),
    *("usage_pool_exhausted", "not included in your plan", "heavy usage", "something else"),
    *("concurrency_limit", "beyond_context_length", "userPromptTooLong", "internal_error"),
]


@pytest.mark.parametrize("words", REASONS)
def test_a_refusal_means_what_it_meant(words: str) -> None:
    """By its code, by its message, and as the reason of a close."""
    frames = RedactedFrames([], KEY)
    kept = frames.reason(words)
    assert type(refusal_of_close(kept)) is type(refusal_of_close(words))
    for error in ({"code": words}, {"kind": words}, {"message": words}):
        found = redacted_frame(event("error", error=error))["event"]["error"]
        assert type(refusal_of_error(found)) is type(refusal_of_error(error))


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("account Alice expired", "account xxxxx expired"),
        ("Anita", "xxxxx"),  # an, it, a
        ("user_Anita", "xxxx_xxxxx"),
        ("expired" * 9, "x" * 63),
        ("", ""),
        ("…", "x"),
    ],
)
def test_a_reason_with_a_name_loses_it(words: str, kept: str) -> None:
    """Only known words stay, alone or in a compound."""
    assert RedactedFrames([], KEY).reason(words) == kept


def test_an_address_is_redacted_as_within_a_message() -> None:
    """Known hosts stay."""
    frames = RedactedFrames([], KEY)
    assert frames.address("https://accounts.x.ai/") == "https://accounts.x.ai/"
    assert "alice" not in frames.address("https://alice.example.com/alice")


# Robustness -------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=30) | json_objects.map(message), max_size=6))
def test_garbage_raises_nothing(pieces: list[bytes]) -> None:
    """And has the lines that it had, with the same in them for the decoder."""
    data = b"".join(pieces)
    assert redacted(data).count(b"\n") == data.count(b"\n")
    assert shapes(redacted(data))[0] == shapes(data)[0]


@pytest.mark.parametrize("depth", [50, 150, 400, 5000])
def test_nests_without_end_raise_nothing(depth: int) -> None:
    """Neither deep ones nor those that are cut off."""
    inner = b'{"event":'
    redacted(inner * depth + b"1" + b"}" * depth)
    redacted(inner * depth)
