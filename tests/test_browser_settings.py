"""The settings that are copied from a browser, and the warning that they are not."""

from __future__ import annotations

import pytest
from attrs import frozen

from grokcore.cli.serve import ready_line
from grokcore.config import DEFAULT_STATSIG_ID, given_values, load_config, warnings_of
from grokcore.protocol.advice import rest_warning
from grokcore.protocol.browser_values import Source
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.tokens import TokenEntry

CHATS = len([model for model in SHIPPED.values() if not model.video])
REST, SOCKET = '[grok]\nweb_lane = "rest"\n', '[grok]\nweb_lane = "socket"\n'


@frozen
class Case:
    """A configuration, and the number of models that it is warned for."""

    name: str
    config: str
    models: int


CASES = [
    Case("everything over REST", REST, CHATS),
    Case("everything over the socket", SOCKET, 0),
    Case("one row over REST", f'{SOCKET}[models."grok-3-fast"]\nweb_lane = "rest"', 1),
    Case(
        "one row over the socket", f'{REST}[models."grok-3-fast"]\nweb_lane = "socket"', CHATS - 1
    ),
    Case("an own value", f'{REST}x_statsig_id = "mine"', 0),
    Case("the shipped value, written down", f'{REST}x_statsig_id = "{DEFAULT_STATSIG_ID}"', CHATS),
    Case("an own value for chats", f'{REST}x_statsig_id = {{ "{CHAT_PATH}" = "mine" }}', 0),
    Case("own values for other paths", f'{REST}x_statsig_id = {{ "/rest/other" = "mine" }}', CHATS),
    Case(
        "the shipped value for chats",
        f'{REST}x_statsig_id = {{ "*" = "{DEFAULT_STATSIG_ID}", "/rest/other" = "mine" }}',
        CHATS,
    ),
    Case("a model for videos, which has no other lane", SOCKET + "show_thinking = true", 0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_chats_over_rest_with_the_shipped_value_are_warned_of(case: Case) -> None:
    """Their first question would end in ``upstream_antibot``; nothing else is warned of."""
    warnings = warnings_of(load_config(case.config)[0])
    assert warnings == ({"x_statsig_id": rest_warning(case.models)} if case.models else {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_ready_line_warns_as_health_does(case: Case) -> None:
    """It is the one line that everybody reads. It stays one line."""
    config = load_config(case.config)[0]
    line = ready_line("http://127.0.0.1:8000", (TokenEntry("sso-0"),), warnings_of(config))
    assert line.startswith("grok2api ")
    assert " ready on http://127.0.0.1:8000 (1 token)" in line
    assert line.endswith(rest_warning(case.models) or "(1 token)")
    assert "\n" not in line


def test_a_table_of_values_is_one_value_in_any_order() -> None:
    """A rewritten file does not make it younger."""
    one, other = (
        load_config(f"[grok]\nx_statsig_id = {table}")[0]
        for table in ('{ "/a" = "1", "/b" = "2" }', '{ "/b" = "2", "/a" = "1" }')
    )
    assert given_values(one) == given_values(other)
    assert given_values(one)["x_statsig_id"].source is Source.OWN


def test_the_shipped_value_is_known_as_such() -> None:
    """Also if it is written into the file."""
    for config in (
        load_config("")[0],
        load_config(f'[grok]\nx_statsig_id = "{DEFAULT_STATSIG_ID}"')[0],
    ):
        assert given_values(config)["x_statsig_id"].source is Source.SHIPPED
