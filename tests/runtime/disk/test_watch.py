"""Noticing that files have changed: two looks that agree, on a clock that jumps; and what a look
sees of real files.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.runtime.disk.watch import Fingerprint, Watch, fingerprint
from tests.scenarios import on_fake_clock

FILE = Path("tokens.json")


class Story:
    """Files that change at known times, beginning with content ``a``."""

    def __init__(self, *changes: tuple[float, str]) -> None:
        self._changes = [(0.0, "a"), *changes]
        self.looks: list[float] = []

    def look(self, paths: Iterable[Path | None]) -> Fingerprint:
        assert list(paths) == [FILE, None]
        now = trio.current_time()
        self.looks.append(now)
        return ((self._changes[bisect_right([at for at, _ in self._changes], now) - 1][1], ""),)

    def watch(self, known: Fingerprint | None = None) -> Watch:
        return Watch(lambda: (FILE, None), known=known, fingerprint_of=self.look, in_thread=at_once)


async def at_once(work: Callable[[], Fingerprint]) -> Fingerprint:
    """Stands in for a thread."""
    await trio.lowlevel.checkpoint()
    return work()


# Looks ------------------------------------------------------------------------------------------


@frozen
class Tale:
    """When which content is seen, and when a change is reported (within 20 s).

    :ivar hurries: times of calls of ``hurry``.
    """

    name: str
    changes: Sequence[tuple[float, str]]
    reported: Sequence[float]
    hurries: Sequence[float] = ()


TALES = [
    Tale("nothing", [], []),
    Tale("one change", [(1.2, "b")], [2]),
    Tale("a change just before a look", [(1.4999, "b")], [2]),
    Tale("a change at a look", [(1.5, "b")], [2]),
    Tale("written in pieces", [(1.2, "b"), (1.6, "c"), (2.1, "d"), (2.6, "e")], [3.5]),
    Tale("flapping for a while", [(0.7 + half / 2, "bc"[half % 2]) for half in range(20)], [11]),
    Tale("back at once", [(1.2, "b"), (1.6, "a")], []),
    Tale("back unseen", [(1.1, "b"), (1.4, "a")], []),
    Tale("back and changed again", [(1.2, "b"), (1.6, "a"), (2.1, "b")], [3]),
    Tale("flapping with the old", [(0.7 + half / 2, "ba"[half % 2]) for half in range(20)], []),
    Tale("two changes", [(1.2, "b"), (5.2, "c")], [2, 6]),
    Tale("changed and, once reported, changed back", [(1.2, "b"), (5.2, "a")], [2, 6]),
    Tale("changed while the first was being reported", [(1.2, "b"), (2.0001, "c")], [2, 3]),
    Tale("in a hurry, and nothing changed", [], [3.3], [3.3]),
    Tale("in a hurry after a change", [(3.2, "b")], [3.3], [3.3]),
    Tale("in a hurry before it was written whole", [(3.2, "b"), (3.4, "c")], [3.3, 4.3], [3.3]),
    Tale("in a hurry between two looks that agree", [(1.2, "b")], [1.7], [1.7]),
    Tale("in a hurry twice", [], [3.3, 4], [3.3, 4]),
    Tale("in a hurry at once", [(1.2, "b")], [0, 2], [0]),
]  # fmt: skip


@pytest.mark.parametrize("tale", TALES, ids=lambda tale: tale.name)
@on_fake_clock
async def test_a_change_is_reported_once_when_two_looks_agree_on_it_or_somebody_is_in_a_hurry(
    tale: Tale,
) -> None:
    """Half a second apart: the writer of a file may not have finished. A file that is back to its
    old state has not changed.
    """
    watch = Story(*tale.changes).watch()
    reported = []

    async def wait() -> None:
        while True:
            await watch.changed()
            reported.append(round(trio.current_time(), 6))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        for at in tale.hurries:
            await trio.sleep_until(at)
            watch.hurry()
        await trio.sleep_until(20)
        nursery.cancel_scope.cancel()
    assert reported == list(tale.reported)


@on_fake_clock
async def test_a_hurry_while_nobody_waits_counts_for_the_next_who_does() -> None:
    """A signal that comes while files are being read is not lost; and it counts once."""
    watch = Story().watch()
    await trio.sleep(1)
    watch.hurry()
    watch.hurry()
    await trio.sleep(5)
    await watch.changed()
    assert trio.current_time() == 6
    with trio.move_on_after(100) as waiting:
        await watch.changed()
    assert waiting.cancelled_caught


@on_fake_clock
async def test_a_change_while_nobody_looked_is_seen_by_the_next_who_waits() -> None:
    """Files are compared with their state at the last report."""
    watch = Story((3, "b")).watch()
    await trio.sleep(5)
    await watch.changed()
    assert trio.current_time() == 6


@on_fake_clock
async def test_a_change_before_the_first_look_is_seen_by_who_says_what_the_files_were_like() -> (
    None
):
    """They may have changed since they were read; if they have not, there is nothing to report."""
    for known, reported in ((("z", ""),), 1), ((("a", ""),), None), (None, None):
        began = trio.current_time()
        watch = Story().watch(known)
        with trio.move_on_after(100) as waiting:
            await watch.changed()
            assert trio.current_time() == began + (reported or math.nan)
        assert waiting.cancelled_caught == (reported is None)


@on_fake_clock
async def test_it_looks_twice_a_second_and_not_more() -> None:
    """An idle server costs next to nothing."""
    story = Story()
    watch = story.watch()
    with trio.move_on_after(10.1):
        await watch.changed()
    assert story.looks == [0, *(half / 2 for half in range(1, 21))]


@on_fake_clock
async def test_waiting_can_be_cancelled_and_begun_again() -> None:
    """A change that was seen once by then is reported all the same, once it has been seen twice."""
    watch = Story((1.2, "b")).watch()
    for _ in range(20):
        with trio.move_on_after(0.3):
            await watch.changed()
    await watch.changed()
    assert trio.current_time() == pytest.approx(7)


@on_fake_clock
async def test_other_files_are_a_change() -> None:
    """Which files count may change too: the first of the usual places that is there."""
    files: list[Path | None] = [None]
    watch = Watch(
        lambda: files,
        fingerprint_of=lambda paths: tuple((str(path), "") for path in paths),
        in_thread=at_once,
    )
    await trio.sleep(3)
    files[0] = FILE
    await watch.changed()
    assert trio.current_time() == 4


# Real files -------------------------------------------------------------------------------------


@frozen
class Change:
    """Something that happens to files, and whether it is a change of what ``link`` leads to."""

    name: str
    happens: Callable[[Path], object]
    changes: bool = True


LONG_AGO = 10**18
"""Nanoseconds. A file system's clock may stand still between two writes of a test."""


def write(path: Path, text: str, at: int = LONG_AGO) -> None:
    path.write_text(text)
    os.utime(path, ns=(at, at))


def replace(place: Path, text: str, at: int = LONG_AGO) -> None:
    write(place / "new", text, at)
    (place / "new").replace(place / "file")


def lead_elsewhere(place: Path) -> None:
    write(place / "other", "one")
    (place / "next").symlink_to("other")
    (place / "next").replace(place / "link")


def put_a_folder_there(place: Path) -> None:
    (place / "file").unlink()
    (place / "file").mkdir()


CHANGES = [
    Change("nothing", lambda _: None, changes=False),
    Change("it was read", lambda place: (place / "link").read_bytes(), changes=False),
    Change("something else appears", lambda place: write(place / "unrelated", "x"), changes=False),
    Change("it is replaced", lambda place: replace(place, "two", LONG_AGO + 1)),
    Change("it is replaced by its like, of the same size and time", lambda place: replace(place, "one")),
    Change("it is written anew, of the same size", lambda place: (place / "file").write_text("two")),
    Change("it grows within a tick of the clock", lambda place: write(place / "file", "one and two")),
    Change("it is emptied", lambda place: write(place / "file", "")),
    Change("it vanishes", lambda place: (place / "file").unlink()),
    Change("the link vanishes", lambda place: (place / "link").unlink()),
    Change("the link is led elsewhere", lead_elsewhere),
    Change("a folder takes its place", put_a_folder_there),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_what_happens_to_a_file_is_seen_by_looking_at_it(change: Change, tmp_path: Path) -> None:
    """Replaced, written in place, gone, or a link led elsewhere; reading it is nothing."""
    write(tmp_path / "file", "one")
    (tmp_path / "link").symlink_to("file")
    before = fingerprint([tmp_path / "link"])
    assert fingerprint([tmp_path / "link"]) == before
    change.happens(tmp_path)
    after = fingerprint([tmp_path / "link"])
    assert (after != before) == change.changes
    assert fingerprint([tmp_path / "link"]) == after


def test_a_file_that_appears_is_seen_and_so_is_one_behind_a_folder_that_was_not_there(
    tmp_path: Path,
) -> None:
    """None at first, then a path without a file, then a file: three different things, in any
    order.
    """
    path = tmp_path / "data" / "token.json"
    seen = [fingerprint([None]), fingerprint([path])]
    path.parent.mkdir()
    write(path, "{}")
    seen.append(fingerprint(iter([path])))
    path.unlink()
    path.symlink_to(path)
    seen.append(fingerprint([path]))
    assert len(set(seen)) == len(seen)
    path.unlink()
    assert fingerprint([path]) == seen[1]
    assert fingerprint([path, None]) != fingerprint([None, path])
    assert fingerprint([]) == ()


@on_fake_clock
async def test_a_real_file_is_watched_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """Missing, there, replaced, gone: each is reported once."""
    path = tmp_path / "tokens.json"
    watch = Watch(lambda: [path], in_thread=at_once)
    reported = []
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            while True:
                await watch.changed()
                reported.append(trio.current_time())

        nursery.start_soon(wait)
        write(tmp_path / "new", "two")
        happenings: list[Callable[[], object]] = [
            lambda: write(path, "one"),
            lambda: (tmp_path / "new").replace(path),
            path.unlink,
        ]
        for happens in happenings:
            await trio.sleep(9.9)
            happens()
            await trio.sleep(0.1)
        await trio.sleep(9)
        nursery.cancel_scope.cancel()
    assert reported == [10.5, 20.5, 30.5]
