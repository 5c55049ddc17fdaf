"""Frames as Grok's server sends them over the websocket, with values of our own (grok-protocol.md
§8.3 to §8.6).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeAlias

CONVERSATION_ID = "5e0c2a10-0000-4000-8000-000000000001"
RESPONSE_ID = "5e0c2a10-0000-4000-8000-000000000002"
OTHER_ID = "5e0c2a10-0000-4000-8000-0000000000ff"

Frame: TypeAlias = dict[str, Any]

ANSWER = "CHANNEL_ASSISTANT_RESPONSE"
THINKING = "CHANNEL_ASSISTANT_THINKING"
HEADER = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
SUMMARY = "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY"


def message(frame: object) -> bytes:
    """One text message."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()


def stream(frames: Iterable[object]) -> bytes:
    """The lines of a conversation, one message each."""
    return b"".join(message(frame) + b"\n" for frame in frames)


def event(kind: str, **fields: Any) -> Frame:
    return {
        "session_id": CONVERSATION_ID,
        "event": {"type": kind, "event_id": f"evt_{kind}", **fields},
    }


def session_created(**envelope: Any) -> Frame:
    return event("session.created", client_event_id="evt_init_u") | envelope


def attached(name: object = CONVERSATION_ID) -> Frame:
    conversation = {"id": name, "object": "realtime.conversation"}
    return event("conversation.attached", conversation=conversation, mode="new")


def created(name: str = RESPONSE_ID, mode: str = "fast") -> Frame:
    x_grok = {"created_at": 1791450479839.0, "model": mode}
    response = {"id": name, "status": "in_progress", "x_grok": x_grok}
    return event("response.created", response=response)


def chunk(name: str | None = RESPONSE_ID, **keys: Any) -> Frame:
    ids = {} if name is None else {"response_id": name, "item_id": name}
    return event("response.chunk", **ids, chunk={"metadata": {"step_id": 0}, **keys})


def text(words: str, channel: str | None = ANSWER, *, name: str | None = RESPONSE_ID) -> Frame:
    return chunk(name, text={"text": words} | ({"channel": channel} if channel else {}))


def thought(words: str) -> Frame:
    return text(words, THINKING)


def output(**keys: Any) -> Frame:
    return event("response.grok.output", response_id=RESPONSE_ID, output=keys)


def stream_error(words: str, **keys: Any) -> Frame:
    return output(stream_error={"message": words, **keys})


def whole(words: str, **keys: Any) -> Frame:
    return event("response.output_text.done", response_id=RESPONSE_ID, text=words, **keys)


def done(status: object = "completed", name: object = RESPONSE_ID, **keys: Any) -> Frame:
    response = {"id": name, "status": status, "usage": {}, **keys}
    return event("response.done", response=response)


def failed(reason: str, **keys: Any) -> Frame:
    return done("failed", status_details={"reason": reason}, **keys)


def picture(percent: object, *, card: str = "c1", edited: bool = False, **keys: Any) -> Frame:
    url = f"users/u/generated/{card}{'' if percent == 100 else '-part-0'}/image.jpg"
    image = {"imageUuid": f"{card}-image", "imageUrl": url, "progress": percent, **keys}
    name = "render_edited_image" if edited else "render_generated_image"
    return chunk(**{name: {"id": card, "query": "a kite", "image_chunk": image}})


def video(percent: int, **keys: Any) -> Frame:
    url = "users/u/generated/v1/generated_video.mp4"
    clip = {"videoUuid": "v1", "progress": percent, "video_url": url, **keys}
    return chunk(render_generated_video={"id": "v", "video_chunk": clip})


def citation(url: str | None = None, **keys: Any) -> Frame:
    where = {} if url is None else {"url": url}
    return chunk(render_citation={"id": "r", "kind": "CITATION_KIND_WEB_PAGE", **where, **keys})


def pages(*urls: str) -> Frame:
    listed = [{"url": url, "title": url[-1:], "snippet": "…"} for url in urls]
    return chunk(tool_result={"tool_call_id": "t1", "web_search": {"webpages": listed}})


def tool(name: str, **arguments: Any) -> Frame:
    return chunk(tool_usage_card={"tool_usage_card_id": "t1", name: {"args": arguments}})


QUIET = [
    event("conversation.queue.updated", queue=[]),
    event("conversation.item.added", item={"id": "i"}),
    event("response.output_item.added", response_id=RESPONSE_ID, item={}),
    event("response.content_part.added", response_id=RESPONSE_ID, part={}),
    event("pong"),
    chunk(ui_layout={"reasoning_ui_layout": "UNIFIED", "effort": "LOW"}),
    chunk(phase_marker={"kind": "KIND_RESPONSE_START", "phase_index": 2}),
    chunk(follow_up_suggestions={"suggestions": [{"label": "More"}]}),
]
"""Frames that say nothing about the answer."""
