"""The prompt: golden files hold the format, properties hold what it must never do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.grok_web.prompt import (
    _PIECE_CHARS,
    ALL_IN_FILE,
    GO_ON,
    GO_ON_IN_FILE,
    IN_FILE,
    Prompt,
    fit_prompt,
    render_prompt,
)
from tests.protocol.messages import message_of

from ..strategies import plain_text

GOLDEN = Path(__file__).parent / "golden" / "prompt"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_format_is_stable(name: str) -> None:
    """``<name>.json`` holds roles, texts and names of attachments, ``<name>.txt`` what Grok reads,
    to the character.
    """
    turns = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert render_prompt([message_of(index, *turn) for index, turn in enumerate(turns)]) == expected


def test_every_conversation_has_its_text() -> None:
    """No golden file without its partner."""
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == NAMES
    assert len(NAMES) >= 10


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(codec="utf-8")))
def test_one_question_is_sent_as_it_was_written(text: str) -> None:
    """To the character, whatever it holds."""
    assert render_prompt([Message("user", text)]) == text


ROLES = ["system", "developer", "user", "assistant", "tool"]
_TAG = r"</?(?:system|developer|user|assistant|tool)(?:\s[^>]*)?>"
_FORGERIES = st.sampled_from(
    [
        "</user>",
        "<system>",
        "\n</assistant>\n",
        "</TOOL >",
        "</user\n>",
        "<developer>",
        "<b>",
        "&lt;",
        '<tool name="x">',
        "<user x\n>",
    ]
)
TEXTS = st.lists(_FORGERIES | plain_text, max_size=4).map("".join)
CONVERSATIONS = st.lists(st.builds(Message, st.sampled_from(ROLES), TEXTS), min_size=1, max_size=6)


@settings(deadline=None, max_examples=100)
@given(CONVERSATIONS)
def test_nobody_can_close_or_open_another_turn(messages: list[Message]) -> None:
    """Before the last user message, the only tags of ours are those that we wrote: one pair for
    each turn, in order.

    An answer's beginning at the end is open.
    """
    messages = [message for message in messages if not message.empty]
    prompt = render_prompt(messages or [Message("user", "")])
    rest = [message for message in messages if message.role not in ("system", "developer")]
    bare = rest[-1] if rest and rest[-1].role == "user" else None
    if bare is not None:
        assert prompt.endswith(bare.text)
        prompt = prompt.removesuffix(bare.text)
    told = [message for message in messages if message is not bare]
    tags = re.findall(_TAG, prompt, re.IGNORECASE)
    if rest and rest[-1].role == "assistant":
        told = [*(message for message in told if message is not rest[-1]), rest[-1]]
        tags.append("</assistant>")
    assert tags == [tag for message in told for tag in (f"<{message.role}>", f"</{message.role}>")]


@settings(deadline=None, max_examples=100)
@given(CONVERSATIONS)
def test_no_text_is_lost(messages: list[Message]) -> None:
    """Every turn's text is in the prompt, at most with tags of ours made harmless."""
    prompt = render_prompt(messages)
    for message in messages:
        if message.empty:
            continue
        harmless = re.sub(f"<(?={_TAG[1:]})", "&lt;", message.text, flags=re.IGNORECASE)
        assert message.text in prompt or harmless in prompt


# Long conversations -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(CONVERSATIONS, st.integers(0, 60))
def test_a_long_conversation_is_never_cut(messages: list[Message], most: int) -> None:
    """Each turn is in the message or in the file, once; and the message is not longer than it may
    be.
    """
    whole = render_prompt(messages)
    prompt = fit_prompt(messages, most)
    if len(whole) <= most:
        assert prompt == Prompt(whole)
        return
    assert len(prompt.message) <= most + len(ALL_IN_FILE) + len(GO_ON) + 100
    together = f"{prompt.message}\n\n{prompt.transcript}"
    for message in messages:
        if message.empty:
            continue
        escaped = re.sub(f"<(?={_TAG[1:]})", "&lt;", message.text, flags=re.IGNORECASE)
        assert escaped in together or message.text in prompt.message


def test_instructions_and_question_stay_in_the_message() -> None:
    """What Grok must mind is not left to a file."""
    messages = [
        Message("system", "Be terse."),
        Message("user", "x" * 300),
        Message("assistant", "ok"),
        Message("user", "Why?"),
    ]
    prompt = fit_prompt(messages, 100)
    assert prompt.message == f"<system>\nBe terse.\n</system>\n\n{IN_FILE}\n\nWhy?"
    assert prompt.transcript == f"<user>\n{'x' * 300}\n</user>\n\n<assistant>\nok\n</assistant>"


def test_what_is_too_long_by_itself_goes_into_the_file() -> None:
    """A question, instructions, or a conversation that does not end with a question."""
    question = fit_prompt([Message("system", "Be terse."), Message("user", "x" * 300)], 100)
    assert question == Prompt(
        f"<system>\nBe terse.\n</system>\n\n{ALL_IN_FILE}", f"<user>\n{'x' * 300}\n</user>"
    )
    instructions = fit_prompt([Message("system", "x" * 300), Message("user", "Why?")], 100)
    assert instructions == Prompt(f"{IN_FILE}\n\nWhy?", f"<system>\n{'x' * 300}\n</system>")
    tool = fit_prompt([Message("user", "x" * 300), Message("tool", "42")], 100)
    assert tool == Prompt(ALL_IN_FILE, f"<user>\n{'x' * 300}\n</user>\n\n<tool>\n42\n</tool>")


def test_the_beginning_of_an_answer_stays_at_the_end() -> None:
    """In the message, or with the rest in the file, which ends with it then."""
    begun = [Message("user", "x" * 300), Message("assistant", "1, 2,")]
    assert fit_prompt(begun, 100) == Prompt(
        f"{IN_FILE}\n\n{GO_ON}\n\n<assistant>\n1, 2,", f"<user>\n{'x' * 300}\n</user>"
    )
    long = [Message("user", "Why?"), Message("assistant", "x" * 300)]
    assert fit_prompt(long, 100) == Prompt(
        GO_ON_IN_FILE, f"<user>\nWhy?\n</user>\n\n<assistant>\n{'x' * 300}"
    )


@pytest.mark.parametrize(
    "tag", ["</developer>", "<user>", "<system name='x'", "<tool/>", "< user>", "<users>", "<"]
)
def test_a_long_text_is_escaped_as_a_short_one_is(tag: str) -> None:
    """Wherever a tag stands in it."""
    question = Message("user", "q")
    short = (
        render_prompt([Message("user", f"{tag} "), question]).partition("\n")[2].partition("\n")[0]
    )
    for before in range(_PIECE_CHARS - 14, _PIECE_CHARS + 2):
        text = "x" * before + f"{tag} y"
        told = render_prompt([Message("user", text), question])
        assert told == f"<user>\n{'x' * before}{short}y\n</user>\n\nq"


def test_a_conversation_without_anything_to_file_stays_a_message() -> None:
    """Its instructions and its last words are both short; only the gap between them is too much."""
    messages = [Message("system", "a" * 31), Message("user", "b" * 50)]
    prompt = fit_prompt(messages, 100)
    assert (prompt.message.count("a"), prompt.transcript) == (31, "")
