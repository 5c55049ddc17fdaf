"""How a request says whether a tool must be called: ``tool_choice``, and ``function_call`` of old
clients.

Forms: a string (``auto``, ``none``, ``required``, ``any``), or an object of that type (``{"type":
"none"}``, Anthropic's ``{"type": "tool", "name": …}``, OpenAI's ``function``, ``custom``,
``allowed_tools`` with a mode); for ``function_call`` ``{"name": …}``. ``null``, an empty object and
an empty list (PHP) are the same as absent.
"""

from __future__ import annotations

from typing import Any

from ....errors import InvalidRequest

__all__ = ["forces_a_tool"]

_FREE = frozenset({"auto", "none"})
_FORCED = frozenset({"required", "any", "tool", "function", "custom"})


def forces_a_tool(value: Any, name: str) -> bool:
    """Whether the answer must be a call.

    :param name: the field's, for messages.
    :raises InvalidRequest: *value* is none of the known forms.
    """
    if value in (None, "", [], {}):
        return False
    kind = value
    if isinstance(value, dict):
        kind = value.get("type", "function" if value.get("name") or value.get("function") else None)
        if kind == "allowed_tools":
            allowed = value.get("allowed_tools")
            kind = (allowed if isinstance(allowed, dict) else value).get("mode", "auto")
    if isinstance(kind, str) and kind.lower() in _FREE:
        return False
    if isinstance(kind, str) and (kind.lower() in _FORCED or isinstance(value, dict)):
        return True
    raise InvalidRequest(f"{name} must be auto or none.", param=name)
