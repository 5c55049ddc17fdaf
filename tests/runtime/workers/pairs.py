"""Two ends of a channel in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing

from grokcore.runtime.workers.channel import Channel


def channel_pair() -> tuple[Channel, Channel]:
    """Two channels that are connected. Neither is run yet."""
    one, other = trio.testing.memory_stream_pair()
    return Channel(one), Channel(other)


@asynccontextmanager
async def running(*channels: Channel) -> AsyncIterator[trio.Nursery]:
    async with trio.open_nursery() as nursery:
        for channel in channels:
            nursery.start_soon(channel.run)
        yield nursery
        nursery.cancel_scope.cancel()


async def hangs(_: object) -> None:
    """An answerer that never answers."""
    await trio.sleep_forever()
