"""Types of the server's events, keys of a chunk and channels of its text, and what kind of news
each is (grok-protocol.md §8.3 to §8.5).
"""

from __future__ import annotations

import enum

__all__ = [
    "BOUND_KINDS",
    "CHUNK_KEYS",
    "EVENT_TYPES",
    "Channel",
    "ChunkKind",
    "EventKind",
    "channel_of",
]


class EventKind(enum.Enum):
    """The kind of news that an event is."""

    CHUNK = enum.auto()
    """A piece of the answer; its keys are :data:`CHUNK_KEYS`."""
    OUTPUT = enum.auto()
    """The same under the name ``output``."""
    TEXT = enum.auto()
    """A piece of the text, of the form without chunks."""
    REASONING = enum.auto()
    WHOLE_TEXT = enum.auto()
    """The text once more, as a whole."""
    SEARCH = enum.auto()
    OPENED = enum.auto()
    """The conversation is there."""
    CREATED = enum.auto()
    """The answer has an id."""
    DONE = enum.auto()
    """The only good end, and the usual bad one."""
    FAILED = enum.auto()
    ERROR = enum.auto()
    SESSION_ENDED = enum.auto()
    QUIET = enum.auto()
    """Says nothing about the answer."""


BOUND_KINDS = frozenset(
    {
        *(EventKind.CHUNK, EventKind.OUTPUT, EventKind.TEXT, EventKind.REASONING),
        *(EventKind.WHOLE_TEXT, EventKind.SEARCH),
    }
)
"""Events that belong to one response, named in ``response_id``."""

EVENT_TYPES: dict[str, EventKind] = {
    "response.chunk": EventKind.CHUNK,
    "response.grok.output": EventKind.OUTPUT,
    "response.output_text.delta": EventKind.TEXT,
    "response.output_text.done": EventKind.WHOLE_TEXT,
    **dict.fromkeys(
        (
            "response.reasoning_text.delta",
            "response.reasoning_summary_text.delta",
            "response.reasoning.delta",
        ),
        EventKind.REASONING,
    ),
    "response.search.result": EventKind.SEARCH,
    "session.created": EventKind.OPENED,
    "conversation.attached": EventKind.OPENED,
    "response.created": EventKind.CREATED,
    "response.done": EventKind.DONE,
    **dict.fromkeys(
        ("response.failed", "response.incomplete", "response.cancelled"), EventKind.FAILED
    ),
    "error": EventKind.ERROR,
    "session.ended": EventKind.SESSION_ENDED,
    **dict.fromkeys(
        (
            "pong",
            "session.updated",
            "commands.updated",
            "conversation.created",
            "conversation.queue.updated",
            "conversation.item.added",
            "conversation.item.created",
            "conversation.item.done",
            "conversation.title.updated",
            "conversation.history.item",
            "conversation.history.done",
            "response.in_progress",
            "response.output_item.added",
            "response.output_item.done",
            "response.content_part.added",
            "response.content_part.done",
            "response.reasoning_text.done",
            "response.reasoning_summary_text.done",
            "response.completed",
            "response.persisted",
        ),
        EventKind.QUIET,
    ),
}


class ChunkKind(enum.Enum):
    """The kind of news that a key of a chunk is."""

    TEXT = enum.auto()
    TOOL = enum.auto()
    """A tool call."""
    RESULT = enum.auto()
    """The result of a tool: pages, if it was a search."""
    CITATION = enum.auto()
    CARD = enum.auto()
    """A card of the form without chunks, as an object."""
    FOUND_PICTURE = enum.auto()
    PICTURE = enum.auto()
    """A picture that is being made."""
    VIDEO = enum.auto()
    FILE = enum.auto()
    START = enum.auto()
    """A picture, a video or a file is begun."""
    PROGRESS = enum.auto()
    WORK = enum.auto()
    """Something is being done, with nothing to show."""
    LAYOUT = enum.auto()
    """How the page shows the answer. ``steer_model_id`` names the model (§8.4)."""
    ERROR = enum.auto()
    QUIET = enum.auto()


CHUNK_KEYS: dict[str, ChunkKind] = {
    "text": ChunkKind.TEXT,
    "tool_usage_card": ChunkKind.TOOL,
    "client_tool_call": ChunkKind.TOOL,
    "tool_result": ChunkKind.RESULT,
    "tool_partial_result": ChunkKind.WORK,
    "user_input_request": ChunkKind.WORK,
    "render_imagine_media_board": ChunkKind.WORK,
    "render_citation": ChunkKind.CITATION,
    "card_attachment": ChunkKind.CARD,
    "render_searched_image": ChunkKind.FOUND_PICTURE,
    "render_generated_image": ChunkKind.PICTURE,
    "render_edited_image": ChunkKind.PICTURE,
    "generated_image": ChunkKind.PICTURE,
    "render_generated_video": ChunkKind.VIDEO,
    "render_file_preview": ChunkKind.FILE,
    "render_start": ChunkKind.START,
    "progress_report": ChunkKind.PROGRESS,
    "stream_error": ChunkKind.ERROR,
    "ui_layout": ChunkKind.LAYOUT,
    **dict.fromkeys(("metadata", "phase_marker", "follow_up_suggestions"), ChunkKind.QUIET),
}


class Channel(enum.Enum):
    """The purpose of a text."""

    ANSWER = enum.auto()
    THINKING = enum.auto()
    TITLE = enum.auto()
    """The title of a step, which the page shows while it waits: no part of any text."""
    UNKNOWN = enum.auto()


_CHANNELS = {
    "CHANNEL_ASSISTANT_RESPONSE": Channel.ANSWER,
    "CHANNEL_ASSISTANT_THINKING": Channel.THINKING,
    "CHANNEL_ASSISTANT_NOTETAKER_HEADER": Channel.TITLE,
    "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY": Channel.THINKING,
    "CHANNEL_UNSPECIFIED": Channel.ANSWER,
}

# Parts of names that are not recorded; the first that occurs decides.
_PARTS_OF_NAMES = {
    "HEADER": Channel.TITLE,
    "SUMMARY": Channel.THINKING,
    "ANALYSIS": Channel.THINKING,
    "REASONING": Channel.THINKING,
    "THINKING": Channel.THINKING,
    "RESPONSE": Channel.ANSWER,
    "FINAL": Channel.ANSWER,
}


def channel_of(name: object) -> Channel:
    """The purpose of a text, by the name of its channel; without a channel it is the answer's."""
    if name is None:
        return Channel.ANSWER
    if not isinstance(name, str):
        return Channel.UNKNOWN
    if (channel := _CHANNELS.get(name)) is not None:
        return channel
    upper = name[:100].upper()
    return next(
        (channel for part, channel in _PARTS_OF_NAMES.items() if part in upper), Channel.UNKNOWN
    )
