"""Answers of the simulated model over both lanes, as their decoders read them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from grokcore.simulator import frames
from grokcore.simulator.agent.pieces import Answer, Break, Cite, Drawn, Pages, Thought, Words
from grokcore.simulator.agent.playing import over_rest, over_socket, socket_script
from grokcore.simulator.page_socket import Say
from grokcore.simulator.scripts import CUT, Wait

ANSWER = (Thought("hm, a call"), Words("Here: "), Words('<fn:call name="a">\n</fn:call>'))
TEXT = 'Here: <fn:call name="a">\n</fn:call>'


def rest_tokens(answer: Answer) -> tuple[str, str]:
    """The thinking and the text that go over REST."""
    lines = [json.loads(line) for line in over_rest(answer).body.splitlines()]
    told = [line["result"].get("response", {}) for line in lines]
    tokens = [(one["isThinking"], one["token"]) for one in told if "token" in one]
    return (
        "".join(token for thinking, token in tokens if thinking),
        "".join(token for thinking, token in tokens if not thinking),
    )


def socket_tokens(answer: Answer) -> tuple[str, str]:
    """The same over the websocket."""
    said: dict[str, str] = {}
    for step in over_socket(answer):
        if isinstance(step, Say) and "chunk" in step.event and "text" in step.event["chunk"]:
            text = step.event["chunk"]["text"]
            said[text["channel"]] = said.get(text["channel"], "") + text["text"]
    return said.get(frames.THINKING, ""), said.get(frames.ANSWER, "")


@pytest.mark.parametrize("tokens", [rest_tokens, socket_tokens])
def test_both_lanes_carry_the_same_answer(tokens: Callable[[Answer], tuple[str, str]]) -> None:
    """A character has to be met on whichever lane a model takes."""
    assert tokens(ANSWER) == ("hm, a call", TEXT)


def test_a_break_is_the_last_of_an_answer() -> None:
    """Nothing of an end follows, on either lane."""
    broken = (*ANSWER, Break())
    assert over_rest(broken).steps[-1] is CUT
    assert over_socket(broken)[-1] is CUT
    assert b"modelResponse" not in over_rest(broken).body
    assert b"modelResponse" in over_rest(ANSWER).body


def test_tokens_are_paced() -> None:
    """The demo's answers can be watched as they come."""
    assert Wait(0.5) in over_rest(ANSWER, pace_s=0.5).steps
    assert Wait(0.5) in socket_script(ANSWER, pace_s=0.5).steps
    assert Wait(0.0) not in over_rest(ANSWER).steps


def test_searches_citations_and_pictures_take_both_lanes() -> None:
    """The whole answer over REST repeats the marks in its text, as Grok's does."""
    page, path = "https://example.com/a", "users/u/generated/b-1/image.png"
    answer = (Pages("x", ((page, "A"),)), Words("See"), Cite(page), Drawn(path))
    rest = over_rest(answer).body.decode()
    assert rest.count(f'"url":"{page}"') == 1
    assert json.loads(rest.splitlines()[-2])["result"]["response"]["modelResponse"][
        "generatedImageUrls"
    ] == [path]
    assert "See\\u003cgrok:render" in rest
    said = [step.event for step in over_socket(answer) if isinstance(step, Say)]
    assert frames.citation(page) in said
    assert frames.picture(path) in said
    assert frames.web_pages("1", (page, "A")) in said
