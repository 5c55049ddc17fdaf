"""The pool after a restart: which tokens are polled, and which stay switched off."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from attrs import evolve, frozen

from grokcore.errors import CredentialsRejected
from grokcore.protocol.pool.account import Account
from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.protocol.pool.books import DAY, GROUP, NEED, A, B

EPOCH = 1_790_000_000.0
"""A wall-clock time, in seconds since 1970."""

ENTRIES = (A, B)


@frozen
class Wake:
    """The record of a token at time EPOCH, and its poll after a restart.

    :ivar polled_in: seconds until the poll; infinity if there is none.
    :ivar state: the token's state until then.
    """

    name: str
    record: Mapping[str, object] | None
    polled_in: float
    state: str = "unknown"


def with_quota(left: int, ago: float, **fields: object) -> dict[str, object]:
    quota = {
        "left": left,
        "total": 25,
        "flat": True,
        "window_s": 7200,
        "wait_s": None,
        "learned_at": EPOCH - ago,
    }
    return {"allowances": {GROUP: {"quota": {**quota, **fields}}}}


def with_cooling(seconds: float, **fields: object) -> dict[str, object]:
    return {
        "allowances": {GROUP: {"cooling_until": EPOCH + seconds, "strikes": 2, "quota": None}},
        **fields,
    }


INVALID = {
    "refusals": 1,
    "refusal": "no",
    "refused_question": True,
    "first_refusal_at": EPOCH - 500,
}

WAKES = [
    Wake("nothing", None, math.inf),
    Wake("an empty record", {}, math.inf),
    Wake("one that answered", {"answered": True, "used_at": EPOCH - 5, "allowances": {GROUP: {}}}, math.inf, "ok"),
    Wake("plenty left", with_quota(9, 100), math.inf),
    Wake("invalid", {**INVALID, "cooling_until": EPOCH + 3000, "allowances": {GROUP: {}}}, 0, "invalid"),
    Wake("invalid, and due", {**INVALID, "cooling_until": EPOCH - 30, "allowances": {GROUP: {}}}, 0, "invalid"),
    Wake("invalid, and used up", {**INVALID, "cooling_until": EPOCH + 3000, **with_quota(0, 100, wait_s=5000)}, 0, "invalid"),
    # only a question can find out
    Wake("invalid, and of no group", {**INVALID, "cooling_until": EPOCH + 3000}, math.inf, "invalid"),
    Wake("refused once", {"first_refusal_at": EPOCH - 10, "cooling_until": EPOCH + 50, "allowances": {GROUP: {}}}, 50, "cooling"),
    Wake("used up for an unknown time", with_quota(0, 100), 0, "cooling"),
    Wake("the same, asked a moment ago", with_quota(0, 10), 20, "cooling"),
    Wake("used up for a known time", with_quota(0, 100, wait_s=2429), 2329, "cooling"),
    Wake("used up for a known time that is over", with_quota(0, 3000, wait_s=2429), math.inf),
    Wake("cooling after a 429", with_cooling(40), 40, "cooling"),
    Wake("cooled after a 429", with_cooling(-40), math.inf),
]  # fmt: skip


@pytest.mark.parametrize("case", WAKES, ids=lambda case: case.name)
def test_after_a_restart_grok_is_polled_for_what_it_alone_knows(case: Wake) -> None:
    """Refused tokens, and allowances that are used up for an unknown time, at once: their owner may
    have done something about it.

    Those with a known time are polled at that time, and all others after their next use.
    """
    book = TokenBook(ENTRIES[:1])
    now = 7.0
    book.recall({} if case.record is None else {ENTRIES[0].key: case.record}, now, EPOCH - now)
    assert max(now, book.polls.next_at()) == pytest.approx(now + case.polled_in)
    assert [state for state, count in book.counts(now).items() if count] == [case.state]


def test_tokens_without_a_record_are_untouched_and_records_without_a_token_are_passed_over() -> (
    None
):
    """New tokens begin unknown, with any state of others."""
    book = TokenBook(ENTRIES)
    records = {
        ENTRIES[1].key: {**INVALID, "allowances": {GROUP: {}}},
        TokenEntry("gone").key: INVALID,
    }
    book.recall(records, 5, EPOCH)
    assert book.counts(5) == {"ok": 0, "unknown": 1, "cooling": 0, "invalid": 1}
    untouched, expected = book.accounts[0], Account(ENTRIES[0], book.accounts[0].egress)
    assert (repr(untouched), untouched.refusal) == (repr(expected), "")
    chosen = book.choose(NEED, 5)
    assert chosen is not None
    assert chosen.account is untouched


def test_an_invalid_token_that_came_back_serves_after_one_poll() -> None:
    """Its owner has signed in anew and restarted the server: a minute later it answers."""
    book = TokenBook(ENTRIES[:1])
    book.recall(
        {ENTRIES[0].key: {**INVALID, "cooling_until": EPOCH + DAY, "allowances": {GROUP: {}}}},
        0,
        EPOCH,
    )
    assert book.choose(NEED, 0) is None
    due = book.polls.take(0)
    assert due is not None
    book.polled(due, Quota(30, 40), 1)
    loan = book.choose(NEED, 1)
    assert loan is not None
    book.settle(loan, None, 2)
    assert book.counts(2)["ok"] == 1


@pytest.mark.parametrize("first", [EPOCH - 30 * DAY, EPOCH - 500, EPOCH - 5, EPOCH + 500, None])
def test_a_token_that_is_still_refused_waits_for_its_day(first: float | None) -> None:
    """A restart is a poll, and no fresh start, with any time of the first refusal in the record."""
    book = TokenBook(ENTRIES[:1])
    record = {
        **INVALID,
        "cooling_until": EPOCH + 3000,
        "first_refusal_at": first,
        "allowances": {GROUP: {}},
    }
    book.recall({ENTRIES[0].key: record}, 0, EPOCH)
    due = book.polls.take(0)
    assert due is not None
    book.polled(due, CredentialsRejected("no"), 1)
    assert (book.counts(1)["invalid"], book.polls.next_at()) == (1, 1 + DAY)


# Tokens that the owner has switched off ---------------------------------------------------------


@frozen
class Off:
    """A record, and whether its token is switched off after the restart."""

    record: Mapping[str, object]
    off: bool = False


@pytest.mark.parametrize(
    "case",
    [
        Off({}),  # an older version's
        Off({"answered": True, "used_at": EPOCH}),
        Off({"switched_off": False}),
        Off({"switched_off": None}),
        Off({"switched_off": 1}),
        Off({"switched_off": "yes"}),
        Off({"switched_off": True}, off=True),
        Off({**INVALID, "switched_off": True, "allowances": {GROUP: {}}}, off=True),
        Off({**with_cooling(40), "switched_off": True, "id": 7, "refusals": "many"}, off=True),
    ],
    ids=lambda case: repr(case.record)[:40],
)
def test_a_token_is_off_after_a_restart_only_if_it_was_switched_off(case: Off) -> None:
    """Nothing but ``true`` keeps a token out of use; and a token that is off is not polled."""
    book = TokenBook(ENTRIES)
    book.recall({ENTRIES[0].key: case.record}, 5, EPOCH)
    assert ([account.entry for account in book.accounts], book.disabled) == (
        (list(ENTRIES[1:]), 1) if case.off else (list(ENTRIES), 0)
    )
    assert not case.off or book.polls.next_at() == math.inf


def test_a_token_that_comes_after_the_restart_is_off_as_it_was() -> None:
    """It may be missing from the file, or disabled there, when the state is read; the state is kept
    as it was.
    """
    record = {"switched_off": True, "answered": True}
    for first in ([], [evolve(ENTRIES[0], disabled=True)]):
        book = TokenBook(first)
        book.recall({ENTRIES[0].key: record}, 5, EPOCH)
        book.adopt(ENTRIES, default_proxy="", max_in_flight=2, now=6)
        assert [account.entry for account in book.accounts] == list(ENTRIES[1:])
        assert book.disabled == 1
        assert not book.take_unsaved()
        book.enable(ENTRIES[0].id, 7)
        assert book.counts(7) == {"ok": 1, "unknown": 1, "cooling": 0, "invalid": 0}
        (account,) = book.take_unsaved()
        assert record_of(account, 8, EPOCH)["switched_off"] is False
