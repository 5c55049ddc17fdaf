"""The media cache on disks that fail, and writers that give up."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.runtime.disk import media_cache
from grokcore.runtime.disk.media_cache import LargerThanCache, MediaCache, MediaWriter
from tests.disks import disks
from tests.runtime.disk.media import (
    MUCH,
    PICTURE,
    PUTS,
    content,
    descriptors,
    left_behind,
    loaded,
    names_in,
    put_in_pieces,
    some_name,
)
from tests.runtime.disk.states import failing
from tests.scenarios import on_real_clock, run_on_real_clock

# Disks that fail --------------------------------------------------------------------------------


@pytest.mark.parametrize("put", PUTS)
@on_real_clock
async def test_whatever_fails_nothing_half_written_is_found(
    put: Callable[[MediaCache], Awaitable[str]], folder: Path
) -> None:
    """Each call fails in turn: the caller gets the error, and no descriptor, file or name is left.
    The next file is kept.
    """
    cache = MediaCache(folder, len(PICTURE))
    name = await put(cache)  # this makes the folder
    for disk in disks():
        before = descriptors()
        with (
            disk.in_use(),
            contextlib.suppress(OSError) if disk.fails_at else contextlib.nullcontext(),
        ):
            name = await put(cache)
            assert not disk.failed, disk
        assert descriptors() == before, disk
        assert names_in(folder) == {name}, disk
        assert await content(cache, name) == PICTURE
    assert {"open", "write", "fsync", "close", "replace"} <= set(disk.calls)
    assert names_in(folder) == {name}


@pytest.mark.parametrize("put", PUTS)
@on_real_clock
async def test_a_disk_that_fills_up_half_way_keeps_nothing(
    put: Callable[[MediaCache], Awaitable[str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes little at a time keeps all of it."""
    cache = MediaCache(folder, MUCH)
    write = os.write
    room = [0]

    def write_little(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[: min(50, room[0])])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", write_little)
    for room[0] in (0, 1, 100, len(PICTURE) - 1):
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            await put(cache)
        assert names_in(folder) == set()
    room[0] = len(PICTURE)
    assert await content(cache, await put(cache)) == PICTURE


@on_real_clock
async def test_a_file_that_can_not_be_opened_is_told_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name stays known, as the file exists; no descriptor stays open."""
    cache = MediaCache(folder, MUCH)
    name = await cache.put(PICTURE, "png")
    before = descriptors()
    for place, step, number in ((Path, "open", errno.EMFILE), (os, "fstat", errno.EIO)):
        for ask in (cache.find, cache.open):
            with (
                monkeypatch.context() as patch,
                pytest.raises(OSError, match=os.strerror(number)) as caught,
            ):
                patch.setattr(place, step, failing(number))
                await ask(name)
            assert descriptors() == before, caught
    assert await content(cache, name) == PICTURE


@pytest.mark.parametrize("put", PUTS)
@on_real_clock
async def test_a_folder_that_can_not_be_made_is_told_of(
    put: Callable[[MediaCache], Awaitable[str]], folder: Path
) -> None:
    """The caller gets the error. Once the path is free, the folder is made."""
    left_behind(folder.parent.parent, name=folder.parent.name)
    cache = await loaded(folder)
    with pytest.raises(OSError):
        await put(cache)
    folder.parent.unlink()
    assert await content(cache, await put(cache)) == PICTURE


@frozen
class Unreadable:
    """A folder that can't be read, and the reason in the log."""

    name: str
    make: Callable[[Path], object]
    reason: str = ""


UNREADABLE = [
    Unreadable("none", lambda folder: None),
    Unreadable(
        "a file",
        lambda folder: left_behind(folder.parent, name=folder.name),
        os.strerror(errno.ENOTDIR),
    ),
    Unreadable("no permission", left_behind, os.strerror(errno.EACCES)),
]


@pytest.mark.parametrize("case", UNREADABLE, ids=lambda case: case.name)
def test_a_folder_that_can_not_be_read_is_an_empty_cache(
    case: Unreadable,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server starts all the same; one line says so, unless it is the first start."""
    case.make(folder)
    if case.reason == os.strerror(errno.EACCES):
        monkeypatch.setattr(os, "scandir", failing(errno.EACCES))

    async def scenario() -> None:
        cache = await loaded(folder)
        assert await cache.find(some_name()) is None

    run_on_real_clock(scenario)
    lines = [
        record.getMessage() for record in caplog.records if record.name == media_cache.__name__
    ]
    assert lines == (
        [f"{folder} can't be read ({case.reason}). The pictures and videos in it are not served."]
        if case.reason
        else []
    )
    assert all(record.levelno == logging.WARNING for record in caplog.records)


# Writers that give up ---------------------------------------------------------------------------


@frozen
class GivingUp:
    """A writer that ends without having kept its file.

    :ivar do: uses the writer, within the cancel scope.
    :ivar error: the exception that leaves the block.
    """

    name: str
    do: Callable[[MediaWriter, trio.CancelScope], Awaitable[object]]
    error: type[Exception] | None = None


async def only_write(writer: MediaWriter, scope: trio.CancelScope) -> None:
    await writer.write(PICTURE)


async def fail(writer: MediaWriter, scope: trio.CancelScope) -> None:
    await writer.write(PICTURE)
    raise EOFError


async def be_cancelled_writing(writer: MediaWriter, scope: trio.CancelScope) -> None:
    await writer.write(PICTURE)
    scope.cancel()
    await writer.write(PICTURE)


async def be_cancelled_keeping(writer: MediaWriter, scope: trio.CancelScope) -> None:
    await writer.write(PICTURE)
    scope.cancel()
    await writer.keep()


async def keep_after_a_piece_was_cancelled(writer: MediaWriter, scope: trio.CancelScope) -> None:
    with trio.CancelScope() as inner:
        inner.cancel()
        await writer.write(PICTURE)
    await writer.keep()


async def keep_after_a_piece_failed(writer: MediaWriter, scope: trio.CancelScope) -> None:
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OSError):
        patch.setattr(os, "write", failing(errno.EIO))
        await writer.write(PICTURE)
    await writer.keep()


async def keep_after_it_became_too_large(writer: MediaWriter, scope: trio.CancelScope) -> None:
    with pytest.raises(LargerThanCache):
        await writer.write(bytes(2000))
    await writer.keep()


GIVING_UP = [
    GivingUp("not kept", only_write),
    GivingUp("its source fails", fail, EOFError),
    GivingUp("cancelled writing", be_cancelled_writing),
    GivingUp("cancelled keeping", be_cancelled_keeping),
    GivingUp(
        "kept with a piece missing", keep_after_a_piece_was_cancelled, trio.ClosedResourceError
    ),
    GivingUp("kept with half a piece", keep_after_a_piece_failed, trio.ClosedResourceError),
    GivingUp("kept though too large", keep_after_it_became_too_large, trio.ClosedResourceError),
]


@pytest.mark.parametrize("case", GIVING_UP, ids=lambda case: case.name)
@on_real_clock
async def test_of_a_file_that_was_not_kept_nothing_is_left(case: GivingUp, folder: Path) -> None:
    """However its writer ends; a file with a piece missing can't be kept."""
    cache = MediaCache(folder, 1000)
    other = await cache.put(PICTURE, "png")
    before = descriptors()
    with (
        trio.CancelScope() as scope,
        pytest.raises(case.error) if case.error else contextlib.nullcontext(),
    ):
        async with cache.writer("mp4") as writer:
            assert len(names_in(folder)) == 2
            await case.do(writer, scope)
    assert names_in(folder) == {other}
    assert descriptors() == before


def test_a_writer_that_is_cancelled_at_once_makes_nothing(folder: Path) -> None:
    """Not even the folder."""

    async def scenario() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with MediaCache(folder, 1000).writer("mp4"):
                pytest.fail("it began")

    run_on_real_clock(scenario)
    assert not folder.exists()


@on_real_clock
async def test_what_was_kept_stays_kept(folder: Path) -> None:
    """Later events in the block don't matter, and the file can't be changed any more."""
    cache = MediaCache(folder, 1000)
    with trio.CancelScope() as scope:
        async with cache.writer("mp4") as writer:
            await writer.write(PICTURE)
            name = await writer.keep()
            for again in (writer.keep(), writer.write(b"more")):
                with pytest.raises(trio.ClosedResourceError):
                    await again
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert await content(cache, name) == PICTURE


@on_real_clock
async def test_writers_do_not_get_in_each_others_way(folder: Path) -> None:
    """More of them at once than there are threads; each file is what its writer wrote."""
    cache = MediaCache(folder, MUCH)
    found: dict[str, bytes] = {}

    async def write(letter: bytes) -> None:
        found[await put_in_pieces(cache, *[letter * 1000] * 10)] = letter * 10_000

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(write, bytes([number]))
    assert len(found) == 20
    assert {name: await content(cache, name) for name in found} == found
