"""Frames that ask a question over the websocket, and the upgrade that opens it (grok-protocol.md
§8.1, §8.2).

The frames are those of the page and of other clients of 2026, key for key. Ids and times are
arguments. The browser's constants of the upgrade (``User-Agent``, ``Accept-Language``) come from
curl's impersonation, so that they fit the TLS fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from attrs import field, frozen

from ..grok_web.identity import ORIGIN, Identity

__all__ = [
    "SOCKET_PATH",
    "Chat",
    "Message",
    "item_create",
    "ping",
    "response_create",
    "session_create",
    "socket_url",
    "upgrade_headers",
]

SOCKET_PATH = "/ws/mgw/"

_NOT_OF_A_WEBSOCKET = tuple(
    (name, "")
    for name in (
        *("Accept", "Accept-Encoding"),
        *("Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User"),
        *("Upgrade-Insecure-Requests", "Priority", "sec-ch-ua", "sec-ch-ua-mobile"),
        "sec-ch-ua-platform",
    )
)
"""Headers of the impersonated browser's visit to a page, which its websockets don't send."""


@frozen
class Chat:
    """Settings of a conversation.

    :ivar mode: ``auto``, ``fast``, ``expert``, ``heavy`` or ``build``.
    :ivar temporary: whether the conversation stays out of the account's history.
    :ivar memory: whether Grok may use what it remembers of the account.
    :ivar search: whether Grok may search.
    :ivar pictures: how many are drawn if one is asked for.
    :ivar draw: whether Grok may make pictures.
    """

    mode: str
    temporary: bool
    memory: bool
    search: bool
    pictures: int = 2
    draw: bool = True


@frozen
class Message:
    """The user's message.

    :ivar text: the whole prompt (:mod:`grokcore.protocol.grok_web.prompt`).
    :ivar files: ids of uploads, pictures and files alike.
    """

    text: str = field(repr=False)
    files: tuple[str, ...] = ()


def session_create(chat: Chat, *, uuid: str) -> bytes:
    """The first frame: a session with a new conversation, whose id the server chooses."""
    settings: dict[str, Any] = {
        "protocol_capabilities": ["conversation_attached", "custom_methods_v1"],
        "use_chunk": True,
        "enable_side_by_side": True,
        "force_side_by_side": False,
        "enable_image_generation": chat.draw,
        "image_generation_count": chat.pictures,
        "disable_text_follow_ups": False,
        "disable_artifact": True,
        "force_concise": False,
    }
    if chat.temporary:
        settings |= {"keep_context": False, "is_temporary": True}
    if not chat.memory:
        settings["disable_memory"] = True
    if not chat.search:
        settings |= {"disable_web_search": True, "disable_x_search": True}
    session = {"model": chat.mode, "x_grok": settings}
    return _frame({"type": "session.create", "event_id": f"evt_init_{uuid}", "session": session})


def item_create(message: Message, *, conversation_id: str, message_id: str, at_ms: int) -> bytes:
    """The user's message: its files first, then its text.

    :param message_id: a fresh uuid4.
    :param at_ms: milliseconds since 1970.
    """
    chunks: list[dict[str, Any]] = [
        {"mention": {"target": {"file_mention": {"file_id": file}}}} for file in message.files
    ]
    chunks.append({"text": {"text": message.text}})
    files: dict[str, Sequence[str]] = (
        {"file_attachment_ids": message.files} if message.files else {}
    )
    item = {
        "type": "message",
        "role": "user",
        "x_grok": {"client_message_id": message_id, "input_chunks": chunks},
        **files,
    }
    event = {"type": "conversation.item.create", "event_id": f"evt_msg_{at_ms}", "item": item}
    return _frame(event | files, conversation_id)


def response_create(*, conversation_id: str, at_ms: int) -> bytes:
    """The frame that asks for an answer to the last item."""
    return _frame({"type": "response.create", "event_id": f"evt_resp_{at_ms}"}, conversation_id)


def ping(*, conversation_id: str, at_ms: int) -> bytes:
    """The heartbeat of the page, which the server answers with ``pong``. *conversation_id* is empty
    as long as there is none.
    """
    return _frame({"type": "ping", "event_id": f"evt_hb_{at_ms}"}, conversation_id)


def _frame(event: Mapping[str, Any], conversation_id: str = "") -> bytes:
    envelope = {"session_id": conversation_id} if conversation_id else {}
    return orjson.dumps(envelope | {"event": event})


def socket_url(base_url: str, user_id: str, path: str = SOCKET_PATH) -> str:
    """The websocket's address.

    :param base_url: as configured: ``http`` becomes ``ws``, ``https`` becomes ``wss``.
    :param path: begins with a slash.
    """
    base = urlsplit(base_url)
    scheme = "wss" if base.scheme == "https" else "ws"
    return f"{scheme}://{base.netloc}{base.path.rstrip('/')}{path}?uid={quote(user_id, safe='')}"


def upgrade_headers(identity: Identity, *, sso: str, user_id: str) -> list[tuple[str, str]]:
    """Headers of the upgrade. An empty value takes a header of the impersonated browser out.

    The upgrade carries neither ``x-statsig-id`` nor ``Authorization``, nor a subprotocol.

    :param sso: the session token, the value of both cookies ``sso`` and ``sso-rw``.
    :param user_id: the account's id at Grok, which goes as the cookie ``x-userid``.
    """
    clearance = f"cf_clearance={identity.cf_clearance}; " if identity.cf_clearance else ""
    headers = [
        ("Origin", ORIGIN),
        ("Cache-Control", "no-cache"),
        ("Pragma", "no-cache"),
        ("Cookie", f"sso={sso}; sso-rw={sso}; {clearance}x-userid={user_id}"),
        *_NOT_OF_A_WEBSOCKET,
    ]
    if identity.user_agent:
        headers.append(("User-Agent", identity.user_agent))
    return headers
