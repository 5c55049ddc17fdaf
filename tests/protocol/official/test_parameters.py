"""Parameters: what is passed on, what is named, and the key of a conversation's cache."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given

from grokcore.protocol.conversation.extras import Extras
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.models import LaneName
from grokcore.protocol.official.parameters import conversation_id, passed_parameters

from ..strategies import json_objects, plain_text
from .questions import asked

TALK = (Message("system", "Be terse."), Message("user", "Hello"))


def key_of(*messages: Message, asker: str = "") -> str:
    fields, _ = passed_parameters(asked(*messages, asker=asker), LaneName.API, reasons=True)
    key: str = fields["prompt_cache_key"]
    return key


def test_a_conversation_keeps_its_key() -> None:
    """So it goes on with the server that has it in its cache; other conversations don't."""
    key = key_of(*TALK)
    assert key == key_of(*TALK, Message("assistant", "Hi."), Message("user", "Bye."))
    others = [
        key_of(*TALK, asker="ada"),
        key_of(TALK[0], Message("user", "Hi")),
        key_of(Message("system", "Be"), Message("user", " terse.Hello")),
        key_of(TALK[1]),
        key_of(TALK[0]),
    ]
    assert len({key, *others}) == 6


@given(json_objects)
def test_no_client_changes_what_this_server_decides(values: dict[str, object]) -> None:
    """Such as whether xAI keeps the conversation; and each field that is left out is named."""
    own = dict.fromkeys(("store", "stream", "model", "input", "tools", "include"), "x")
    question = asked(extras=Extras({**values, **own}))
    fields, ignored = passed_parameters(question, LaneName.API, reasons=True)
    assert not fields.keys() & own.keys()
    given_keys = {key for key, value in question.extras.values.items() if value is not None}
    assert ignored == given_keys - fields.keys()


@pytest.mark.parametrize("asked_for", [None, {}, {"summary": None}, {"effort": None}])
def test_a_summary_is_asked_for(asked_for: dict[str, object] | None) -> None:
    """Without one, a client would see nothing of the model's thoughts."""
    question = asked(extras=Extras({"reasoning": asked_for}))
    fields, ignored = passed_parameters(question, LaneName.API, reasons=True)
    assert fields["reasoning"] == {"summary": "concise"}
    assert ignored == frozenset()


def test_a_file_of_the_first_message_does_not_matter_to_the_key() -> None:
    """Nor does an empty key of the client's replace ours."""
    question = asked(*TALK, extras=Extras({"prompt_cache_key": ""}))
    fields, _ = passed_parameters(question, LaneName.API, reasons=True)
    assert fields["prompt_cache_key"] == key_of(*TALK)
    question = evolve(question, extras=Extras({"prompt_cache_key": "mine"}))
    fields, _ = passed_parameters(question, LaneName.API, reasons=True)
    assert fields["prompt_cache_key"] == "mine"


@given(plain_text)
def test_a_conversation_s_id_can_stand_in_a_header(key: str) -> None:
    """A client's key may be any text."""
    found = conversation_id(key)
    assert found.isascii()
    assert found.isprintable()
    assert " " not in found
    assert found


def test_a_key_that_can_stand_there_is_the_id() -> None:
    """A long one can't."""
    assert conversation_id("thread-1") == "thread-1"
    assert conversation_id("a" * 129) != "a" * 129
