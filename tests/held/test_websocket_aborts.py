"""Clients that leave in every phase of an answer over Grok's websocket: nothing of it stays, and Grok
sees the end at once.
"""

from __future__ import annotations

import functools
import json
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import astuple, frozen
from curl_cffi import Curl, CurlOpt

from grokcore.runtime.lanes.grok_socket import account_asker
from grokcore.runtime.transport.curl import handle, loop
from grokcore.runtime.transport.curl.websocket import CurlSocket
from tests.handmade_grok import (
    Place,
    Play,
    Talk,
    done,
    event,
    frame,
    run_by_hand,
    words,
)
from tests.servers import chat, http_request, read_until
from tests.wire import connect_reluctantly, leave_at_once

from .figures import Figure, Record, sizes, thousands

SOON_S = 10.0
"""Real seconds within which everything is given back, on any machine."""

WAIT_S = 5.0
"""Real seconds within which a phase is reached."""

PROMPT_S = 1.0
"""Real seconds within which Grok sees the end; a few ms on an idle machine."""

SETTLES_S = 0.2
"""Real seconds after the last abort, within which connections that libcurl keeps are known."""

WARM_UP, AT_ONCE, FEW = 10, 10, 10

CONFIG = 'image_mode = "url"\n[pool]\nmax_in_flight_per_token = 30\n'

Reached = Callable[[Place, trio.SocketStream, int], Awaitable[None]]


@frozen
class Left:
    """What is there while nothing is going on."""

    leases: int
    completions: int
    waiting: int
    transfers: int
    websockets: int
    upstream: int
    threads: int
    descriptors: int
    tasks: int

    def exceeds(self, other: Left) -> bool:
        return any(
            mine > theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)
        )


def left(place: Place) -> Left:
    site, transport = place.site, place.site.server._transport
    return Left(
        site.leased(),
        site.gateway.open_count,
        site.gateway.pool.waiting,
        transport.under_way,
        websockets(place),
        place.grok.open,
        threading.active_count(),
        len(list(Path("/proc/self/fd").iterdir())),
        trio.lowlevel.current_statistics().tasks_living,
    )


def websockets(place: Place) -> int:
    """Websockets in libcurl's hands, connected or not, or still watched."""
    worker = place.site.server._transport._loop
    assert worker is not None
    active = sum(isinstance(one, CurlSocket) for one in list(worker._active.values()))
    return max(active, len(worker.sockets._open))


async def at_rest(place: Place, bound: Left | None = None) -> Left:
    """What is left; waits until it is within a bound, but not for long."""
    if bound is None:
        await trio.sleep(SETTLES_S)
        await trio.to_thread.run_sync(bool)  # trio keeps idle threads for a while
        return left(place)
    with trio.move_on_after(SOON_S):
        while left(place).exceeds(bound):  # noqa: ASYNC110  what ends is not announced
            await trio.sleep(0.02)
    return left(place)


# Places that a websocket does not get to ------------------------------------------------------------


@contextmanager
def no_name_server(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name whose server never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        servers = f"127.0.0.1:{mute.getsockname()[1]}"

        def configure(curl: Curl, *arguments: Any) -> object:
            kept = handle.configure(curl, *arguments)
            if handle.WEBSOCKET in arguments:
                curl.setopt(CurlOpt.DNS_SERVERS, servers)
            return kept

        patch.setattr(loop, "configure", configure)
        yield "ws://grok.example.com"


@contextmanager
def full_backlog(_: pytest.MonkeyPatch) -> Iterator[str]:
    """A port whose connections are never made: its backlog is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _number in range(3):
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        yield f"ws://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def no_handshake(_: pytest.MonkeyPatch) -> Iterator[str]:
    """A port where a TLS handshake is not answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        yield f"wss://127.0.0.1:{listener.getsockname()[1]}"


# Phases -----------------------------------------------------------------------------------------


async def unanswered(talk: Talk) -> None:
    """Leave the upgrade unanswered."""
    await talk.stream.receive_some()


async def accepted(talk: Talk) -> None:
    await talk.accept()
    await talk.until_left()


async def half_greeted(talk: Talk) -> None:
    await talk.accept()
    await talk.wait_for("session.create")
    await talk.send(event("session.created"))
    await talk.until_left()


async def silent(talk: Talk) -> None:
    await talk.asked()
    await talk.until_left()


async def speaking(talk: Talk) -> None:
    await talk.asked()
    await talk.send(words("a"))
    while True:  # until the client has left
        await talk.send(words("b "))
        await trio.sleep(0.001)


async def all_but_a_byte(talk: Talk) -> None:
    await talk.asked()
    await talk.send(words("a"), frame(done())[:-1])
    await talk.until_left()


async def flooding(talk: Talk) -> None:
    await talk.asked()
    piece = frame(words("b" * 30_000))
    while True:
        await talk.stream.send_all(piece)


def heard(kind: str) -> Reached:
    """Waits until a number of websockets have heard an event of the client's."""

    async def reached(place: Place, stream: trio.SocketStream, number: int) -> None:
        while number > sum(  # noqa: ASYNC110
            any(one["type"] == kind for one in talk.heard) for talk in place.grok.talks
        ):
            await trio.sleep(0.002)

    return reached


async def connecting(place: Place, stream: trio.SocketStream, number: int) -> None:
    while websockets(place) == 0:  # noqa: ASYNC110
        await trio.sleep(0.002)
    await trio.sleep(0.01)


async def upgrading(place: Place, stream: trio.SocketStream, number: int) -> None:
    while len(place.grok.talks) < number:  # noqa: ASYNC110
        await trio.sleep(0.002)


async def first_word(place: Place, stream: trio.SocketStream, number: int) -> None:
    await read_until(stream, b'"content":"a"')


async def overrun(place: Place, stream: trio.SocketStream, number: int) -> None:
    """The server can't write any more."""
    await heard("response.create")(place, stream, number)
    await trio.sleep(0.01)


@frozen
class Phase:
    """A phase of an answer, in which a client leaves.

    :ivar play: Grok's side.
    :ivar reached: waits until so many websockets are in the phase.
    :ivar stream: whether the client asks for a stream.
    :ivar reluctant: whether the client does not read.
    :ivar place: where the websocket goes instead.
    """

    name: str
    play: Play
    reached: Reached
    stream: bool = True
    reluctant: bool = False
    place: Callable[[pytest.MonkeyPatch], AbstractContextManager[str]] | None = None


PHASES = [
    Phase("the name is looked up", silent, connecting, place=no_name_server),
    Phase("TCP connects", silent, connecting, place=full_backlog),
    Phase("TLS shakes hands", silent, connecting, place=no_handshake),
    Phase("the upgrade is not answered", unanswered, upgrading),
    Phase("no acknowledgement", accepted, heard("session.create")),
    Phase("one acknowledgement", half_greeted, heard("session.create"), stream=False),
    Phase("before the first word", silent, heard("response.create")),
    Phase("before the first word of a whole answer", silent, heard("response.create"), stream=False),
    Phase("in the answer", speaking, first_word),
    Phase("at the last frame", all_but_a_byte, first_word),
    Phase("it does not read", flooding, overrun, reluctant=True),
]  # fmt: skip


async def leave(place: Place, phase: Phase, number: int, *, reset: bool) -> None:
    """One client that leaves in a phase, with FIN or with RST."""
    body = json.dumps(chat("a", stream=phase.stream)).encode()
    stream = await (connect_reluctantly(place.site) if phase.reluctant else place.site.connect())
    async with stream:
        await stream.send_all(http_request(body))
        with trio.fail_after(WAIT_S):
            await phase.reached(place, stream, number)
        if reset:
            leave_at_once(stream)


async def leave_all(place: Place, phase: Phase, count: int) -> float:
    """That many clients, some at once; returns the longest time until their websockets had
    ended.
    """
    longest = 0.0
    for start in range(0, count, AT_ONCE):
        number = len(place.grok.talks) + min(AT_ONCE, count - start)
        async with trio.open_nursery() as nursery:
            for one in range(min(AT_ONCE, count - start)):
                leaving = functools.partial(leave, reset=one % 2 == 0)
                nursery.start_soon(leaving, place, phase, number)
        began = trio.current_time()
        with trio.fail_after(SOON_S):
            await place.websockets_gone()
            while websockets(place):  # noqa: ASYNC110
                await trio.sleep(0.002)
        longest = max(longest, trio.current_time() - began)
    return longest


def run_phase(phase: Phase, count: int, patch: pytest.MonkeyPatch) -> float:
    """As :func:`leave_all`; nothing may be left afterwards."""
    longest = 0.0

    async def scenario(place: Place) -> None:
        nonlocal longest
        await leave_all(place, phase, WARM_UP)
        before = await at_rest(place)
        longest = await leave_all(place, phase, count)
        after = await at_rest(place, before)
        assert not after.exceeds(before), (phase.name, before, after)
        assert after.leases == after.completions == after.websockets == after.upstream == 0

    with ExitStack() as stack:
        if phase.place is not None:
            url = stack.enter_context(phase.place(patch))
            patch.setattr(account_asker, "socket_url", lambda *_: f"{url}/ws/mgw/?uid=u")
        run_by_hand(scenario, phase.play, config=CONFIG, patience_s=90)
    return longest


@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted with /proc")
@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
@sizes(FEW, 100)
def test_a_client_that_leaves_ends_its_websocket_and_leaves_nothing(
    phase: Phase, count: int, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of them with FIN, half with RST, ten at a time. Grok sees it before it has sent much
    that nobody reads.
    """
    longest = run_phase(phase, count, monkeypatch)
    assert longest < PROMPT_S
    record(
        Figure(
            f"aborts of a websocket: {phase.name}",
            thousands(count),
            f"nothing left; the last of ten ended {longest * 1000:.0f} ms after they left",
            f"nothing left; {PROMPT_S:g} s",
        )
    )
