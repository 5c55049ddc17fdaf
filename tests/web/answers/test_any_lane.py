"""The app over the lane of grok.com and over another one: clients see no difference."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from attrs import frozen

from grokcore.errors import AttachmentRefused, QuotaExhausted
from grokcore.protocol.conversation.question import Question, Rendering, Task
from grokcore.simulator import lines
from grokcore.simulator.assets import jpeg
from grokcore.simulator.scripts import Script, Send, answer, drawing, error
from tests.scenarios import on_fake_clock
from tests.web.in_process import client_of

from ...runtime.echo_lane import EchoLane
from ...runtime.worlds import World, make_world
from ...servers import chat

DATA_URL = f"data:image/jpeg;base64,{base64.b64encode(jpeg()).decode()}"


def over_grok(*scripts: Script) -> World:
    """The lane of grok.com, with two tokens."""
    return make_world(*scripts, tokens=2)


def over_echo(*_: Script) -> World:
    """Another lane, which is sent nothing by its tests."""
    return echoing(EchoLane())


def echoing(lane: EchoLane) -> World:
    world = make_world(answer("never asked"), tokens=2)
    world.gateway.lane = lane
    return world


LANES = [over_grok, over_echo]


async def post(world: World, path: str, body: dict[str, Any]) -> httpx.Response:
    async with client_of(world) as client:
        response = await client.post(path, json=body)
    assert world.idle
    return response


def content_of(response: httpx.Response) -> str:
    return str(response.json()["choices"][0]["message"]["content"])


def streamed_of(response: httpx.Response) -> str:
    """The content of a stream that came to its end."""
    data = [
        line.removeprefix("data: ") for line in response.text.splitlines() if line[:5] == "data:"
    ]
    assert data[-1] == "[DONE]"
    chunks = [json.loads(one)["choices"][0] for one in data[:-1]]
    assert chunks[-1]["finish_reason"] == "stop"
    return "".join(chunk["delta"].get("content") or "" for chunk in chunks)


def picture_of(response: httpx.Response) -> str:
    return str(response.json()["data"][0]["b64_json"])


@frozen
class Answered:
    """A request, and the answer that its client reads."""

    name: str
    path: str
    body: dict[str, Any]
    read: Callable[[httpx.Response], str]
    content: str
    scripts: tuple[Script, ...]


PICTURES = (drawing(["users/u/generated/1/image.jpg"]), Script((Send(jpeg()),)))
DRAW = {"prompt": "a cat", "response_format": "b64_json"}

ANSWERED = [
    Answered("whole", "/chat/completions", chat("hi"), content_of, "hi", (answer("hi"),)),
    Answered(
        "streamed",
        "/chat/completions",
        chat("hi", stream=True),
        streamed_of,
        "hi",
        (answer("hi"),),
    ),
    Answered(
        "a picture",
        "/images/generations",
        DRAW,
        picture_of,
        base64.b64encode(jpeg()).decode(),
        PICTURES,
    ),
]


@pytest.mark.parametrize("over", LANES)
@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
@on_fake_clock
async def test_each_route_answers_over_each_lane(
    case: Answered, over: Callable[..., World]
) -> None:
    """Routes and completions know the seam alone."""
    response = await post(over(*case.scripts), case.path, case.body)
    assert response.status_code == 200, response.text
    assert case.read(response) == case.content


@pytest.mark.parametrize("over", ["grok.com", "echo"])
@on_fake_clock
async def test_a_refusal_of_one_token_goes_to_the_next_over_each_lane(over: str) -> None:
    """Attempts, and what the pool learns, are the completion's business."""
    lane = EchoLane(refusals=[QuotaExhausted("used up", retry_after=60)])
    world = (
        echoing(lane) if over == "echo" else over_grok(error(429, lines.ERROR_429), answer("hi"))
    )
    response = await post(world, "/chat/completions", chat("hi"))
    assert (response.status_code, content_of(response)) == (200, "hi")
    assert response.headers["x-grok2api-attempts"] == "2"


@on_fake_clock
async def test_a_lane_gets_the_conversation_with_its_roles() -> None:
    """And nothing that another lane would send in their place."""
    lane = EchoLane()
    messages = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "hi"}]
    await post(
        echoing(lane), "/chat/completions", {**chat(), "messages": messages, "search": False}
    )
    await post(echoing(lane), "/images/generations", {**DRAW, "n": 1, "image": DATA_URL})
    talk, draw = lane.asked
    assert [(one.role, one.text) for one in talk.messages] == [
        ("system", "Be terse."),
        ("user", "hi"),
    ]
    assert (talk.task, talk.search) == (Task.ANSWER, False)
    assert [one.text for one in draw.messages] == ["a cat"]
    assert (draw.task, draw.pictures) == (Task.PICTURES, 1)
    assert [one.data for one in draw.enclosed.attachments] == [jpeg()]


@on_fake_clock
async def test_clients_are_informed_of_what_the_lane_made_of_their_question() -> None:
    """In headers and in the usage, whichever lane it was."""

    def facts(question: Question) -> Rendering:
        return Rendering(question, (), frozenset({"system_messages"}), True, 1234)

    response = await post(echoing(EchoLane(facts)), "/chat/completions", chat("hi", seed=1))
    assert response.headers["x-grok2api-ignored"] == "seed, system_messages"
    assert response.headers["x-grok2api-long-context"] == "file"
    assert response.json()["usage"]["prompt_tokens"] == 1234


@on_fake_clock
async def test_a_picture_of_history_is_left_out_over_any_lane() -> None:
    """The question is rendered anew without it, and asked once more."""
    lane = EchoLane(
        lambda question: Rendering(question, question.enclosed.attachments),
        [AttachmentRefused("one of them")],
    )
    picture = {"type": "image_url", "image_url": {"url": DATA_URL}}
    messages = [
        {"role": "user", "content": [picture, {"type": "text", "text": "This."}]},
        {"role": "user", "content": "And?"},
    ]
    response = await post(echoing(lane), "/chat/completions", {**chat(), "messages": messages})
    assert content_of(response) == "And?"
    assert [len(question.enclosed.attachments) for question in lane.asked] == [1, 0]
