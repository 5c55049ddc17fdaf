"""Requests for a form of the answer, and for a corrected one."""

from __future__ import annotations

from grokcore.protocol.conversation.bounds import TextFormat
from grokcore.protocol.conversation.question import Repair
from grokcore.protocol.emulation.requests_for_form import ask_for_correction, ask_for_json

ALONE = "Answer with the JSON alone, without words or a code fence around it."


def test_the_schema_is_shown() -> None:
    """With the client's name and description for it, in its own script."""
    assert ask_for_json(TextFormat()) == f"{ALONE} It must be a JSON object."
    assert ask_for_json(TextFormat({})) == f"{ALONE} It must fit this JSON schema:\n{{}}"
    named = TextFormat({"title": "größe"}, "size", "Of a thing.")
    assert ask_for_json(named) == (
        f'{ALONE} It must fit this JSON schema (size):\nOf a thing.\n{{"title": "größe"}}'
    )


def test_the_first_faults_are_named() -> None:
    """The others often follow from them."""
    repair = Repair("{", tuple(f"Fault {number}." for number in range(9)))
    said = ask_for_correction(repair, "the corrected JSON")
    assert said.count("\n- Fault") == 5
    assert said.endswith("\n\nSend only the corrected JSON, and nothing else.")
