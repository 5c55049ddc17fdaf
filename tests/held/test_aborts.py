"""Clients that leave in every phase of a request: no lease, no exchange, no descriptor and no task
stays.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve, field, frozen

from grokcore.simulator import lines
from grokcore.simulator.app import Call
from grokcore.simulator.scripts import HANG, Script, Send, answer, drawing, error, wrapped
from tests.examples import FLOOD, asking, picture
from tests.servers import TOKENS, Site, chat, http_request, read_all, read_until, run_on_site
from tests.wire import connect_reluctantly, leave_at_once

from .figures import Figure, Record, sizes, thousands

SOON_S = 10.0
"""Real seconds within which everything is given back, on any machine."""

WAIT_S = 5.0
"""Real seconds within which a phase is reached."""

SETTLES_S = 0.1
"""Real seconds after an answer, within which the server, its client and the simulator have ended
what belongs to it.
"""

GROK_KEEPS_S = 0.5
PRUNED_S = 1.1
"""A connection that may be used again is no leak: Grok closes it soon, and libcurl drops it at the
first question after a second."""

WARM_UP = 20
"""Aborts before the descriptors are counted: afterwards libcurl and the threads have what they
keep.
"""

FEW = 4

FIRST_TOKEN = Script((Send(lines.line(wrapped(lines.token("a")))), HANG))
ASSET = f"users/{lines.USER_ID}/generated/{lines.RESPONSE_ID}/image.jpg"
FINE, REFUSED = "fine", "refuse this"


def question(text: str = REFUSED, **fields: Any) -> bytes:
    return http_request(json.dumps(chat(text, **fields)).encode())


@frozen
class Phase:
    """A phase of a request, in which a client leaves.

    :ivar sent: by the client.
    :ivar reached: waits until the request is in the phase.
    :ivar script: Grok's answer.
    :ivar prepare: makes a site ready.
    """

    name: str
    sent: bytes
    reached: Callable[[Site, trio.SocketStream], Awaitable[None]]
    script: Script = field(default=FIRST_TOKEN)
    prepare: Callable[[Site, AsyncExitStack], Awaitable[None]] | None = None
    reluctant: bool = False
    config: str = "[pool]\nmax_in_flight_per_token = 30\n"


async def at_once(site: Site, stream: trio.SocketStream) -> None:
    """The bytes are with the server's kernel; now and then they have been read."""
    await trio.lowlevel.checkpoint()


async def asked(site: Site, stream: trio.SocketStream) -> None:
    await site.simulator.until(lambda: bool(site.simulator.calls))


async def first_token(site: Site, stream: trio.SocketStream) -> None:
    await read_until(stream, b'"content":"a"')


async def overrun(site: Site, stream: trio.SocketStream) -> None:
    """The server can't write any more."""
    await asked(site, stream)
    await trio.sleep(0.005)


async def answered_with_a_fault(site: Site, stream: trio.SocketStream) -> None:
    await site.simulator.until(
        lambda: any(call.outcome == "complete" for call in site.simulator.calls)
    )


async def uploading(site: Site, stream: trio.SocketStream) -> None:
    await site.simulator.until(lambda: bool(site.simulator.uploads))


async def fetching(site: Site, stream: trio.SocketStream) -> None:
    await site.simulator.until(lambda: bool(site.simulator.fetches))


async def queueing(site: Site, stream: trio.SocketStream) -> None:
    while not site.gateway.pool.waiting:
        await trio.lowlevel.checkpoint()


async def uploads_hang(site: Site, stack: AsyncExitStack) -> None:
    for token in TOKENS:
        site.simulator.upload_scripts[token.sso] = deque([Script((HANG,))])


async def assets_hang(site: Site, stack: AsyncExitStack) -> None:
    config = site.server.state.config
    site.server.adopt_config(evolve(config, grok=evolve(config.grok, assets_url=site.grok_url)))
    site.simulator.asset_scripts[f"/{ASSET}"] = Script((HANG,))


async def tokens_are_busy(site: Site, stack: AsyncExitStack) -> None:
    """Others hold all of them."""
    for number in range(len(TOKENS)):
        stream = await stack.enter_async_context(await site.connect())
        await stream.send_all(question("hold", stream=True))
        await site.simulator.until(lambda: len(site.simulator.open_calls) > number)  # noqa: B023


ASK = question()
UPLOAD = http_request(json.dumps(asking(picture())).encode())
INLINE = "[grok]\nimage_mode = 'base64'\n[pool]\nmax_in_flight_per_token = 30\n"
PHASES = [
    Phase("in the head", ASK[:40], at_once),
    Phase("in the body", ASK[:-20], at_once),
    Phase("behind the question", ASK, at_once),
    Phase("waiting for a token", ASK, queueing, prepare=tokens_are_busy, config="[pool]\nmax_in_flight_per_token = 1\n"),
    Phase("its picture goes up", UPLOAD, uploading, prepare=uploads_hang),
    Phase("Grok has not answered", ASK, asked, Script((), before=math.inf)),
    Phase("before the first token", question(stream=True), asked, Script((HANG,))),
    Phase("in a stream", question(stream=True), first_token),
    Phase("in a whole answer", ASK, asked),
    Phase("it does not read", question(stream=True), overrun, FLOOD, reluctant=True),
    Phase("between two attempts", ASK, answered_with_a_fault, error(500, {}, (("connection", "close"),))),
    Phase("a picture is fetched", question(stream=True), fetching, drawing([ASSET]), prepare=assets_hang, config=INLINE),
]  # fmt: skip


@frozen
class Left:
    """What is there while nothing is going on."""

    leases: int
    exchanges: int
    waiting: int
    open_calls: int
    descriptors: int
    tasks: int

    def exceeds(self, other: Left) -> bool:
        mine = (
            self.leases,
            self.exchanges,
            self.waiting,
            self.open_calls,
            self.descriptors,
            self.tasks,
        )
        theirs = (
            other.leases,
            other.exchanges,
            other.waiting,
            other.open_calls,
            other.descriptors,
            other.tasks,
        )
        return any(one > two for one, two in zip(mine, theirs, strict=True))


def left(site: Site) -> Left:
    tasks = trio.lowlevel.current_statistics().tasks_living
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    calls = len(site.simulator.open_calls)
    return Left(
        site.leased(), site.gateway.open_count, site.gateway.pool.waiting, calls, descriptors, tasks
    )


async def at_rest(site: Site, bound: Left | None = None) -> Left:
    """What is left once a question has been answered; waits until it is within a bound, but not for
    long.
    """
    await fine(site)
    if bound is None:
        await trio.sleep(SETTLES_S)
        return left(site)
    with trio.move_on_after(SOON_S):
        while left(site).exceeds(bound):
            with trio.move_on_after(PRUNED_S):
                while left(site).exceeds(bound):  # noqa: ASYNC110  what ends is not announced
                    await trio.sleep(0.02)
                break
            await fine(site)
    return left(site)


def held(site: Site) -> int:
    """Answers that others hold on purpose."""
    return sum("hold" in str(call.body.get("message")) for call in site.simulator.open_calls)


async def fine(site: Site) -> None:
    """A question that is answered: a breaker forgets the faults before, and libcurl drops
    connections that are over.
    """
    if held(site):
        return  # nobody is left to answer it
    async with await site.connect() as stream:
        await stream.send_all(question(FINE).replace(b"host:", b"connection: close\r\nhost:"))
        await read_all(stream)


async def abort(site: Site, phase: Phase, *, reset: bool) -> None:
    """One client that leaves in a phase, with FIN or with RST."""
    simulator = site.simulator
    for seen in (simulator.calls, simulator.uploads, simulator.fetches):
        seen[:] = [
            call
            for call in seen
            if call.outcome == "open" and "hold" in str(call.body.get("message"))
        ]
    stream = await (connect_reluctantly(site) if phase.reluctant else site.connect())
    async with stream:
        await stream.send_all(phase.sent)
        with trio.fail_after(WAIT_S):
            await phase.reached(site, stream)
        if reset:
            leave_at_once(stream)


async def abort_all(site: Site, phase: Phase, count: int) -> tuple[Left, Left]:
    """What there is before and after so many aborts."""

    def grok(call: Call) -> Script:
        text = str(call.body["message"])
        return answer("ok") if FINE in text else FIRST_TOKEN if "hold" in text else phase.script

    site.simulator.default = grok
    async with AsyncExitStack() as stack:
        if phase.prepare is not None:
            await phase.prepare(site, stack)
        before: Left | None = None
        for number in range(-min(WARM_UP, count), count):
            if number == 0:
                before = await at_rest(site)
            await abort(site, phase, reset=number % 2 == 0)
            if phase.script.status >= 500:
                await fine(site)
        assert before is not None
        return before, await at_rest(site, before)


def run_phases(phases: Sequence[Phase], count: int) -> Counter[str]:
    """Aborts by phase, each of which has left nothing."""
    done: Counter[str] = Counter()
    for phase in phases:

        async def scenario(site: Site, phase: Phase = phase) -> None:
            before, after = await abort_all(site, phase, count)
            assert not after.exceeds(before), (phase.name, before, after)
            done[phase.name] = count

        run_on_site(scenario, config=phase.config, patience_s=90, grok_keeps_s=GROK_KEEPS_S)
    return done


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted with /proc")
@sizes(FEW, 1_000)
def test_a_client_that_leaves_in_any_phase_leaves_nothing(count: int, record: Record) -> None:
    """Half of them with FIN, half with RST. The small size goes through every third phase."""
    phases = PHASES if count > FEW else PHASES[2::3]
    done = run_phases(phases, count)
    assert len(done) == len(phases)
    result = "nothing left: no lease, exchange, descriptor or task"
    record(
        Figure(
            f"aborts in {len(done)} phases", thousands(sum(done.values())), result, "nothing left"
        )
    )
