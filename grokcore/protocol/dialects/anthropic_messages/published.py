"""Tools of Anthropic's that clients run: their fields are known to its models, and so are not in
the request.

Source: Anthropic's documentation of the bash and text editor tools (2026).
"""

from __future__ import annotations

from typing import Any

from ...conversation.tools import Tool

__all__ = ["published_tool"]

_BASH = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "description": "The command to run, in bash."},
        "restart": {"type": "boolean", "description": "true restarts the shell."},
    },
}

_BASH_DESCRIPTION = (
    "Runs a command in a shell that keeps its state between calls. Needs command, unless restart "
    "is true."
)

_OLD_EDITORS = ("text_editor_20241022", "text_editor_20250124")
"""They take back an edit (undo_edit), and insert the text in new_str."""

_EDITOR_DESCRIPTION = (
    "Views, creates and edits files. view shows a file (view_range: first and last line) or lists "
    "a folder; create writes file_text; str_replace replaces old_str, which must occur exactly "
    "once, by new_str; insert puts a text behind the line insert_line (0: at the beginning)."
)


def published_tool(kind: str, name: Any) -> Tool | None:
    """The tool of the type *kind*; None if it is another, or the client does not run it.

    :param name: the request's name for it; one that is no text counts as absent.
    """
    named = name if isinstance(name, str) and name else ""
    if kind.startswith("bash_"):
        return Tool(named or "bash", _BASH_DESCRIPTION, _BASH)
    if kind.startswith("text_editor_"):
        old = kind in _OLD_EDITORS
        usual = "str_replace_editor" if old else "str_replace_based_edit_tool"
        return Tool(named or usual, _EDITOR_DESCRIPTION, _editor(old=old))
    return None


def _editor(*, old: bool) -> dict[str, Any]:
    text = {"type": "string"}
    commands = ["view", "create", "str_replace", "insert", *(["undo_edit"] if old else [])]
    inserted = {} if old else {"insert_text": {**text, "description": "The text to insert."}}
    replacing = "The text in its place" + (", or the text to insert." if old else ".")
    return {
        "type": "object",
        "properties": {
            "command": {"type": "string", "enum": commands},
            "path": {**text, "description": "An absolute path."},
            "file_text": {**text, "description": "The whole content of the new file."},
            "old_str": {**text, "description": "The text to replace, exact to the space."},
            "new_str": {**text, "description": replacing},
            "insert_line": {"type": "integer"},
            **inserted,
            "view_range": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["command", "path"],
    }
