"""The simulated Grok of the demo, on both lanes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from grokcore.simulator.app import Call, Simulator
from grokcore.simulator.page_socket import SocketCall, SocketScript
from grokcore.simulator.scenes import picture_paths
from grokcore.simulator.scripts import Script
from grokcore.simulator.showcase import BACK_IN_S, painted, showcase
from tests.simulator.tool_prompts import AGENTS, prompt_of


def over_rest(simulator: Simulator, question: str, sso: str, **fields: Any) -> str:
    """The answer to a question over REST, as it is written."""
    body = {"message": question, "modelName": "grok-3", **fields}
    headers = {"x-statsig-id": "s", "x-xai-request-id": "r"}
    script = simulator.script_for(Call("/rest/app-chat/conversations/new", sso, headers, body, 1))
    return f"{script.status} {script.body.decode()}"


def over_socket(simulator: Simulator, question: str, sso: str) -> str:
    """The same over the websocket; a token that is refused is refused before."""
    call = SocketCall("/ws/mgw/", {"cookie": f"sso={sso}"}, 1)
    chunks = [{"text": {"text": question}}]
    item = {"type": "conversation.item.create", "item": {"x_grok": {"input_chunks": chunks}}}
    call.frames += [
        {"event": {"type": "session.create", "session": {"model": "fast"}}},
        {"event": item},
    ]
    assert simulator.sockets.default is not None
    script: SocketScript = simulator.sockets.default(call)
    assert script.answer is not None
    return json.dumps([step.event for step in script.answer(call) if hasattr(step, "event")])


BOTH = pytest.mark.parametrize("ask", [over_rest, over_socket])
Ask = Callable[[Simulator, str, str], str]


@BOTH
def test_a_moon_is_drawn(ask: Ask) -> None:
    """The original's own example, with pictures that can be had from their addresses."""
    simulator = showcase()
    said = ask(simulator, "给我画一个月亮", "a")
    for path in picture_paths("给我画一个月亮"):
        assert path in said
        asset = Call(f"/{path}", "a", {}, {}, 1, method="GET")
        picture = simulator.script_for(asset)
        assert picture.status == 200
        assert picture.body.startswith(b"\x89PNG")
        stranger = Call(f"/{path}", "", {}, {}, 1, method="GET")
        assert simulator.script_for(stranger).status == 403


def test_only_paths_of_the_demo_are_painted() -> None:
    """Any other picture is that of every simulated Grok."""
    assert painted("/users/u/generated/a/image.png") is None
    simulator = showcase()
    small = simulator.script_for(
        Call("/users/u/generated/a/image.jpg", "a", {}, {}, 1, method="GET")
    )
    assert len(small.body) < 1000


@BOTH
def test_a_search_has_sources(ask: Ask) -> None:
    """Behind the conversation so far, as in any chat."""
    said = ask(showcase(), "<user>\nearlier\n</user>\n\nsearch the web for the moon", "a")
    assert said.count("https://example.com/news") >= 2
    assert "https://example.com/forum" in said


@BOTH
@pytest.mark.parametrize(
    ("words", "mark"),
    [("use up a token", ("429", "usageLimitReached")), ("end a session", ("401", "unauthenticated")), ("fail once", ("500", "internal"))],
)  # fmt: skip
def test_some_failures_meet_one_attempt(ask: Ask, words: str, mark: tuple[str, str]) -> None:
    """The client is answered all the same, and the owner sees what happened to the token."""
    simulator = showcase()
    first, second, third = (ask(simulator, words, sso) for sso in ("a", "b", "c"))
    for failed in (first, third):
        assert any(sign in failed for sign in mark)
    assert "You" in second
    assert "said" in second
    assert ("a" in simulator.dead) == (words == "end a session")
    limits = {sso: limit.wait_s for (sso, _), limit in simulator.limits.items()}
    assert limits == ({"a": BACK_IN_S, "c": BACK_IN_S} if words == "use up a token" else {})


@BOTH
@pytest.mark.parametrize(
    ("words", "marks"), [("fail", ("500", "internal")), ("be moderated", ("403", "moderated"))]
)
def test_others_meet_every_attempt(ask: Ask, words: str, marks: tuple[str, str]) -> None:
    """A client's user sees the error, and the status page what can be done."""
    simulator = showcase()
    for sso in ("a", "b", "c"):
        said = ask(simulator, words, sso)
        assert any(mark in said for mark in marks)
        assert "This is a simulated Grok" not in said


@BOTH
def test_an_answer_breaks_off(ask: Ask) -> None:
    """Nothing of an end follows."""
    said = ask(showcase(), "break off", "a")
    assert "mid" in said
    assert not {"modelResponse", "response.done"} & {*said.replace('"', " ").split()}


@BOTH
def test_a_question_with_functions_is_the_agents(ask: Ask) -> None:
    """An agent's file may be called "draw", and its task "fail"."""
    tools = prompt_of(AGENTS["files alone"], "fail to write hello.py")
    assert "usageLimitReached" not in ask(showcase(), tools, "a")
    assert "Internal" not in ask(showcase(), f"{tools}\n\nfail", "a")


def test_a_film_is_a_film() -> None:
    """Its prompt may begin with "draw"."""
    said = over_rest(showcase(), "draw a moon", "a", toolOverrides={"videoGen": True})
    assert "generated_video.mp4" in said


def test_as_many_pictures_are_drawn_as_are_asked_for() -> None:
    """Image routes ask for a number."""
    said = over_rest(showcase(), "Drawing: a moon", "a", imageGenerationCount=4)
    assert all(path in said for path in picture_paths("Drawing: a moon", 4))


def test_any_other_question_is_said_back() -> None:
    """As by every simulated Grok."""
    assert Simulator().default is None
    said = over_rest(showcase(), "Hello!", "a")
    assert "Hello!" in said
    assert isinstance(showcase().script_for(Call("/nowhere", "a", {}, {}, 1)), Script)
