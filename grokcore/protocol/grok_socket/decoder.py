"""Grok's answer over the websocket, decoded: lines of frames in, events out.

Theory
------
A frame is an envelope with one event: ``{"session_id": …, "event": {"type": …, …}}``. The type is
looked up in :data:`~grokcore.protocol.grok_socket.event_keys.EVENT_TYPES`, the keys of a
``response.chunk`` in :data:`~grokcore.protocol.grok_socket.event_keys.CHUNK_KEYS`. What moves the
answer on is an input of a small machine (:mod:`.answer`); the rest are events of their own.

Rules
-----
1. Nothing is raised, whatever comes: junk, unknown types and keys, and values of unexpected types
   are counted in :class:`~grokcore.protocol.counters.Counters` and skipped.
2. An answer is :class:`~grokcore.protocol.conversation.events.Finished` only by a ``response.done``
   of its own with status ``completed``, and only if it holds something to see. Any other end is
   :class:`~grokcore.protocol.conversation.events.Failed`: another status, an error, the end of the
   session, a close, a cut.
3. Frames of this answer only are read: of its conversation, and with the id that
   ``response.created`` announced, or that the answer's first frame has, whichever comes first: a
   piece that was left out would make a cut answer look whole. A frame without such a key counts as
   its own; one with another id, or an empty one, is counted as ``other_side``. So is all that comes
   behind the end.
4. An answer of which frames were lost fails, though Grok calls it complete. So does one with a
   text or a picture in an unknown form: skipped like other odd values, it would be missing. Only
   Grok's own copy of the text can prove that no text is missing; nothing proves it for pictures and
   files, nor for an object over the cap, which ends the answer at once.
5. Titles that Grok writes for its page (``NOTETAKER_HEADER``) are an activity and no text;
   summaries, and the texts of other agents, are reasoning.
6. The machine never looks ahead and never reads settings.
7. Events don't depend on how the bytes were cut.
"""

from __future__ import annotations

from typing import Any

from ...errors import LineTooLong
from ..conversation.events import Activity, Event
from ..counters import MAX_KEY_CHARS, Counters
from ..emulation.reading import CallReader
from .answer import Answer, Input, State, Thought
from .chunk_values import (
    card_in,
    file_card,
    found_picture,
    generated_picture,
    is_of_another_agent,
    results_in,
    started,
    step_of,
    tool_use,
    video_progress,
)
from .event_keys import (
    BOUND_KINDS,
    CHUNK_KEYS,
    EVENT_TYPES,
    Channel,
    ChunkKind,
    EventKind,
    channel_of,
)
from .frames import MAX_OBJECT_BYTES, FrameReader, Lost
from .refusals import (
    is_passing,
    refusal_of_error,
    refusal_of_failure,
    refusal_of_stream_error,
)

__all__ = ["Decoder"]

_TEXT_CHUNK_KEYS = frozenset({"metadata", "text"})
"""A chunk with no other keys than these is a piece of text: nearly every chunk is."""

_MEDIA_KINDS = frozenset(
    {
        *(ChunkKind.CARD, ChunkKind.FOUND_PICTURE, ChunkKind.PICTURE),
        *(ChunkKind.VIDEO, ChunkKind.FILE),
    }
)
"""Keys of a chunk that bring something to show."""

_OPENING_KINDS = frozenset({EventKind.OPENED, EventKind.CREATED})
"""Events that come before all others of a conversation."""


class Decoder:
    """The decoder of one answer.

    :param filtered_tags: names for :class:`~grokcore.protocol.grok_web.markup.TagFilter`.
    :param assets_url: the address of relative paths, without a slash at its end; empty leaves them.
    :param mode: the mode that was asked for; if empty, the one that Grok names.
    :param calls: takes calls of the client's tools out of the text; None leaves all text.
    :ivar answered_by: the model that answers, in Grok's words; empty as long as it names none.
    """

    def __init__(
        self,
        filtered_tags: frozenset[str] = frozenset(),
        assets_url: str = "",
        mode: str = "",
        calls: CallReader | None = None,
    ) -> None:
        self.counters = Counters()
        self.answered_by = ""
        self._mode = mode
        self._frames = FrameReader()
        self._answer = Answer(filtered_tags, assets_url, self.counters, calls)
        self._session_id = ""
        self._response_id = ""

    @property
    def stopped(self) -> bool:
        """Whether the last call of the client's tools is whole, and another may follow. On this
        lane Grok's word that the text is complete ends the answer.
        """
        return self._answer.state is State.ANSWERING and self._answer.complete_with_calls

    @property
    def concluded(self) -> bool:
        """Whether the whole answer has come."""
        return self._answer.finished

    @property
    def cut_short(self) -> bool:
        """Whether the answer has ended because the rest is not wanted."""
        return self._answer.cut_short

    @property
    def ended(self) -> bool:
        """Whether the last event has been given out."""
        return self._answer.state is State.ENDED

    def receive(self, data: bytes) -> list[Event]:
        """Take lines of frames (:func:`~grokcore.protocol.grok_socket.frames.as_line`), cut
        anywhere; return the events they complete, in order.

        Nothing comes after the last one: :class:`~grokcore.protocol.conversation.events.Finished`
        or :class:`~grokcore.protocol.conversation.events.Failed`.
        """
        for value in self._frames.feed(data):
            if isinstance(value, Lost):
                self._note_lost(value)
            elif self._answer.state is State.ENDED:
                self.counters.other_side += 1
            else:
                self._read(value)
        return self._take_events()

    def close(self, reason: str = "") -> list[Event]:
        """The connection has ended, for this *reason* if the server gave one: the events that
        follow from that.
        """
        for lost in self._frames.close():
            self._note_lost(lost)
        self._answer.step(Input.END, reason)
        return self._take_events()

    def _take_events(self) -> list[Event]:
        events, self._answer.events = self._answer.events, []
        self._answer.begun = self._answer.begun or bool(events)
        return self._answer.passed_on(events)

    def _note_lost(self, lost: Lost) -> None:
        self._answer.note_lost(lost)
        if lost.too_large:
            size = MAX_OBJECT_BYTES // 1024**2
            self._answer.step(
                Input.ERROR,
                LineTooLong(
                    f"Grok sent a frame longer than {size} MiB; the answer was cut off there."
                ),
            )

    def _note_odd(self, value: object, kind: ChunkKind) -> None:
        """Count a value of an unexpected type. It may have been a part of the answer."""
        self.counters.odd_values += 1
        if value:
            self._answer.doubt(text=kind is ChunkKind.TEXT, media=kind in _MEDIA_KINDS)

    # From a frame to inputs ----------------------------------------------------------------------

    def _read(self, value: dict[str, Any]) -> None:
        event = value.get("event")
        self._answer.readable = True
        if not isinstance(event, dict):
            if not isinstance(value.get("type"), str):
                self.counters.note_key(next(iter(value), "{}"))
                return
            event = value  # without its envelope, as some recordings have it
        name = event.get("type")
        if (
            name == "response.chunk"
            and self._response_id
            and event.get("response_id") == self._response_id
            and value.get("session_id") == self._session_id
        ):  # nearly every frame
            self._read_chunk(event.get("chunk"))
            return
        kind = EVENT_TYPES.get(name) if isinstance(name, str) else None
        if kind is None:
            self.counters.note_key(str(name))
        elif self._is_own(kind, value.get("session_id"), event):
            self._read_event(kind, event)
        else:
            self.counters.other_side += 1

    def _is_own(self, kind: EventKind, session_id: object, event: dict[str, Any]) -> bool:
        if session_id and self._session_id and session_id != self._session_id:
            return False
        if kind in BOUND_KINDS:
            name = event.get("response_id")
            if isinstance(name, str) and not self._response_id:
                self._response_id = name  # its announcement comes later, or not at all
            return name is None or (bool(name) and name == self._response_id)
        if kind in _OPENING_KINDS and isinstance(session_id, str):
            self._session_id = session_id
        return True

    def _read_event(self, kind: EventKind, event: dict[str, Any]) -> None:
        match kind:
            case EventKind.CHUNK:
                self._read_chunk(event.get("chunk"))
            case EventKind.OUTPUT:
                self._read_chunk(event.get("output"))
            case EventKind.TEXT | EventKind.REASONING:
                self._read_delta(kind, event)
            case EventKind.WHOLE_TEXT:
                self._read_whole_text(event)
            case EventKind.SEARCH:
                self._answer.find(results_in(event.get("result")))
            case EventKind.CREATED:
                self._read_created(_response_in(event))
            case EventKind.DONE | EventKind.FAILED:
                self._read_end(kind, _response_in(event))
            case EventKind.ERROR:
                error = event.get("error") or event
                self._answer.step(Input.ERROR, refusal_of_error(error, mode=self._mode))
            case EventKind.SESSION_ENDED:
                self._answer.step(Input.END, event.get("reason"))

    def _read_created(self, response: dict[str, Any]) -> None:
        name, settings = response.get("id"), response.get("x_grok")
        if not isinstance(name, str) or not name:
            self.counters.odd_values += 1
        elif self._response_id in ("", name):
            self._response_id = name
            mode = settings.get("model") if isinstance(settings, dict) else None
            self._name_model(mode)
            self._mode = self._mode or (mode if isinstance(mode, str) else "")
        else:
            self.counters.other_side += 1

    def _name_model(self, name: object) -> None:
        if isinstance(name, str) and name:
            self.answered_by = name[:MAX_KEY_CHARS]

    def _read_end(self, kind: EventKind, response: dict[str, Any]) -> None:
        if self._response_id and response.get("id") not in (None, self._response_id):
            self.counters.other_side += 1
        elif kind is EventKind.DONE and response.get("status") == "completed":
            self._answer.step(Input.DONE, None)
        else:
            if kind is EventKind.FAILED:
                response = {"status": "failed", **response}
            error = refusal_of_failure(
                response,
                mode=self._mode,
                begun=self._answer.state is not State.OPEN,
                before=self._answer.passing_error,
            )
            self._answer.step(Input.ERROR, error)

    def _read_delta(self, kind: EventKind, event: dict[str, Any]) -> None:
        text, settings = event.get("delta"), event.get("x_grok")
        if not isinstance(text, str):
            self._note_odd(text, ChunkKind.TEXT)
            return
        thinking = kind is EventKind.REASONING or (
            isinstance(settings, dict) and settings.get("is_thinking") is True
        )
        if text and thinking:
            self._answer.step(Input.THOUGHT, Thought(text))
        elif text:
            self._answer.step(Input.ANSWER, text)

    def _read_whole_text(self, event: dict[str, Any]) -> None:
        text, settings = event.get("text"), event.get("x_grok")
        if (
            isinstance(text, str)
            and text
            and not (isinstance(settings, dict) and settings.get("is_thinking") is True)
        ):
            self._answer.step(Input.WHOLE, text)

    def _read_chunk(self, chunk: object) -> None:
        if not isinstance(chunk, dict):
            self._note_odd(chunk, ChunkKind.TEXT)
            return
        text = chunk.get("text")
        if isinstance(text, dict) and chunk.keys() <= _TEXT_CHUNK_KEYS:
            self._read_text(text, chunk.get("metadata"))
            return
        for key, value in chunk.items():
            kind = CHUNK_KEYS.get(key)
            if kind is ChunkKind.QUIET or self._answer.state is State.ENDED:
                continue
            if kind is ChunkKind.TEXT and isinstance(value, dict):
                self._read_text(value, chunk.get("metadata"))
            elif kind is None:
                self.counters.note_key(key)
            elif value is not None:
                if isinstance(value, dict) or kind is ChunkKind.ERROR:
                    self._read_news(key, kind, value)
                else:
                    self._note_odd(value, kind)

    def _read_text(self, value: dict[str, Any], metadata: object) -> None:
        text = value.get("text")
        if not isinstance(text, str):
            if text is not None:
                self._note_odd(text, ChunkKind.TEXT)
            return
        channel_name = value.get("channel")
        channel = channel_of(channel_name)
        if channel is Channel.TITLE:
            self._answer.events.append(Activity())
        elif not text:
            return
        elif channel is Channel.ANSWER and not is_of_another_agent(metadata):
            self._answer.step(Input.ANSWER, text)
        else:
            if channel is Channel.UNKNOWN:
                self.counters.note_key(str(channel_name))
            self._answer.step(Input.THOUGHT, Thought(text, step_of(channel_name, metadata)))

    def _read_news(self, key: str, kind: ChunkKind, value: Any) -> None:
        """A key of a chunk that is no text."""
        match kind:
            case ChunkKind.TOOL:
                self._answer.report_tool(tool_use(value))
            case ChunkKind.RESULT:
                self._answer.find(results_in(value))
            case ChunkKind.CITATION:
                self._answer.step(Input.CITATION, value)
            case ChunkKind.PROGRESS:
                self._answer.note_progress(key, value)
            case ChunkKind.ERROR:
                self._read_error(value)
            case ChunkKind.LAYOUT:
                self._name_model(value.get("steer_model_id"))
            case ChunkKind.WORK:
                self._answer.events.append(Activity())
            case _:
                self._read_media(key, kind, value)

    def _read_media(self, key: str, kind: ChunkKind, value: dict[str, Any]) -> None:
        """A picture, a video, a file, or a card of one."""
        match kind:
            case ChunkKind.FOUND_PICTURE:
                self._answer.show_found_picture(found_picture(value))
            case ChunkKind.PICTURE:
                self._answer.note_picture(generated_picture(value))
            case ChunkKind.VIDEO:
                self._answer.note_progress(key, video_progress(value))
            case ChunkKind.FILE:
                self._answer.note_file(file_card(value))
            case _:
                card = card_in(value) if kind is ChunkKind.CARD else started(value)
                if card is None:
                    self._answer.events.append(Activity())
                else:
                    self._answer.note_card(card)

    def _read_error(self, value: object) -> None:
        error = refusal_of_stream_error(value, mode=self._mode)
        if error is None or is_passing(value):
            self._answer.passing_error = self._answer.passing_error or error
            self._answer.events.append(Activity())
        else:
            self._answer.step(Input.ERROR, error)


def _response_in(event: dict[str, Any]) -> dict[str, Any]:
    response = event.get("response")
    return response if isinstance(response, dict) else {}
