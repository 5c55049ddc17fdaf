"""The figures of a key's day, and their record."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from grokcore.errors import KeyLimitExceeded
from grokcore.protocol.key_allowance import KeyAllowance, KeyLeft
from grokcore.protocol.key_day import MOST, KeyDay, KeyDays, Today, Use, record_name

DAY, NEXT = "2026-11-29", "2026-11-30"
TODAY, TOMORROW = Today(DAY, 3600.0), Today(NEXT, 86400.0)

# The day ----------------------------------------------------------------------------------------


def test_requests_count_at_their_beginning_and_tokens_at_their_end() -> None:
    """For the day of each; a handle counts once, whatever a caller does twice."""
    day = KeyDay()
    use = day.begin(0.0, TODAY, 2)
    day.end(use, TODAY, 10, 20)
    day.end(use, TODAY, 10, 20)
    day.withdraw(use)
    assert (day.day, day.requests, day.tokens_in, day.tokens_out) == (DAY, 2, 10, 20)
    late = day.begin(0.0, TODAY)
    day.end(late, TOMORROW, 1, 2)
    assert (day.day, day.requests, day.tokens) == (NEXT, 0, 3)


def test_what_is_given_back_was_never_there() -> None:
    """But a new day has nothing of it to give back."""
    day = KeyDay()
    old = day.begin(0.0, TODAY, 3)
    day.withdraw(day.begin(0.0, TODAY))
    assert day.requests == 3
    day.begin(0.0, TOMORROW)
    day.withdraw(old)
    assert day.requests == 1


def test_a_day_that_is_ahead_ends_a_day_later() -> None:
    """A clock that was set back over midnight does not begin the day anew."""
    day = KeyDay()
    day.begin(0.0, TOMORROW)
    assert day.ends_in(TODAY) == 3600 + 86400
    assert KeyDay().ends_in(TODAY) == day.ends_in(Today(NEXT, 3600)) == 3600


# The record -------------------------------------------------------------------------------------


def test_the_record_survives_a_restart_and_is_written_once() -> None:
    """With what was under way: it counts from its beginning."""
    day = KeyDay()
    day.turn_to(TODAY)
    assert day.take_record() is None, "a day without use is not written"
    day.begin(0.0, TODAY)
    day.end(day.begin(0.0, TODAY), TODAY, 5, 7)
    record = json.loads(json.dumps(day.take_record()))
    assert record == {"day": DAY, "requests": 2, "tokens_in": 5, "tokens_out": 7}
    assert day.take_record() is None
    again = KeyDay()
    again.recall(record)
    again.turn_to(TODAY)
    assert (again.requests, again.tokens, again.changed) == (2, 12, False)
    again.turn_to(TOMORROW)
    assert again.take_record() == {"day": NEXT, "requests": 0, "tokens_in": 0, "tokens_out": 0}


def test_a_restart_under_a_wrong_clock_forgets_nothing() -> None:
    """The record has the day at which the figures still count."""
    day = KeyDay()
    day.begin(0.0, TODAY, 4)
    day.turn_to(Today("1970-01-01", 86400))
    record = day.take_record()
    assert record is not None
    assert (record["day"], record["later"]) == ("1970-01-01", DAY)
    again = KeyDay()
    again.recall(record)
    again.turn_to(TODAY)
    assert (again.day, again.requests) == (DAY, 4)


@pytest.mark.parametrize("value", [None, True, "7", 1.5, -3, [1]])
def test_values_that_cannot_be_meant_count_as_missing(value: object) -> None:
    """A file may be edited by hand."""
    day = KeyDay()
    day.recall({"day": DAY, "requests": value, "tokens_in": 3, "later": value})
    assert (day.requests, day.tokens) == (0, 3)
    day.recall({"day": DAY, "requests": 10**30})
    assert day.requests == MOST
    untouched = KeyDay()
    untouched.recall({"day": value, "requests": 5})
    assert (untouched.day, untouched.requests) == ("", 0)


# The days of all keys ---------------------------------------------------------------------------


def test_a_key_that_comes_back_goes_on_with_its_day() -> None:
    """Under any of its forms; a file that is half-way through being saved lacks it for a moment."""
    days = KeyDays()
    clear, hashed = b"1" * 32, b"2" * 32
    days.of([clear, hashed]).begin(0.0, TODAY)
    assert days.of([hashed]) is days.of([clear])
    assert days.of([b"3" * 32]).requests == 0
    records = days.take_records()
    assert set(records) == {record_name(clear), record_name(hashed)}
    assert days.take_records() == {}

    after = KeyDays()
    early = after.of([clear])
    after.recall({**records, "a token": {"day": DAY, "requests": 9}})
    assert (early.requests, after.of([hashed]).requests) == (1, 1)


def test_of_two_forms_the_first_that_has_a_record_counts() -> None:
    """An owner who adds the hash beside the clear key changes nothing."""
    clear, hashed = b"1" * 32, b"2" * 32
    for known, requests in ((clear, 5), (hashed, 6)):
        days = KeyDays()
        days.recall({record_name(known): {"day": DAY, "requests": requests}})
        assert days.of([clear, hashed]).requests == requests
    both = {record_name(one): {"day": DAY, "requests": len(one)} for one in (clear, hashed + b"x")}
    days, late = KeyDays(), KeyDays()
    days.recall(both)
    found = late.of([clear, hashed + b"x"])
    late.recall(both)
    assert days.of([clear, hashed + b"x"]).requests == found.requests == 32


def test_the_name_of_a_record_tells_no_key() -> None:
    """Nor its digest, which a guess could be held against."""
    name = record_name(bytes.fromhex("ab" * 32))
    assert name.startswith("key use ")
    assert "abab" not in name


# Any history ------------------------------------------------------------------------------------


@define
class Naive:
    """The same rules, from a list of all that counts. *at* is the true time in hours.

    :ivar set_by: hours by which the clock is wrong.
    :ivar day: the day of the figures; *later* the one at which they still count.
    """

    per_day: int
    tokens_per_day: int
    at: float = 10.0
    set_by: float = 0.0
    day: date | None = None
    later: date | None = None
    counted: list[Use] = field(factory=list)
    tokens: int = 0

    @property
    def today(self) -> Today:
        hours = self.at + self.set_by
        return Today(str(self.date), (24 - hours % 24) * 3600)

    @property
    def date(self) -> date:
        return date(2026, 1, 1) + timedelta((self.at + self.set_by) // 24)

    def turn(self) -> None:
        today = self.date
        if self.day is not None and today < self.day:
            if (self.day - today).days > 1:
                self.later = max(self.day, self.later or self.day)
                self.day = today
            return
        if self.day != today:
            if today != self.later:
                self.counted, self.tokens = [], 0
            self.day, self.later = today, None

    def refuses(self, requests: int) -> bool:
        self.turn()
        full = bool(self.per_day) and len(self.counted) + requests > self.per_day
        return full or (bool(self.tokens_per_day) and self.tokens >= self.tokens_per_day)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 30)),
        st.tuples(st.just("set"), st.sampled_from([0.0, -1.0, -24.0, -30.0, -500.0, 500.0, 26.0])),
        st.tuples(st.just("begin"), st.integers(1, 3)),
        st.tuples(st.just("end"), st.integers(0, 40)),
        st.tuples(st.just("give back"), st.just(0)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, 5), st.sampled_from([0, 50]))
@example([("begin", 1), ("set", -500.0), ("begin", 1), ("set", 0.0), ("restart", 0)], 2, 0)
def test_no_history_goes_over_a_days_limit(
    steps: list[tuple[str, float]], per_day: int, tokens_per_day: int
) -> None:
    """Whatever clocks do, and over restarts; nothing else is refused, and the wait is exact."""
    key = KeyAllowance("k", per_day=per_day, tokens_per_day=tokens_per_day)
    naive, open_, saved = Naive(per_day, tokens_per_day), list[Use](), dict[str, object]()
    for kind, value in steps:
        match kind:
            case "wait":
                naive.at += value
            case "set":
                naive.set_by = value
            case "begin":
                requests = min(int(value), key.most or int(value))
                begin(key, naive, requests, open_)
            case "end" if open_:
                use = open_.pop()
                naive.turn()
                naive.tokens += int(value)
                key.day.end(use, naive.today, int(value), 0)
                key.end(use)
            case "give back" if open_:
                use = open_.pop()
                naive.counted = [one for one in naive.counted if one is not use]
                key.withdraw(use)
            case "restart":
                saved = key.day.take_record() or saved
                key.day = KeyDay()
                key.day.recall(json.loads(json.dumps(saved)))
                open_.clear()
        naive.turn()
        key.day.turn_to(naive.today)
        assert (key.day.requests, key.day.tokens) == (len(naive.counted), naive.tokens)
        left = key.left(naive.at * 3600, naive.today)
        if per_day:
            assert left is not None
            assert (left.limit, left.remaining) == (per_day, max(0, per_day - len(naive.counted)))


def begin(key: KeyAllowance, naive: Naive, requests: int, open_: list[Use]) -> None:
    """Begin *requests*, in both; a refusal's wait must be the one after which they may begin."""
    if not naive.refuses(requests):
        use = key.begin(naive.at * 3600, naive.today, requests)
        naive.counted += [use] * requests
        open_.append(use)
        return
    with pytest.raises(KeyLimitExceeded) as caught:
        key.begin(naive.at * 3600, naive.today, requests)
    assert caught.value.retry_after is not None
    if naive.later is None:
        before = (naive.at, naive.counted, naive.tokens, naive.day)
        naive.at += caught.value.retry_after / 3600 - 0.001
        assert naive.refuses(requests)
        naive.at += 0.002
        assert not naive.refuses(requests)
        naive.at, naive.counted, naive.tokens, naive.day = before


# Limits of the day ------------------------------------------------------------------------------


def test_the_message_says_which_limit_and_when_it_ends() -> None:
    """A guest reads it in a chat window; the wait is until the day ends."""
    for key, words in (
        (KeyAllowance("bob", rpm=1, per_day=1), "'bob' has reached its limit of requests per day (1); the day ends in 1 h 0 min."),
        (KeyAllowance("bob", rpm=1, tokens_per_day=5), "'bob' has reached its limit of tokens per day (5); the day ends in 1 h 0 min."),
    ):  # fmt: skip
        use = key.begin(0, TODAY)
        key.day.end(use, TODAY, 2, 3)
        with pytest.raises(KeyLimitExceeded) as caught:
            key.begin(1, TODAY)
        assert caught.value.message == f"The key {words}"
        assert (caught.value.retry_after, caught.value.should_retry) == (3600, False)
        key.begin(61, TOMORROW)


def test_an_answer_under_way_is_not_cut_for_tokens_and_the_next_is_refused() -> None:
    """So a day may end above its limit, by what was under way."""
    key = KeyAllowance("bob", tokens_per_day=10)
    first, second = key.begin(0, TODAY), key.begin(0, TODAY)
    key.day.end(first, TODAY, 4, 5)
    key.begin(0, TODAY)
    key.day.end(second, TODAY, 4, 5)
    assert key.tokens_left(TODAY) == KeyLeft(10, 0, 3600)
    with pytest.raises(KeyLimitExceeded):
        key.begin(0, TODAY)
    assert key.tokens_left(TOMORROW) == KeyLeft(10, 10, 0)
    assert KeyAllowance("bob").tokens_left(TODAY) is None


def test_the_nearest_limit_is_the_one_that_is_shown() -> None:
    """That with the fewest requests left; of two alike, the one that is renewed later."""
    key = KeyAllowance("bob", rpm=2, per_day=3)
    assert key.left(0, TODAY) == KeyLeft(2, 2, 0)
    key.begin(0, TODAY)
    assert key.left(1, TODAY) == KeyLeft(2, 1, 59)
    key.begin(1, TODAY)
    assert key.left(60, TODAY) == KeyLeft(3, 1, 3600)
    key.begin(62, TODAY)
    assert key.left(62, TODAY) == KeyLeft(3, 0, 3600)
    assert key.left(62, TOMORROW) == KeyLeft(2, 1, 60)
    assert (key.in_minute(62), key.under_way, key.most) == (1, 3, 2)
