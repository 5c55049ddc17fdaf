"""The models that a pool can serve, beside a plain reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from attrs import define, evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
)
from grokcore.protocol.models import SHIPPED, Model, Tier, WebLane
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.pool.quota_polls import Poll
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import DAY, SUPER_MODEL, A, S, adopted, book_of, challenge

MODES = ("auto", "fast", "expert", "heavy")
OVER_SOCKET = [
    evolve(SHIPPED[f"grok-{mode}"], name=f"{mode} over the socket", web_lane=WebLane.SOCKET)
    for mode in MODES
]
ROWS = [*SHIPPED.values(), *OVER_SOCKET]


def served(book: TokenBook) -> list[str]:
    return [model.name for model in ROWS if book.serves(model)]


def refuse(book: TokenBook, sso: str, now: float) -> None:
    """Grok refuses a token for good: two explicit answers, a while apart."""
    account = next(account for account in book.accounts if account.entry.sso == sso)
    for at in (now, now + 100):
        book.polled(Poll(account, "grok-3"), CredentialsRejected("refused"), at)
    assert account.invalid


# A plain reference ------------------------------------------------------------------------------


@define
class Token:
    """A token as a person would note it down.

    :ivar refused: modes that Grok said it may not use; None if Grok did not say.
    """

    sso: str
    tier: Tier
    refused: frozenset[str] | None = None
    dead: bool = False
    disabled: bool = False
    switched_off: bool = False

    @property
    def entry(self) -> TokenEntry:
        return TokenEntry(self.sso, self.tier, disabled=self.disabled)

    def allows(self, model: Model) -> bool:
        if self.dead or self.disabled or self.switched_off:
            return False
        if model.tier is Tier.SUPER and self.tier is Tier.BASIC:
            return False
        over_socket = model.web_lane is WebLane.SOCKET
        return not (over_socket and self.refused is not None and model.mode_id in self.refused)


TOKENS = st.lists(
    st.builds(Token, sso=st.sampled_from("abc"), tier=st.sampled_from(Tier)),
    unique_by=lambda token: token.sso,
)
NO_MODES: frozenset[str] = frozenset()
MOST = frozenset(MODES[:3])
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("modes", "modes", "no modes", "refused", "used up", "challenge", "lost"),
                *("answered", "off", "on", "off and on", "clear", "clear and answered"),
                *("reread", "restart", "tier", "in file"),
            ]
        ),
        st.integers(0, 2),
        st.sampled_from([NO_MODES, MOST]) | st.frozensets(st.sampled_from(MODES)),
    ),
    max_size=20,
)


FAILURES: Mapping[str, type[GrokApiError]] = {
    "used up": QuotaExhausted,
    "challenge": Challenge,
    "lost": TransportFailure,
}


@define
class Pool:
    """A book, and the notes on its tokens."""

    tokens: list[Token]
    book: TokenBook
    now: float = 1000.0

    def change(self, what: str, token: Token, modes: frozenset[str]) -> None:
        self.now += 1000
        account = self.book._roster.find(token.entry.key)
        poll = Poll(account, "grok-3")
        match what:
            case "modes":
                self.book.learn_modes(
                    account, dict.fromkeys(modes, "PLAN"), self.now + DAY, self.now
                )
                token.refused = modes
            case "no modes":
                self.book.learn_modes(account, None, self.now + DAY, self.now)
            case "refused" if not account.retired and not account.answered:
                for _ in range(2):
                    self.now += 100
                    self.book.polled(poll, CredentialsRejected("refused"), self.now)
                token.dead = True
            case "off":
                self.book.disable(token.entry.key)
                token.switched_off = True
            case "off and on":
                self.change("off", token, modes)
                self.look()
                self.change("on", token, modes)
            case "clear and answered":
                self.change("clear", token, modes)
                self.look()
                self.change("answered", token, modes)
            case "on":
                self.book.enable(token.entry.key, self.now)
                token.switched_off = False
            case "clear":
                self.book.clear(token.entry.key, self.now)
            case "reread":
                self.book.polled(poll, Quota(3, 5), self.now)
            case "tier":
                token.tier = Tier.BASIC if token.tier is Tier.SUPER else Tier.SUPER
                self.adopt()
            case "in file":
                token.disabled = not token.disabled
                self.adopt()
            case "restart":
                self.restart()
            case _:
                self.ask(token, what)

    def ask(self, token: Token, what: str) -> None:
        """A question with this token, if the book lends it."""
        loan = self.book.choose(self.need_of(token), self.now)
        if loan is None:
            return
        failure = FAILURES.get(what)
        self.book.settle(loan, failure("no") if failure else None, self.now)
        if failure is not Challenge and failure is not TransportFailure:
            token.dead = False

    def need_of(self, token: Token) -> Need:
        others = frozenset(other.entry.key for other in self.tokens if other is not token)
        return Need(SHIPPED["grok-3-fast"], excluded=others)

    def look(self) -> None:
        """Compare the book with the notes."""
        expected = [model for model in ROWS if any(token.allows(model) for token in self.tokens)]
        assert served(self.book) == [model.name for model in expected]
        nobody = all(token.dead or token.disabled or token.switched_off for token in self.tokens)
        assert self.book.listed(ROWS) == (ROWS if nobody else expected)

    def adopt(self) -> None:
        adopted(self.book, *(token.entry for token in self.tokens), now=self.now)

    def restart(self) -> None:
        records = {
            account.entry.key: record_of(account, self.now, 1e9)
            for account in self.book._roster.listed
        }
        self.book = book_of(*(token.entry for token in self.tokens))
        self.book.recall(records, self.now, 1e9)


@given(TOKENS, CHANGES)
@example([Token("a", Tier.BASIC)], [("refused", 0, NO_MODES), ("clear and answered", 0, NO_MODES)])
@settings(deadline=None, max_examples=300)
def test_a_model_is_served_if_some_usable_token_allows_it(
    tokens: list[Token], changes: Sequence[tuple[str, int, frozenset[str]]]
) -> None:
    """Whatever happens to the tokens, and in any order: the memory of an earlier look is never
    shown.
    """
    tokens = [evolve(token) for token in tokens]
    pool = Pool(tokens, book_of(*(token.entry for token in tokens)))
    for what, number, modes in (("no modes", 0, NO_MODES), *changes):
        if tokens:
            pool.change(what, tokens[number % len(tokens)], modes)
        pool.look()


# The rules, one by one --------------------------------------------------------------------------


def test_a_list_does_not_depend_on_what_an_hour_changes() -> None:
    """Clients read the list once: a token that cools, is used up, or whose egress pauses still
    counts.
    """
    book = book_of(A, S)
    before = served(book)
    assert SUPER_MODEL.name in before
    for error in (
        QuotaExhausted("used up", retry_after=3600),
        challenge(),
        CredentialsRejected("once"),
    ):
        for _ in range(2):
            loan = book.choose(Need(SUPER_MODEL), 1000)
            if loan is not None:
                book.settle(loan, error, 1000)
        assert served(book) == before


@pytest.mark.parametrize("gone", ["dead", "removed", "disabled", "switched off"])
def test_a_token_that_is_out_of_use_serves_nothing(gone: str) -> None:
    """What only it could do is no longer listed."""
    book = book_of(A, S)
    match gone:
        case "dead":
            refuse(book, S.sso, 1000)
        case "removed":
            adopted(book, A)
        case "disabled":
            adopted(book, A, evolve(S, disabled=True))
        case _:
            book.disable(S.key)
    assert SUPER_MODEL.name not in served(book)
    assert "grok-3-fast" in served(book)


@pytest.mark.parametrize("tokens", [(), (evolve(A, disabled=True),)], ids=["none", "disabled"])
def test_without_a_token_everything_is_listed(tokens: tuple[TokenEntry, ...]) -> None:
    """An empty menu would hide the error that says what to do."""
    book = book_of(*tokens)
    assert served(book) == []
    assert book.listed(ROWS) == ROWS


def test_with_dead_tokens_only_everything_is_listed() -> None:
    """A session that ended overnight empties no client's menu."""
    book = book_of(A)
    refuse(book, A.sso, 1000)
    assert served(book) == []
    assert book.listed(ROWS) == ROWS
