"""The forms of webhooks, and the refusals of their services."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.alerts.styles import WebhookStyle
from grokcore.protocol.alerts.webhooks import DISCORD_CHARS, refusal_of, webhook_body
from tests.protocol.strategies import json_values

from .messages import BEGUN, MENDED, told

TEXT = told().text

BODIES: dict[WebhookStyle, Any] = {
    WebhookStyle.JSON: {
        "kind": "used_up",
        "state": "begun",
        "subject": "grok-4, grok-3",
        "title": "[grok2api vps] The allowance is used up.",
        "words": "grok-4 can't be answered now.\ngrok-3 can't be answered now.",
        "advice": "Wait, or add a token.",
        "at": 1_764_000_000,
        "server": "vps",
    },
    WebhookStyle.SLACK: {"text": TEXT},
    WebhookStyle.TELEGRAM: {"text": TEXT},
    WebhookStyle.DISCORD: {"content": TEXT, "allowed_mentions": {"parse": []}},
    WebhookStyle.FEISHU: {"msg_type": "text", "content": {"text": TEXT}},
    WebhookStyle.DINGTALK: {"msgtype": "text", "text": {"content": TEXT}},
    WebhookStyle.WECOM: {"msgtype": "text", "text": {"content": TEXT}},
    WebhookStyle.BARK: {"title": told().title, "body": told().body, "group": "grok2api"},
}


@pytest.mark.parametrize("style", BODIES, ids=lambda style: style.value)
def test_each_service_gets_its_own_form(style: WebhookStyle) -> None:
    """A robot that does not know the form drops the message, some without a word."""
    assert json.loads(webhook_body(style, told())) == BODIES[style]
    assert {*BODIES} == {*WebhookStyle} - {WebhookStyle.AUTO}


def test_the_end_of_a_state_has_the_same_form() -> None:
    """Programs tell the two apart by ``state``."""
    body = json.loads(webhook_body(WebhookStyle.JSON, told(MENDED)))
    assert (body["state"], body["words"], body["advice"]) == ("mended", "", "")


def test_discord_gets_what_it_takes() -> None:
    """It refuses more than 2000 characters."""
    long = told(attrs.evolve(BEGUN, words=("x" * 290,) * 5, advice=("y" * 290,) * 5))
    body = json.loads(webhook_body(WebhookStyle.DISCORD, long))
    assert len(body["content"]) == DISCORD_CHARS


@frozen
class Answer:
    """The body of a 200, and the refusal in it."""

    style: WebhookStyle
    body: str
    refusal: str = ""


ANSWERS = [
    Answer(WebhookStyle.SLACK, "ok"),
    Answer(WebhookStyle.JSON, '{"code": 5}'),
    Answer(WebhookStyle.FEISHU, '{"code": 0, "msg": "success"}'),
    Answer(WebhookStyle.FEISHU, '{"StatusCode": 0, "StatusMessage": "success"}'),
    Answer(
        WebhookStyle.FEISHU,
        '{"code": 19024, "msg": "Key Words Not Found"}',
        "it answered with the error 19024: Key Words Not Found",
    ),
    Answer(WebhookStyle.DINGTALK, '{"errcode": 0, "errmsg": "ok"}'),
    Answer(
        WebhookStyle.DINGTALK,
        '{"errcode": 310000, "errmsg": "keywords not in content"}',
        "it answered with the error 310000: keywords not in content",
    ),
    Answer(WebhookStyle.WECOM, '{"errcode": 0, "errmsg": "ok"}'),
    Answer(
        WebhookStyle.WECOM,
        '{"errcode": 93000, "errmsg": "invalid webhook url"}',
        "it answered with the error 93000: invalid webhook url",
    ),
    Answer(WebhookStyle.BARK, '{"code": 200, "message": "success"}'),
    Answer(
        WebhookStyle.BARK,
        '{"code": 400, "message": 5}',
        "it answered with the error 400: no reason given",
    ),
    Answer(WebhookStyle.TELEGRAM, '{"ok": true, "result": {}}'),
    Answer(
        WebhookStyle.TELEGRAM,
        '{"ok": false, "description": "chat not found"}',
        "it answered with the error False: chat not found",
    ),
    Answer(WebhookStyle.FEISHU, "[]"),
    Answer(WebhookStyle.FEISHU, "{}"),
    Answer(WebhookStyle.FEISHU, '{"code"'),
]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case.style.value} {case.body}")
def test_a_refusal_in_a_200_is_seen(case: Answer) -> None:
    """Feishu, DingTalk and WeCom answer 200 whatever becomes of the message."""
    assert refusal_of(case.style, case.body.encode()) == case.refusal


@given(
    st.sampled_from(WebhookStyle), json_values.map(lambda v: json.dumps(v).encode()) | st.binary()
)
@settings(deadline=None, max_examples=100)
def test_no_answer_breaks_the_reader(style: WebhookStyle, body: bytes) -> None:
    """It comes from another server."""
    assert "\n" not in refusal_of(style, body)
