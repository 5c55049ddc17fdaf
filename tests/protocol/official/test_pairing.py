"""Ids of calls and results: a result finds its call, whatever ids the client sends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import frozen

from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.official.pairing import MOST_COMPARED, paired


def calling(*calls: tuple[str, str]) -> Message:
    return Message("assistant", "", calls=tuple(Call(own, name, "{}") for own, name in calls))


def result(call_id: str = "", name: str = "") -> Message:
    return Message("tool", "done", call_id=call_id, name=name)


@frozen
class Case:
    """A history, the ids of its calls, and by the place of a result the id that it gets."""

    name: str
    messages: Sequence[Message]
    calls: list[str]
    results: dict[int, str]


CASES = [
    Case(
        "ids of the client's",
        [calling(("a", "x"), ("b", "x")), result("b"), result("a")],
        ["a", "b"],
        {1: "b", 2: "a"},
    ),
    Case(
        "no ids at all",
        [calling(("", "x"), ("", "y")), result(name="y"), result()],
        ["call_1", "call_2"],
        {1: "call_2", 2: "call_1"},
    ),
    Case(
        "an id that only the result has",
        [calling(("", "x"), ("", "y")), result("r", "y"), result("s")],
        ["call_1", "call_2"],
        {1: "call_2", 2: "call_1"},
    ),
    Case("an id that only the call has", [calling(("a", "x")), result(name="x")], ["a"], {1: "a"}),
    Case(
        "one id in every round",
        [calling(("a", "x")), result("a"), calling(("a", "x")), result("a")],
        ["a", "call_2"],
        {1: "a", 3: "call_2"},
    ),
    Case(
        "an invented id that is there already",
        [calling(("call_2", "x"), ("", "y")), result("call_2"), result()],
        ["call_2", "call_3"],
        {1: "call_2", 2: "call_3"},
    ),
    Case(
        "an id that xAI may refuse",
        [calling(("a b", "x")), result("a b")],
        ["call_1"],
        {1: "call_1"},
    ),
    Case("a second result", [calling(("a", "x")), result("a"), result("a")], ["a"], {1: "a"}),
    Case("another id", [calling(("a", "x")), result("b", "x")], ["a"], {}),
    Case("another name", [calling(("a", "x")), result(name="y")], ["a"], {}),
    Case("a result before its call", [result("a"), calling(("a", "x"))], ["a"], {}),
    Case(
        "a call that a result without an id has taken",
        [calling(("a", "x")), result(name="x"), result("a")],
        ["a"],
        {1: "a"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_results_find_their_calls(case: Case) -> None:
    """A wrong pair would show the model the result of another call."""
    found = paired(case.messages)
    assert [own for ids in found.calls.values() for own in ids] == case.calls
    assert found.results == case.results


def test_a_search_without_an_id_has_an_end() -> None:
    """A history with thousands of open calls does not hold up other answers."""
    many = calling(*[("", "x")] * MOST_COMPARED, ("", "y"))
    assert paired([many, result(name="y")]).results == {}
