"""A Grok of the websocket lane that is made by hand: heads, frames and events as bytes.

Nothing of the simulated Grok is used here, nor of the package: what both misunderstand alike shows
against a third reading of the facts (docs/developers/grok-protocol.md, part 8).
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from attrs import define, field, frozen

from grokcore.protocol.models import Tier
from grokcore.protocol.tokens import TokenEntry
from tests.scenarios import PATIENCE_S, decorator
from tests.servers import Site, run_on_site

CONVERSATION = "5e0c2a10-1111-4000-8000-000000000001"
RESPONSE = "5e0c2a10-1111-4000-8000-000000000002"
OTHER = "5e0c2a10-1111-4000-8000-0000000000ff"
USER = "5e0c2a10-1111-4000-8000-000000000003"

ANSWER = "CHANNEL_ASSISTANT_RESPONSE"
THINKING = "CHANNEL_ASSISTANT_THINKING"
HEADER = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
SUMMARY = "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY"

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

SOCKET_CONFIG = '[grok]\nweb_lane = "socket"\n'

_ACCEPTED = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASK = b"\x11\x22\x33\x44"

TOKENS = tuple(TokenEntry(f"sso-{number}", Tier.SUPER, user_id=USER) for number in range(3))


# Frames -----------------------------------------------------------------------------------------


def frame(
    data: bytes | str,
    opcode: int = TEXT,
    *,
    last: bool = True,
    reserved: int = 0,
    masked: bool = False,
    size: int | None = None,
) -> bytes:
    """A frame of RFC 6455, section 5.2; *size* is the length that it claims."""
    content = data.encode() if isinstance(data, str) else data
    claimed = len(content) if size is None else size
    first = (0x80 if last else 0) | reserved << 4 | opcode
    bit = 0x80 if masked else 0
    if claimed < 126:
        head = bytes((first, bit | claimed))
    elif claimed < 65536:
        head = bytes((first, bit | 126)) + claimed.to_bytes(2)
    else:
        head = bytes((first, bit | 127)) + claimed.to_bytes(8)
    if masked:
        head += _MASK
        content = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(content))
    return head + content


def closing(code: int | None = None, reason: str = "") -> bytes:
    """A close frame."""
    return frame(b"" if code is None else code.to_bytes(2) + reason.encode(), CLOSE)


def pieces(data: bytes | str, count: int = 3, between: bytes = b"") -> bytes:
    """A text message in *count* fragments, with the frames *between* any two."""
    content = data.encode() if isinstance(data, str) else data
    size = -(-len(content) // count)
    cut = [content[start : start + size] for start in range(0, len(content), size)]
    frames = [
        frame(part, CONTINUED if index else TEXT, last=index == len(cut) - 1)
        for index, part in enumerate(cut)
    ]
    return between.join(frames)


# Events -----------------------------------------------------------------------------------------


def event(kind: str, *, conversation: str = CONVERSATION, **fields: Any) -> str:
    """An event in its envelope, as JSON text."""
    inner = {"type": kind, "event_id": "evt_0a_1", **fields}
    return json.dumps({"session_id": conversation, "event": inner}, ensure_ascii=False)


def attached(name: str = CONVERSATION, **envelope: str) -> str:
    return event("conversation.attached", conversation_id="", **envelope) if not name else (
        json.dumps({
            "session_id": envelope.get("conversation", CONVERSATION),
            "event": {
                "type": "conversation.attached",
                "event_id": "evt_0a_2",
                "conversation": {"id": name, "object": "realtime.conversation"},
                "mode": "new",
            },
        })
    )  # fmt: skip


def created(name: str = RESPONSE, mode: str = "fast") -> str:
    about = {"created_at": 1791450479839.0, "model": mode}
    return event(
        "response.created", response={"id": name, "status": "in_progress", "x_grok": about}
    )


def chunk(name: str | None = RESPONSE, **keys: Any) -> str:
    ids = {} if name is None else {"response_id": name, "item_id": name}
    return event("response.chunk", **ids, chunk={"metadata": {"step_id": 0}, **keys})


def words(text: str, channel: str = ANSWER, name: str | None = RESPONSE) -> str:
    """A piece of text."""
    return chunk(name, text={"text": text, "channel": channel})


def done(status: str = "completed", name: str | None = RESPONSE, **keys: Any) -> str:
    ids = {} if name is None else {"id": name}
    return event("response.done", response={**ids, "status": status, "usage": {}, **keys})


def failed(reason: str) -> str:
    return done("failed", status_details={"reason": reason})


def picture(card: str, progress: int, seq: int = 0, **keys: Any) -> str:
    """A picture that is being made; its last state has progress 100."""
    url = f"users/{USER}/generated/{card}{'' if progress == 100 else '-part-0'}/image.jpg"
    image = {"imageUuid": card, "imageUrl": url, "seq": seq, "progress": progress}
    return chunk(
        render_generated_image={
            "id": f"r-{card}",
            "query": "a kite",
            "image_chunk": {**image, "moderated": False, **keys},
        }
    )


# Connections ------------------------------------------------------------------------------------


@define(eq=False)
class Talk:
    """One connection whose client asks for a websocket.

    :ivar head: of the upgrade.
    :ivar heard: the client's events so far.
    :ivar left_at: when the client left, in trio's time; infinity before.
    :ivar goodbye: the status of the client's close frame; 0 without one.
    """

    stream: trio.abc.Stream
    head: bytes
    heard: list[dict[str, Any]] = field(factory=list)
    left_at: float = float("inf")
    goodbye: int = 0
    pongs: int = 0
    _buffer: bytearray = field(factory=bytearray)

    async def accept(self, *headers: str, key: bytes | None = None) -> None:
        """Answer the upgrade with 101."""
        if key is None:
            asked = self.header("sec-websocket-key").encode()
            key = base64.b64encode(hashlib.sha1(asked + _ACCEPTED).digest())
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Accept: {key.decode()}", *headers, "", ""]
        await self.stream.send_all("\r\n".join(lines).encode())

    async def refuse(self, status: int, body: bytes = b"", *headers: str) -> None:
        """Answer the upgrade with anything else."""
        lines = [f"HTTP/1.1 {status} No", f"Content-Length: {len(body)}", *headers, "", ""]
        await self.stream.send_all("\r\n".join(lines).encode() + body)

    def header(self, name: str) -> str:
        """A header of the upgrade; empty if it has none of this name."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return ""

    async def send(self, *messages: str | bytes) -> None:
        """Send events as messages of their own, and bytes as they are."""
        raw = (frame(one) if isinstance(one, str) else one for one in messages)
        await self.stream.send_all(b"".join(raw))

    async def greet(self) -> None:
        """Take the upgrade and the session, and acknowledge both."""
        await self.accept()
        await self.wait_for("session.create")
        await self.send(event("session.created", client_event_id="evt_init"), attached())

    async def question(self) -> str:
        """Wait for the question; returns its text."""
        await self.wait_for("response.create")
        item = next(one for one in self.heard if one["type"] == "conversation.item.create")["item"]
        return "".join(part["text"]["text"] for part in item["x_grok"]["input_chunks"])

    async def asked(self) -> str:
        """Do all that comes before an answer, and announce one; returns the question's text."""
        await self.greet()
        text = await self.question()
        await self.send(created())
        return text

    async def wait_for(self, kind: str) -> None:
        """Wait for an event of the client's."""
        while not any(one["type"] == kind for one in self.heard):
            if await self._hear() is None:
                raise trio.BrokenResourceError

    async def until_left(self) -> None:
        """Take what comes until the client has left."""
        while await self._hear() is not None:
            pass

    async def _hear(self) -> int | None:
        """Take one frame; returns its opcode, None once the client has left."""
        first, second = await self._take(2) or (None, 0)
        if first is None:
            self.left_at = trio.current_time()
            return None
        assert second & 0x80, "a client's frame is masked"
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await self._take(2 if size == 126 else 8))
        mask, content = await self._take(4), await self._take(size)
        data = bytes(a ^ mask[index % 4] for index, a in enumerate(content))
        opcode = first & 0xF
        if opcode == CLOSE:
            self.goodbye = int.from_bytes(data[:2])
        elif opcode == PONG:
            self.pongs += 1
        elif opcode == TEXT:
            self.heard.append(json.loads(data)["event"])
        return opcode

    async def _take(self, size: int) -> bytes:
        """So many bytes; none if the client has left."""
        while len(self._buffer) < size:
            try:
                data = await self.stream.receive_some(65536)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                return b""
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


Play = Callable[[Talk], Awaitable[None]]
"""Serves one websocket. The connection is closed when it returns."""


@define(eq=False)
class HandmadeGrok:
    """A server on loopback. Websockets are given to :attr:`play`; all else is answered as an
    account in good order.

    :ivar play: serves each websocket.
    :ivar talks: all websockets so far.
    :ivar open: connections of any kind whose client has not left.
    """

    play: Play
    certificate: tuple[str, str] | None = None
    talks: list[Talk] = field(factory=list)
    open: int = 0
    listener: socket.socket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    async def serve(
        self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled."""
        self.listener.setblocking(False)
        listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(self.listener))]
        await trio.serve_listeners(self._serve_one, listeners, task_status=task_status)

    async def _serve_one(self, stream: trio.abc.Stream) -> None:
        self.open += 1
        if self.certificate:
            stream = _secured(stream, self.certificate)
        try:
            await self._answer(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has left
        finally:
            self.open -= 1
            await trio.aclose_forcefully(stream)

    async def _answer(self, stream: trio.abc.Stream) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = await stream.receive_some(65536)
            if not data:
                return
            head += data
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/ws/mgw/"):
            talk = Talk(stream, head)
            self.talks.append(talk)
            try:
                await self.play(talk)
            finally:
                talk.left_at = min(talk.left_at, trio.current_time())
            return
        body = json.dumps(_FACTS.get(path, {})).encode()
        status = 200 if path in _FACTS else 404
        lines = [f"HTTP/1.1 {status} OK", "Content-Type: application/json", "Connection: close"]
        lines += [f"Content-Length: {len(body)}", "", ""]
        await stream.send_all("\r\n".join(lines).encode() + body)


_FACTS: dict[str, Any] = {
    "/api/auth/session": {"session": {"userId": USER}},
    "/rest/modes": {"modes": [{"id": name, "availability": "available"} for name in
                              ("auto", "fast", "expert", "heavy")]},
    "/rest/rate-limits": {"windowSizeSeconds": 7200, "remainingQueries": 90, "totalQueries": 99},
}  # fmt: skip


def _secured(stream: trio.abc.Stream, certificate: tuple[str, str]) -> trio.abc.Stream:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return trio.SSLStream(stream, context, server_side=True, https_compatible=True)


@frozen
class Place:
    """A server and the handmade Grok behind it."""

    site: Site
    grok: HandmadeGrok

    async def websockets_gone(self) -> None:
        """Wait until Grok has no connection of ours left."""
        while self.grok.open:  # noqa: ASYNC110  a server of the test's own could announce it
            await trio.sleep(0.005)


def run_by_hand(
    scenario: Callable[[Place], Awaitable[None]],
    play: Play,
    *,
    config: str = "",
    tokens: tuple[TokenEntry, ...] = TOKENS,
    certificate: tuple[str, str] | None = None,
    base_url: str = "",
    patience_s: float = PATIENCE_S,
) -> None:
    """Run *scenario* against a server whose Grok has websockets that *play* serves.

    :param config: the server's, behind the choice of the lane in ``[grok]``.
    :param base_url: a name for Grok, with ``{port}`` in the place of its port.
    """
    grok = HandmadeGrok(play, certificate)

    async def main(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(grok.serve)
            await scenario(Place(site, grok))
            nursery.cancel_scope.cancel()

    try:
        run_on_site(
            main,
            config=SOCKET_CONFIG + config,
            tokens=tokens,
            base_url=base_url.format(port=grok.port) or grok.url,
            patience_s=patience_s,
        )
    finally:
        grok.listener.close()


on_handmade_grok = decorator(run_by_hand, gives=1)
