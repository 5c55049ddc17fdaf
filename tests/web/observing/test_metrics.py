"""``/metrics``, as Prometheus reads it."""

from __future__ import annotations

import logging
import socket

import pytest
import trio
import trio.testing

from grokcore.simulator.scripts import (
    HANG,
    Script,
    answer,
    answer_lines,
    error,
    play_lines,
)
from grokcore.web.observing.metrics import TICK_S, watch_lag
from tests.servers import Site, chat, on_site, run_on_site
from tests.web.observing.records import lines_of, scraped
from tests.wire import post, upstream_free


@on_site
async def test_corrections_are_counted_and_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """An owner sees how often Grok breaks the form of calls."""
    caplog.set_level("INFO", "grokcore.requests")
    tool = {"type": "function", "function": {"name": "now"}}
    site.simulator.always(answer('<fn:call name="now">'))
    response = await site.ask(tools=[tool])
    assert response.json()["error"]["code"] == "tool_call_failed"
    await site.settled()
    value = await scraped(site)
    assert value("corrections_total", model="grok-3-fast") == 1
    assert " attempts=2 corrected=1 " in caplog.text


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
    """An idle server asks Grok nothing, however often it is scraped; and what the condition's first
    look at all models has begun to keep does not grow.
    """
    await site.ask()
    await site.settled()
    await scraped(site)
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
