"""Answers in a form that the client sets: one JSON value that fits a schema, or none at all.

Theory
------
Grok is asked for the JSON in the prompt, and often puts it into a code fence, with words around. So
the text is held until it is whole. Then the value is taken out, read and compared with the schema.
Thinking and reports of work go on meanwhile. Held text shows as :class:`Activity`.

Rules
-----
1. Text that was not checked never goes out. An answer that does not fit becomes
   :class:`Unusable`: another question may correct it.
2. The value goes out in one piece, as it was written if that is valid JSON.
3. An answer with calls of tools is not checked: its text accompanies them.
4. An answer that a stop sequence or the limit of tokens has cut is used only if it holds a whole
   value. No brackets are closed for it. OpenAI's API sends the broken JSON then; here the next
   question says that the answer has to be shorter.
5. Citations and pictures are left out: writers would put them into the JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import AnswerTooLong, InvalidStructuredOutput
from ..conversation.bounds import Bounds, TextFormat
from ..conversation.decoder import AnswerDecoder
from ..conversation.events import (
    Activity,
    Cited,
    End,
    Event,
    Failed,
    File,
    Finished,
    FoundPicture,
    KeptPicture,
    Picture,
    Text,
    ToolCall,
    Unusable,
    Used,
    Video,
)
from ..json_values.loose_json import whole_value
from ..json_values.schema import faults
from .bounded import bounded
from .wrapped import WrappedDecoder

__all__ = ["MOST_CHARS", "StructuredDecoder", "within_bounds"]

MOST_CHARS = 256 * 1024
"""Characters of an answer's text, with what stands around the value. The longest answers have a
quarter of that. Reading and checking this many takes a second at worst, and 50 ms in practice."""

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}

_HELD = (Text, Cited, Picture, KeptPicture, FoundPicture, File, Video)
"""Events that writers put into the text."""


def within_bounds(decoder: AnswerDecoder, bounds: Bounds) -> AnswerDecoder:
    """*decoder* within all of *bounds*; itself if there are none."""
    inner = bounded(decoder, bounds)
    if bounds.text_format is None:
        return inner
    return StructuredDecoder(inner, bounds.text_format)


class StructuredDecoder(WrappedDecoder):
    """A decoder whose answer is one JSON value of a form."""

    def __init__(self, decoder: AnswerDecoder, text_format: TextFormat) -> None:
        super().__init__(decoder)
        schema = text_format.schema
        self._schema = _ANY_OBJECT if schema is None else schema
        self._held: list[Event] = []
        self._chars = 0
        self._called = False
        self._used: list[Event] = []

    def _passed_on(self, events: Iterable[Event]) -> list[Event]:
        result: list[Event] = []
        for event in events:
            if isinstance(event, Used):
                self._used = [event]
                continue
            found = self._read(event)
            if found and isinstance(found[-1], (Finished, Failed, Unusable)):
                found[-1:-1] = self._used
            result += found
            if self._cut:
                break
        return result

    def _read(self, event: Event) -> list[Event]:
        """The events that go out in the place of *event*."""
        if isinstance(event, ToolCall):
            self._called = True
            held, self._held = self._held, []
            return [*held, event]
        if self._called:
            return [event]
        if isinstance(event, Finished) and event.end is not End.REFUSAL:
            return self._last_events(event)
        if isinstance(event, _HELD):
            return self._hold(event)
        return [event]

    def _hold(self, event: Event) -> list[Event]:
        self._held.append(event)
        self._chars += len(event.text) if isinstance(event, Text) else 0
        if self._chars <= MOST_CHARS:
            return [Activity()]
        self._cut = True
        return [
            Failed(
                AnswerTooLong(
                    f"Grok's answer has more than {MOST_CHARS // 1024} thousand characters, too "
                    "many for an answer in JSON; it was stopped there."
                )
            )
        ]

    def _last_events(self, finished: Finished) -> list[Event]:
        said = "".join(event.text for event in self._held if isinstance(event, Text))
        whole = finished.end is End.STOP
        try:
            found = whole_value(said, may_be_open=whole)
            found_faults = faults(found.value, self._schema)
        except ValueError as error:
            found_faults = (f"The answer is not one JSON value: {error}.",)
        else:
            if not found_faults:
                return [Text(found.text), finished]
        return [_unusable(said, (*found_faults, *_cut_faults(finished.end)))]


def _cut_faults(end: End) -> tuple[str, ...]:
    """A fault of an answer that was cut."""
    match end:
        case End.LENGTH:
            return ("The answer is longer than allowed and was cut; write a shorter one.",)
        case End.STOP_SEQUENCE:
            return ("The answer was cut at a text at which it has to end.",)
        case _:
            return ()


def _unusable(said: str, found: tuple[str, ...]) -> Unusable:
    return Unusable(
        said,
        found,
        InvalidStructuredOutput(
            f"Grok's answer does not have the JSON form that the request asks for. {found[0]}"
        ),
    )
