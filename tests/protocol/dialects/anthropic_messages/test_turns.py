"""The turns of a Messages request: roles anywhere, results of tools in any order."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from grokcore.errors import AttachmentRefused, InvalidRequest
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.dialects.anthropic_messages.turns import Conversation, parse_conversation

from .claude_code import BILLING

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def result(call_id: str | None = "toolu_1", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, **more}


def conversation(*messages: Any, system: Any = None) -> Conversation:
    return parse_conversation({"messages": list(messages), "system": system})


@frozen
class Case:
    """Messages, and their turns."""

    name: str
    messages: list[dict[str, Any]]
    turns: list[Message]
    dropped: frozenset[str] = frozenset()


def tool(words: str, **more: Any) -> Message:
    return Message("tool", words, **{"call_id": "toolu_1", "name": "Bash", **more})


CALLED = Message("assistant", "", calls=(Call("toolu_1", "Bash", '{"command": "ls"}'),))

CASES = [
    Case("a string", [{"role": "user", "content": "hi"}], [Message("user", "hi")]),
    Case("blocks", [user(text("a"), text("b"))], [Message("user", "a\nb")]),
    Case(
        "the system's turn in the middle",
        [
            {"role": "user", "content": "hi"},
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "Bye."},
        ],
        [
            Message("user", "hi"),
            Message("system", "Be brief."),
            Message("assistant", "Hello."),
            Message("user", "Bye."),
        ],
    ),
    Case(
        "the billing block in a system turn",
        [{"role": "system", "content": [text(BILLING), text("x")]}, user(text("hi"))],
        [Message("system", "x"), Message("user", "hi")],
    ),
    Case(
        "a call and its result",
        [user(text("go")), assistant(text("I look."), USE), user(result(content="a.py"))],
        [
            Message("user", "go"),
            Message("assistant", "I look.", calls=CALLED.calls),
            tool("a.py"),
        ],
    ),
    Case(
        "two results among text",
        [
            assistant(USE, {**USE, "id": "toolu_2", "name": "Read"}),
            user(text("So?"), result("toolu_2", content="b"), result(content=[text("a")])),
        ],
        [
            Message(
                "assistant",
                "",
                calls=(*CALLED.calls, Call("toolu_2", "Read", CALLED.calls[0].arguments)),
            ),
            tool("b", call_id="toolu_2", name="Read"),
            tool("a"),
            Message("user", "So?"),
        ],
    ),
    Case(
        "a result before its call",
        [user(result(content="a")), assistant(USE), user(text("hi"))],
        [tool("a"), CALLED, Message("user", "hi")],
    ),
    Case(
        "a result without an id",
        [user(result(None, content="a"), text("hi"))],
        [Message("tool", "a"), Message("user", "hi")],
    ),
    Case(
        "a result of an unknown call",
        [user(result("toolu_9", content="a"))],
        [Message("tool", "a", call_id="toolu_9")],
    ),
    Case(
        "a failed result",
        [assistant(USE), user(result(content="no", is_error=True))],
        [CALLED, tool("no", failed=True)],
    ),
    Case("an empty result", [assistant(USE), user(result())], [CALLED, tool("")]),
    Case(
        "a result in the assistant's turn",
        [assistant(USE, result(content="a")), user(text("hi"))],
        [CALLED, tool("a"), Message("user", "hi")],
    ),
    Case(
        "a result with a search result and a document",
        [
            user(
                result(
                    content=[
                        {
                            "type": "search_result",
                            "title": "T",
                            "source": "https://example.com",
                            "content": [text("found")],
                        },
                        {
                            "type": "document",
                            "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                        },
                    ]
                )
            )
        ],
        [Message("tool", "T\nhttps://example.com\nfound\nwords", call_id="toolu_1")],
    ),
    Case(
        "earlier thinking",
        [
            assistant(
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "x"},
                text("Hello."),
            ),
            user(text("hi")),
        ],
        [Message("assistant", "Hello."), Message("user", "hi")],
        frozenset({"parts.thinking", "parts.redacted_thinking"}),
    ),
    Case(
        "a search at Anthropic",
        [
            assistant(
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_1",
                    "name": "web_search",
                    "input": {"query": "x"},
                },
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
                {"type": "mcp_tool_use", "id": "m", "input": {}},
                text("Found."),
            ),
            user(text("hi")),
        ],
        [
            Message("assistant", '[used web_search: {"query": "x"}]\n[used a tool]\nFound.'),
            Message("user", "hi"),
        ],
        frozenset({"parts.web_search_tool_result"}),
    ),
    Case(
        "a prefill",
        [user(text("Name a prime.")), assistant(text("It is ("))],
        [Message("user", "Name a prime."), Message("assistant", "It is (")],
    ),
    Case(
        "a call in the user's turn",
        [user(USE, text("hi"))],
        [Message("user", f"{CALLED.calls[0]}\nhi")],
    ),
    Case(
        "blocks of later days in the last turn",
        [user(text("hi"), {"type": "browser_state", "tabs": []}, {"type": "container_upload"})],
        [Message("user", "hi\n[browser_state]")],
        frozenset({"parts.browser_state"}),
    ),
    Case(
        "an answer that the client sends back whole",
        [{**assistant(text("Hello.")), "id": "msg_1", "usage": {}, "mood": "x"}, user(text("hi"))],
        [Message("assistant", "Hello."), Message("user", "hi")],
        frozenset({"messages.mood"}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_messages_become_turns(case: Case) -> None:
    """Nothing in them is refused; fields and blocks that are in no turn are named."""
    found = conversation(*case.messages)
    turns = [
        Message(
            turn.role,
            turn.text,
            name=turn.name,
            call_id=turn.call_id,
            calls=turn.calls,
            failed=turn.failed,
        )
        for turn in found.messages
    ]
    assert turns == case.turns
    assert found.dropped == case.dropped


@pytest.mark.parametrize("system", ["Be brief.", [text("Be"), text("brief.")], [text(BILLING)]])
def test_the_system_prompt_comes_first(system: Any) -> None:
    """As a text or in blocks; without its changing first block it may be empty."""
    found = conversation(user(text("hi")), system=system)
    words = " ".join(message.text for message in found.messages[:-1]).replace("\n", " ")
    assert words == ("" if system == [text(BILLING)] else "Be brief.")


def test_pictures_of_the_user_and_of_a_result_are_attachments() -> None:
    """Claude Code's Read returns pictures."""
    found = conversation(assistant(USE), user(result(content=[PICTURE]), PICTURE, text("hi")))
    assert [len(message.attachments) for message in found.messages] == [0, 1, 1]
    assert [part.picture for message in found.messages for part in message.attachments] == [
        True,
        True,
    ]


FILE = {"type": "file", "file_id": "file_1"}


@pytest.mark.parametrize("kind", ["image", "document"])
def test_a_file_that_was_uploaded_elsewhere_is_refused_in_the_question(kind: str) -> None:
    """An answer without it would be a wrong one. In history it is noted."""
    asking = user({"type": kind, "source": FILE}, text("hi"))
    with pytest.raises((AttachmentRefused, InvalidRequest)) as raised:
        conversation(asking)
    assert "file_id" in raised.value.message
    assert raised.value.param == "messages[0].content[0]"
    assert conversation(asking, user(text("hi"))).messages[-1].text == "hi"


def test_tools_become_known_by_references_and_by_calls() -> None:
    """Claude Code loads tools that way; after a compaction only the calls are left."""
    reference = {"type": "tool_reference", "tool_name": "NotebookEdit"}
    odd = {"type": "tool_reference", "tool_name": None}
    searched = {
        "type": "tool_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": {
            "type": "tool_search_tool_search_result",
            "tool_references": [{"type": "tool_reference", "tool_name": "Monitor"}],
        },
    }
    found = conversation(
        assistant(USE, searched), user(result(content=[reference, odd, text("ok")])), user("hi")
    )
    assert found.known_tools == {"Bash", "NotebookEdit", "Monitor"}
    assert found.messages[1].text.startswith("The tool NotebookEdit is now available.\n")
