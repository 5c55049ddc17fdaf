"""Records of accounts: written, and read leniently by a clock that may be wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.pool.account import Account, Egress
from grokcore.protocol.pool.book import Loan, Need, TokenBook
from grokcore.protocol.pool.quota_polls import Poll
from grokcore.protocol.pool.records import recall, record_of
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry

from ..strategies import json_values

HOUR, DAY = 3600.0, 86400.0

EPOCH = 1_790_000_000.0
"""A wall-clock time, in seconds since 1970."""

SECRETS = ("sso-secret-0", "sso-secret-1", "proxy-secret")
ENTRIES = (
    TokenEntry(SECRETS[0]),
    TokenEntry(
        SECRETS[1],
        Tier.SUPER,
        note="mine",
        proxy_url="http://user:proxy-secret@proxy.example.com:1",
    ),
)
NEEDS = [
    Need(SHIPPED[name])
    for name in ("grok-3-fast", "grok-4-fast", "grok-4-fast-expert", "grok-4-heavy")
]
GROUPS = sorted({need.model.rate_limit_name for need in NEEDS})
COSTS = (1, 2, 4, 1000)
GROUP = NEEDS[0].model.rate_limit_name


def kept(account: Account, now: float, offset: float) -> dict[str, Any]:
    """The record, as it comes back from a file."""
    line = orjson.dumps(record_of(account, now, offset))
    assert not [secret for secret in SECRETS if secret.encode() in line]
    return dict(orjson.loads(line))


def fresh() -> Account:
    return Account(ENTRIES[0], Egress(""))


def known(account: Account, *, now: float) -> dict[str, object]:
    """All that matters of an account, with its times as seconds from *now*, to the hundredth. Past
    ones are the same.
    """

    def ahead(at: float) -> float:
        return max(0.0, round(at - now, 2))

    allowances = {group: account.allowance(group) for group in GROUPS}
    return {
        "state": account.state(now),
        "answered": account.answered,
        "refusals": account.refusals,
        "refused_question": account.refused_question,
        "doubted": account.first_refusal_at is not None,
        "switched_off": account.switched_off,
        "strikes": {group: one.strikes for group, one in allowances.items()},
        "quotas": {
            group: quota and (one.left, quota.total, quota.flat, one.rank(now), ahead(one.void_at))
            for group, one in allowances.items()
            for quota in [one.known(now)]
        },
        "opens": {
            (group, cost): math.inf if account.invalid else ahead(account.open_at(group, cost))
            for group in GROUPS
            for cost in COSTS
        },
        "spent": {
            (group, cost): one.spent(cost, now)
            for group, one in allowances.items()
            for cost in COSTS
        },
        "cools": 0 if account.invalid else ahead(account.cooling_until),
    }


# There and back ---------------------------------------------------------------------------------

OUTCOMES: list[type[GrokApiError] | None] = [
    *(None, None, CredentialsRejected, CredentialsRejected, QuotaExhausted, Challenge),
    *(TransportFailure, UpstreamFailure),
]
ANSWERS: list[Quota | GrokApiError | None] = [
    Quota(0, 25, 7200.0, wait_s=100.0),
    Quota(0, 25, 7200.0),
    Quota(2, 25, 300.0),
    Quota(1, None, 14400.0),
    Quota(9, 140, 7200.0, flat=False),
    Quota(0, 140, 7200.0, flat=False, effort_waits=((1, 50.0), (4, 300.0))),
    Quota(3, 140, 7200.0, flat=False, effort_waits=((4, 600.0),)),
    None,
    CredentialsRejected("no"),
    TransportFailure("no"),
]
PAUSES = [0.1, 1.0, 30.0, 59.0, 61.0, 299.0, HOUR, DAY]


class History:
    """A book with two tokens, and all that may happen to it."""

    def __init__(self) -> None:
        self.book = TokenBook(ENTRIES, max_in_flight=3)
        self.accounts = list(self.book.accounts)
        self.now = 1000.0
        self.loans: list[Loan] = []
        self.polls: list[Poll] = []

    def do(self, data: st.DataObject) -> None:
        """One step."""
        match data.draw(
            st.sampled_from(["wait", "choose", "choose", "end", "end", "poll", "answer", "act"])
        ):
            case "wait":
                self.now += data.draw(st.sampled_from(PAUSES))
            case "choose":
                loan = self.book.choose(data.draw(st.sampled_from(NEEDS)), self.now)
                self.loans += [] if loan is None else [loan]
            case "end" if self.loans:
                loan = self.loans.pop(data.draw(st.integers(0, len(self.loans) - 1)))
                leaf = data.draw(st.sampled_from(OUTCOMES))
                seconds = data.draw(st.sampled_from([None, 0.5, 7200.0, DAY]))
                self.book.settle(
                    loan, None if leaf is None else leaf("no", retry_after=seconds), self.now
                )
            case "poll":
                poll = self.book.polls.take(self.now)
                self.polls += [] if poll is None else [poll]
            case "answer" if self.polls:
                poll = self.polls.pop(data.draw(st.integers(0, len(self.polls) - 1)))
                self.book.polled(poll, data.draw(st.sampled_from(ANSWERS)), self.now)
            case "act":
                token = data.draw(st.sampled_from(ENTRIES)).id
                match data.draw(st.sampled_from(["clear", "recheck", "disable", "enable"])):
                    case "disable":
                        self.book.disable(token)
                    case act:
                        getattr(self.book, act)(token, self.now)


@given(
    data=st.data(),
    steps=st.integers(0, 40),
    gap=st.sampled_from([0.037, 29.037, 601.037, HOUR + 0.037, DAY + 0.037]),
    clock=st.floats(0, 1e7),
)
@settings(max_examples=100, deadline=None)
def test_after_any_history_a_restart_changes_nothing_that_matters(
    data: st.DataObject, steps: int, gap: float, clock: float
) -> None:
    """State, openness for every group and cost, and counters are those of a server that was not
    restarted.

    Another process's clock starts somewhere else. (An invalid token that was on trial is asked for
    anew, at once.)
    """
    history = History()
    for _ in range(steps):
        history.do(data)
    offset = EPOCH - 1000
    records = {
        account.entry.key: kept(account, history.now, offset) for account in history.accounts
    }

    later = history.now + gap
    for account in history.accounts:
        again = Account(account.entry, account.egress)
        recall(again, records[account.entry.key], clock, later + offset - clock)
        assert known(again, now=clock) == known(account, now=later)


@given(data=st.data(), steps=st.integers(0, 25))
@settings(max_examples=60, deadline=None)
def test_what_came_back_is_kept_as_it_came(data: st.DataObject, steps: int) -> None:
    """A server that is restarted again and again forgets nothing by it, and moves no time."""
    history = History()
    for _ in range(steps):
        history.do(data)
    for account in history.accounts:
        first = kept(account, history.now, EPOCH)
        again = Account(account.entry, account.egress)
        recall(again, first, history.now + 1, EPOCH)
        second = kept(again, history.now + 1, EPOCH)
        assert {**second, "at": None} == {**first, "at": None}


def test_a_record_says_when_it_was_made_and_of_whom_without_a_secret() -> None:
    """The short hash and wall-clock times; neither the session token nor the proxy's password."""
    book = TokenBook(ENTRIES)
    loan = book.choose(Need(SHIPPED["grok-4-heavy"]), 5)
    assert loan is not None
    book.settle(loan, None, 6)
    record = kept(loan.account, 7, EPOCH)
    assert (record["id"], record["at"], record["used_at"]) == (ENTRIES[1].id, EPOCH + 7, EPOCH + 5)
    assert "mine" not in str(record)


def test_our_own_counting_is_still_not_grok_s_word_after_a_restart() -> None:
    """Questions since Grok's answer make a token the last choice, as before; only Grok's own answer
    shuts it.
    """
    book = TokenBook(ENTRIES[:1])
    (account,) = book.accounts
    allowance = account.allowance(GROUP)
    for left, usable in ((1, True), (0, False)):
        allowance.begin_poll(0)
        allowance.learn(Quota(left, 25, 7200.0, wait_s=None if left else 5000.0), 0)
        allowance.take(1)
        again = TokenBook(ENTRIES[:1])
        again.recall({account.entry.key: kept(account, 11, EPOCH)}, 12, EPOCH - 1)
        assert again.accounts[0].allowance(GROUP).left == 0
        assert (again.choose(NEEDS[0], 12) is not None) == usable


# Clocks that are wrong --------------------------------------------------------------------------


@given(data=st.data(), back=st.sampled_from([0.5, 59.0, HOUR, DAY, 10 * DAY, 30 * 365 * DAY]))
@settings(max_examples=60, deadline=None)
def test_a_clock_that_was_set_back_shuts_nothing_for_longer_than_the_longest_cooling(
    data: st.DataObject, back: float
) -> None:
    """A record from the future costs a day at most."""
    history = History()
    for _ in range(data.draw(st.integers(0, 25))):
        history.do(data)
    for account in history.accounts:
        again = Account(account.entry, account.egress)
        recall(again, kept(account, history.now, EPOCH), history.now, EPOCH - back)
        opens_in_time(again, history.now)


def opens_in_time(account: Account, now: float) -> None:
    """Check that it opens by itself, or by the poll of an invalid token."""
    assert account.cooling_until <= now + DAY
    assert account.last_used <= now
    for group in {*account.allowances, GROUP, "another"}:
        for cost in COSTS:
            if not account.invalid:
                assert account.open_at(group, cost) <= now + DAY
        allowance = account.allowance(group)
        assert allowance.learned_at <= now
        assert allowance.left >= 0
        if allowance.quota is not None:
            quota = allowance.quota
            assert quota.left >= 0
            assert quota.total is None or quota.total > 0
            waits = [
                quota.window_s,
                *(wait for _, wait in quota.effort_waits),
                quota.wait_for(1),
                quota.wait_for(4),
            ]
            assert all(0 < seconds <= DAY for seconds in waits)
            assert all(cost > 0 for cost, _ in quota.effort_waits)


@frozen
class Ahead:
    """A time in a record that lies ahead of the clock, and in how many seconds the account opens
    for all that.
    """

    name: str
    record: Mapping[str, object]
    opens_in: float


AHEAD = [
    Ahead("a cooling of the token", {"cooling_until": EPOCH + 50}, 50),
    Ahead("one beyond the longest", {"cooling_until": EPOCH + 99 * DAY}, DAY),
    Ahead("a cooling of the group", {"allowances": {GROUP: {"cooling_until": EPOCH + 5 * HOUR}}}, 5 * HOUR),
    Ahead("one beyond the longest, too", {"allowances": {GROUP: {"cooling_until": EPOCH + 99 * DAY}}}, DAY),
    Ahead("a quota", {"allowances": {GROUP: {"quota": {"left": 0, "window_s": 7200, "learned_at": EPOCH - 200}}}}, 7000),
    Ahead("a quota of this moment", {"allowances": {GROUP: {"quota": {"left": 0, "window_s": 7200, "learned_at": EPOCH}}}}, 7200),
    Ahead("a quota that names a time", {"allowances": {GROUP: {"quota": {"left": 0, "window_s": 7200, "wait_s": 30, "learned_at": EPOCH - 20}}}}, 10),
    Ahead("a cooling made when the clock was ahead", {"at": EPOCH + DAY, "cooling_until": EPOCH + DAY + 50}, 50),
    Ahead("the same of the group", {"at": EPOCH + DAY, "allowances": {GROUP: {"cooling_until": EPOCH + DAY + 50}}}, 50),
    Ahead("a quota of tomorrow", {"allowances": {GROUP: {"quota": {"left": 0, "window_s": 7200, "learned_at": EPOCH + DAY}}}}, 0),
    Ahead("a refusal of tomorrow", {"first_refusal_at": EPOCH + DAY}, 0),
]  # fmt: skip


@pytest.mark.parametrize("case", AHEAD, ids=lambda case: case.name)
def test_a_time_that_lies_ahead_is_believed_as_far_as_it_can_be_meant(case: Ahead) -> None:
    """Coolings up to the longest of all; a time in the past can't lie ahead."""
    account = fresh()
    recall(account, case.record, 20, EPOCH - 20)
    assert max(20, account.open_at(GROUP, 1)) == pytest.approx(20 + case.opens_in)


# Records of any kind ----------------------------------------------------------------------------

_times = (
    st.none()
    | st.integers(-5, 10**10)
    | st.sampled_from([EPOCH, EPOCH - DAY, EPOCH + DAY, 1e300, -1e300, 0.5])
)
_counts = st.integers(-2, 5) | st.sampled_from([2**31, 2**63, 2**64 - 1, 1.5, True])


def _objects(**fields: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Objects with any of these keys, right ones, odd ones, or something else altogether."""
    odd: SearchStrategy[Any] = st.sampled_from(
        [None, True, -1, 0.5, "", "x", [], [1], {}, {"left": 1}]
    )
    whole = {name: value | value | value | odd for name, value in fields.items()}
    return st.fixed_dictionaries({}, optional=whole) | st.fixed_dictionaries(whole)


_quotas = _objects(
    left=_counts,
    total=_counts,
    flat=st.booleans(),
    window_s=st.sampled_from([0, 0.5, 7200, DAY, DAY + 1, 1e300]) | _times,
    wait_s=_times | st.integers(1, 10000),
    effort_waits=st.lists(
        st.sampled_from(
            [[1, 50], [4, 600.5], [4, 0], [0, 9], [4, 9, 9], [4], [], ["4", 9], 4, None]
        )
    ),
    balance=_counts,
    learned_at=_times,
)
_allowances = _objects(cooling_until=_times, strikes=_counts, quota=_quotas)
records = _objects(
    id=st.just("x"),
    at=_times,
    answered=st.booleans(),
    used_at=_times,
    cooling_until=_times,
    first_refusal_at=_times,
    refusals=_counts,
    refusal=st.text(max_size=5),
    refused_question=st.booleans(),
    switched_off=st.booleans(),
    allowances=st.dictionaries(
        st.sampled_from([GROUP, "another", "", "x" * 500]), _allowances, max_size=3
    ),
).filter(lambda record: isinstance(record, dict))


@given(records | st.dictionaries(st.text(max_size=5), json_values, max_size=4), st.floats(0, 1e7))
@settings(max_examples=200, deadline=None)
def test_any_record_leaves_an_account_that_opens_again(record: dict[str, Any], now: float) -> None:
    """With any text in the file nothing raises, and nothing is shut for ever."""
    record = orjson.loads(orjson.dumps(record))
    account = fresh()
    recall(account, record, now, EPOCH - now)
    opens_in_time(account, now)
    orjson.dumps(record_of(account, now, EPOCH - now))

    book = TokenBook(ENTRIES[:1])
    (account,) = book.accounts
    book.recall({ENTRIES[0].key: record}, now, EPOCH - now)
    assert bool(book.disabled) == (record.get("switched_off") is True)
    book.enable(ENTRIES[0].id, now)
    assert sum(book.counts(now).values()) == 1
    if account.invalid and not account.allowances:
        # There is nothing to poll, so a question has to find out.
        assert book.choose(NEEDS[0], now) is not None
    elif account.invalid:
        assert book.polls.next_at() <= now + 30
        assert account.cooling_until <= now  # or the poll that is due would be put off
        due = book.polls.take(now + 30)
        assert due is not None
        assert due.account is account
        book.polled(due, None, now + 30)
        assert account.on_trial
    elif account.open_at(GROUP, 1) <= now:
        assert book.choose(NEEDS[0], now) is not None


def test_a_long_record_is_read_as_far_as_it_can_be_meant() -> None:
    """Not a thousand groups, nor names and refusals without end."""
    account = fresh()
    groups: dict[str, object] = {"x" * 201: {}, **{f"group {number}": {} for number in range(1000)}}
    recall(account, {"allowances": groups, "refusals": 1, "refusal": "x" * 5000}, 0, EPOCH)
    assert len(account.allowances) <= 64
    assert "x" * 201 not in account.allowances
    assert len(account.refusal) == 1000
