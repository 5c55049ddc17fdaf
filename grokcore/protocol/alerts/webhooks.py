"""Webhooks: the JSON that services take, and the refusals that some of them send with a 200.

Sources: each service's page on incoming webhooks, as of November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ..upstream_words import cleaned
from .message import Message
from .styles import WebhookStyle

__all__ = ["refusal_of", "webhook_body"]


DISCORD_CHARS = 2000
"""The longest text that Discord takes; the other services take more than any alert has."""

_CODES: Mapping[WebhookStyle, tuple[tuple[str, ...], object, str]] = {
    WebhookStyle.TELEGRAM: (("ok",), True, "description"),
    WebhookStyle.FEISHU: (("code", "StatusCode"), 0, "msg"),
    WebhookStyle.DINGTALK: (("errcode",), 0, "errmsg"),
    WebhookStyle.WECOM: (("errcode",), 0, "errmsg"),
    WebhookStyle.BARK: (("code",), 200, "message"),
}
"""Of the answers with a 200: the fields of a code, its value in a success, and the field of the
words.
"""


def webhook_body(style: WebhookStyle, message: Message) -> bytes:
    """The JSON of a request.

    :param style: any but ``AUTO``.
    """
    return orjson.dumps(_value(style, message))


def _value(style: WebhookStyle, message: Message) -> dict[str, Any]:
    match style:
        case WebhookStyle.SLACK | WebhookStyle.TELEGRAM:
            return {"text": message.text}
        case WebhookStyle.DISCORD:
            return {
                "content": message.text[:DISCORD_CHARS],
                "allowed_mentions": {"parse": []},
            }
        case WebhookStyle.FEISHU:
            return {"msg_type": "text", "content": {"text": message.text}}
        case WebhookStyle.DINGTALK | WebhookStyle.WECOM:
            return {"msgtype": "text", "text": {"content": message.text}}
        case WebhookStyle.BARK:
            return {"title": message.title, "body": message.body, "group": "grok2api"}
        case _:
            return _plain(message)


def _plain(message: Message) -> dict[str, Any]:
    alert = message.alert
    return {
        "kind": alert.kind.value,
        "state": alert.state.value,
        "subject": message.subject,
        "title": message.title,
        "words": message.words,
        "advice": message.advice,
        "at": int(alert.at),
        "server": message.server,
    }


def refusal_of(style: WebhookStyle, body: bytes) -> str:
    """The refusal in the body of an answer with a 2xx; empty if it is none."""
    if style not in _CODES:
        return ""
    names, good, words = _CODES[style]
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(answer, dict):
        return ""
    codes = [answer[name] for name in names if name in answer]
    if not codes or codes[0] == good:
        return ""
    said = cleaned(answer.get(words)) or "no reason given"
    return f"it answered with the error {cleaned(str(codes[0]))}: {said}"
