"""The fields of a request to xAI's Responses API beside its input and its tools.

Rules
-----
1. Only fields that a stateless, streamed answer has a use for are passed on; others are named.
2. A model that reasons gives short summaries, unless the client asks for others. One that does not
   takes no ``reasoning``.
3. Without the client's ``prompt_cache_key``, one is made of the beginning of the conversation. So a
   conversation goes on with the server that has it in its cache (docs.x.ai, prompt caching,
   2026-11).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..conversation.bounds import TextFormat
from ..conversation.question import Question
from ..models import LaneName
from .tool_schemas import Schema

__all__ = ["conversation_id", "passed_parameters"]

_PASSED = frozenset(
    {
        *("max_turns", "prompt_cache_key", "reasoning", "service_tier", "temperature", "top_p"),
        *("safety_identifier", "user"),
    }
)

_NOT_FOR_CLI = frozenset({"safety_identifier"})
"""Fields that the CLI's host refuses, as it does others that no lane sends:
``previous_response_id``, ``stream_options``, ``prompt_cache_retention`` (CLIProxyAPI, 2026-08).
"""

_IN_HEADERS = re.compile(r"[!-~]{1,128}")


def passed_parameters(
    question: Question, lane: LaneName, *, reasons: bool
) -> tuple[dict[str, Any], frozenset[str]]:
    """The fields for *question*, and the names of the client's fields that are left out.

    :param reasons: whether the model takes ``reasoning``.
    """
    passed = _PASSED - (_NOT_FOR_CLI if lane is LaneName.CLI else frozenset())
    passed -= frozenset() if reasons else {"reasoning"}
    given = {key: value for key, value in question.extras.values.items() if value is not None}
    fields = {key: value for key, value in given.items() if key in passed}
    if reasons:
        asked = {key: value for key, value in fields.get("reasoning", {}).items() if value}
        fields["reasoning"] = {"summary": "concise", **asked}
    fields["prompt_cache_key"] = fields.get("prompt_cache_key") or _cache_key(question)
    if question.bounds.most_tokens is not None:
        fields["max_output_tokens"] = question.bounds.most_tokens
    if question.bounds.text_format is not None:
        fields["text"] = {"format": _format(question.bounds.text_format)}
    return fields, frozenset(given.keys() - passed)


def conversation_id(cache_key: str) -> str:
    """An id of the conversation that can stand in a header: *cache_key*, or a hash of it."""
    return cache_key if _IN_HEADERS.fullmatch(cache_key) else _hash([cache_key])


def _cache_key(question: Question) -> str:
    """The same for every request of a conversation, and for no other asker's."""
    return _hash([question.asker, *_beginning(question)])


def _beginning(question: Question) -> Iterator[str]:
    """The texts up to the user's first message."""
    for message in question.messages:
        yield message.text
        if message.role == "user":
            return


def _hash(texts: list[str]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "replace")
        found.update(b"%d:%b" % (len(data), data))
    return found.hexdigest()


def _format(text_format: TextFormat) -> Mapping[str, Any]:
    if text_format.schema is None:
        return {"type": "json_object"}
    schema: Schema = text_format.schema
    described = {"description": text_format.description} if text_format.description else {}
    name = text_format.name or "answer"
    return {"type": "json_schema", "name": name, **described, "schema": schema, "strict": False}
