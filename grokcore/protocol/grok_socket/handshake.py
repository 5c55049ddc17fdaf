"""The beginning of a conversation: the order of frames until the question has been asked.

Theory
------
The client opens a session; the server acknowledges it by two frames, in either order; only then may
the question follow (grok-protocol.md §8.2). An item that is sent earlier is dropped in silence::

    client   session.create
    server   session.created, conversation.attached {id}
    client   conversation.item.create, response.create

========= ==========================================================================================
OPENING   the session is asked for; its acknowledgements are awaited
ASKED     both have come, and the question may be sent
FAILED    Grok refused, or ended the session
========= ==========================================================================================

Rules
-----
1. The handshake reads what the decoder will read too: the lane passes every byte to both, since a
   fragment may hold the end of one and the beginning of the other.
2. The conversation's id must be the same in all acknowledgements. Another conversation's answer is
   nobody's.
3. Frames that are no acknowledgement are passed over. Too many of them are an error: a handshake
   has a few hundred bytes.
4. Nothing is raised; a failure is :attr:`Handshake.error`.
"""

from __future__ import annotations

import enum
from typing import Any

from attrs import frozen

from ...errors import GrokApiError, TransportFailure, UpstreamFailure
from .client_frames import Chat, Message, item_create, response_create, session_create
from .frames import FrameReader
from .refusals import refusal_of_close, refusal_of_error

__all__ = ["Asking", "Handshake", "Stage"]

MOST_BYTES = 1024 * 1024
"""Bytes that may come before the acknowledgements."""

MOST_ID_CHARS = 200


@frozen
class Asking:
    """A question, with the ids and the time that its frames bear.

    :ivar session_uuid: a fresh uuid4.
    :ivar message_id: another one.
    :ivar at_ms: milliseconds since 1970.
    """

    chat: Chat
    message: Message
    session_uuid: str
    message_id: str
    at_ms: int


class Stage(enum.Enum):
    """How far a handshake is."""

    OPENING = enum.auto()
    ASKED = enum.auto()
    FAILED = enum.auto()


class Handshake:
    """The beginning of one conversation.

    :ivar stage: how far it is.
    :ivar conversation_id: the conversation's id; empty until the server has named it.
    :ivar error: why it failed; None if it has not.
    """

    def __init__(self, asking: Asking) -> None:
        self.stage = Stage.OPENING
        self.conversation_id = ""
        self.error: GrokApiError | None = None
        self._asking: Asking | None = asking
        self._mode = asking.chat.mode
        self._frames = FrameReader()
        self._bytes = 0
        self._created = False
        self._attached = False

    def opening(self) -> bytes:
        """The first message, sent as soon as the websocket is open. It is made anew by each call,
        since orjson's bytes keep the 4 kB that they were built in.
        """
        assert self._asking is not None, "the session is asked for before the question"
        return session_create(self._asking.chat, uuid=self._asking.session_uuid)

    def receive(self, data: bytes) -> list[bytes]:
        """Take lines of frames (:func:`~.frames.as_line`), cut anywhere; return the messages to be
        sent now: the question, once both acknowledgements are there.
        """
        for value in self._frames.feed(data):
            if isinstance(value, dict) and self.stage is not Stage.FAILED:
                self._read(value)
        self._bytes += len(data)
        if self.stage is Stage.OPENING and self._bytes > MOST_BYTES:
            self._fail(UpstreamFailure("Grok sent much, but did not acknowledge the session."))
        if self.stage is Stage.OPENING and self._created and self._attached:
            self.stage = Stage.ASKED
            return self._question()
        return []

    def close(self, reason: str = "") -> None:
        """The connection has ended, for this *reason* if the server gave one."""
        if self.stage is Stage.OPENING:
            self._fail(
                refusal_of_close(reason)
                or TransportFailure("Grok closed the connection before it took the question.")
            )

    def _question(self) -> list[bytes]:
        asking, self._asking = self._asking, None  # its text is not needed any more
        assert asking is not None, "the question is sent once"
        name, at_ms = self.conversation_id, asking.at_ms
        return [
            item_create(
                asking.message, conversation_id=name, message_id=asking.message_id, at_ms=at_ms
            ),
            response_create(conversation_id=name, at_ms=at_ms),
        ]

    def _read(self, value: dict[str, Any]) -> None:
        event = value.get("event")
        if not isinstance(event, dict):
            return
        match event.get("type"):
            case "session.created":
                self._created = True
                self._identify(value.get("session_id"))
            case "conversation.attached":
                conversation = event.get("conversation")
                name = conversation.get("id") if isinstance(conversation, dict) else None
                self._identify(value.get("session_id"))
                self._identify(name)
                self._attached = bool(self.conversation_id)
            case "error":
                self._fail(refusal_of_error(event.get("error") or event, mode=self._mode))
            case "session.ended":
                self._fail(
                    refusal_of_close(event.get("reason"))
                    or UpstreamFailure("Grok ended the session before it took the question.")
                )

    def _identify(self, name: object) -> None:
        if not isinstance(name, str) or not name or len(name) > MOST_ID_CHARS:
            return
        if self.conversation_id and name != self.conversation_id:
            self._fail(UpstreamFailure("Grok attached another conversation than it had opened."))
        self.conversation_id = self.conversation_id or name

    def _fail(self, error: GrokApiError) -> None:
        self.stage, self.error, self._asking = Stage.FAILED, self.error or error, None
