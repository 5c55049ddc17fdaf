"""Several at once: all results in their order, or one error as itself."""

from __future__ import annotations

import pytest
import trio

from grokcore.errors import AttachmentRefused
from grokcore.runtime.gather import for_all
from tests.scenarios import on_fake_clock


@on_fake_clock
async def test_results_keep_the_order_of_their_items() -> None:
    """Results are in the order of the items, and no more are under way than allowed."""
    under_way = most = 0

    async def work(seconds: int) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await trio.sleep(seconds)
        under_way -= 1
        return seconds * 10

    assert await for_all([3, 1, 2, 1], work, at_once=2) == [30, 10, 20, 10]
    assert most == 2
    assert await for_all([], work) == []


@on_fake_clock
async def test_a_failure_ends_the_others_and_is_raised_as_itself() -> None:
    """A handler of one error need not know that several items were under way."""

    async def work(seconds: int) -> None:
        await trio.sleep(seconds)
        raise AttachmentRefused(f"after {seconds}")

    began = trio.current_time()
    with pytest.raises(AttachmentRefused, match="after 1"):
        await for_all([5, 1, 9], work)
    assert trio.current_time() - began == 1
