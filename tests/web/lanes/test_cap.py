"""The daily cap, to the cent, with real clients of the whole server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from grokcore.simulator.official.answers import Answer, Break, Manner
from grokcore.simulator.scripts import HANG
from tests.servers import Site, chat, http_request, on_site, read_until, run_on_site
from tests.web.lanes.paid_site import API, CENT, MODEL, ask, error_of, nothing_left, questions

DIME = f"{API}daily_usd = 0.10\n"


async def ask_many(site: Site, count: int, **fields: Any) -> list[httpx.Response]:
    """The answers to *count* questions at once."""
    replies: list[httpx.Response] = []

    async def one() -> None:
        replies.append(await ask(site, **fields))

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    return replies


def spent(site: Site) -> int:
    return site.server.official.spending.spent


@pytest.mark.parametrize("stream", [False, True])
@on_site(official=True, config=DIME)
async def test_fifty_at_once_get_ten_answers_for_a_dime(site: Site, stream: bool) -> None:
    """Each costs a cent. The others are told of the cap, and when the day ends."""
    site.official.costs[MODEL] = CENT
    replies = await ask_many(site, 50, stream=stream)
    answered = [reply for reply in replies if reply.status_code == 200]
    refused = [reply for reply in replies if reply.status_code != 200]
    assert (len(answered), len(refused)) == (10, 40)
    assert all("You said: hello" in reply.text.replace('"}', "") or stream for reply in answered)
    for reply in refused:
        assert (reply.status_code, error_of(reply)["code"]) == (429, "rate_limit_exceeded")
        assert "daily_usd" in error_of(reply)["message"]
        assert 0 < int(reply.headers["retry-after"]) <= 86_400
    assert site.official.spent_ticks == spent(site) == 10 * CENT
    assert nothing_left(site)


@on_site(official=True, config=DIME)
async def test_clients_that_leave_are_counted_as_xai_counts_them(site: Site) -> None:
    """An answer that nobody waited for was written all the same: the cap holds with them."""
    site.official.costs[MODEL] = CENT
    site.official.pace_s = 0.01
    assert (await ask(site)).status_code == 200

    async def leave() -> None:
        body = json.dumps({**chat("hi", stream=True), "model": MODEL}).encode()
        async with await site.connect() as stream:
            await stream.send_all(http_request(body))
            await read_until(stream, b"\r\n\r\n")

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(leave)
    await site.official.until(lambda: not site.official.open_calls)
    await ask_many(site, 20)
    assert site.official.spent_ticks <= 10 * CENT
    assert spent(site) == 10 * CENT
    assert nothing_left(site)


def test_a_restart_forgets_no_cent(tmp_path: Path) -> None:
    """The state file carries the day's spending over."""
    file, asked = tmp_path / "state.json", []

    async def scenario(site: Site) -> None:
        site.official.costs[MODEL] = CENT
        replies = await ask_many(site, 6)
        asked.append(sum(reply.status_code == 200 for reply in replies))

    for _ in range(3):
        run_on_site(scenario, official=True, config=DIME, state_file=file)
    assert asked == [6, 4, 0]


def test_a_new_day_begins_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner's midnight ends a day; nothing has to be restarted."""
    day = ["2026-11-29"]
    monkeypatch.setattr("grokcore.runtime.days.Days.__call__", lambda _: (day[0], 3600.0))

    async def scenario(site: Site) -> None:
        site.official.costs[MODEL] = 10 * CENT
        assert (await ask(site)).status_code == 200
        refused = await ask(site)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
        day[0] = "2026-11-30"
        assert (await ask(site)).status_code == 200
        assert spent(site) == 10 * CENT

    run_on_site(scenario, official=True, config=DIME)


@on_site(official=True, config=DIME)
async def test_an_answer_under_way_is_never_cut_by_the_cap(site: Site) -> None:
    """It ends whole, though it costs three times the cap."""
    site.official.costs[MODEL] = 30 * CENT
    site.official.pace_s = 0.02
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    async with site.client.stream("POST", "/v1/chat/completions", json=body) as reply:
        assert reply.status_code == 200
        site.server.official.spending.spent += 10 * CENT
        text = "".join([piece async for piece in reply.aiter_text()])
    assert text.rstrip().endswith("data: [DONE]")
    assert '"finish_reason":"stop"' in text.replace(" ", "")
    assert (await ask(site)).status_code == 429
    assert len(questions(site)) == 1


@on_site(official=True, config=DIME)
async def test_a_refusal_costs_nothing(site: Site) -> None:
    """What xAI refuses is not charged, nor reserved for ever."""
    for _ in range(3):
        assert (await ask(site, text="simulate:object_error")).status_code == 502
    assert spent(site) == 0
    assert nothing_left(site)
    assert (await ask(site)).status_code == 200


@pytest.mark.parametrize("while_waiting", [True, False])
@on_site(official=True, config=DIME)
async def test_a_client_that_leaves_lets_xai_go(site: Site, while_waiting: bool) -> None:
    """Before the first event and between two: the request ends within a second, and the lease."""
    after = 0 if while_waiting else 8
    manner = Manner(breaks=Break(after, HANG))
    site.official.always(Answer("one two three four five six", manner=manner))
    body = json.dumps({**chat("hi", stream=True), "model": MODEL}).encode()
    async with await site.connect() as stream:
        await stream.send_all(http_request(body))
        if while_waiting:
            await site.official.until(lambda: bool(questions(site)))
        else:
            await read_until(stream, b"two")
    began = trio.current_time()
    await site.official.until(lambda: bool(questions(site)) and not site.official.open_calls)
    while not nothing_left(site) or site.gateway.open_count:
        await trio.testing.wait_all_tasks_blocked(0.002)
    assert trio.current_time() - began < 1
    assert questions(site)[0].outcome == "aborted"
