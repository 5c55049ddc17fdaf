"""Credentials as such, and the key of the configuration."""

from __future__ import annotations

import trio

from grokcore.protocol.official.auth_file import CliSession
from grokcore.protocol.tokens import token_key
from grokcore.runtime.lanes.official.credentials import Credential, FixedKey, credential_of
from grokcore.runtime.pool.desk import Holder

WHOLE = Credential("secret-1", "user-1", "owner@example.com", 5.0, "1.0.30")


def test_a_credential_shows_its_id_alone() -> None:
    """It may stand in a traceback or a log line."""
    assert WHOLE.key == token_key("secret-1")
    assert WHOLE.id == WHOLE.key[:8]
    for private in WHOLE.secrets:
        assert private not in repr(WHOLE)
    assert WHOLE.secrets == ("secret-1", "owner@example.com", "user-1")
    assert Credential("secret-1").secrets == ("secret-1",)


def test_a_session_that_has_expired_is_no_credential() -> None:
    """xAI would refuse it; the owner is to renew it."""
    session = CliSession("t", "u", "e", 10.0)
    assert credential_of(session, "1.0.0", 9.9) == Credential("t", "u", "e", 10.0, "1.0.0")
    assert credential_of(session, "1.0.0", 10.0) is None
    assert credential_of(CliSession("t"), "", 1e12) == Credential("t")
    assert credential_of(None, "", 0.0) is None


def test_a_source_is_what_a_desk_wants() -> None:
    """The desk lends it, and shows its id and fault."""
    holder: Holder = FixedKey("key-1")
    assert holder.fault == ""


def test_the_configuration_s_key_is_there_at_once() -> None:
    """A refused one does not change either."""
    source = FixedKey("key-1")
    assert source.current == Credential("key-1")
    assert (source.fault, source.secrets) == ("", ("key-1",))
    assert (source.key, source.id) == (token_key("key-1"), token_key("key-1")[:8])
    trio.run(source.refresh)
    source.forget_version()
    assert source.current == Credential("key-1")


def test_without_a_key_the_owner_learns_where_it_belongs() -> None:
    """An empty key would make requests that are refused."""
    source = FixedKey("")
    assert source.current is None
    assert "[api] key" in source.fault
    assert (source.key, source.id, source.secrets) == ("", "", ())
