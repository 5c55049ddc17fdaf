"""A Grok that breaks every rule of its websocket, and what a client of OpenAI's API gets: a complete
answer or an error with its code, and nothing that only looks complete.

Where RFC 6455 has a rule, its section stands beside the case. Codes are those of the reference's
table of errors.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

import httpx
import pytest
import trio
from attrs import frozen

from grokcore.protocol.pool import attempts
from tests.handmade_grok import (
    ANSWER,
    BINARY,
    CLOSE,
    CONTINUED,
    CONVERSATION,
    HEADER,
    OTHER,
    PING,
    PONG,
    RESPONSE,
    SUMMARY,
    THINKING,
    TOKENS,
    Place,
    Play,
    Talk,
    attached,
    chunk,
    closing,
    created,
    done,
    event,
    failed,
    frame,
    on_handmade_grok,
    picture,
    pieces,
    words,
)
from tests.wire import data_lines, until

SOON_S = 10.0
"""Real seconds within which websockets have ended, on any machine."""

CONFIG = 'image_mode = "url"\n'
CLOCKS = "stream_first_response_timeout = 1\nstream_chunk_timeout = 0.6\n"

STATUS = {
    "content_policy_violation": 400,
    "rate_limit_exceeded": 429,
    "no_valid_tokens": 503,
    "upstream_overloaded": 503,
    "timeout_first_response": 504,
    "timeout_chunk": 504,
}
"""Statuses of codes; all others are 502."""

ERROR, REFUSED, LOST = "upstream_error", "upstream_refused", "upstream_incomplete"
EMPTY, CHALLENGE, ANTIBOT = "empty_upstream_response", "upstream_challenge", "upstream_antibot"
LIMIT, DEAD, MODERATED = "rate_limit_exceeded", "no_valid_tokens", "content_policy_violation"
FIRST, CHUNK, BUSY = "timeout_first_response", "timeout_chunk", "upstream_overloaded"

A = words("a ")
CREATED, ATTACHED = event("session.created", client_event_id="evt_init"), attached()
PAGE = b"<!DOCTYPE html><html><title>Just a moment...</title></html>"
JSON, HTML = "Content-Type: application/json", "Content-Type: text/html"
ANTIBOT_BODY = b'{"error":{"code":7,"message":"Request rejected by anti-bot rules."}}'


@frozen
class Case:
    """A Grok that misbehaves, and what comes of it.

    :ivar text: of the answer, or what is seen of it before it fails.
    :ivar code: of the error; empty if the answer is complete.
    """

    name: str
    play: Play
    text: str = ""
    code: str = ""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other attempts follow at once."""
    monkeypatch.setattr(attempts, "SPACING_S", (0.0, 0.0))


# What Grok does ---------------------------------------------------------------------------------

CUT = b""
"""The connection is closed here."""


def answers(*messages: str | bytes) -> Play:
    """Send these once the answer has been announced."""

    async def play(talk: Talk) -> None:
        await talk.asked()
        await _send(talk, messages)

    return play


def begins(*messages: str | bytes, before: int = 0) -> Play:
    """Send these in place of all that follows the upgrade: *before* of them at once, the others
    when the session has been asked for. What comes behind ``conversation.attached`` waits for the
    question.
    """

    async def play(talk: Talk) -> None:
        await talk.accept()
        await _send(talk, messages[:before], wait=False)
        await talk.wait_for("session.create")
        rest = messages[before:]
        ready = max((index + 1 for index, one in enumerate(rest) if one in READY), default=0)
        await _send(talk, rest[:ready], wait=False)
        if ready and len(rest) > ready and rest[ready] != CUT:
            await talk.question()
        await _send(talk, rest[ready:])

    return play


async def _send(talk: Talk, messages: tuple[str | bytes, ...], *, wait: bool = True) -> None:
    for one in messages:
        if one == CUT:
            return
        await talk.send(one)
    if wait:
        await talk.until_left()


READY = (ATTACHED, frame(ATTACHED, BINARY), CREATED + ATTACHED)


def refuses(status: int, body: bytes = b"", *headers: str) -> Play:
    """Answer the upgrade with another status than 101."""

    async def play(talk: Talk) -> None:
        await talk.refuse(status, body, *headers)
        await talk.until_left()

    return play


def upgrades(*headers: str, key: bytes | None = None) -> Play:
    """Answer the upgrade with these headers beside the usual ones, then the question."""

    async def play(talk: Talk) -> None:
        await talk.accept(*headers, key=key)
        await talk.wait_for("session.create")
        await talk.send(CREATED, ATTACHED)
        await talk.question()
        await talk.send(created(), A, done())
        await talk.until_left()

    return play


async def no_upgrade(talk: Talk) -> None:
    await talk.stream.receive_some()


async def half_closed(talk: Talk) -> None:
    await talk.asked()
    await talk.send(A)
    assert isinstance(talk.stream, trio.SocketStream)
    await talk.stream.send_eof()
    await talk.until_left()


async def reset(talk: Talk) -> None:
    await talk.asked()
    await talk.send(A)
    await trio.sleep(0.05)  # what is sent at once with RST is lost with it
    assert isinstance(talk.stream, trio.SocketStream)
    talk.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def byte_by_byte(talk: Talk) -> None:
    await talk.asked()
    for byte in frame(A) + frame("p", PING) + pieces(words("b"), 3) + frame(done()):
        await talk.stream.send_all(bytes((byte,)))
    await talk.until_left()


def chatters(*messages: str | bytes, first: str = "") -> Play:
    """Answer, and then send these for ever."""

    async def play(talk: Talk) -> None:
        await talk.asked()
        await talk.send(*[first] * bool(first))
        while True:
            await talk.send(*messages)
            await trio.sleep(0.01)

    return play


def citation(url: str, number: str = "0") -> str:
    value = {"id": number, "kind": "CITATION_KIND_WEB_PAGE", "url": url, "citation_id": number}
    return chunk(render_citation=value)


def trouble(**keys: Any) -> str:
    error = {"kind": "STREAM_ERROR", "message": "boom", "severity": "error", **keys}
    return event("response.grok.output", response_id=RESPONSE, output={"stream_error": error})


def error(code: str, message: str = "no", **envelope: Any) -> str:
    return event("error", error={"code": code, "message": message}, **envelope)


def whole(text: str) -> str:
    return event("response.output_text.done", response_id=RESPONSE, text=text)


QUIET = (event("pong"), event("conversation.queue.updated"), words(""), chunk(ui_layout={}))

UPGRADES = [
    Case("200", refuses(200, b"hi"), code=ERROR),
    Case("200 with a page", refuses(200, PAGE, HTML), code=ERROR),
    Case("301", refuses(301, b"", "Location: https://example.com/"), code=ERROR),
    Case("307 to the sign-in", refuses(307, b"", "Location: https://accounts.x.ai/sign-in"), code=DEAD),
    Case("400", refuses(400), code=REFUSED),
    Case("401", refuses(401), code=DEAD),
    Case("403 with a challenge", refuses(403, PAGE, HTML, "Server: cloudflare", "cf-mitigated: challenge"), code=CHALLENGE),
    Case("403 with a page", refuses(403, PAGE, HTML), code=CHALLENGE),
    Case("403, empty", refuses(403), code=CHALLENGE),
    Case("403 in JSON", refuses(403, ANTIBOT_BODY, JSON), code=ANTIBOT),
    Case("404", refuses(404), code=REFUSED),
    Case("426", refuses(426), code=REFUSED),
    Case("429", refuses(429, b"", "Retry-After: 7"), code=LIMIT),
    Case("500", refuses(500), code=ERROR),
    Case("503", refuses(503, b"", "Retry-After: 7"), code=ERROR),
    Case("520", refuses(520, PAGE, "Server: cloudflare"), code=ERROR),
    Case("no answer", no_upgrade, code=FIRST),
    # Section 4.1: the client fails the connection. libcurl does not compare the value, and no more
    # is lost than what the frames then show.
    Case("a wrong Sec-WebSocket-Accept", upgrades(key=b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="), "a "),
    Case("an extension that was not offered", upgrades("Sec-WebSocket-Extensions: permessage-deflate"), code=ERROR),
    Case("a head without end", upgrades("X: " + "x" * 70_000), code=ERROR),
    Case("cookies", upgrades("Set-Cookie: sso=other; Path=/", "Set-Cookie: x-userid=other"), "a "),
]  # fmt: skip

BEGINNINGS = [
    Case("acknowledged in the other order", begins(CREATED, ATTACHED, created(), A, done()), "a "),
    Case("both in one message", begins(CREATED + ATTACHED, created(), A, done()), "a "),
    Case("as binary messages", begins(frame(CREATED, BINARY), frame(ATTACHED, BINARY), created(), A, done()), "a "),
    Case("twice", begins(CREATED, ATTACHED, CREATED, ATTACHED, created(), A, done()), "a "),
    Case("created before it is attached", begins(CREATED, created(), ATTACHED, A, done()), "a "),
    Case("a piece before it is created", begins(CREATED, ATTACHED, A, created(), words("b"), done()), "a b"),
    Case("never created", begins(CREATED, ATTACHED, words("a ", name=None), words("b"), done()), "a b"),
    Case("one acknowledgement", begins(CREATED), code=FIRST),
    Case("the other one", begins(ATTACHED), code=FIRST),
    Case("another conversation is attached", begins(CREATED, attached(OTHER)), code=ERROR),
    Case("another conversation is created", begins(event("session.created", conversation=OTHER), ATTACHED, CUT), code=ERROR),
    Case("an error first of all", begins(error("anti_bot"), before=1), code=ANTIBOT),
    Case("an error instead", begins(error("unauthenticated")), code=DEAD),
    Case("the session ends", begins(event("session.ended")), code=ERROR),
    Case("closed at once", begins(closing(1000), before=1), code=ERROR),
    Case("closed between the acknowledgements", begins(CREATED, closing(1000)), code=ERROR),
    Case("closed behind the question", begins(CREATED, ATTACHED, closing(1000)), code=EMPTY),
    Case("cut between the acknowledgements", begins(CREATED, CUT), code=ERROR),
    Case("much before them", begins(event("x", x="x" * 1_100_000), CREATED, ATTACHED, CUT), code=ERROR),
    Case("silence behind the question", begins(CREATED, ATTACHED), code=FIRST),
]  # fmt: skip

FRAMES = [
    Case("fragments with pings between", answers(pieces(A, 5, frame("p", PING)), done()), "a "),
    Case("fragments of a byte", answers(pieces(words("ä€😀"), 400, frame("", PONG)), done()), "ä€😀"),
    Case("empty fragments", answers(frame("", last=False) + frame("", CONTINUED, last=False) + frame(A, CONTINUED), done()), "a "),
    Case("byte by byte", byte_by_byte, "a b"),
    Case("several objects in a message", answers(A + words("b") + "\n" + done()), "a b"),
    Case("a length that is not minimal", answers(bytes((0x81, 127)) + len(A.encode()).to_bytes(8) + A.encode(), done()), "a "),
    Case("a binary message", answers(frame(A, BINARY), words("b"), done()), "a b"),
    Case("a binary message in fragments", answers(frame(A[:9], BINARY, last=False) + frame(A[9:], CONTINUED), done()), "a "),
    Case("bytes that are nothing", answers(A, frame(b"\0\xff", BINARY), done()), "a "),
    Case("an empty message", answers(A, frame(""), done()), "a "),
    Case("a long ping", answers(A, frame("p" * 125, PING), done()), "a "),
    Case("a ping that is too long (5.5)", answers(A, frame("p" * 126, PING), done()), "a ", ERROR),
    Case("a ping in fragments (5.5)", answers(A, frame("p", PING, last=False), done()), "a ", ERROR),
    Case("a masked frame (5.1)", answers(A, frame(words("b"), masked=True), done()), "a ", ERROR),
    Case("a compressed frame (5.2)", answers(A, frame(words("b"), reserved=4), done()), "a ", ERROR),
    Case("a reserved bit (5.2)", answers(A, frame(words("b"), reserved=1), done()), "a ", ERROR),
    Case("a reserved opcode (5.2)", answers(A, frame(words("b"), 3), done()), "a ", ERROR),
    Case("a reserved control opcode (5.2)", answers(A, frame(words("b"), 11), done()), "a ", ERROR),
    Case("a fragment of nothing (5.4)", answers(A, frame(words("b"), CONTINUED), done()), "a ", ERROR),
    Case("a message within another (5.4)", answers(A, frame("{", last=False), frame(A), done()), "a ", ERROR),
    Case("a length of 2**63 (5.2)", answers(A, frame("", size=2**63 + 5)), "a ", ERROR),
    Case("HTTP in the middle", answers(A, b"HTTP/1.1 500 Error\r\n\r\n"), "a ", ERROR),
    # Section 8.1: the client fails the connection. We read on: what is damaged is shown as such.
    Case("bytes that are no UTF-8", answers(frame(words("@").encode().replace(b"@", b"\xff")), done()), "\ufffd"),
    Case("half a surrogate", answers(words("@").replace("@", "\\ud800"), done()), "\ufffd"),
    Case("a message without an end", answers(A, frame("{", last=False)), "a ", CHUNK),
]  # fmt: skip

OBJECTS = [
    Case("unknown events and keys", answers(A, event("something.new"), chunk(novelty={"a": 1}), done()), "a "),
    Case("an object over two messages", answers(A, words("b")[:-9], words("b")[-9:], done()), "a ", LOST),
    Case("half an object", answers(A, words("b")[:-9], done()), "a ", LOST),
    Case("half an object, and a copy", answers(A, words("b")[:-9], whole("a b"), done()), "a b"),
    Case("no JSON", answers(A, "nonsense", done()), "a "),
    Case("nested without end", answers(A, '{"a":' * 50_000, done()), "a ", LOST),
    Case("a text of another form", answers(A, chunk(text={"text": ["b"], "channel": ANSWER}), done()), "a ", LOST),
    Case("a chunk of another form", answers(A, event("response.chunk", response_id=RESPONSE, chunk=["b"]), done()), "a ", LOST),
    Case("without its envelope", answers(json.dumps(json.loads(A)["event"]), done()), "a "),
    Case("a piece twice, and a copy", answers(A, A, whole("a "), done()), "a a ", LOST),
]  # fmt: skip

LARGE = [
    Case("an object of 3 MiB", answers(words("x" * 3 * 2**20), done()), "x" * 3 * 2**20),
    Case("an object of 5 MiB", answers(A, words("x" * 5 * 2**20), words("b"), done()), "a ", ERROR),
    Case("a frame of 17 MiB", answers(A, frame(words("x" * 17 * 2**20)), done()), "a ", ERROR),
    Case("17 MiB in fragments", answers(A, pieces(words("x" * 17 * 2**20), 20), done()), "a ", ERROR),
    Case("17 MiB that do not come", answers(A, frame("{", size=17 * 2**20)), "a ", ERROR),
]  # fmt: skip

CODES = (None, 1000, 1001, 1006, 1008, 1011, 4000, 4401)
ENDS = [
    *(Case(f"closed, {code}, in the answer", answers(A, closing(code)), "a ", LOST if code == 1000 else ERROR) for code in CODES),
    *(Case(f"closed, {code}, before it", answers(closing(code)), "", EMPTY if code == 1000 else ERROR) for code in CODES),
    *(Case(f"closed, {code}, behind it", answers(A, done(), closing(code)), "a ") for code in CODES),
    Case("closed for a limit", answers(closing(1008, "rate_limit")), code=LIMIT),
    Case("closed for a limit, in the answer", answers(A, closing(1000, "Too many requests")), "a ", LIMIT),
    Case("closed by a dead session", answers(closing(4401, "unauthenticated")), code=DEAD),
    Case("closed by the anti-bot rules", answers(A, closing(1008, "anti_bot")), "a ", ANTIBOT),
    Case("closed within a message", answers(A, frame("{", last=False), closing(1000)), "a ", LOST),
    Case("half a code (5.5.1)", answers(A, frame("x", CLOSE)), "a ", ERROR),
    Case("a close in fragments (5.5)", answers(A, frame(b"\x03\xe8", CLOSE, last=False)), "a ", ERROR),
    Case("half closed", half_closed, "a ", ERROR),
    Case("reset", reset, "a ", ERROR),
    Case("cut before the answer", answers(CUT), code=ERROR),
    Case("cut", answers(A, CUT), "a ", ERROR),
    Case("cut within the last frame", answers(A, frame(done())[:-1], CUT), "a ", ERROR),
    Case("cut behind it", answers(A, done(), CUT), "a "),
    Case("silence", answers(A), "a ", CHUNK),
    Case("signs of life only", chatters(*QUIET, frame("", PING)), code=FIRST),
    Case("signs of life behind a word", chatters(*QUIET, frame("", PING), first=A), "a ", CHUNK),
    Case("failed", answers(A, failed("stream_error")), "a ", ERROR),
    Case("failed before the answer", answers(failed("stream_error")), code=ERROR),
    Case("failed for moderation", answers(failed("content_filter")), code=MODERATED),
    Case("failed for a limit", answers(failed("rate_limit")), code=LIMIT),
    Case("incomplete", answers(A, done("incomplete", incomplete_details={"reason": "max_output_tokens"})), "a ", LOST),
    Case("cancelled", answers(A, done("cancelled")), "a ", LOST),
    Case("in progress", answers(A, done("in_progress")), "a ", ERROR),
    Case("done without a status", answers(A, event("response.done", response={"id": RESPONSE})), "a ", LOST),
    Case("done without a response", answers(A, event("response.done")), "a ", LOST),
    Case("done without an id", answers(A, done(name=None)), "a "),
    Case("done with an id that is null", answers(A, event("response.done", response={"id": None, "status": "completed"})), "a "),
    Case("done by another name", answers(A, event("response.completed", response={"id": RESPONSE, "status": "completed"})), "a ", CHUNK),
    Case("another answer is done", answers(A, done(name=OTHER)), "a ", CHUNK),
    Case("another answer is done, then it", answers(A, done(name=OTHER), words("b"), done()), "a b"),
    Case("another conversation is done", answers(A, event("response.done", conversation=OTHER, response={"id": RESPONSE, "status": "completed"})), "a ", CHUNK),
    Case("done with nothing", answers(done()), code=EMPTY),
    Case("done with thoughts only", answers(words("t", THINKING), done()), code=EMPTY),
    Case("done with white space only", answers(words(" \n"), done()), " \n", EMPTY),
    Case("the session ends", answers(A, event("session.ended")), "a ", LOST),
    Case("the session ends before it", answers(event("session.ended")), code=EMPTY),
    Case("the session ends for a limit", answers(event("session.ended", reason="rate_limit")), code=LIMIT),
    Case("an error", answers(error("anti_bot")), code=ANTIBOT),
    Case("an error in the answer", answers(A, error("internal_error"), done()), "a ", ERROR),
    Case("an error of another conversation", answers(A, error("anti_bot", conversation=OTHER), done()), "a "),
    Case("an error that is null", answers(event("error", error=None)), code=ERROR),
    Case("an error that is text", answers(event("error", error="Too many requests")), code=LIMIT),
    Case("an error in the message of the text", answers(A + error("anti_bot") + done()), "a ", ANTIBOT),
    Case("a stream error", answers(A, trouble(), done()), "a ", ERROR),
    Case("a stream error that warns", answers(A, trouble(severity="warning"), words("b"), done()), "a b"),
    Case("a stream error of load", answers(trouble(globalRateLimit={})), code=BUSY),
]  # fmt: skip

CONTENT = [
    Case("frames behind the end", answers(A, done(), words("late"), words("late", HEADER, ""), error("anti_bot"), failed("x")), "a "),
    Case("an end twice", answers(A, done(), done()), "a "),
    Case("two answers side by side", answers(created(OTHER), words("x", name=OTHER), A, done(name=OTHER), words("b"), done()), "a b"),
    Case("another conversation's text", answers(event("response.chunk", conversation=OTHER, response_id=RESPONSE, chunk={"text": {"text": "x"}}), A, done()), "a "),
    Case("text without a name", answers(words("x", name=""), words("a ", name=None), done()), "a "),
    Case("thoughts, titles, summaries", answers(words("Looking", HEADER), words("t", THINKING), words("s", SUMMARY), A, words("Writing", HEADER), words("late", THINKING), words("b"), done()), "a b"),
    Case("a copy with more", answers(A, whole("a b"), done()), "a b"),
    Case("a copy that shows a gap", answers(words("one "), words("three"), whole("one two three"), done()), "one three", LOST),
    Case("a citation", answers(A, citation("https://example.com/x"), words("b"), done()), "a [1]b"),
    Case("citations that are odd", answers(A, citation("javascript:x"), chunk(render_citation="x"), done()), "a "),
    Case("pictures", answers(picture("1", 50), picture("2", 50, 1), picture("2", 100, 1), picture("1", 100), done()), "/2/image.jpg /1/image.jpg"),
    Case("pictures, one moderated", answers(picture("1", 50), picture("2", 50, 1), picture("1", 100), picture("2", 100, 1, moderated=True), done()), "/1/image.jpg"),
    Case("pictures, all moderated", answers(picture("1", 50), picture("1", 100, moderated=True), done()), code=MODERATED),
    Case("a picture that is not made", answers(picture("1", 50), A, done()), "a ", LOST),
    Case("a picture of another form", answers(A, chunk(render_generated_image="x"), whole("a "), done()), "a ", LOST),
]  # fmt: skip


# What the client gets ---------------------------------------------------------------------------


@frozen
class Got:
    """What a client got: a text, and an error's code; whether the answer looks complete."""

    text: str
    code: str
    complete: bool


def of_body(reply: httpx.Response) -> Got:
    """Read an answer that is not streamed."""
    value = reply.json()
    if "error" in value:
        assert reply.status_code == STATUS.get(value["error"]["code"], 502)
        return Got("", value["error"]["code"], complete=False)
    (choice,) = value["choices"]
    assert reply.status_code == 200
    return Got(choice["message"]["content"], "", choice["finish_reason"] == "stop")


def of_stream(reply: httpx.Response) -> Got:
    """Read a streamed answer, which may have failed before it began."""
    if not reply.headers["content-type"].startswith("text/event-stream"):
        return of_body(reply)
    lines = data_lines(reply.text)
    values = [json.loads(line) for line in lines if line != "[DONE]"]
    codes = [value["error"]["code"] for value in values if "error" in value]
    choices = [choice for value in values for choice in value.get("choices", ())]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    finished = any(choice["finish_reason"] for choice in choices)
    assert len(codes) <= 1
    assert finished is (lines[-1] == "[DONE]") is not bool(codes)
    return Got(text, "".join(codes), complete=finished)


def simple(text: str) -> str:
    """*text*, with of its pictures only the end of the address."""
    if "image.jpg" not in text:
        return text
    return " ".join(f"/{one.split('/')[-2]}/image.jpg" for one in text.split(")") if "image" in one)


async def look(place: Place, case: Case) -> None:
    """Ask twice, and compare: streamed first, since its failure may cost the token its turn."""
    streamed = of_stream(await place.site.ask(stream=True))
    assert streamed == Got(streamed.text, case.code, complete=not case.code)
    assert simple(streamed.text) == case.text
    body = of_body(await place.site.ask())
    assert body == Got(body.text, case.code, complete=not case.code)
    assert simple(body.text) == ("" if case.code else case.text)
    with trio.fail_after(SOON_S):
        await place.websockets_gone()
        await until(lambda: not (place.site.leased() or place.site.gateway.open_count))


@pytest.mark.once
@pytest.mark.parametrize(
    "case", [*UPGRADES, *BEGINNINGS, *FRAMES, *OBJECTS, *ENDS, *CONTENT], ids=lambda case: case.name
)
@on_handmade_grok(lambda case: case.play, config=CONFIG + CLOCKS, tokens=TOKENS[:1])
async def test_an_answer_is_complete_or_an_error_with_its_code(place: Place, case: Case) -> None:
    """Streamed or not: nothing that Grok does makes a part of an answer look like all of it."""
    await look(place, case)


@pytest.mark.large
@pytest.mark.parametrize("case", LARGE, ids=lambda case: case.name)
@on_handmade_grok(lambda case: case.play, config=CONFIG, tokens=TOKENS[:1])
async def test_large_frames_are_read_or_refused(place: Place, case: Case) -> None:
    """A frame up to 16 MiB, an object up to 4 MiB."""
    await look(place, case)


@on_handmade_grok(
    lambda: answers(pieces(A, 4, frame("p", PING)), frame("q", PING), done()), tokens=TOKENS[:1]
)
async def test_pings_are_answered_and_the_end_is_a_close(place: Place) -> None:
    """Between fragments too. The last thing is a close frame with the status of a normal one."""
    await place.site.ask()
    await place.websockets_gone()
    (talk,) = place.grok.talks
    assert (talk.pongs, talk.goodbye) == (4, 1000)


@on_handmade_grok(
    lambda: upgrades("Set-Cookie: sso=other; Path=/", "Set-Cookie: new=1; Path=/"),
    tokens=TOKENS[:1],
)
async def test_nothing_of_an_upgrade_is_kept_for_the_next(place: Place) -> None:
    """Each has the account's own cookies alone, and offers no extension."""
    for _ in range(2):
        await place.site.ask()
    first, second = place.grok.talks
    assert first.header("cookie") == second.header("cookie")
    assert "sso=sso-0" in first.header("cookie")
    assert first.header("sec-websocket-extensions") == ""
    assert first.header("sec-websocket-key") != second.header("sec-websocket-key")


@on_handmade_grok(lambda: refuses(429, b"", "Retry-After: 7"), tokens=TOKENS[:1])
async def test_a_wait_that_the_upgrade_names_is_the_client_s(place: Place) -> None:
    """With no other account, as long as Grok says."""
    reply = await place.site.ask()
    assert reply.headers["retry-after"] in {"6", "7"}
    assert CONVERSATION not in reply.text
