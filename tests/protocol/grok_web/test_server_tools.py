"""Grok's own tools: the name and the subject of a call."""

from __future__ import annotations

import pytest

from grokcore.protocol.conversation.events import ToolUse
from grokcore.protocol.grok_web.server_tools import tool_use_in_card, tool_use_in_element

NAME = "<xai:tool_usage_card><xai:tool_name>web_search</xai:tool_name>"


@pytest.mark.parametrize(
    ("card", "use"),
    [
        (None, None),
        ({"toolUsageCardId": "1"}, None),
        ({"webSearch": {"args": {"query": "a  b"}}}, ToolUse("web_search", "a b")),
        ({"webSearch": {"args": 5}}, ToolUse("web_search", "")),
        ({"webSearch": {"args": {"other": "a"}}}, ToolUse("web_search", "")),
    ],
)
def test_a_card_names_a_tool_and_its_subject(card: object, use: ToolUse | None) -> None:
    """Or nothing that could be shown."""
    assert tool_use_in_card(card) == use


@pytest.mark.parametrize(
    ("element", "use"),
    [
        ("<xai:tool_usage_card>", None),
        (NAME, ToolUse("web_search", "")),
        (f"{NAME}<xai:tool_args>nonsense</xai:tool_args>", ToolUse("web_search", "")),
        (f'{NAME}<xai:tool_args><![CDATA[{{"query":"a"}}]]></xai:tool_args>', ToolUse("web_search", "a")),
    ],
)  # fmt: skip
def test_an_element_names_a_tool_and_its_subject(element: str, use: ToolUse | None) -> None:
    """With or without CDATA."""
    assert tool_use_in_element(element) == use
