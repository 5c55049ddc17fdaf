"""Frames that ask a question, and the upgrade that opens the websocket, key for key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grokcore.protocol.grok_socket.client_frames import (
    Chat,
    Message,
    item_create,
    ping,
    response_create,
    session_create,
    socket_url,
    upgrade_headers,
)
from grokcore.protocol.grok_web.identity import Identity

from .frames_of import CONVERSATION_ID

SHIPPED = {
    "protocol_capabilities": ["conversation_attached", "custom_methods_v1"],
    "use_chunk": True,
    "enable_side_by_side": True,
    "force_side_by_side": False,
    "enable_image_generation": True,
    "image_generation_count": 2,
    "disable_text_follow_ups": False,
    "disable_artifact": True,
    "force_concise": False,
}


@pytest.mark.parametrize(
    ("chat", "more"),
    [
        (Chat("fast", temporary=False, memory=True, search=True), {}),
        (
            Chat("heavy", temporary=True, memory=False, search=True),
            {"keep_context": False, "is_temporary": True, "disable_memory": True},
        ),
        (Chat("auto", temporary=False, memory=False, search=True), {"disable_memory": True}),
        (
            Chat("expert", temporary=False, memory=True, search=False, pictures=4),
            {"disable_web_search": True, "disable_x_search": True, "image_generation_count": 4},
        ),
    ],
)
def test_a_session_is_asked_for_as_the_settings_say(chat: Chat, more: dict[str, Any]) -> None:
    """A key that a setting does not need is left out."""
    assert json.loads(session_create(chat, uuid="u-1")) == {
        "event": {
            "type": "session.create",
            "event_id": "evt_init_u-1",
            "session": {"model": chat.mode, "x_grok": SHIPPED | more},
        }
    }


def test_a_message_names_its_files_first() -> None:
    """Their ids stand beside the item too, and in it."""
    frame = item_create(
        Message("Which one? 🌊", ("f1", "f2")),
        conversation_id=CONVERSATION_ID,
        message_id="m-1",
        at_ms=1791450479538,
    )
    mentions = [
        {"mention": {"target": {"file_mention": {"file_id": name}}}} for name in ("f1", "f2")
    ]
    assert json.loads(frame) == {
        "session_id": CONVERSATION_ID,
        "event": {
            "type": "conversation.item.create",
            "event_id": "evt_msg_1791450479538",
            "item": {
                "type": "message",
                "role": "user",
                "x_grok": {
                    "client_message_id": "m-1",
                    "input_chunks": [*mentions, {"text": {"text": "Which one? 🌊"}}],
                },
                "file_attachment_ids": ["f1", "f2"],
            },
            "file_attachment_ids": ["f1", "f2"],
        },
    }


def test_a_message_without_files_names_none() -> None:
    """No empty lists."""
    frame = item_create(Message("a"), conversation_id=CONVERSATION_ID, message_id="m-1", at_ms=1)
    assert b"file" not in frame
    assert b"mention" not in frame


def test_short_frames() -> None:
    """A conversation that has no id yet is not named."""
    name = CONVERSATION_ID
    assert json.loads(response_create(conversation_id=name, at_ms=5)) == {
        "session_id": name,
        "event": {"type": "response.create", "event_id": "evt_resp_5"},
    }
    beat = {"event": {"type": "ping", "event_id": "evt_hb_6"}}
    assert json.loads(ping(conversation_id="", at_ms=6)) == beat
    assert json.loads(ping(conversation_id=name, at_ms=6)) == {"session_id": name} | beat


@pytest.mark.parametrize(
    ("base_url", "user_id", "path", "url"),
    [
        ("https://grok.com", "u-1", "/ws/mgw/", "wss://grok.com/ws/mgw/?uid=u-1"),
        ("http://127.0.0.1:9000/", "u", "/ws/", "ws://127.0.0.1:9000/ws/?uid=u"),
        ("https://example.com/grok/", "a b&c", "/x", "wss://example.com/grok/x?uid=a%20b%26c"),
    ],
)
def test_the_address_is_made_of_the_configured_one(
    base_url: str, user_id: str, path: str, url: str
) -> None:
    """Host, port and folder stay."""
    assert socket_url(base_url, user_id, path) == url


def test_the_upgrade_carries_cookies_and_no_signature() -> None:
    """The recorded upgrades had neither ``x-statsig-id`` nor ``Authorization``; what a browser
    sends with a visit to a page is taken out.
    """
    identity = Identity("statsig-value", "clearance", "Agent/1")
    headers = upgrade_headers(identity, sso="token", user_id="u-1")
    assert {name: value for name, value in headers if value} == {
        "Origin": "https://grok.com",
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Cookie": "sso=token; sso-rw=token; cf_clearance=clearance; x-userid=u-1",
        "User-Agent": "Agent/1",
    }
    assert {name.lower() for name, value in headers if not value} >= {
        "accept",
        "sec-fetch-mode",
        "sec-ch-ua",
        "priority",
    }
    plain = dict(upgrade_headers(Identity(""), sso="token", user_id="u-1"))
    assert plain["Cookie"] == "sso=token; sso-rw=token; x-userid=u-1"
    assert "User-Agent" not in plain
