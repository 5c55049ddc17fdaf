"""Values of chunks in the words of the REST stream, which grok.com's parts for both lanes speak
(grok-protocol.md §8.5).

Keys of the websocket are snake_case, and what the REST stream had as markup or as a card is an
object of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve

from ..conversation.events import ToolUse
from ..grok_web.cards import Card, Reference, card_of, parse_card
from ..grok_web.server_tools import tool_use_in_card
from ..lenient_json import loads

__all__ = [
    "card_in",
    "citation",
    "file_card",
    "found_picture",
    "generated_picture",
    "is_of_another_agent",
    "results_in",
    "started",
    "step_of",
    "tool_use",
    "video_progress",
    "wholly_done",
]

_LISTS_OF_RESULTS = (
    *("webpages", "posts", "web_results", "web_search_results", "results"),
    *("x_results", "x_posts", "x_search_results"),
)

MOST_RESULTS = 1000
"""Results of one chunk that are looked at."""

_ANOTHER_AGENT = re.compile(r"agent\b", re.IGNORECASE)
"""How the names of agents begin that work for the one who answers (recorded on the REST lane)."""

# Codes of pictures that could not be made (§8.5). The others name a check that refused it.
_FAULTS = {1006: "rate_limit", 1007: "generation_failed", 1008: "too many in one answer"}
_CHECKS = range(1001, 1006)


def tool_use(value: Mapping[str, Any]) -> ToolUse | None:
    """``{"tool_usage_card_id", "web_search": {"args": {"query"}}}``, or a call of a client's tool,
    ``{"id", "function": {"name", "arguments"}}``; None if it names no tool.
    """
    function = value.get("function")
    if isinstance(function, dict) and isinstance(name := function.get("name"), str) and name:
        return tool_use_in_card({name: {"args": _arguments(function.get("arguments"))}})
    for name, call in value.items():
        if isinstance(call, dict):
            return tool_use_in_card({name: call if "args" in call else {"args": call}})
    return None


def _arguments(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return loads(value.encode("utf-8", "replace"))
    except ValueError:
        return None


def results_in(value: object) -> list[dict[str, Any]]:
    """Pages and posts of a tool's result, or of a search's, as the REST stream lists them."""
    return [_result(item) for item, _ in zip(_items(value), range(MOST_RESULTS), strict=False)]


def _items(value: object, depth: int = 0) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict):
        return
    if value.get("url") or value.get("post_id"):
        yield value
        return
    for key, inner in value.items():
        if key in _LISTS_OF_RESULTS and isinstance(inner, list):
            yield from (item for item in inner if isinstance(item, dict))
        elif depth == 0:
            yield from _items(inner, depth + 1)


def _result(item: Mapping[str, Any]) -> dict[str, Any]:
    author = item.get("userhandle") or item.get("username")
    return {
        "url": item.get("url"),
        "title": item.get("title"),
        "citationId": item.get("citation_id", item.get("citationId")),
        "postId": item.get("post_id", item.get("postId")),
        "username": author.removeprefix("@") if isinstance(author, str) else None,
    }


def citation(value: Mapping[str, Any]) -> tuple[Reference, Card | None]:
    """``{"id", "kind", "url", "citation_id"}``: what it refers to, and the page if it names one."""
    name = value.get("citation_id")
    known = isinstance(name, str | int) and not isinstance(name, bool) and name
    reference = Reference(kind="citation", citation_id=str(name)[:100] if known else "")
    card = card_of({"cardType": "citation_card", "url": value.get("url")})
    return reference, card if card.url.startswith(("https://", "http://")) else None


def card_in(value: Mapping[str, Any]) -> Card | None:
    """A card: as an object, or as JSON text in ``jsonData``."""
    text = value.get("jsonData", value.get("json_data"))
    if text is not None:
        return parse_card(text)
    if isinstance(value.get("image_chunk"), dict):
        return generated_picture(value)
    return card_of(dict(value))


def found_picture(value: Mapping[str, Any]) -> Card:
    """``{"id", "image": {"original", "thumbnail", "title", "link"}}``."""
    image = value.get("image")
    inner = dict(image) if isinstance(image, dict) else {}
    inner.setdefault("original", inner.get("image_url") or inner.get("url"))
    return card_of({"id": value.get("id"), "cardType": "image_card", "image": inner})


def generated_picture(value: Mapping[str, Any]) -> Card:
    """``{"id", "image_chunk": {"imageUuid", "imageUrl", "progress", "moderated", …}}``."""
    image = value.get("image_chunk")
    chunk = dict(image) if isinstance(image, dict) else dict(value)
    code = chunk.get("systemErrCode")
    card = card_of({"id": value.get("id"), "image_chunk": chunk})
    refused = _is_rejected(chunk) or code in _CHECKS or "CHECK_" in card.fault
    fault = _FAULTS.get(code, f"code {code}") if isinstance(code, int) and code else card.fault
    return evolve(
        card,
        kind="generated_image_card",
        percent=card.percent or 0,
        moderated=card.moderated or refused,
        fault="" if refused or "UNSPECIFIED" in fault else fault.lower(),
    )


def video_progress(value: Mapping[str, Any]) -> dict[str, Any]:
    """``{"id", "video_chunk": {"videoUuid", "progress", "video_url", "moderated"}}`` as the REST
    stream's line of progress. The address counts at 100 percent only.
    """
    video = value.get("video_chunk")
    chunk = video if isinstance(video, dict) else {}
    done = wholly_done(chunk.get("progress"))
    return {
        "videoId": _name(chunk.get("videoUuid")) or _name(value.get("id")) or "video",
        "progress": chunk.get("progress"),
        "videoUrl": chunk.get("video_url") if done else None,
        "moderated": chunk.get("moderated") is True or _is_rejected(chunk),
    }


def file_card(value: Mapping[str, Any]) -> Card:
    """``{"id", "file_name", "mime_type", "url"}``."""
    return card_of({**value, "cardType": "rendered_file_card", "title": None})


def started(value: Mapping[str, Any]) -> Card | None:
    """A picture or video that is begun, with nothing to show yet; None if it is neither."""
    if "generated_image" in value or "generated_video" in value:
        return Card(id=_name(value.get("id")), kind="generated_image_card", percent=0)
    return None


def is_of_another_agent(metadata: object) -> bool:
    """Whether a chunk's metadata name an agent that works for the one who answers."""
    if not isinstance(metadata, dict) or "rollout_id" not in metadata:
        return False
    name = metadata["rollout_id"]
    return isinstance(name, str) and _ANOTHER_AGENT.match(name) is not None


def step_of(channel_name: object, metadata: object) -> str:
    """A name for the step of a thought: one agent's, in one channel."""
    if not isinstance(metadata, dict):
        return ""
    return f"{metadata.get('rollout_id')} {metadata.get('step_id')} {channel_name}"[:200]


def wholly_done(percent: object) -> bool:
    """Whether a progress says 100 percent."""
    return isinstance(percent, int | float) and percent == 100


def _is_rejected(chunk: Mapping[str, Any]) -> bool:
    reason = chunk.get("rejection_reason")
    if isinstance(reason, str):
        return bool(reason) and "UNSPECIFIED" not in reason
    return isinstance(reason, int) and reason != 0


def _name(value: object) -> str:
    return value[:100] if isinstance(value, str) else ""
