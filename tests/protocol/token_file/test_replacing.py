"""A token put in the place of another."""

from __future__ import annotations

import json

import pytest

from grokcore.protocol.models import Tier
from grokcore.protocol.token_file.editing import NotEditable, replaced
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.tokens import TokenEntry, token_id, token_key

OLD, NEW = "eyJ-canary-old", "eyJ-canary-new"


def test_a_replaced_token_gives_its_details_to_the_new_one() -> None:
    """Its user is not among them: the new session may be another account's."""
    details = {"note": "n", "proxy_url": "direct", "disabled": True, "user_id": "u1"}
    data = json.dumps({"sso": {"a": {}}, "ssoSuper": {OLD: details}, "other": 1}).encode()
    new, outcome = replaced(data, token_key(OLD), NEW)
    assert outcome.id == token_id(NEW)
    assert parse_token_file(new) == (
        TokenEntry("a"),
        TokenEntry(NEW, Tier.SUPER, "n", "direct", disabled=True),
    )
    assert json.loads(new)["other"] == 1
    assert not replaced(data, token_key("gone"), NEW)[1].changed
    assert not replaced(data, token_key(OLD), "a")[1].changed
    with pytest.raises(NotEditable):
        replaced(json.dumps([OLD]).encode(), token_key(OLD), NEW)
