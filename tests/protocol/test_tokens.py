"""Names of tokens that don't give the tokens away."""

from __future__ import annotations

from grokcore.protocol.tokens import ID_DIGITS, KEY_DIGITS, TokenEntry, token_id, token_key


def test_the_id_of_a_token_is_the_beginning_of_its_key() -> None:
    """Both are digits of a hash, the same for an entry and for the bare token."""
    entry = TokenEntry("secret", note="mine")
    assert (entry.key, entry.id) == (token_key("secret"), token_id("secret"))
    assert (len(entry.key), entry.id) == (KEY_DIGITS, entry.key[:ID_DIGITS])
    assert int(entry.key, 16) != int(token_key("another"), 16)
    assert "secret" not in repr(entry)
