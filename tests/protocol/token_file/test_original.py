"""Accounts of the original project's database and exports."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.token_file.original import entries_of_export, entries_of_rows


@frozen
class Case:
    """An export's value, what is left of it, and the reasons for the rest."""

    name: str
    value: Any
    kept: Any
    left: int = 0


CASES = [
    Case("2025", {"ssoNormal": {"a": None}, "ssoSuper": {}}, {"ssoNormal": {"a": None}, "ssoSuper": {}}),
    Case("2026, with tags", {"basic": [{"token": "a", "tags": ["x", "y", 1]}]}, {"basic": [{"token": "a", "tags": ["x", "y", 1], "note": "x, y"}]}),
    Case("a note stays", [{"token": "a", "tags": ["x"], "note": "n"}], [{"token": "a", "tags": ["x"], "note": "n"}]),
    Case("Go, web", {"provider": "grok_web", "accounts": [{"sso_token": "a", "user_id": "u-1"}]}, {"provider": "grok_web", "accounts": [{"sso_token": "a", "user_id": "u-1"}]}),
    Case("Go, an id of another form", [{"sso_token": "a", "user_id": "a b"}], [{"sso_token": "a"}]),
    Case("Go, build", {"provider": "grok_build", "accounts": [{"access_token": "a"}, {"access_token": "b"}]}, {"provider": "grok_build", "accounts": []}, 2),
    Case("Go, mixed", [{"provider": "grok_console", "sso_token": "a"}, {"provider": "grok_web", "sso_token": "b"}], [{"provider": "grok_web", "sso_token": "b"}], 1),
    Case("a provider of no name", [{"provider": 5, "sso_token": "a"}], [{"provider": 5, "sso_token": "a"}]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_export_keeps_grok_com_s_accounts(case: Case) -> None:
    """Sessions of other services would go to Grok in a cookie; each is counted with its reason."""
    kept, left = entries_of_export(case.value)
    assert kept == case.kept
    assert len(left) == case.left


def test_rows_of_the_database_become_entries() -> None:
    """What was deleted there does not come back; tags become notes; damaged ones are no fault."""
    rows: list[dict[str, Any]] = [
        {"token": "a", "pool": "basic", "status": "active", "tags": '["x"]', "deleted_at": None},
        {"token": "b", "pool": None, "tags": "{", "deleted_at": None},
        {"token": "c", "tags": None},
        {"token": "d", "pool": "basic", "deleted_at": 1},
        {"token": "e", "pool": "_xai_oauth_pending"},
    ]
    entries, left = entries_of_rows(rows)
    assert [(entry["token"], entry.get("note")) for entry in entries] == [
        ("a", "x"),
        ("b", None),
        ("c", None),
    ]
    assert left == ["deleted there", "a session of xAI's OAuth, not of grok.com"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["provider", "accounts", "tags", "token", "user_id"]), inner
        )
    ),
)


@settings(deadline=None, max_examples=50)
@given(VALUES)
def test_any_value_is_read_and_read_again_alike(value: Any) -> None:
    """No export is a crash, and a second pass finds nothing more to leave out."""
    kept, _ = entries_of_export(value)
    if isinstance(kept, (dict, list)):
        assert entries_of_export(kept) == (kept, [])
