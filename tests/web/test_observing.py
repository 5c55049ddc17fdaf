"""What the server tells of its requests: a line of the log each, ``Server-Timing``, ``/metrics``,
the last hour.
"""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from attrs import evolve, field, frozen
from prometheus_client.parser import text_string_to_metric_families

from grokcore import errors
from grokcore.protocol.advice import ADVICE, advice
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import FailedAttempt
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    answer,
    answer_lines,
    error,
    page,
    play_lines,
)
from grokcore.web.history import FAULTS_KEPT, MINUTES, SAMPLES_PER_MINUTE, History, Minute
from grokcore.web.metrics import TICK_S, watch_lag
from grokcore.web.trace import Trace
from tests.examples import FIRST_TOKEN
from tests.servers import Site, chat, on_site, read_until, run_on_site
from tests.wire import post, upstream_free

CANARY = "canary-7f3a"
"""In the prompt, the answer, the key, the token, the query and a header: in no line of the log."""

KEYED = f'[[keys]]\nname = "laptop"\nkey = "key-{CANARY}"'
TOKENS = (TokenEntry(f"sso-{CANARY}"),)
PICTURE = {
    "type": "image_url",
    "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="},
}


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of the requests that were told at INFO."""
    return [
        record.fields["request"]  # type: ignore[attr-defined]
        for record in caplog.records
        if record.name == "grokcore.requests" and record.levelno == logging.INFO
    ]


@frozen
class Case:
    """A request, and what its line says."""

    name: str
    body: dict[str, Any] = field(factory=lambda: chat(f"say {CANARY}"))
    script: Script = field(factory=lambda: answer(f"well {CANARY}"))
    path: str = "/v1/chat/completions"
    key: str = f"key-{CANARY}"
    says: dict[str, Any] = field(factory=dict)
    lacks: tuple[str, ...] = ("code", "client_left")


CASES = [
    Case(
        "answered",
        says={
            "method": "POST",
            "path": "/v1/chat/completions",
            "status": 200,
            "model": "grok-3-fast",
            "key": "laptop",
            "attempts": 1,
            "tokens_in": 4,
            "tokens_out": 4,
        },
        lacks=("code", "client_left", "stream", "upload"),
    ),
    Case(
        "streamed",
        body=chat("hi", stream=True),
        says={"status": 200, "stream": True, "tokens_out": 4},
    ),
    Case(
        "a query is not told",
        path=f"/v1/chat/completions?q={CANARY}",
        says={"path": "/v1/chat/completions"},
    ),
    Case(
        "refused by Grok",
        script=page(),
        says={"status": 502, "code": "upstream_challenge", "attempts": 1, "tokens_out": 0},
        lacks=("first", "client_left"),
    ),
    Case(
        "broken off",
        body=chat("hi", stream=True),
        script=Script((*FIRST_TOKEN.steps[:1], CUT)),
        says={"status": 200, "code": "upstream_error", "tokens_out": 1},
        lacks=("client_left",),
    ),
    Case(
        "unknown model",
        body=chat("hi", model=f"model-{CANARY}"),
        says={"status": 404, "code": "model_not_found"},
        lacks=("model", "attempts", "client_left"),
    ),
    Case(
        "wrong key",
        key=f"wrong-{CANARY}",
        says={"status": 401, "code": "invalid_api_key"},
        lacks=("key", "model"),
    ),
    Case(
        "no such route",
        path=f"/v1/nothing/%0a{CANARY[:6]}",
        says={"status": 404, "path": "/v1/nothing/%0acanary"},
        lacks=(),
    ),
    Case("no chat", body={}, says={"status": 400, "code": "invalid_request_error"}, lacks=()),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_request_has_one_line(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """With what happened to it, and with nothing that is the client's or Grok's own words."""

    async def scenario(site: Site) -> None:
        site.simulator.always(case.script)
        headers = {
            "x-request-id": "mine-1",
            "authorization": f"Bearer {case.key}",
            "user-agent": CANARY,
        }
        await site.client.post(case.path, json=case.body, headers=headers)

    with caplog.at_level(logging.INFO):
        run_on_site(scenario, tokens=TOKENS, config=KEYED)
    (line,) = lines_of(caplog)
    assert line["id"] == "mine-1"
    assert {name: line.get(name) for name in case.says} == case.says
    assert not [name for name in case.lacks if name in line]
    ours = [record for record in caplog.records if record.name.startswith("grokcore")]
    assert not [record for record in ours if CANARY in record.getMessage()]
    told = [record.getMessage() for record in caplog.records if record.name == "grokcore.requests"]
    assert re.fullmatch(r"mine-1 POST \S+ \d{3}( [a-z_]+=\S+)+", told[0])


def test_a_client_that_left_is_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    """From a failure of Grok's: no code, and the token is not to blame."""

    async def scenario(site: Site) -> None:
        site.simulator.always(FIRST_TOKEN)
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=True)))
            await read_until(stream, b"data: ")
        await upstream_free(site)()
        while not lines_of(caplog):
            await trio.testing.wait_all_tasks_blocked(0.001)

    with caplog.at_level(logging.INFO):
        run_on_site(scenario)
    (line,) = lines_of(caplog)
    assert line["client_left"] is True
    assert line["status"] == 200
    assert "code" not in line


@on_site
async def test_only_what_asks_is_counted_as_asking(site: Site) -> None:
    """OPTIONS of the same route does not."""
    assert (await site.client.options("/v1/chat/completions")).status_code == 204
    assert (await scraped(site))("requests_total", model="", code="ok") is None


def test_what_asks_nothing_of_grok_is_told_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """Health checks and scrapers come every few seconds; only when they are refused is it worth a
    line.
    """

    async def scenario(site: Site) -> None:
        for path in ("/health", "/v1/models", "/metrics"):
            assert (await site.client.get(path)).status_code == 200

    with caplog.at_level(logging.DEBUG, "grokcore.requests"):
        run_on_site(scenario)
    told = [record for record in caplog.records if record.name == "grokcore.requests"]
    assert [record.levelno for record in told] == [logging.DEBUG] * 3


# Server-Timing ----------------------------------------------------------------------------------


def timing(answer: httpx.Response) -> dict[str, float]:
    """The header, in milliseconds by name."""
    parts = (part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    return {name: float(duration) for name, duration in parts}


@on_site
async def test_an_answer_says_where_its_time_went(site: Site) -> None:
    """Waiting for a token, bringing pictures up, until Grok's first word, and all in all."""
    site.simulator.always(evolve(answer("ok"), before=0.05))
    whole = timing(await site.ask())
    assert list(whole) == ["queue", "upload", "first", "total"]
    assert 50 <= whole["first"] <= whole["total"] < 5000
    assert list(timing(await site.ask(stream=True))) == ["queue", "upload", "first"]
    content = [{"type": "text", "text": "what is it?"}, PICTURE]
    with_picture = timing(await site.ask(messages=[{"role": "user", "content": content}]))
    assert with_picture["upload"] > 0
    site.simulator.always(page())
    assert list(timing(await site.ask())) == ["queue", "upload", "total"]
    assert "server-timing" not in (await site.client.get("/v1/models")).headers


@on_site(tokens=(TokenEntry("only"),), config="[pool]\nmax_in_flight_per_token = 1")
async def test_the_wait_for_a_token_is_the_queue(site: Site) -> None:
    """The second request waits for the first one's token."""
    site.simulator.always(evolve(answer("ok"), before=0.1))
    found: list[dict[str, float]] = []

    async def one() -> None:
        found.append(timing(await site.ask()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        nursery.start_soon(one)
    waited = sorted(one["queue"] for one in found)
    assert waited[0] < 50
    assert waited[1] >= 90


# Metrics ----------------------------------------------------------------------------------------


async def scraped(site: Site, key: str = "") -> Callable[..., float | None]:
    """The value of a sample by its name and labels; None if there is none."""
    answer = await site.client.get("/metrics", headers={"x-api-key": key} if key else {})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: samples.get((f"grok2api_{name}", frozenset(labels.items())))


@on_site
async def test_prometheus_gets_what_happened(site: Site) -> None:
    """Requests by model and code, times, failures by class, and the state of the moment."""
    site.simulator.always(answer("ok"))
    for _ in range(2):
        await site.ask()
    await site.ask(model="no such model")
    site.simulator.always(error(500, {}))
    await site.ask(model="grok-4.1")
    site.simulator.always(Script((HANG,)))
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await site.simulator.until(lambda: bool(site.simulator.open_calls))
        assert (await scraped(site))("streams_open") == 1
    await upstream_free(site)()
    await site.settled()
    value = await scraped(site)
    assert value("requests_total", model="grok-3-fast", code="ok") == 2
    assert value("requests_total", model="", code="model_not_found") == 1
    assert value("requests_total", model="grok-4.1", code="upstream_error") == 1
    assert value("requests_total", model="grok-3-fast", code="client_left") == 1
    assert value("upstream_failures_total", code="upstream_error") == 3
    assert value("time_to_first_event_seconds_count", model="grok-3-fast") == 2
    assert value("request_duration_seconds_count", model="grok-4.1") == 1
    assert value("streams_open") == 0
    assert value("requests_waiting") == 0
    tasks = value("tasks")
    assert tasks is not None
    assert tasks > 5
    states = [
        value("tokens", state=state)
        for state in ("ok", "unknown", "cooling", "invalid", "disabled")
    ]
    assert sum(one for one in states if one is not None) == 5
    assert None not in states


@on_site
async def test_looking_at_metrics_changes_nothing(site: Site) -> None:
    """An idle server asks Grok nothing, however often it is scraped; and no group begins to be kept
    for it.
    """
    await site.ask()
    await site.settled()
    book = site.server.pool.book
    before = (len(site.simulator.asks), book.polls.next_at(), len(book._choice._shelves))
    for _ in range(3):
        await scraped(site)
    assert (len(site.simulator.asks), book.polls.next_at(), len(book._choice._shelves)) == before


def test_an_answer_that_was_not_taken_is_not_complete(caplog: pytest.LogCaptureFixture) -> None:
    """A client that stops reading and is given up has left, whatever was written into the void
    after that.
    """

    async def scenario(site: Site) -> None:
        site.simulator.always(play_lines(answer_lines(["x" * 1000] * 6000, message="short")))
        async with await site.connect() as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await stream.send_all(post(chat()))
            while not lines_of(caplog):
                await trio.testing.wait_all_tasks_blocked(0.01)

    with caplog.at_level(logging.INFO):
        run_on_site(scenario, config="[server]\nwrite_timeout_seconds = 0.2")
    (line,) = lines_of(caplog)
    assert line["client_left"] is True


@on_site
async def test_what_is_left_is_told_by_group(site: Site) -> None:
    """Once Grok has said; before, a group is not there: nothing would be a lie."""
    assert (await scraped(site))("quota_left", group="grok-3") is None
    await site.ask()
    await site.settled()
    left = (await scraped(site))("quota_left", group="grok-3")
    assert left is not None
    assert left > 0


@on_site(config='[grok]\napi_key = "k"\n[[keys]]\nname = "g"\nkey = "guest"\nrpm = 5')
async def test_metrics_are_for_the_owner(site: Site) -> None:
    """With a key set they ask for it, and a guest's key does not open them. Strangers leave no
    trace in them.
    """
    assert (await site.client.get("/metrics")).status_code == 401
    assert (await site.ask()).status_code == 401
    guest = await site.client.get("/metrics", headers={"x-api-key": "guest"})
    assert (guest.status_code, guest.json()["error"]["code"]) == (403, "permission_denied")
    assert (await scraped(site, "k"))("requests_total", model="", code="invalid_api_key") is None


def test_the_lag_is_what_a_sleeper_is_late() -> None:
    """A loop that something has blocked for three seconds was two late."""
    clock = trio.testing.MockClock()
    told: list[float] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch_lag, told.append)
            for seconds in (TICK_S, TICK_S + 2):
                await trio.testing.wait_all_tasks_blocked()
                clock.jump(seconds)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=clock)
    assert told == [0, 2]


# The last hour ----------------------------------------------------------------------------------


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


def test_a_minute_counts_what_ended_in_it() -> None:
    """Sixty minutes, the running one last; empty ones are there too; what is older is gone."""
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
    challenge = FailedAttempt(errors.Challenge("a page"), "grok-4.1", "aaaa")
    hour.history.attempt_failed(challenge)
    hour.history.attempt_failed(FailedAttempt(errors.TimeoutChunk("silence"), "grok-4.1", "bbbb"))
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
    while not site.server.state.history.faults():  # it is told when the request is over
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
    """It is told as the request's outcome, once, and not among the failures upstream."""
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
    """No token at all, say; one that failed with its attempts is not told twice."""
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
    assert set(ADVICE) <= codes
    assert blameless - set(ADVICE) == {"shutting_down"}
    assert advice("shutting_down") == ""


# Keys -------------------------------------------------------------------------------------------

LIMITED = """
[grok]
api_key = "owner"
[[keys]]
name = "slow"
key = "slow"
rpm = 2
[[keys]]
name = "one"
key = "one"
concurrent = 1
[[keys]]
name = "small"
key = "small"
models = ["grok-3-fast", "grok-4.1"]
[[keys]]
name = "free"
key = "free"
"""


async def ask_as(site: Site, key: str, **fields: Any) -> httpx.Response:
    """A chat request with this key."""
    return await site.client.post(
        "/v1/chat/completions", json=chat(**fields), headers={"x-api-key": key}
    )


@on_site(config=LIMITED)
async def test_a_key_has_its_requests_per_minute(site: Site) -> None:
    """Told in the headers of each answer, and of the refusal with the wait; other keys have nothing
    to do with it.
    """
    site.simulator.always(answer("ok"))
    first, second = await ask_as(site, "slow"), await ask_as(site, "slow")
    assert (
        first.headers["x-ratelimit-limit-requests"]
        == second.headers["x-ratelimit-limit-requests"]
        == "2"
    )
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert second.headers["x-ratelimit-remaining-requests"] == "0"
    third = await ask_as(site, "slow")
    assert (third.status_code, third.json()["error"]["code"]) == (429, "key_limit_exceeded")
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert third.headers["x-ratelimit-reset-requests"] in (
        "1m",
        "60s",
        *(f"{seconds}s" for seconds in range(55, 60)),
    )
    assert third.headers["x-should-retry"] == "true"
    assert (await ask_as(site, "free")).status_code == 200
    assert (await ask_as(site, "owner")).status_code == 200


@on_site(config=LIMITED)
async def test_a_guest_sees_nothing_of_the_tokens(site: Site) -> None:
    """Neither which one answered nor what all of them have left, also when they have nothing left;
    the owner does.
    """
    await ask_as(site, "free")
    await site.settled()
    owner, guest = await ask_as(site, "free"), await ask_as(site, "small")
    site.simulator.always(error(429, {}))
    refused = await ask_as(site, "slow")
    assert {"x-grok2api-token", "x-ratelimit-limit-requests"} <= set(owner.headers)
    assert not {"x-grok2api-token", "x-ratelimit-limit-requests"} & set(guest.headers)
    assert refused.status_code == 429
    assert (
        refused.headers["x-ratelimit-limit-requests"],
        refused.headers["x-ratelimit-remaining-requests"],
    ) == (
        "2",
        "1",
    )


@on_site(config=LIMITED)
async def test_a_key_has_its_requests_at_once(site: Site) -> None:
    """However they end, their place is free again: answered, failed, or because the client left."""
    site.simulator.always(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True), "x-api-key: one"))
        await read_until(stream, b"data: ")
        refused = await ask_as(site, "one")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "key_limit_exceeded")
        assert "x-ratelimit-limit-requests" not in refused.headers
    await upstream_free(site)()
    await trio.testing.wait_all_tasks_blocked(0.01)
    site.simulator.always(error(500, {}))
    assert (await ask_as(site, "one")).status_code == 502
    assert (await ask_as(site, "one", model="?")).status_code == 404
    site.simulator.always(answer("ok"))
    assert (await ask_as(site, "one")).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@on_site(config=LIMITED)
async def test_whoever_has_the_whole_answer_may_ask_again_at_once(site: Site, stream: bool) -> None:
    """The place is free before the last byte goes out, not when the rest of Grok's response has
    been read.
    """
    site.simulator.always(Script((*answer("ok").steps, HANG)))
    for _ in range(5):
        assert (await ask_as(site, "one", stream=stream)).status_code == 200


@on_site(config=LIMITED)
async def test_a_key_has_its_models(site: Site) -> None:
    """It sees no others, and asks no others, by any route."""
    as_small = {"x-api-key": "small"}
    listed = (await site.client.get("/v1/models", headers=as_small)).json()["data"]
    assert [model["id"] for model in listed] == ["grok-3-fast", "grok-4.1"]
    assert (await site.client.get("/v1/models/grok-4.1", headers=as_small)).status_code == 200
    for refused in (
        await site.client.get("/v1/models/grok-4-heavy", headers=as_small),
        await ask_as(site, "small", model="grok-4-heavy"),
        await site.client.post(
            "/v1/images/generations",
            json={"prompt": "p", "model": "grok-4-heavy"},
            headers=as_small,
        ),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")
        assert refused.json()["error"]["message"].endswith("it may use: grok-3-fast, grok-4.1.")
    unknown = (await ask_as(site, "small", model="?")).json()["error"]
    assert unknown["code"] == "model_not_found"
    assert unknown["message"].endswith("There are: grok-3-fast, grok-4.1.")
    assert site.simulator.calls == []


@on_site(config=LIMITED)
async def test_looking_is_not_counted(site: Site) -> None:
    """The list of models does not ask Grok, so it costs a key nothing."""
    for _ in range(5):
        assert (
            await site.client.get("/v1/models", headers={"x-api-key": "slow"})
        ).status_code == 200
    assert (await ask_as(site, "slow")).headers["x-ratelimit-remaining-requests"] == "1"


@on_site(config=LIMITED)
async def test_what_was_used_stays_used_over_a_reload(site: Site) -> None:
    """Else whoever may touch the configuration file for another reason would give everybody a fresh
    minute.
    """
    await ask_as(site, "slow")
    site.server.adopt_config(site.server.state.config)
    assert (await ask_as(site, "slow")).headers["x-ratelimit-remaining-requests"] == "0"
    assert (await ask_as(site, "slow")).status_code == 429


def test_the_request_line_is_json_when_the_log_is() -> None:
    """Its fields are plain JSON values."""
    trace = Trace("r", "POST", "/x", 1.0, asks=True, status=200, complete=True)
    trace.ended = 2.5
    from grokcore.web.request_log import _fields

    assert json.loads(json.dumps(_fields(trace))) == {
        "id": "r",
        "method": "POST",
        "path": "/x",
        "status": 200,
        "total": 1.5,
    }
