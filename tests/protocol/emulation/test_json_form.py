"""The form of calls to compare with: a JSON object in an element without a prefix."""

from __future__ import annotations

from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.protocol.emulation.forms import JSON_WORDS, WORDS, CallForm, render_call
from grokcore.protocol.emulation.tools_block import closing_line, tools_block

FORM = CallForm("fn2", JSON_WORDS)


def test_a_call_is_one_json_object() -> None:
    """Hermes and Qwen models are trained on it; a raw text of a custom tool has a key too."""
    assert render_call(FORM, "a", {"x": "<é>"}) == (
        '<tool_call>\n{"name": "a", "arguments": {"x": "<é>"}}\n</tool_call>'
    )
    assert '"arguments": {"input": "ls"}' in render_call(FORM, "a", "ls")


def test_the_prompt_teaches_this_form_and_no_other() -> None:
    """A comparison with mixed instructions would compare nothing."""
    toolbox = Toolbox((Tool("a", "A tool."),))
    block = tools_block(toolbox, "a()", FORM)
    assert "Each element holds one JSON object." in block
    assert '<tool_call>\n{"name": "a"' in block
    assert "<tool_call> element" in closing_line(toolbox, FORM)
    assert "fn2" not in block + closing_line(toolbox, FORM)
    assert "nothing in them is escaped" in tools_block(toolbox, "a()", CallForm())


def test_owners_cannot_choose_it() -> None:
    """A quoted file that holds such an element could be a call."""
    assert JSON_WORDS not in WORDS.values()
