"""The actions of a token's owner: clear, check, disable and enable."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import pytest
from attrs import evolve, frozen

from grokcore.errors import (
    Challenge,
    GrokApiError,
    NoTokens,
    NoValidTokens,
    RateLimitExceeded,
    TransportFailure,
)
from grokcore.protocol.models import Tier
from grokcore.protocol.pool.book import Need, TokenBook, UnknownToken
from grokcore.protocol.pool.owner_actions import Cleared, Disabled, Enabled, Rechecked
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import (
    BASIC_MODEL,
    DAY,
    DEAR,
    GROUP,
    NEED,
    QUOTA,
    SUPER_MODEL,
    A,
    B,
    S,
    adopted,
    attempt,
    book_of,
    challenge,
    chosen,
    learned,
    left,
    next_poll,
    opens_after,
    poll,
    quota,
    refusal,
    spent,
)


def invalid(sso: str = "a") -> TokenBook:
    """A book with one token that was refused twice, and will be asked for in an hour."""
    book = book_of(sso)
    attempt(book, refusal(), 0)
    assert poll(book, None, 0.1)
    attempt(book, refusal(), 60)
    return book


def after(error: GrokApiError | None) -> TokenBook:
    """A book with one token, after one attempt."""
    book = book_of("a")
    attempt(book, error, 60)
    return book


@frozen
class Held:
    """A token that is shut or doubted at time 60, and its state after the owner clears it.

    :ivar need: question that it can take then, and could not as well before.
    :ivar cleared: the result of the action.
    """

    name: str
    history: Callable[[], TokenBook]
    state: str
    need: Need = NEED
    cleared: Cleared = Cleared.USABLE


HELD = [
    Held("nothing", lambda: after(None), "ok"),
    Held("a 429", lambda: after(quota(900)), "unknown"),
    Held("one refusal", lambda: after(refusal()), "unknown"),
    Held("two of them", invalid, "invalid", cleared=Cleared.ON_TRIAL),
    Held("a slip", lambda: after(TransportFailure("x")), "unknown"),
    Held("Grok's word: nothing left", lambda: learned(Quota(0, 25, 7200, wait_s=2429)), "unknown"),
    Held(
        "Grok's word: too little",
        lambda: learned(Quota(3, 140, 7200, flat=False), DEAR),
        "unknown",
        DEAR,
    ),
    Held("our own counting", spent, "ok"),
]


@pytest.mark.parametrize("case", HELD, ids=lambda case: case.name)
def test_a_token_that_is_cleared_is_as_good_as_a_new_one(case: Held) -> None:
    """It may be asked at once, and nobody goes before it but by the rules for all."""
    book = case.history()
    assert book.clear(A.id, 60) is case.cleared
    (account,) = book.accounts
    assert (chosen(book, 60, case.need), account.state(60)) == (["a"], case.state)
    assert account.suspect_until < 60
    assert not account.allowance(GROUP).spent(1, 60)


def test_what_grok_says_after_a_clearing_counts_as_ever() -> None:
    """From the shortest cooling on; and one more refusal puts an invalid token back where it
    was.
    """
    book = book_of("a")
    for now in (0, 60):
        attempt(book, quota(), now)
    book.clear(A.id, 70)
    attempt(book, quota(), 70)
    assert opens_after(book, 70) == 60
    book = invalid()
    book.clear(A.id, 100)
    assert next_poll(book) <= 100
    attempt(book, refusal(), 100)
    assert (chosen(book, 101), next_poll(book)) == ([None], 100 + DAY)
    book.clear(A.id, 200)
    attempt(book, None, 200)
    assert book.counts(200)["ok"] == 1


def test_clearing_keeps_what_speaks_for_a_token() -> None:
    """Grok's counter, and that it has answered; and a pause of its egress, which is not its own."""
    book = learned(Quota(30, 40))
    attempt(book, None, 1)
    attempt(book, Challenge("x"), 2)
    book.clear(A.id, 3)
    assert (left(book, 3), book.counts(3)["ok"], opens_after(book, 3)) == ((29, 40), 1, 4)


def demanded(book: TokenBook, now: float) -> list[float]:
    """Times of the polls that the owner demands now."""
    book = copy.deepcopy(book)
    book.recheck(A.id, now)
    times = []
    while (at := max(now, book.polls.next_at())) < now + 29:
        times += [at] if book.polls.take(at) else []
    return times


def test_a_token_is_asked_for_as_soon_as_its_owner_wants_to_know_but_not_as_often() -> None:
    """At once, but five seconds after the last poll at the soonest, one at a time. Earlier failures
    don't put it off.
    """
    book = learned(Quota(30, 40))
    assert [demanded(book, now) for now in (1, 4.5, 5, 9)] == [[5], [5], [5], [9]]
    for now in (30, 90, 210):
        book.polls.schedule(book.accounts[0], GROUP, now)
        assert poll(book, None, now)
    assert demanded(book, 220) == [220]
    for _ in range(1000):
        book.recheck(A.id, 220)
    due = book.polls.take(220)
    assert due is not None
    assert book.recheck(A.id, 221) == Rechecked((GROUP,))  # a poll is under way
    assert book.polls.take(229) is None
    book.polled(due, Quota(5, 40), 229)
    assert left(book, 229) == (5, 40)
    assert next_poll(book) == math.inf


def test_all_that_is_known_of_a_token_is_asked_for_or_else_what_the_asker_names() -> None:
    """Without a name, for the first model's."""
    assert book_of("a").recheck(A.id, 0).groups == (GROUP,)
    book = book_of("a")
    assert book.recheck(A.id, 0, group="grok-4").groups == ("grok-4",)
    book.accounts[0].allowance("grok-3")
    assert book.recheck(A.id, 0, group="another") == Rechecked(("grok-3", "grok-4"))
    asked = [book.polls.take(0) for _ in range(3)]
    assert sorted(one.group for one in asked if one) == ["grok-3", "grok-4"]


@frozen
class Recheck:
    """Grok's answer to the poll of an invalid token that its owner demands early (at 100, of 3660).

    :ivar polled_in: seconds until the next planned poll; infinity if a question has to find out.
    """

    answer: Quota | GrokApiError | None
    polled_in: float = 3560


@pytest.mark.parametrize(
    "case",
    [
        Recheck(QUOTA, math.inf),
        Recheck(refusal()),
        Recheck(challenge()),
        Recheck(None),
        Recheck(TransportFailure("x")),
    ],
    ids=lambda case: type(case.answer).__name__,
)
def test_a_recheck_of_a_refused_token_can_help_it_and_does_no_harm(case: Recheck) -> None:
    """An answer puts it on trial; a refusal does not make its rest longer, and a failure no
    shorter.
    """
    book = invalid()
    book.recheck(A.id, 100)
    assert poll(book, case.answer, 100)
    assert next_poll(book) == 100 + case.polled_in
    assert chosen(book, 100) == (["a"] if case.polled_in == math.inf else [None])


def test_a_recheck_that_ends_late_does_not_end_a_later_cooling() -> None:
    """Its token was cleared meanwhile, has answered, and was refused anew."""
    book = invalid()
    book.recheck(A.id, 100)
    due = book.polls.take(100)
    assert due is not None
    assert due.early
    assert book.clear(A.id, 101) is Cleared.ON_TRIAL
    attempt(book, None, 102)
    attempt(book, refusal(), 103)
    book.polled(due, QUOTA, 104)
    assert opens_after(book, 104) == 59


def test_nothing_is_demanded_through_an_egress_that_pauses() -> None:
    """Not even by the owner, who sees when it will be made."""
    book = learned(Quota(30, 40))
    attempt(book, Challenge("x"), 10)
    assert book.recheck(A.id, 10) == Rechecked((GROUP,), 5)
    assert demanded(book, 10) == [15]


def test_a_token_that_is_switched_off_is_as_if_it_were_not_there() -> None:
    """Never chosen, not counted, not polled; requests under way finish, and their outcomes count."""
    book = learned(Quota(30, 40), NEED, "a", "b")
    loans = [book.choose(NEED, 1) for _ in range(2)]
    assert all(loan is not None for loan in loans)
    book.disable(A.id)
    assert (left(book, 1), len(book.accounts), book.disabled) == ((29, 40), 1, 1)
    assert chosen(book, 1, count=3) == ["b", None, None]
    assert sum(book.counts(1).values()) == 1
    for loan in loans:
        assert loan is not None
        book.settle(loan, quota(900), 2)
    assert book.recheck(A.id, 2) == Rechecked()
    assert book.next_reset(2) == 902  # that is b's
    assert {account.entry.sso for account in book.take_unsaved()} == {"a", "b"}
    book.clear(B.id, 3)
    assert chosen(book, 3, count=3) == ["b", "b", None]
    assert not [due for due in iter(lambda: book.polls.take(2000), None) if due.account.entry == A]
    book.enable(A.id, 800)
    assert opens_after(book, 800, Need(BASIC_MODEL, excluded=frozenset({B.key}))) == 102


def test_a_token_stays_switched_off_whatever_becomes_of_the_token_file() -> None:
    """Described otherwise, disabled there as well, removed, back again, with a thousand others that
    came and went.
    """
    book = book_of("a", "b")
    book.disable(A.id)
    mine = evolve(A, note="mine", tier=Tier.SUPER)
    assert adopted(book, mine, B) == "1 changed"
    assert adopted(book, evolve(A, disabled=True), B) == "1 removed"
    assert book.enable(A.id, 0) is Enabled.DISABLED_IN_FILE
    book.disable(A.id)
    for number in range(2):
        adopted(book, B, *(TokenEntry(f"{number}-{one}") for one in range(1500)))
    assert adopted(book, A, B) == "1 added, 1500 removed"
    assert (chosen(book, 1, count=3), book.disabled) == (["b", "b", None], 1)
    book.enable(A.id, 1)
    assert (chosen(book, 1, count=4), book.disabled) == (["a", "b", "a", "b"], 0)


def test_a_refused_token_that_is_switched_on_again_is_asked_for_at_once() -> None:
    """As one that comes back into the token file."""
    book = invalid()
    book.disable(A.id)
    assert next_poll(book) == math.inf
    assert book.enable(A.id, 100) is Enabled.ENABLED
    assert next_poll(book) == 100


def test_acts_that_were_done_already_change_nothing() -> None:
    """An owner may click twice; and no account is saved for it again."""
    book = book_of("a")
    book.enable(A.id, 0)
    assert not book.take_unsaved()
    assert [book.disable(A.id) for _ in range(2)] == [Disabled.IDLE, Disabled.ALREADY]
    assert (len(book.take_unsaved()), book.disabled) == (1, 1)
    assert book.disable(A.id) is Disabled.ALREADY
    assert not book.take_unsaved()


@frozen
class SwitchedOff:
    """The error while some tokens of a file are switched off."""

    name: str
    entries: Sequence[TokenEntry]
    off: Sequence[TokenEntry]
    said: str
    outcomes: Sequence[GrokApiError] = ()
    need: Need = NEED
    leaf: type[GrokApiError] = NoTokens


OFF_IN_FILE = TokenEntry("off", disabled=True)

SWITCHED_OFF = [
    SwitchedOff("all", [A, B], [A, B], "All tokens that may use the model grok-3-fast are disabled, switched off on this server."),
    SwitchedOff("all, by the file", [OFF_IN_FILE], [], "All tokens that may use the model grok-3-fast are disabled, in the token file."),
    SwitchedOff("all, by both", [A, OFF_IN_FILE], [A], "All tokens that may use the model grok-3-fast are disabled, in the token file or switched off on this server."),
    SwitchedOff("all that are able", [A, S], [S], "All tokens that may use the model grok-4-heavy are disabled, switched off on this server.", need=Need(SUPER_MODEL)),
    SwitchedOff("none that is able", [A, B], [B], "The model grok-4-heavy needs a token of a Super account, and none is configured.", need=Need(SUPER_MODEL)),
    SwitchedOff("the others are used up", [A, B], [B], "All tokens for this model are used up for now; the first is back in 60 s. One more is disabled.", [quota()], leaf=RateLimitExceeded),
    SwitchedOff("the others are refused", [A, B, OFF_IN_FILE], [B], "Grok has refused every token for this model; they are tried again in 60 s. 2 more are disabled. refused", [refusal()], leaf=NoValidTokens),
    SwitchedOff("none is disabled", [A], [], "All tokens for this model are used up for now; the first is back in 60 s.", [quota()], leaf=RateLimitExceeded),
]  # fmt: skip


@pytest.mark.parametrize("case", SWITCHED_OFF, ids=lambda case: case.name)
def test_a_refusal_tells_of_tokens_that_are_disabled(case: SwitchedOff) -> None:
    """A client must not read that all tokens are used up, or that there are none, while one need only
    be switched on.
    """
    book = book_of(*case.entries)
    for one in case.off:
        book.disable(one.id)
    for outcome in case.outcomes:
        attempt(book, outcome, 0)
    error = book.hopeless(case.need, 0)
    assert (type(error), str(error)) == (case.leaf, case.said)
    for one in case.off:
        book.enable(one.id, 0)
    if case.off and case.need is NEED:
        assert book.hopeless(NEED, 0) is None  # at once, whatever was remembered


@pytest.mark.parametrize("act", ["clear", "recheck", "disable", "enable", "view"])
@pytest.mark.parametrize(
    "token", ["", "a", "0" * 8, A.id[:7], B.id, f"{A.id}0", "nonsense!", "é" * 8]
)
def test_a_token_that_is_not_there_is_not_acted_on(act: str, token: str) -> None:
    """No token has that id, it is no id at all, or its token was removed."""
    book = book_of("a", "b")
    adopted(book, A)
    with pytest.raises(UnknownToken, match="no token"):
        getattr(book, act)(token, *([] if act == "disable" else [0.0]))


def test_a_token_is_named_by_its_id_or_by_more_of_its_key() -> None:
    """In either case of letters. Two tokens of the same id differ in the rest of their keys."""
    for token in (A.id, A.id.upper(), f" {A.key}\n", A.key[:10]):
        assert book_of("a", "b").disable(token) is Disabled.IDLE
    # Of ids with 8 digits two are the same in a pool of ten thousand now and then.
    alike = TokenEntry("b")
    object.__setattr__(alike, "key", A.id + "f" * 16)
    book = book_of("a", alike)
    with pytest.raises(UnknownToken, match="More than one"):
        book.disable(A.id)
    book.disable(alike.key)
    assert chosen(book, 0) == ["a"]


def test_a_cleared_token_that_is_disabled_stays_so() -> None:
    """The answer says it, since its owner expects the token to be used again."""
    book = book_of("a", TokenEntry("b", disabled=True))
    assert book.clear(TokenEntry("b").id, 0) is Cleared.DISABLED
    assert book.clear(TokenEntry("a").id, 0) is Cleared.USABLE
