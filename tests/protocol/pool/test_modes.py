"""Modes of the page that Grok does not let an account use, and the ids of users."""

from __future__ import annotations

from attrs import evolve

from grokcore.errors import NoTokens
from grokcore.protocol.models import WebLane
from grokcore.protocol.pool.book import Need
from grokcore.protocol.tokens import TokenEntry

from .books import BASIC_MODEL, book_of, chosen

EXPERT = evolve(BASIC_MODEL, mode_id="expert", web_lane=WebLane.SOCKET)


def test_a_mode_that_an_account_may_not_use_is_not_tried_with_it() -> None:
    """Another account is; and if there is none, the error names Grok's plan."""
    book = book_of("a", "b")
    first, second = book.accounts
    book.learn_modes(first, {"expert": "TIER_SUPERGROK"}, 100, 0)
    assert chosen(book, 0, Need(EXPERT)) == ["b"]
    book.learn_modes(second, {"expert": ""}, 100, 0)
    reason = book.hopeless(Need(EXPERT), 0)
    assert isinstance(reason, NoTokens)
    assert "expert" in reason.message
    assert "TIER_SUPERGROK" in reason.message
    book.learn_modes(second, None, 200, 0)
    assert second.modes_due_at == 200
    book.learn_modes(second, {}, 200, 0)
    assert chosen(book, 0, Need(EXPERT)) == ["b"]


def test_a_user_s_id_is_the_owner_s_or_else_grok_s() -> None:
    """A learned one is saved, and forgotten when its session is refused."""
    book = book_of("a", TokenEntry("b", user_id="given"))
    first, second = book.accounts
    for account in (first, second):
        book.learn_user(account, "learned")
    assert [account.user_id for account in book.accounts] == ["learned", "given"]
    book.learn_user(first, "learned")
    book.learn_user(first, "")
    assert first.user_id == ""
