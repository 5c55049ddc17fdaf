"""The table of content parts: how each type is read, of every dialect and SDK.

OpenAI's chat API, its Responses API, Anthropic's Messages, AI SDK, LangChain and MCP (2026). A test
walks the types that their packages declare.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import frozen

__all__ = ["TABLE", "Becomes", "Row", "row_of_type"]


class Becomes(enum.Enum):
    """The fate of a part; in brackets that in the user's last turn, if it differs."""

    TEXT = "its words"
    PICTURE = "a picture"
    FILE = "a file; a text if its content is one"
    CALL = "a call of a tool, as a line of text"
    RESULT = "what a tool returned: its words and pictures"
    DROPPED = "nothing (refused)"
    NOTE = "a note that names it (refused)"


@frozen
class Row:
    """A line of the table.

    :ivar fields: for texts, the keys of its words, in the order in which they are shown. A value
        may be parts again.
    :ivar note: the name in the note that stands for the part, or before a text.
    :ivar hint: advice to the client, for the refusal.
    """

    becomes: Becomes
    fields: tuple[str, ...] = ()
    note: str = ""
    hint: str = ""


def _rows(row: Row, *types: str) -> dict[str, Row]:
    return dict.fromkeys(types, row)


_NO_SOUND = "Grok's web chat takes no sound: send the spoken words as text."
_NO_VIDEO = "Grok's web chat takes no videos: send single frames as image_url parts."
_NOT_A_USERS = "It belongs into a turn of the assistant: send text."

TABLE: Mapping[str, Row] = {
    **_rows(
        Row(Becomes.TEXT, ("text", "value", "content")),
        *("text", "input_text", "output_text", "summary_text", "advisor_result"),
    ),
    **_rows(Row(Becomes.TEXT, ("refusal",)), "refusal"),
    **_rows(
        Row(Becomes.TEXT, ("content",)), "compaction", "text_editor_code_execution_view_result"
    ),
    **_rows(Row(Becomes.TEXT, ("value",)), "json", "error_text", "error_json", "content"),
    **_rows(Row(Becomes.TEXT, ("reason",)), "execution_denied"),
    **_rows(Row(Becomes.TEXT, ("title", "source", "content")), "search_result"),
    **_rows(Row(Becomes.TEXT, ("title", "url")), "web_search_result", "source_url"),
    **_rows(Row(Becomes.TEXT, ("url", "content")), "web_fetch_result"),
    **_rows(
        Row(Becomes.TEXT, ("stdout", "stderr", "content")),
        *("code_execution_result", "bash_code_execution_result", "encrypted_code_execution_result"),
    ),
    **_rows(Row(Becomes.TEXT, ("lines",)), "text_editor_code_execution_str_replace_result"),
    **_rows(Row(Becomes.TEXT, ("tool_references",)), "tool_search_tool_search_result"),
    **_rows(Row(Becomes.TEXT, ("tool_name",), "tool"), "tool_reference"),
    **_rows(Row(Becomes.TEXT, ("name", "title", "uri", "description")), "resource_link"),
    **_rows(Row(Becomes.TEXT, ("error_code", "error_message")), "tool_result_error"),
    **_rows(
        Row(Becomes.PICTURE),
        *(
            "image_url",
            "input_image",
            "image",
            "image_data",
            "image_file",
            "image_file_id",
            "computer_screenshot",
        ),
    ),
    **_rows(
        Row(Becomes.FILE),
        *(
            "file",
            "input_file",
            "document",
            "media",
            "resource",
            "file_data",
            "file_url",
            "file_id",
            "container_upload",
        ),
        *("code_execution_output", "bash_code_execution_output"),
    ),
    **_rows(
        Row(Becomes.CALL),
        *(
            "tool_use",
            "server_tool_use",
            "mcp_tool_use",
            "tool_call",
            "function_call",
            "custom_tool_call",
            "function",
        ),
    ),
    **_rows(
        Row(Becomes.RESULT),
        *(
            "tool_result",
            "mcp_tool_result",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "tool_search_tool_result",
        ),
        *(
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
        ),
        *("advisor_tool_result", "function_call_output", "custom_tool_call_output"),
    ),
    **_rows(
        Row(Becomes.DROPPED, hint=_NOT_A_USERS),
        *("thinking", "redacted_thinking", "reasoning", "reasoning_text", "reasoning_file"),
    ),
    **_rows(
        Row(Becomes.NOTE, note="audio", hint=_NO_SOUND),
        "input_audio",
        "audio",
        "audio_url",
        "output_audio",
    ),
    **_rows(Row(Becomes.NOTE, note="video", hint=_NO_VIDEO), "video_url", "video", "input_video"),
}
"""By type, in lower case with ``_`` for ``-``. Of other types the text is taken; without a text
they are noted (refused).
"""

_ENDINGS = ("tool_result", "tool_result_error", "tool_use")
"""Ends of type names: a type with such an end is read like the type of that name. Anthropic names
the types of its own tools so."""


def row_of_type(kind: str) -> Row | None:
    """The row of a type, as a client writes it; None if it is unknown."""
    name = kind.lower().replace("-", "_")
    ending = next((end for end in _ENDINGS if name.endswith(f"_{end}")), "")
    return TABLE.get(name) or TABLE.get(ending)
