"""The credits of the CLI's session, as the status page shows them."""

from __future__ import annotations

import trio

from grokcore.protocol.models import LaneName
from grokcore.protocol.official.billing import CREDITS_PATH, Credits
from grokcore.runtime.lanes.official.credits import CreditsLook
from grokcore.simulator.scripts import error
from tests.scenarios import on_fake_clock

from .xai import asker, xai


@on_fake_clock
async def test_xai_is_asked_every_ten_minutes_at_most() -> None:
    """However often the page is looked at; an answer that fails shows nothing."""
    answers = [error(200, {"config": {"creditUsagePercent": used}}) for used in (5, 6)]
    grok = xai()
    grok.by_path[CREDITS_PATH] = [*answers, error(500, {})]
    look = CreditsLook(lambda: asker(grok, lane=LaneName.CLI))
    found: list[Credits | None] = []

    async def ask() -> None:
        found.append(await look.credits())

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    for _ in range(4):
        await trio.sleep(300)
        await ask()
    assert found == [Credits(5)] * 4 + [Credits(6)] * 2 + [None]
    assert grok.times == [0, 600, 1200]
