"""The websocket of Grok's own page, simulated: one question and its answer.

The client's frames are checked as strictly as the facts allow (docs/developers/grok-protocol.md,
the part on the socket): a client that deviates gets an ``error`` event and its call says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import trio
from attrs import define, field, frozen
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from . import frames, lines
from .peer import Peer
from .scripts import Cut, Wait, tokens_of

__all__ = [
    "SOCKET_PATH",
    "Binary",
    "Close",
    "Fragments",
    "Glued",
    "Pinged",
    "Raw",
    "Say",
    "SocketCall",
    "SocketScript",
    "Step",
    "converse",
    "spoken",
]

SOCKET_PATH = "/ws/mgw/"
SESSION_ID = lines.CONVERSATION_ID

_SSO = re.compile(r"(?:^|;)\s*sso=([^;]+)")
_USER = re.compile(r"(?:^|;)\s*x-userid=([^;]+)")


@frozen
class Say:
    """An event as a message of its own; *session_id* replaces the conversation's."""

    event: frames.Event
    session_id: str = SESSION_ID


@frozen
class Glued:
    """Several events in one message, back to back."""

    events: tuple[frames.Event, ...]


@frozen
class Fragments:
    """An event in fragments of so many characters, with a ping between any two."""

    event: frames.Event
    size: int = 7


@frozen
class Raw:
    """A text message that is no event, or a broken one."""

    text: str


@frozen
class Binary:
    """A binary message."""

    data: bytes = b"{}"


@frozen
class Pinged:
    """A ping of RFC 6455."""


@frozen
class Close:
    """A close frame."""

    code: int = 1000
    reason: str = ""


Message: TypeAlias = Say | Glued | Fragments | Raw | Binary | Pinged
Step: TypeAlias = Message | Close | Wait | Cut


@frozen
class SocketScript:
    """The server's side of one websocket.

    :ivar steps: played once the response is asked for.
    :ivar status: of the upgrade; other than 101 refuses it, with *headers* and *body*.
    :ivar before: seconds before the upgrade is answered.
    :ivar answer: makes the steps once the question is known, in the place of *steps*.
    :ivar greeting: the answer to ``session.create``; None for both acknowledgements.
    """

    steps: tuple[Step, ...]
    status: int = 101
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    before: float = 0.0
    greeting: tuple[Step, ...] | None = None
    answer: Callable[[SocketCall], tuple[Step, ...]] | None = None


@define(eq=False)
class SocketCall:
    """A websocket that was asked for.

    :ivar frames: the client's events, with their envelopes.
    :ivar faults: deviations of the client from the page's protocol.
    :ivar proxied: it came through a tunnel, as through a proxy.
    :ivar outcome: ``"open"``, then ``"complete"``, ``"aborted"`` (the client left) or ``"cut"``.
    """

    target: str
    headers: dict[str, str]
    client: int
    proxied: bool = False
    frames: list[dict[str, Any]] = field(factory=list)
    faults: list[str] = field(factory=list)
    outcome: str = "open"
    ended_at: float = 0.0

    @property
    def sso(self) -> str:
        """The session token of its cookies."""
        found = _SSO.search(self.headers.get("cookie", ""))
        return found[1] if found else ""

    @property
    def user_id(self) -> str:
        """The user id of its query."""
        return (parse_qs(urlsplit(self.target).query).get("uid") or [""])[0]

    @property
    def model(self) -> str:
        """The mode that the session was created with."""
        session = self._event("session.create").get("session")
        return str(session.get("model", "")) if isinstance(session, dict) else ""

    @property
    def question(self) -> str:
        """The text of the question."""
        item = self._event("conversation.item.create").get("item") or {}
        chunks = (item.get("x_grok") or {}).get("input_chunks") or []
        texts = [chunk["text"]["text"] for chunk in chunks if isinstance(chunk.get("text"), dict)]
        return "".join(texts)

    @property
    def files(self) -> list[str]:
        """The ids of the files that go with the question."""
        item = self._event("conversation.item.create").get("item") or {}
        return list(item.get("file_attachment_ids") or ())

    @property
    def settings(self) -> dict[str, Any]:
        """The session's settings beside its mode."""
        session = self._event("session.create").get("session") or {}
        return dict(session.get("x_grok") or {})

    def _event(self, kind: str) -> dict[str, Any]:
        events = (frame.get("event") or {} for frame in self.frames)
        return next((event for event in events if event.get("type") == kind), {})

    def check_upgrade(self) -> None:
        """Note what differs from the page's own upgrade."""
        user = _USER.search(self.headers.get("cookie", ""))
        if not self.user_id or not user or user[1] != self.user_id:
            self.faults.append("uid and x-userid differ")
        if f"sso-rw={self.sso}" not in self.headers.get("cookie", ""):
            self.faults.append("no sso-rw")
        for name in ("authorization", "x-statsig-id", "sec-websocket-protocol"):
            if name in self.headers:
                self.faults.append(f"{name} is sent")
        for name in ("origin", "user-agent", "accept-language", "cache-control", "pragma"):
            if name not in self.headers:
                self.faults.append(f"{name} is missing")


async def converse(peer: Peer, call: SocketCall, script: SocketScript) -> None:
    """Serve one question after the upgrade has been asked for."""
    if script.before and await _leaves_within(peer, script.before):
        return
    if script.status != 101:
        call.outcome = "complete"
        await peer.refuse(script.status, script.headers, script.body)
        return
    await peer.accept()
    async with trio.open_nursery() as nursery:
        asked = trio.Event()

        async def listen() -> None:
            await _listen(peer, call, asked, lambda name: nursery.start_soon(greet, name))
            nursery.cancel_scope.cancel()

        async def greet(event_id: str) -> None:
            both = (Say(frames.session_created(event_id)), Say(frames.attached(SESSION_ID)))
            await _play(peer, call, both if script.greeting is None else script.greeting)
            if call.outcome == "cut":
                nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        await asked.wait()
        await _play(peer, call, script.answer(call) if script.answer else script.steps)
        if call.outcome == "cut":
            nursery.cancel_scope.cancel()
        else:
            call.outcome = "complete"
            await trio.sleep_forever()  # until the client leaves


async def _leaves_within(peer: Peer, seconds: float) -> bool:
    """Whether the client leaves before its upgrade is answered. It has nothing to send until
    then.
    """
    with trio.move_on_after(seconds):
        return not await peer.stream.receive_some()
    return False


async def _listen(
    peer: Peer, call: SocketCall, asked: trio.Event, greet: Callable[[str], None]
) -> None:
    while (event := await peer.next()) is not None:
        if isinstance(event, CloseConnection):
            return
        if isinstance(event, BytesMessage):
            call.faults.append("a binary message")
        elif isinstance(event, TextMessage):
            await _hear(peer, call, event.data, asked, greet)
        elif isinstance(event, Ping):
            await peer.send(event.response())


async def _hear(
    peer: Peer, call: SocketCall, text: str, asked: trio.Event, greet: Callable[[str], None]
) -> None:
    """Take one message of the client's, and answer it."""
    try:
        frame = json.loads(text)
        event, session_id = frame["event"], frame.get("session_id")
        kind, event_id = event["type"], event["event_id"]
    except (ValueError, KeyError, TypeError):
        call.faults.append(f"not an event: {text[:80]}")
        return
    if kind == "ping":
        await peer.send(TextMessage(data=frames.wire(frames.pong(event_id), SESSION_ID)))
        return
    call.frames.append(frame)
    expected = ["session.create", "conversation.item.create", "response.create"]
    if [one["event"]["type"] for one in call.frames] != expected[: len(call.frames)]:
        call.faults.append(f"{kind} out of order")
    if kind == "session.create":
        if not event_id.startswith("evt_init_"):
            call.faults.append(f"event_id {event_id}")
        greet(event_id)
    elif session_id != SESSION_ID:
        call.faults.append(f"{kind} with session_id {session_id}")
    if kind == "response.create":
        asked.set()


async def _play(peer: Peer, call: SocketCall, steps: tuple[Step, ...]) -> None:
    for step in steps:
        match step:
            case Close(code, reason):
                await peer.send(CloseConnection(code, reason or None))
            case Wait(seconds):
                await trio.sleep(seconds)
            case Cut():
                call.outcome = "cut"
                return
            case _:
                await _send(peer, step)


async def _send(peer: Peer, step: Message) -> None:
    match step:
        case Say(event, session_id):
            await peer.send(TextMessage(data=frames.wire(event, session_id)))
        case Glued(events):
            whole = "".join(frames.wire(event, SESSION_ID) for event in events)
            await peer.send(TextMessage(data=whole))
        case Fragments(event, size):
            await _send_fragments(peer, frames.wire(event, SESSION_ID), size)
        case Raw(text):
            await peer.send(TextMessage(data=text))
        case Binary(data):
            await peer.send(BytesMessage(data=data))
        case Pinged():
            await peer.send(Ping(payload=b"p"))


async def _send_fragments(peer: Peer, text: str, size: int) -> None:
    for start in range(0, len(text), size):
        last = start + size >= len(text)
        await peer.send(TextMessage(data=text[start : start + size], message_finished=last))
        if not last:
            await peer.send(Ping(payload=b"f"))


def spoken(
    words: str, *, model: str = "fast", thoughts: tuple[str, ...] = (), pace_s: float = 0.0
) -> SocketScript:
    """A whole, well-behaved answer in the recorded order, with the frames that come behind it."""
    events = [
        frames.response_created(model),
        frames.chunk({"ui_layout": {"reasoning_ui_layout": "UNIFIED"}}, phase=0),
        frames.text("Thinking about your request", frames.HEADER),
        *(frames.text(thought, frames.THINKING) for thought in thoughts),
        frames.chunk({"phase_marker": {"kind": "KIND_RESPONSE_START", "phase_index": 2}}),
        *map(frames.text, tokens_of(words)),
        {"type": "response.output_text.done", "response_id": lines.RESPONSE_ID},
        frames.done(),
    ]
    steps: list[Step] = []
    for event in events:
        steps += [Say(event), *([Wait(pace_s)] if pace_s else [])]
    late = (
        Say(frames.text("Describing", frames.HEADER, "")),
        Say(frames.suggestions("More?")),
        Say(frames.response_persisted()),
        Say(frames.title("A title")),
    )
    return SocketScript((*steps, *late))
