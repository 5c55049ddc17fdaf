"""One line of the log for each request. Never a prompt, an answer, a secret, or any other words of a client's."""

from __future__ import annotations

import logging
import re
from typing import Any

from ..runtime.gateway import FailedAttempt
from .trace import Trace

__all__ = ["RequestLog"]

_PARAM = re.compile(r"[A-Za-z0-9_.\[\]-]{1,100}")

_log = logging.getLogger("grokcore.requests")


class RequestLog:
    """An observer. Requests that ask Grok, and refusals, are told at INFO, the others (health, metrics) at DEBUG."""

    def request_ended(self, trace: Trace) -> None:
        """Write its line; in JSON its fields are those of an object ``request``."""
        level = logging.INFO if trace.asks or trace.status >= 400 else logging.DEBUG
        if _log.isEnabledFor(level):
            fields = _fields(trace)
            words = " ".join(f"{name}={_shown(value)}" for name, value in fields.items() if name not in _IN_FRONT)
            front = " ".join(str(fields[name]) for name in _IN_FRONT)
            _log.log(level, "%s %s", front, words, extra={"fields": {"request": fields}})

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """It has a line of its own, from the gateway."""


_IN_FRONT = ("id", "method", "path", "status")


def _fields(trace: Trace) -> dict[str, Any]:
    """What there is to tell; what does not apply is left out. Times are seconds."""
    fields: dict[str, Any] = {
        "id": trace.request_id,
        "method": trace.method,
        "path": trace.path,
        "status": trace.status,
        "code": trace.code,
        "param": _param(trace),
        "model": trace.model,
        "stream": trace.stream or None,
        "key": trace.key,
        **_answered(trace),
        "total": round(trace.total_s, 3),
        "client_left": not trace.complete or None,
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _param(trace: Trace) -> str:
    """The field at fault; empty if it may be a client's own words."""
    param = (trace.error.param if trace.error else None) or ""
    return param if _PARAM.fullmatch(param) else ""


def _answered(trace: Trace) -> dict[str, Any]:
    completion = trace.completion
    if completion is None:
        return {}
    tokens_in, tokens_out = trace.tokens()
    return {
        "token": completion.token_id,
        "attempts": completion.attempts,
        "queue": round(completion.times.queue_s, 3),
        "upload": round(completion.times.upload_s, 3) or None,
        "first": None if trace.first_s is None else round(trace.first_s, 3),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
    }


def _shown(value: object) -> str:
    return "yes" if value is True else str(value)
