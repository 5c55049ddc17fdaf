"""Clients that leave: nothing of theirs stays."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import Script, answer, paced
from tests.examples import FIRST_TOKEN, SILENCE
from tests.lanes import each_lane
from tests.servers import Site, chat, on_site, read_until
from tests.web.edge.edge_cases import Holdings, keep_no_connection_of_asks
from tests.wire import happens, leave_at_once, post, read_reply, send_and_read, until, upstream_free


@frozen
class Leaving:
    """When a client leaves.

    :ivar script: what Grok is doing then.
    :ivar read: what the client has read by then; if nothing, it leaves as soon as Grok was asked.
    :ivar times: how many clients do so.
    """

    name: str
    stream: bool
    script: Script
    read: bytes = b""
    config: str = "[server]\ngrace_seconds = 0"
    times: int = 20


HELD = "[server]\ngrace_seconds = 0\nhold_seconds = 0"

LEAVING = (
    Leaving("whole, before Grok's head", stream=False, script=Script((), before=math.inf)),
    Leaving("whole, before the first event", stream=False, script=SILENCE, times=100),
    Leaving("whole, after the first event", stream=False, script=FIRST_TOKEN),
    Leaving("stream, before the head", stream=True, script=SILENCE),
    Leaving(
        "stream, before the first event", stream=True, script=SILENCE, read=b"\r\n\r\n", config=HELD
    ),
    Leaving(
        "stream, after the first event", stream=True, script=FIRST_TOKEN, read=b"data: ", times=100
    ),
    Leaving(
        "stream, lively", stream=True, script=paced(answer("a b c " * 1000), 0.0005), read=b"data: "
    ),
)


@each_lane
@pytest.mark.parametrize("leaving", LEAVING, ids=lambda leaving: leaving.name)
@on_site(config=lambda leaving: leaving.config, lane=lambda lane: lane)
async def test_of_a_client_that_left_nothing_stays(site: Site, leaving: Leaving) -> None:
    """Grok is let go, and after many of them there is no task, thread, descriptor, lease or
    completion more.

    Every other client closes, the others reset the connection.
    """
    keep_no_connection_of_asks(site)
    await site.introduce()
    site.play(leaving.script)
    before = Holdings.of(site)
    begun = len(site.asked)
    for number in range(leaving.times):
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=leaving.stream)))
            await site.simulator.until(lambda: len(site.asked) == begun + number + 1)  # noqa: B023
            if leaving.read:
                await read_until(stream, leaving.read)
            if number % 2:
                leave_at_once(stream)
        assert await happens(upstream_free(site))
        assert site.asked[-1].outcome == "aborted"
    await before.must_be_restored(site)


@pytest.mark.parametrize(
    "sent", [b"", post(chat())[:60], post(chat())], ids=["nothing", "half a head", "a request"]
)
@on_site
async def test_of_a_client_that_left_while_nothing_was_under_way_nothing_stays(
    site: Site, sent: bytes
) -> None:
    """Before its first request, in the middle of a head, or after its answer, like every curl."""
    keep_no_connection_of_asks(site)
    site.simulator.always(answer("ok"))
    await send_and_read(site, post(chat()))  # makes the connection to Grok, which is kept
    await until(lambda: not site.gateway.open_count)
    await site.settled()  # the poll of the allowance has a connection of its own, while it runs
    await trio.testing.wait_all_tasks_blocked(0.05)
    before = Holdings.of(site)
    for _ in range(5):
        async with await site.connect() as stream:
            await stream.send_all(sent)
            if sent == post(chat()):
                await read_reply(stream)
    await before.must_be_restored(site)


@each_lane
@on_site(
    config="[pool]\nmax_in_flight_per_token = 1",
    tokens=(TokenEntry("sso-one"),),
    lane=lambda lane: lane,
)
async def test_a_client_that_leaves_the_queue_for_a_token_leaves_no_gap(site: Site) -> None:
    """The one behind it is served when its turn comes."""
    site.play_for("sso-one", FIRST_TOKEN, answer("ok"))
    before = Holdings.of(site)
    async with await site.connect() as first, await site.connect() as last:
        await first.send_all(post(chat(stream=True)))
        await read_until(first, b"data: ")
        async with await site.connect() as second:
            await second.send_all(post(chat()))
            await until(lambda: site.gateway.pool.waiting == 1)
            await last.send_all(post(chat()))
            await until(lambda: site.gateway.pool.waiting == 2)
        await until(lambda: site.gateway.pool.waiting == 1)
        await first.aclose()
        assert (await read_reply(last)).status == 200
    await until(lambda: not site.gateway.open_count)
    assert (site.leased(), len(site.asked)) == (before.leases, 2)
