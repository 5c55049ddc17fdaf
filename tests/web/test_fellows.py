"""The other workers of a server, as its reports see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from grokcore.runtime.workers.peers import Answerer
from grokcore.web.fellows import Fellows
from grokcore.web.observing.history import Fault, Minute
from grokcore.web.team import Team
from tests.scenarios import decorator, run_on_fake_clock

on_fake_clock = decorator(run_on_fake_clock)


class TwoOthers:
    """Worker 1 of three. Worker 2 hangs."""

    index, count, restarts = 1, 3, 0

    def __init__(self) -> None:
        self.asked: list[str] = []

    def answer(self, topic: str, answerer: Answerer) -> None:
        raise AssertionError

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:
        self.asked.append(topic)
        await trio.sleep(1)
        if topic == "keeps":
            return [None, "there"]
        return [{"worker": 0, "restarts": 2, "open": 5, "waiting": 1, "minutes": [], "faults": []}]


@on_fake_clock
async def test_figures_are_asked_for_once_a_second_at_most() -> None:
    """However many pages are open, at however many workers."""
    peers = TwoOthers()
    fellows = Team(peers)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(fellows.refresh)
    assert peers.asked == ["figures"]
    await trio.sleep(1)
    await fellows.refresh()
    assert peers.asked == ["figures"] * 2


@on_fake_clock
async def test_a_report_is_about_the_whole_server_and_names_who_is_missing() -> None:
    """So that sums which lack a part are no riddle."""
    fellows = Team(TwoOthers())
    await fellows.refresh()
    report = fellows.health({"open": 1, "waiting": 0})
    workers = {"count": 3, "missing": [2], "restarts": 2}
    assert report == {"open": 6, "waiting": 1, "workers": workers}
    fault = Fault(1.0, 1, "code", "message", "model", "token")
    assert fellows.faults([fault]) == [fault]
    minute = Minute(60, 1, 0, 0.5, 0.5)
    assert fellows.minutes([minute])[0]["requests"] == 1
    assert await fellows.first("keeps", None) == "there"
    assert await fellows.first("other", None) is not None


@on_fake_clock
async def test_one_process_asks_nobody() -> None:
    """And its reports are its own."""
    fellows = Fellows()
    began = trio.current_time()
    await fellows.refresh()
    assert fellows.alone
    assert await fellows.ask("figures") == ()
    assert await fellows.first("keeps", None) is None
    assert fellows.health({"open": 1}) == {"open": 1, "workers": None}
    assert trio.current_time() == began
