"""Names that hang: they cost the request that has them, then its key, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.lowlevel
from attrs import define, field

from grokcore.errors import AttachmentRefused, Overloaded
from grokcore.runtime.attachments import lookups
from grokcore.runtime.attachments.fetch import Fetcher
from grokcore.runtime.attachments.lookups import Lookups
from tests.scenarios import decorator

from ..fakes import FakeTransport

SHORT_S = 0.25
ADDRESS = "93.184.215.14"


@define(eq=False)
class Resolver:
    """A resolver in which all names hang but one."""

    let_go: threading.Event = field(factory=threading.Event)
    asked: list[str] = field(factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host != "good.example.com" and not self.let_go.wait(10):
            raise AssertionError("nobody let it go")
        return [ADDRESS]


def run_with_resolver(scenario: Callable[[Resolver, Lookups], Awaitable[None]]) -> None:
    """Run *scenario*; afterwards no thread may be left."""

    async def main() -> None:
        resolver = Resolver()
        found = Lookups(resolver)
        with trio.fail_after(10):
            try:
                await scenario(resolver, found)
            finally:
                resolver.let_go.set()
            while found.left:
                await trio.lowlevel.checkpoint()

    trio.run(main)


with_resolver = decorator(run_with_resolver, gives=2)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "LOOKUP_S", SHORT_S)


async def hang(found: Lookups, key: str, count: int) -> None:
    """Have so many names of a key looked up, each by a request of its own, until they are given
    up.
    """

    async def ask(number: int) -> None:
        with pytest.raises(OSError, match=r"does not answer|hang"):
            await found.of(key)(f"{key}{number}.example.com", 80)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(ask, number)


@with_resolver
async def test_names_that_hang_do_not_hold_up_others(resolver: Resolver, found: Lookups) -> None:
    """Two guests with a hundred names each that hang, and everybody else's are looked up at once,
    their own key's soon.
    """
    async with trio.open_nursery() as nursery:
        for guest in ("mallory", "trudy"):
            nursery.start_soon(hang, found, guest, 100)
        while len(resolver.asked) < 2 * lookups.AT_ONCE_OF_A_KEY:
            await trio.lowlevel.checkpoint()
        for key in ("", "alice", "bob"):
            assert await found.of(key)("good.example.com", 80) == [ADDRESS]
        assert (
            len(resolver.asked) == 2 * lookups.AT_ONCE_OF_A_KEY + 3
        )  # while the guests' first ones still hang
    assert len(found.left) < 2 * (lookups.MOST_LEFT_OF_A_KEY + lookups.AT_ONCE_OF_A_KEY)


@with_resolver
async def test_a_key_has_its_places_back_when_its_names_do_not_hang_any_more(
    resolver: Resolver, found: Lookups
) -> None:
    """What it may leave behind is bounded; then it is refused at once, and later no longer."""
    for _ in range(4):
        await hang(found, "mallory", lookups.AT_ONCE_OF_A_KEY)
    assert len(found.left) == lookups.MOST_LEFT_OF_A_KEY
    with pytest.raises(OSError, match="too many"):
        await found.of("mallory")("good.example.com", 80)
    resolver.let_go.set()
    while found.left:
        await trio.lowlevel.checkpoint()
    assert await found.of("mallory")("good.example.com", 80) == [ADDRESS]


@with_resolver
async def test_all_keys_together_leave_a_bounded_number_of_threads(
    resolver: Resolver, found: Lookups
) -> None:
    """However many there are."""
    for _ in range(3):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(hang, found, f"guest{number}", lookups.AT_ONCE_OF_A_KEY)
    assert lookups.MOST_LEFT <= len(found.left) < lookups.MOST_LEFT + lookups.AT_ONCE


@with_resolver
async def test_a_request_waits_for_few_names_that_hang(resolver: Resolver, found: Lookups) -> None:
    """The third is refused at once, and the same name is not tried again."""
    resolve = found.of("")
    for host in (
        "a.example.com",
        "a.example.com",
        "b.example.com",
        "c.example.com",
        "good.example.com",
    ):
        with pytest.raises(OSError, match=r"answer|hang"):
            await resolve(host, 80)
    assert resolver.asked == ["a.example.com", "b.example.com"]


@with_resolver
async def test_an_abandoned_look_up_is_counted_until_its_thread_ends(
    resolver: Resolver, found: Lookups
) -> None:
    """Also one whose client has left."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(found.of("guest"), "a.example.com", 80))
        while not resolver.asked:
            await trio.lowlevel.checkpoint()
        assert found.left == []
        nursery.cancel_scope.cancel()
    assert found.left == ["guest"]


@with_resolver
async def test_the_client_is_told_that_the_name_could_not_be_resolved(
    resolver: Resolver, found: Lookups
) -> None:
    """In time, and as a fault of its request."""
    fetcher = Fetcher(FakeTransport([]), frozenset(), resolve=found.of("guest"))
    with pytest.raises(AttachmentRefused, match=r"a\.example\.com could not be resolved"):
        await fetcher.fetch("http://a.example.com/a.png", most=100)


@with_resolver
async def test_without_a_thread_the_server_is_overloaded(
    resolver: Resolver, found: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is not the client's fault, and passes."""

    async def no_thread(*_: object, **__: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(trio.to_thread, "run_sync", no_thread)
    with pytest.raises(Overloaded, match="thread"):
        await found.of("")("good.example.com", 80)
    assert found.left == []
