"""The last hour and the last faults."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from attrs import field, frozen

from grokcore import errors
from grokcore.protocol.advice import ADVICE, OFFICIAL_ADVICE, advice
from grokcore.protocol.models import LaneName
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.facts import Manner, Times
from grokcore.simulator.scripts import answer, page
from grokcore.web.observing.history import FAULTS_KEPT, MINUTES, SAMPLES_PER_MINUTE, History, Minute
from grokcore.web.observing.trace import Trace
from tests.examples import FIRST_TOKEN
from tests.runtime.failed_attempts import failed_attempt
from tests.servers import Site, chat, on_site, read_until
from tests.web.observing.records import CANARY, scraped
from tests.wire import post


class Hour:
    """A history with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000_020.0
        self.history = History(lambda: self.now)

    def ended(
        self, status: int = 200, failure: errors.GrokApiError | None = None, *, asks: bool = True
    ) -> None:
        trace = Trace("r", "POST", "/", 0.0, asks=asks, status=status, error=failure, complete=True)
        self.history.request_ended(trace)

    def attempted(self, failure: errors.GrokApiError, token: str) -> None:
        """End a request after one attempt with *token*, which has been reported."""
        asked = AskedOnce(token)
        trace = Trace("r", "POST", "/", 0.0, asks=True, model="grok-4", status=502, error=failure)
        trace.completion = asked
        self.history.request_ended(trace)


@frozen
class AskedOnce:
    """The facts of a completion whose only attempt has failed."""

    token_id: str
    attempts: int = 1
    failed: tuple[str, ...] = ("refused@t",)
    corrections: int = 0
    times: Times = field(factory=Times)
    manner: Manner = field(factory=lambda: Manner(LaneName.WEB))
    cost: int | None = None


def test_a_minute_counts_what_ended_in_it() -> None:
    """Sixty minutes, the current one last, empty ones included; older ones are dropped."""
    hour = Hour()
    hour.ended()
    hour.now += 60
    hour.ended()
    hour.ended(502, errors.Challenge("c"))
    hour.ended(400, errors.InvalidRequest("the client's own fault"))
    hour.ended(asks=False)
    minutes = hour.history.minutes()
    assert len(minutes) == MINUTES
    assert [minute.at for minute in minutes] == list(range(1_000_080 - 59 * 60, 1_000_081, 60))
    assert minutes[-2:] == [
        Minute(1_000_020, 1, 0, None, None),
        Minute(1_000_080, 3, 1, None, None),
    ]
    assert not any(minute.requests for minute in minutes[:-2])
    hour.now += 3600
    assert not any(minute.requests for minute in hour.history.minutes())


def test_a_clock_that_is_set_back_breaks_nothing() -> None:
    """It happens to small machines after their start."""
    hour = Hour()
    hour.ended()
    hour.now -= 7200
    hour.ended()
    assert hour.history.minutes()[-1].requests == 1
    hour.now += 7200
    hour.ended()
    assert len(hour.history.minutes()) == MINUTES
    assert hour.history.minutes()[-1].requests == 2


def test_the_times_of_a_minute_are_a_fair_and_bounded_sample() -> None:
    """Median and 95th percentile, of as many requests as there may be."""
    hour = Hour()
    bucket = hour.history._bucket()
    for milliseconds in range(20 * SAMPLES_PER_MINUTE):
        bucket.note_first(milliseconds / (20 * SAMPLES_PER_MINUTE))
    assert len(bucket.first) == SAMPLES_PER_MINUTE
    minute = hour.history.minutes()[-1]
    assert minute.first_p50_s == pytest.approx(0.5, abs=0.15)
    assert minute.first_p95_s == pytest.approx(0.95, abs=0.08)


def test_faults_of_the_same_words_are_one() -> None:
    """The newest first, with their number; and never more than a few."""
    hour = Hour()
    challenge = failed_attempt(errors.Challenge("a page"), "grok-4.1", "aaaa")
    hour.history.attempt_failed(challenge)
    hour.history.attempt_failed(failed_attempt(errors.TimeoutChunk("silence"), "grok-4.1", "bbbb"))
    hour.now += 5
    hour.history.attempt_failed(challenge)
    newest, other = hour.history.faults()
    assert (newest.code, newest.count, newest.at, newest.token) == (
        "upstream_challenge",
        2,
        hour.now,
        "aaaa",
    )
    assert other.code == "timeout_chunk"
    for seconds in (3547, 3546):
        hour.history.note_fault("rate_limit_exceeded", f"back in {seconds} s", "", "")
    assert (hour.history.faults()[0].message, hour.history.faults()[0].count) == (
        "back in 3546 s",
        2,
    )
    for number in range(FAULTS_KEPT + 5):
        hour.history.note_fault("upstream_error", "a" * number, "", "")
    assert len(hour.history.faults()) == FAULTS_KEPT
    assert hour.history.faults()[0].message == "a" * (FAULTS_KEPT + 4)


@on_site
async def test_an_answers_words_are_not_the_owners(site: Site) -> None:
    """What Grok said instead of a picture goes to who asked, and neither into the list of faults
    nor into the log.
    """
    site.simulator.always(answer(f"you asked for {CANARY}"))
    refused = await site.client.post("/v1/images/generations", json={"prompt": "p"})
    assert CANARY in refused.json()["error"]["message"]
    while not site.server.state.history.faults():  # it is listed when the request is over
        await trio.testing.wait_all_tasks_blocked(0.001)
    (fault,) = site.server.state.history.faults()
    assert (fault.code, fault.message) == ("upstream_refused", "Grok made no picture.")


@pytest.mark.parametrize(
    ("count", "p50", "p95"), [(1, 1, 1), (2, 1, 2), (20, 10, 19), (100, 50, 95)]
)
def test_quantiles_are_by_nearest_rank(count: int, p50: float, p95: float) -> None:
    """The smallest value that at least so many do not exceed."""
    hour = Hour()
    for seconds in range(count, 0, -1):
        hour.history._bucket().note_first(seconds)
    minute = hour.history.minutes()[-1]
    assert (minute.first_p50_s, minute.first_p95_s) == (p50, p95)


@on_site
async def test_an_answer_that_the_server_ends_is_no_failure_of_groks(site: Site) -> None:
    """The failure is reported as the request's outcome, once, and not as one of Grok's."""
    site.simulator.always(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await read_until(stream, b"data: ")
        site.gateway.interrupt_all(errors.ShuttingDown("The server is stopping."))
        await read_until(stream, b"shutting_down")
    while not site.server.state.history.faults():
        await trio.testing.wait_all_tasks_blocked(0.001)
    value = await scraped(site)
    assert value("upstream_failures_total", code="shutting_down") is None
    assert value("requests_total", model="grok-3-fast", code="shutting_down") == 1


@on_site(tokens=(TokenEntry("basic"),))
async def test_a_request_that_failed_without_an_attempt_is_a_fault_too(site: Site) -> None:
    """A request without any token, for example; one whose attempts failed is not listed twice."""
    await site.ask(model="grok-4-heavy")
    site.simulator.always(page())
    await site.ask()
    await trio.testing.wait_all_tasks_blocked(0.01)
    assert [(fault.code, fault.count) for fault in site.server.state.history.faults()] == [
        ("upstream_challenge", 1),
        ("no_tokens", 1),
    ]


def test_there_is_advice_for_what_the_owner_can_mend() -> None:
    """Codes of the table only; each failure that is not the request's fault has some, but for what
    needs none.
    """
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, errors.GrokApiError)
    ]
    codes = {leaf.code for leaf in leaves if getattr(leaf, "code", None)}
    blameless = {
        leaf.code
        for leaf in leaves
        if getattr(leaf, "code", None) and leaf.blame is not errors.Blame.REQUEST
    }
    of_lanes = {leaf.code for leaf, _, _ in OFFICIAL_ADVICE}
    assert set(ADVICE) <= codes
    assert blameless - set(ADVICE) - of_lanes == {"shutting_down"}
    assert advice("shutting_down") == ""


def test_a_fault_that_reached_a_client_is_marked() -> None:
    """The owner tells failures that clients saw from attempts that a further one mended."""
    hour = Hour()
    hour.history.attempt_failed(failed_attempt(errors.Challenge("a page"), "grok-4", "aaaa"))
    assert [fault.reached for fault in hour.history.faults()] == [False]
    hour.attempted(errors.Challenge("a page"), "aaaa")
    assert [(fault.reached, fault.count) for fault in hour.history.faults()] == [(True, 1)]
    hour.history.attempt_failed(failed_attempt(errors.Challenge("a page"), "grok-4", "bbbb"))
    assert [(fault.reached, fault.count) for fault in hour.history.faults()] == [(True, 2)]


def test_the_cause_of_a_failure_is_marked_if_the_client_got_the_state_of_the_pool() -> None:
    """The client reads that no token is valid; the fault on the list is Grok's refusal of one."""
    hour = Hour()
    hour.history.attempt_failed(failed_attempt(errors.CredentialsRejected("c"), "grok-4", "aaaa"))
    hour.history.attempt_failed(failed_attempt(errors.TimeoutChunk("t"), "grok-4", "bbbb"))
    hour.attempted(errors.NoValidTokens("none"), "aaaa")
    assert {fault.token: fault.reached for fault in hour.history.faults()} == {
        "aaaa": True,
        "bbbb": False,
    }
    hour.attempted(errors.NoValidTokens("none"), "cccc")
    assert len(hour.history.faults()) == 2


def test_a_failure_before_any_attempt_reached_its_client() -> None:
    """No token was free, say."""
    hour = Hour()
    hour.ended(503, errors.NoTokens("none"))
    assert [(fault.code, fault.reached) for fault in hour.history.faults()] == [("no_tokens", True)]
