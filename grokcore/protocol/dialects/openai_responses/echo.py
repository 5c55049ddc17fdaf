"""The fields of a request that its Response object repeats.

Open Responses (2026-04-24) demands all keys of the object, with ``null`` for settings that are
absent; OpenAI's own list is shorter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..fields import flag_field

__all__ = ["echoed"]

_TEXTS = ("instructions", "previous_response_id", "safety_identifier", "prompt_cache_key", "user")
_CHOICE_WORDS = ("auto", "none", "required")

MOST_WHOLE = 2**63
"""The integers of orjson are smaller, and those of JavaScript too."""


def echoed(fields: Mapping[str, Any], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys of a Response object that are the same from the first event to the last.

    A value of a wrong type is replaced by the default: it had no effect.

    :param tools: the declarations that have an effect.
    """
    return {
        **{name: _text(fields.get(name)) for name in _TEXTS},
        "tools": list(tools),
        "tool_choice": _choice(fields.get("tool_choice")),
        "parallel_tool_calls": flag_field(fields, "parallel_tool_calls") is not False,
        "text": _text_config(fields.get("text")),
        "truncation": "auto" if fields.get("truncation") == "auto" else "disabled",
        "top_p": _number(fields, "top_p", 1.0),
        "temperature": _number(fields, "temperature", 1.0),
        "presence_penalty": _number(fields, "presence_penalty", 0.0),
        "frequency_penalty": _number(fields, "frequency_penalty", 0.0),
        "top_logprobs": 0,
        "reasoning": _reasoning(fields.get("reasoning")),
        "max_output_tokens": _whole(fields.get("max_output_tokens")),
        "max_tool_calls": _whole(fields.get("max_tool_calls")),
        "store": flag_field(fields, "store") is not False,
        "background": False,
        "service_tier": "default",
        "metadata": _metadata(fields.get("metadata")),
    }


def _number(fields: Mapping[str, Any], name: str, otherwise: float) -> float:
    value = fields.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return otherwise


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    """A number without its fraction; None for others, and for those that orjson can't write."""
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if fits and abs(value) < MOST_WHOLE else None


def _choice(value: Any) -> Any:
    if isinstance(value, dict) and value:
        return value
    return value if value in _CHOICE_WORDS else "auto"


def _text_config(value: Any) -> dict[str, Any]:
    config = value if isinstance(value, dict) else {}
    form, verbosity = config.get("format"), _text(config.get("verbosity"))
    named = form if isinstance(form, dict) and form.get("type") else {"type": "text"}
    if named["type"] == "json_schema":
        named = {"description": None, "strict": False, **named}
    return {"format": named, **({"verbosity": verbosity} if verbosity else {})}


def _reasoning(value: Any) -> dict[str, Any]:
    given = value if isinstance(value, dict) else {}
    return {key: _text(given.get(key)) for key in ("effort", "summary")}


def _metadata(value: Any) -> dict[str, str]:
    given = value if isinstance(value, dict) else {}
    return {key: text for key, text in given.items() if isinstance(text, str)}
