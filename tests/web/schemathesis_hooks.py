"""What Schemathesis needs to know of this server beside its document; loaded by ``st`` itself
(``SCHEMATHESIS_HOOKS``).
"""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE_AS_TEXT = "GIF89a" + "\0" * 20

# A document can say how an address begins, and not that there must be a picture behind it.
schemathesis.openapi.format("uri", st.just(PICTURE))


@schemathesis.hook  # type: ignore[untyped-decorator]
def map_body(_context: Any, body: Any) -> Any:
    """What a document can't say: that one message is not empty, that files are pictures, and how
    many in all lists.
    """
    if isinstance(body, dict):
        _add_a_question(body)
        _ask_for_nothing_more(body)
    for key, most in (("image", 10), ("images", 4)):
        if isinstance(body, dict) and isinstance(body.get(key), list):
            body[key] = [_picture_of_a_form(image) for image in body[key][:most]]
        elif isinstance(body, dict) and isinstance(body.get(key), str):
            body[key] = _base64_of_a_picture(body[key])
    return body


def _add_a_question(body: dict[str, Any]) -> None:
    question = {"role": "user", "content": "hello"}
    for key in ("messages", "input"):
        if isinstance(body.get(key), list):
            body[key] = [*filter(_is_whole, body[key]), question]


def _is_whole(item: Any) -> bool:
    """Whether an item names no other, which is not kept."""
    return not (isinstance(item, dict) and item.get("type") == "item_reference")


def _ask_for_nothing_more(body: dict[str, Any]) -> None:
    """Leave out what the simulated Grok would not do: calls that nobody needs, JSON; and responses
    that are not kept.
    """
    for key in ("tools", "functions"):
        if isinstance(body.get(key), list):
            body[key] = [tool for tool in body[key] if _is_named(tool)]
    for key in ("tool_choice", "function_call", "response_format", "output_config"):
        body.pop(key, None)
    if "previous_response_id" in body:
        del body["previous_response_id"]
        body["input"] = body.get("input") or "hello"
    if isinstance(body.get("text"), dict):
        body["text"].pop("format", None)


def _is_named(tool: Any) -> bool:
    """Whether a tool has a name as the simulated Grok reads them: it begins with a letter."""
    if not isinstance(tool, dict):
        return True
    inner = tool.get("function") or tool.get("custom") or tool
    name = inner.get("name") if isinstance(inner, dict) else None
    return not isinstance(name, str) or bool(re.match("[A-Za-z]", name))


def _base64_of_a_picture(text: str) -> str:
    """JSON may have a picture in base64."""
    return PICTURE.partition(",")[2] if re.fullmatch(r"[A-Za-z0-9+/_=\s-]{24,}", text) else text


def _picture_of_a_form(image: Any) -> Any:
    image = _base64_of_a_picture(image) if isinstance(image, str) else image
    if image == PICTURE.partition(",")[2]:
        return image
    return (
        PICTURE_AS_TEXT
        if isinstance(image, str) and not image.startswith(("data:", "http"))
        else image
    )


@schemathesis.check  # type: ignore[untyped-decorator]
def refusals_name_their_field(_context: Any, response: Any, case: Any) -> None:
    """A 400 without a code is about a field of the request, or about all of it. Anthropic's form has
    its words alone.
    """
    if response.status_code == 400 and isinstance(case.body, dict):
        error = response.json()["error"]
        named = error.get("code") or error.get("param") or "code" not in error
        assert named or re.search("body|form", error["message"]), error
