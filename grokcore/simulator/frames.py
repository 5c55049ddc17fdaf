"""Single events of the page's websocket, in the recorded shapes of August to October 2026."""

from __future__ import annotations

import json
from typing import Any

from . import lines

__all__ = [
    "ANSWER",
    "HEADER",
    "SUMMARY",
    "THINKING",
    "attached",
    "chunk",
    "citation",
    "done",
    "error",
    "picture",
    "pong",
    "response_created",
    "response_persisted",
    "session_created",
    "session_ended",
    "stream_error",
    "suggestions",
    "text",
    "title",
    "tool_call",
    "web_pages",
    "wire",
]

Event = dict[str, Any]

ANSWER = "CHANNEL_ASSISTANT_RESPONSE"
THINKING = "CHANNEL_ASSISTANT_THINKING"
HEADER = "CHANNEL_ASSISTANT_NOTETAKER_HEADER"
SUMMARY = "CHANNEL_ASSISTANT_NOTETAKER_SUMMARY"


def wire(event: Event, session_id: str) -> str:
    """An event in its envelope, as a text message."""
    return json.dumps(
        {"session_id": session_id, "event": event}, ensure_ascii=False, separators=(",", ":")
    )


def session_created(client_event_id: str) -> Event:
    """The first acknowledgement."""
    return {"type": "session.created", "client_event_id": client_event_id}


def attached(session_id: str) -> Event:
    """The second acknowledgement."""
    conversation = {"id": session_id, "object": "realtime.conversation"}
    return {"type": "conversation.attached", "conversation": conversation, "mode": "new"}


def response_created(model: str, response_id: str = lines.RESPONSE_ID) -> Event:
    """The beginning of the answer."""
    response = {
        "id": response_id,
        "status": "in_progress",
        "output_modalities": ["text"],
        "x_grok": {"created_at": 1791450479839.0, "model": model},
    }
    return {"type": "response.created", "response": response}


def chunk(payload: Event, response_id: str = lines.RESPONSE_ID, *, phase: int = 2) -> Event:
    """A piece of the answer."""
    return {
        "type": "response.chunk",
        "response_id": response_id,
        "item_id": response_id,
        "chunk": {"metadata": {"step_id": 0, "phase_index": phase}, **payload},
    }


def text(words: str, channel: str = ANSWER, response_id: str = lines.RESPONSE_ID) -> Event:
    """A piece of text in one of the four channels."""
    return chunk({"text": {"text": words, "channel": channel}}, response_id)


def tool_call(call_id: str, tool: str, **args: str) -> Event:
    """A tool that Grok uses: ``web_search``, ``x_search``, ``open_page`` …"""
    return chunk({"tool_usage_card": {"tool_usage_card_id": call_id, tool: {"args": args}}})


def web_pages(call_id: str, *pages: tuple[str, str]) -> Event:
    """The result of a web search: URLs and titles."""
    found = [{"url": url, "title": name, "snippet": "…"} for url, name in pages]
    return chunk({"tool_result": {"tool_call_id": call_id, "web_search": {"webpages": found}}})


def citation(url: str, citation_id: str = "0") -> Event:
    """A reference to a page at this point of the text."""
    value = {"id": citation_id, "kind": "CITATION_KIND_WEB_PAGE", "url": url}
    return chunk({"render_citation": {**value, "citation_id": citation_id}})


def picture(
    url: str, progress: int = 100, *, moderated: bool = False, kind: str = "generated"
) -> Event:
    """A picture that is being made, or is ready at 100.

    :param kind: ``generated`` or ``edited``.
    """
    identity = url.rsplit("/", 2)[-2]
    image = {"imageUuid": identity, "imageUrl": url, "seq": 0, "progress": progress}
    value = {"id": identity, "query": "a", "image_chunk": {**image, "moderated": moderated}}
    return chunk({f"render_{kind}_image": value})


def suggestions(*labels: str) -> Event:
    """Follow-up questions for the page; they come behind the end."""
    return chunk({"follow_up_suggestions": {"suggestions": [{"label": label} for label in labels]}})


def done(
    status: str = "completed", reason: str = "", response_id: str = lines.RESPONSE_ID
) -> Event:
    """The end of the answer."""
    response: Event = {"id": response_id, "status": status, "output_modalities": ["text"]}
    if reason:
        response["status_details"] = {"reason": reason}
    return {"type": "response.done", "response": response}


def response_persisted() -> Event:
    """The answer has been stored; it comes behind the end."""
    return {"type": "response.persisted", "status": "ok"}


def title(words: str) -> Event:
    """The conversation's title; it comes behind the end."""
    return {"type": "conversation.title.updated", "title": words}


def error(code: str, message: str) -> Event:
    """A fault of the whole session."""
    return {"type": "error", "error": {"code": code, "message": message}}


def stream_error(kind: str, message: str, **details: Any) -> Event:
    """A fault of the answer."""
    value = {"kind": kind, "message": message, "severity": "error", **details}
    return {
        "type": "response.grok.output",
        "response_id": lines.RESPONSE_ID,
        "output": {"stream_error": value},
    }


def session_ended() -> Event:
    """The server ends the session."""
    return {"type": "session.ended"}


def pong(client_event_id: str) -> Event:
    """The answer to a ping."""
    return {"type": "pong", "client_event_id": client_event_id}
