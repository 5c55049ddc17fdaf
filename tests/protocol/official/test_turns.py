"""Input items: whose words are whose, and where files stand."""

from __future__ import annotations

from typing import Any

from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.official.tools import DeclaredTools
from grokcore.protocol.official.turns import EMPTY_RESULT, FAILED, NO_RESULT, input_items
from tests.protocol.messages import message_of

from .questions import enclosing


def items(*messages: Message, sent: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return input_items(messages, enclosing(messages, sent), DeclaredTools())


def said(role: str, *texts: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": content}


def test_empty_turns_are_no_items() -> None:
    """xAI refuses an empty content."""
    assert items(Message("user", " "), Message("assistant", ""), Message("tool", "")) == []
    assert input_items((), Enclosed(), DeclaredTools()) == []


def test_names_stand_before_the_words() -> None:
    """Those of users and of the system; an assistant would begin its next answer with a name."""
    found = items(
        Message("user", "Hello", name="ada"),
        Message("system", "Hi", name="example"),
        Message("assistant", "Yes?", name="bot"),
    )
    assert found == [
        said("user", "ada says:\n\nHello"),
        said("system", "example says:\n\nHi"),
        said("assistant", "Yes?"),
    ]


def test_a_call_without_a_result_gets_one() -> None:
    """Right behind the calls of its turn. A turn of nothing but calls has no message."""
    turn = Message("assistant", " ", calls=(Call("a", "x", "{}"), Call("b", "y", "{}")))
    found = items(turn, Message("tool", "done", call_id="b"), Message("user", "Go on."))
    assert [item["type"] for item in found] == [
        *("function_call", "function_call"),
        *("function_call_output", "function_call_output", "message"),
    ]
    assert [item.get("output") for item in found[2:4]] == [NO_RESULT, "done"]
    assert [item.get("call_id") for item in found[2:4]] == ["a", "b"]


def test_a_result_says_if_it_is_a_failure_or_empty() -> None:
    """The item has no field for either."""
    calls = tuple(Call(own, "x", "{}") for own in "abc")
    found = items(
        Message("assistant", "", calls=calls),
        Message("tool", "no such file", call_id="a", failed=True),
        Message("tool", "", call_id="b", failed=True),
        Message("tool", "", call_id="c"),
    )
    outputs = [item["output"] for item in found if item["type"] == "function_call_output"]
    assert outputs == [f"{FAILED}\nno such file", FAILED, EMPTY_RESULT]


def test_a_result_without_a_call_is_the_user_s() -> None:
    """With its files, and behind those of results before it."""
    call = Message("assistant", "", calls=(Call("a", "shot", "{}"),))
    lost = message_of(3, "tool", "B", ["b.txt"], {"call_id": "lost"})
    first = message_of(2, "tool", "A", ["a.txt"], {"call_id": "a"})
    found = items(call, first, lost, sent=("a.txt", "b.txt"))
    assert found[2:] == [
        said("user", "Files of the result of a tool:", "[file a.txt]\n(a.txt)"),
        said("user", "[result of a tool]\nB", "[file b.txt]\n(b.txt)"),
    ]


def test_files_of_a_beginning_precede_it() -> None:
    """The assistant's words stay at the end, so that the model goes on with them."""
    begun = message_of(1, "assistant", "It shows", ["a.txt"])
    found = items(Message("user", "Look."), begun, sent=("a.txt",))
    assert found[1:] == [
        said("user", "Files from the assistant:", "[file a.txt]\n(a.txt)"),
        said("assistant", "It shows"),
    ]


def test_a_file_without_a_name_is_named_all_the_same() -> None:
    """A name is one line, and has an end."""
    turn = message_of(0, "user", "Look.", ["", "a\nb", "c" * 300])
    (found,) = items(turn)
    assert found["content"][0]["text"].split("\n") == [
        "Look.",
        "[file without a name, not sent]",
        "[file a b, not sent]",
        f"[file {'c' * 200}, not sent]",
    ]
