"""What one answer of Grok is made of, one class per kind of event.

The decoder emits an event only for something *meaningful*: each of them releases the response, and restarts the chunk
clock. Heartbeats, layout hints and lines nobody knows are no events (design: "Clocks").
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from ..errors import GrokApiError

__all__ = ["Activity", "Event", "Failed", "Finished", "Picture", "Text", "Thinking", "Video"]


@frozen
class Text:
    """A piece of the answer, after the tag filter; never empty."""

    text: str


@frozen
class Thinking:
    """A piece of the reasoning, after the tag filter; never empty. Always before the first :class:`Text`."""

    text: str


@frozen
class Picture:
    """A finished picture. *url* is as Grok sent it: absolute, or a path below the assets host."""

    url: str


@frozen
class Video:
    """A finished video; *url* as in :class:`Picture`."""

    url: str


@frozen
class Activity:
    """Grok is at work, with nothing to show: a tool call, search results, progress, text held back by the filter."""


@frozen
class Failed:
    """Grok, or the stream itself, said that this answer failed. The last event."""

    error: GrokApiError


@frozen
class Finished:
    """Grok said that the answer is complete, and it is not empty. The last event."""


Event: TypeAlias = Text | Thinking | Picture | Video | Activity | Failed | Finished
