"""The credits of the CLI's session, as the status page shows them."""

from __future__ import annotations

import pytest
import trio

from grokcore.protocol.models import LaneName
from grokcore.protocol.official.billing import CREDITS_PATH, Credits
from grokcore.runtime.lanes.official.asker import OfficialAsker
from grokcore.runtime.lanes.official.credits import CreditsLook
from grokcore.simulator.scripts import error
from tests.scenarios import on_fake_clock

from .xai import asker, xai


@on_fake_clock
async def test_xai_is_asked_every_ten_minutes_at_most() -> None:
    """And only if somebody looks; an answer that fails shows nothing, and news are told."""
    answers = [error(200, {"config": {"creditUsagePercent": used}}) for used in (5, 5, 6)]
    grok = xai()
    grok.by_path[CREDITS_PATH] = [*answers, error(500, {})]
    news: list[Credits | None] = []
    look = CreditsLook(lambda: asker(grok, lane=LaneName.CLI), lambda: news.append(look.look()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look.run)
        await trio.sleep(5000)
        assert look.look() is None
        found = []
        for _ in range(7):
            await trio.sleep(300)
            found.append(look.look())
        nursery.cancel_scope.cancel()
    assert found == [Credits(5)] * 4 + [Credits(6)] * 2 + [None]
    assert grok.times == [5000, 5600, 6200, 6800]
    assert news == [Credits(5), Credits(6), None]


@on_fake_clock
async def test_a_bug_in_a_question_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the credits are unknown."""

    def broken() -> OfficialAsker:
        raise RuntimeError("a bug")

    look = CreditsLook(broken)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(look.run)
        look.look()
        await trio.sleep(1)
        assert look.look() is None
        nursery.cancel_scope.cancel()
    assert "a bug ended a question" in caplog.text
