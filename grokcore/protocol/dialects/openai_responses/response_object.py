"""The Response object: a head that never changes, and what does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..dialect import AnswerHead
from .request import ResponsesRequest

__all__ = ["ResponseObject", "response_id", "usage_object"]


def response_id(nonce: str) -> str:
    """The id of the response whose answer has this nonce."""
    return f"resp_{nonce}"


def usage_object(usage: Mapping[str, Any]) -> dict[str, Any]:
    """The counts under the names of the Responses API, with those that only xAI has."""
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    xais = ("cost_in_usd_ticks", "num_server_side_tools_used")
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {
            "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"]
        },
        "total_tokens": usage["total_tokens"],
        **{name: usage[name] for name in xais if name in usage},
    }


class ResponseObject:
    """The Response object of one answer, in each of its states."""

    def __init__(self, asked: ResponsesRequest, head: AnswerHead) -> None:
        self.id = response_id(head.nonce)
        constant = {
            "id": self.id,
            "object": "response",
            "created_at": head.created,
            "model": asked.model,
            **asked.echo,
        }
        self._constant = orjson.dumps(constant)[:-1]
        self.in_progress = self._with("in_progress")
        """The object before the answer, without output."""

    def completed(self, at: int, output: bytes, usage: Mapping[str, Any]) -> bytes:
        """The object of a whole answer.

        :param at: seconds since 1970.
        :param output: the list of items, as JSON.
        """
        return self._with("completed", output, usage_object(usage), completed_at=at)

    def incomplete(self, reason: str, output: bytes, usage: Mapping[str, Any]) -> bytes:
        """The object of an answer that a limit or the moderation cut."""
        details = {"reason": reason}
        return self._with("incomplete", output, usage_object(usage), incomplete_details=details)

    def failed(self, error: Mapping[str, Any], output: bytes, usage: Mapping[str, Any]) -> bytes:
        """The object of an answer that broke off."""
        return self._with("failed", output, usage_object(usage), error=error)

    def _with(
        self,
        status: str,
        output: bytes = b"[]",
        usage: Mapping[str, Any] | None = None,
        **changed: Any,
    ) -> bytes:
        state = {
            "status": status,
            "completed_at": None,
            "incomplete_details": None,
            "error": None,
            "usage": usage,
            **changed,
        }
        return b"".join(
            (self._constant, b",", orjson.dumps(state)[1:-1], b',"output":', output, b"}")
        )
