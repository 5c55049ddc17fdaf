"""Both lanes of grok.com: the scripts of the REST stream, as the websocket says the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from grokcore.protocol.models import WebLane
from grokcore.simulator import frames
from grokcore.simulator.app import Call
from grokcore.simulator.page_socket import Close, Say, SocketCall, SocketScript
from grokcore.simulator.page_socket import Step as SocketStep
from grokcore.simulator.scripts import Cut, Script, Wait

__all__ = [
    "LANES",
    "each_lane",
    "files_of",
    "model_of",
    "on_lanes",
    "over_socket",
    "pictures_of",
    "words_of",
]

LANES = (WebLane.REST, WebLane.SOCKET)

each_lane: pytest.MarkDecorator = pytest.mark.parametrize(
    "lane", LANES, ids=[lane.value for lane in LANES]
)
"""A test over both lanes: above ``@on_site(lane=lambda lane: lane)``."""


def on_lanes(name: str, cases: Iterable[Any]) -> pytest.MarkDecorator:
    """A test of each case over both lanes, but of those with ``rest_only`` over REST alone: above
    ``@on_site(lane=lambda lane: lane)``.

    :param name: of the test's parameter for the case.
    """
    pairs = [
        pytest.param(case, lane, id=f"{case.name}, {lane.value}")
        for lane in LANES
        for case in cases
        if lane is WebLane.REST or not case.rest_only
    ]
    return pytest.mark.parametrize((name, "lane"), pairs)


_TOOLS = {"codeExecution": "code_execution", "webSearch": "web_search"}


def words_of(call: Call | SocketCall) -> str:
    """The question that Grok was asked."""
    return call.question if isinstance(call, SocketCall) else str(call.body["message"])


def files_of(call: Call | SocketCall) -> list[str]:
    """The ids of the files that went with a question."""
    return call.files if isinstance(call, SocketCall) else list(call.body["fileAttachments"])


def model_of(call: Call | SocketCall) -> str:
    """The model that was asked, or the mode."""
    return call.model if isinstance(call, SocketCall) else str(call.body["modelName"])


def pictures_of(call: Call | SocketCall) -> int:
    """The number of pictures that were asked for."""
    if isinstance(call, SocketCall):
        return int(call.settings["image_generation_count"])
    return int(call.body["imageGenerationCount"])


def over_socket(script: Script) -> SocketScript:
    """A script of the REST stream as a websocket's: what comes before the answer's first event is
    the upgrade's, lines are events, and an answer that came to its end has a ``response.done``.

    :raises ValueError: if a line is of a kind that the websocket does not have.
    """
    if script.status != 200:
        return SocketScript((), script.status, script.headers, script.body, script.before)
    steps: list[SocketStep] = [Say(frames.response_created("fast"))]
    ended = stopped = False
    for step in script.steps:
        if isinstance(step, Wait | Cut):
            steps.append(step)
            continue
        for line in step.data.splitlines():
            payload = _payload(line)
            steps += map(Say, _events(payload))
            stopped = stopped or bool(payload.get("isSoftStop"))
            ended = ended or "modelResponse" in payload
    if isinstance(script.steps[-1] if script.steps else None, Cut) or not script.steps:
        return SocketScript(tuple(steps), before=script.before)
    return SocketScript((*_with_end(steps, ended or stopped),), before=script.before)


def _with_end(steps: list[SocketStep], whole: bool) -> Iterator[SocketStep]:
    """*steps* with the end behind the last event, and before a wait that comes after it."""
    last = max(index for index, step in enumerate(steps) if isinstance(step, Say))
    yield from steps[: last + 1]
    if whole:
        yield Say(frames.done())
    elif last + 1 == len(steps):
        yield Close(1000)
    yield from steps[last + 1 :]


def _payload(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    result = value.get("result", value)
    payload: dict[str, Any] = result.get("response", result)
    return payload


def _events(payload: dict[str, Any]) -> Iterator[frames.Event]:
    """The events that say what a REST line says; none for what the page alone is interested in."""
    if "toolUsageCard" in payload:
        yield _tool(payload["toolUsageCard"])
    elif "webSearchResults" in payload:
        found = payload["webSearchResults"]["results"]
        yield frames.web_pages("1", *((page["url"], page["title"]) for page in found))
    elif "token" in payload:
        if payload["token"]:
            yield frames.text(payload["token"], _channel(payload))
    elif "streamingImageGenerationResponse" in payload:
        image = payload["streamingImageGenerationResponse"]
        yield frames.picture(
            image["imageUrl"], image["progress"], moderated=bool(image["moderated"])
        )
    elif "error" in payload:
        failure = payload["error"]
        details = [name for name in failure if name not in {"message", "severity"}]
        yield frames.stream_error(details[0], failure["message"])
    elif not _NEUTRAL & set(payload):
        raise ValueError(f"the websocket has no {sorted(payload)}")


_NEUTRAL = frozenset(
    {
        "conversation",
        "finalMetadata",
        "imageAttachmentInfo",
        "llmInfo",
        "modelResponse",
        "title",
        "uiLayout",
        "userResponse",
    }
)


def _channel(payload: dict[str, Any]) -> str:
    if not payload["isThinking"]:
        return frames.ANSWER
    return frames.HEADER if payload.get("messageTag") == "header" else frames.THINKING


def _tool(card: dict[str, Any]) -> frames.Event:
    name = next(name for name in card if name in _TOOLS)
    return frames.tool_call(card["toolUsageCardId"], _TOOLS[name], **card[name]["args"])
