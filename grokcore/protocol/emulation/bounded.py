"""Stop sequences and limits of length, which Grok's web chat lacks: an answer that ends early.

Theory
------
Both concern the visible text only, as clients expect who ask for five tokens of a model that thinks
for hundreds. A stop sequence may begin in one piece of text and end in another, so text that may be
its beginning is held back: at most the longest sequence's length less one. Nothing else is.

Rules
-----
1. The text ends before the sequence that is complete first; of two that are complete with the same
   character, before the longer one. What follows never goes out.
2. Of a sequence and the limit, the one that comes first in the text counts; the sequence, if it
   begins where the limit is. Text that only reaches the limit is within it.
3. A source, picture, file, video or call ends the text before it: no sequence reaches across. Other
   events pass the held text by.
4. The results don't depend on how the text was cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..conversation.bounds import Bounds
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
from ..conversation.usage import TokenEstimate
from .wrapped import WrappedDecoder

__all__ = ["BoundedDecoder", "bounded"]

_IN_TEXT = (
    *(Cited, Picture, KeptPicture, FoundPicture, File, Video, ToolCall),
    *(Finished, Failed, Unusable, Used),
)
"""Events with a place in the text; the count of an answer stands behind all of it."""


def bounded(decoder: AnswerDecoder, bounds: Bounds) -> AnswerDecoder:
    """*decoder* within the stop sequences and the length of *bounds*; itself if there are none."""
    if not bounds.stop and bounds.most_tokens is None:
        return decoder
    return BoundedDecoder(decoder, bounds)


class BoundedDecoder(WrappedDecoder):
    """A decoder whose answer ends at a stop sequence or a number of tokens."""

    def __init__(self, decoder: AnswerDecoder, bounds: Bounds) -> None:
        super().__init__(decoder)
        self._stops = _Stops(bounds.stop)
        self._length = None if bounds.most_tokens is None else _Length(bounds.most_tokens)
        self._events: list[Event] = []

    def _passed_on(self, events: Iterable[Event]) -> list[Event]:
        self._events = []
        for event in events:
            if isinstance(event, Text):
                self._read(event)
            else:
                if self._stops.held and isinstance(event, _IN_TEXT):
                    self._show(Text(self._stops.release()))
                if not self._cut:
                    self._events.append(event)
            if self._cut:
                break
        return self._events

    def _read(self, event: Text) -> None:
        passed, stop = self._stops.read(event.text)
        if passed:
            self._show(event if passed == event.text else Text(passed))
        if stop and not self._cut:
            self._end(Finished(End.STOP_SEQUENCE, stop))
        elif not passed:
            self._events.append(Activity())

    def _show(self, event: Text) -> None:
        """Show text without a stop sequence in it, as far as the limit allows."""
        if self._length is not None:
            fitting = self._length.fitting(event.text)
            if fitting < len(event.text):
                if fitting:
                    self._events.append(Text(event.text[:fitting]))
                self._end(Finished(End.LENGTH))
                return
        self._events.append(event)

    def _end(self, finished: Finished) -> None:
        self._events.append(finished)
        self._cut = True


class _Length:
    """A count of tokens up to a limit.

    A character is one token at most. So text is only counted when it may reach the limit, for its
    characters: that saves most of the time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = TokenEstimate()
        self._uncounted: list[str] = []
        self._spare = most  # characters that certainly fit

    def fitting(self, text: str) -> int:
        """Add text; return the number of its characters within the limit."""
        if len(text) <= self._spare:
            self._spare -= len(text)
            self._uncounted.append(text)
            return len(text)
        self._count.add("".join(self._uncounted))
        self._uncounted = []
        fitting = self._count.fitting(text, self._most)
        self._count.add(text)
        self._spare = self._most - self._count.tokens
        return fitting


class _Stops:
    """A search for stop sequences in text that comes in pieces.

    :ivar held: text that may be the beginning of a sequence.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.held = ""
        self._stops = stops
        self._longest = max(map(len, stops), default=0)
        first = "|".join(re.escape(character) for character in sorted({stop[0] for stop in stops}))
        self._first = re.compile(first) if stops else None

    def read(self, piece: str) -> tuple[str, str]:
        """Take a piece of text; return the text that is certainly no part of a sequence, and the
        sequence behind it, or an empty text.
        """
        if self._first is None or (not self.held and not self._first.search(piece)):
            return piece, ""
        text = self.held + piece
        found = [(at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            _, start, stop = min(found)
            self.held = ""
            return text[:start], stop
        end = self._possible_start(text)
        self.held = text[end:]
        return text[:end], ""

    def release(self) -> str:
        """The held text, which is no beginning after all."""
        text, self.held = self.held, ""
        return text

    def _possible_start(self, text: str) -> int:
        """The first index at which the text's end may be the beginning of a sequence."""
        assert self._first is not None
        for match in self._first.finditer(text, max(0, len(text) - self._longest + 1)):
            rest = text[match.start() :]
            if any(stop.startswith(rest) for stop in self._stops):
                return match.start()
        return len(text)
