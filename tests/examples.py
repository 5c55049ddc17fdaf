"""Streams of Grok's and content of clients that several tests use."""

from __future__ import annotations

import base64
from typing import Any

from grokcore.simulator import lines
from grokcore.simulator.app import Call, Simulator
from grokcore.simulator.files import UPLOAD_PATH
from grokcore.simulator.scripts import HANG, Script, Send, wrapped
from tests.servers import chat

TOKEN = Send(lines.line(wrapped(lines.token("a"))))
FIRST_TOKEN = Script((TOKEN, HANG))
SILENCE = Script((HANG,))

FLOOD = Script(tuple([Send(lines.line(wrapped(lines.token("x" * 60_000))))] * 400))
"""24 MB: several times what the sockets of a connection take."""


def token_line(text: str) -> Send:
    return Send(lines.line(wrapped(lines.token(text))))


THOUGHTS = [
    lines.thought("Considering", tag="header"),
    lines.thought("- a <grok:render>x</grok:render>point."),
]
TOOLS = [lines.tool_call("1 < 2"), lines.search_results("https://example.com", "x")]

CITING = [
    lines.citation_card("c1", "https://example.com/7"),
    lines.citation_card("c2", "https://example.com/11"),
    *map(
        lines.token,
        [
            "7",
            lines.citation("c1"),
            ", 11",
            lines.citation("c2"),
            ". Both",
            lines.citation("c1"),
            ".",
        ],
    ),
]

DRAWING = [
    lines.picture_card("p1"),
    lines.token("Here:"),
    lines.token(lines.picture("p1")),
    lines.picture_card("p1", 50, "users/u/generated/k-part-0/image.jpg"),
    lines.picture_card("p1", 100, "users/u/generated/k/image.jpg"),
]

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(40)
PDF = b"%PDF-1.4\n1 0 obj\n"


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def picture(data: bytes = PNG, media_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_url(data, media_type)}}


def asking(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return chat(
        messages=[{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *parts]}],
        **fields,
    )


def contents(simulator: Simulator) -> list[tuple[str, bytes]]:
    return [
        (call.body["fileMimeType"], base64.b64decode(call.body["content"]))
        for call in uploaded(simulator)
    ]


def chats(simulator: Simulator) -> list[Call]:
    return simulator.calls


def uploaded(simulator: Simulator) -> list[Call]:
    return [call for call in simulator.uploads if call.path == UPLOAD_PATH]
