"""A key in a file: read when it is used, on any disk."""

from __future__ import annotations

import errno
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import trio

from grokcore.errors import Overloaded
from grokcore.runtime.disk.files import read_regular
from grokcore.runtime.lanes.official import file_at_use, file_value
from grokcore.runtime.lanes.official.file_at_use import FileAtUse
from grokcore.runtime.lanes.official.key_file import KeyFile, parse_key
from tests.disks import Disk, disks
from tests.scenarios import on_real_clock, run_on_real_clock

from .auth_files import (
    at_once,
    counted,
    look_always,
    remove,
    rewrite,
    secret,
    write_over,
    write_unseen,
)

READING = ("open", "fstat", "read", "close")
"""The calls that can fail while a file is read."""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "xai.key"
    path.write_text("key-1\n")
    return path


@on_real_clock
async def test_a_key_is_read_when_it_is_used(key_file: Path) -> None:
    """Not before: a file that appears after the start is found."""
    source = KeyFile(key_file)
    assert source.current is None
    assert "has not been read yet" in source.fault
    await source.refresh()
    assert (secret(source), source.fault) == ("key-1", "")


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"two words", b"one\ntwo\n", b"\xc3\xa9", b"x" * 5000]
)
def test_a_file_that_holds_no_key_alone_is_explained_and_not_quoted(data: bytes) -> None:
    """A header can't carry it, or it is another file."""
    with pytest.raises(ValueError, match="the key alone") as caught:
        parse_key(data)
    assert data == b"" or data.decode("latin-1") not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbfxai-key\r\n", b'"xai-key"\n', b"'xai-key'", b"\xef\xbb\xbf'xai-key' "]
)
def test_marks_of_editors_and_shells_are_no_part_of_a_key(data: bytes) -> None:
    """A key in quotes would be refused by xAI, with no word on why."""
    assert parse_key(data).secret == "xai-key"


@on_real_clock
async def test_a_new_key_takes_effect(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the file is replaced or written over; a file that is gone has no key."""
    look_always(monkeypatch)
    source = KeyFile(key_file)
    await source.refresh()
    rewrite(key_file, b"key-22")
    await source.refresh()
    assert secret(source) == "key-22"
    write_over(key_file, b"key-333")
    await source.refresh()
    assert secret(source) == "key-333"
    remove(key_file)
    await source.refresh()
    assert (secret(source), source.fault) == (
        None,
        f"There is no file {key_file} ([api] key_file).",
    )
    write_over(key_file, b"")
    await source.refresh()
    assert source.fault == f"{key_file}: It is empty; it must hold the key alone."
    write_over(key_file, b"key-4")
    await source.refresh()
    assert (secret(source), source.fault) == ("key-4", "")


@on_real_clock
async def test_a_file_is_looked_at_once_a_second_and_read_when_it_has_changed(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests come by the hundred; a look at a network's disk takes milliseconds."""
    looks, readings = counted(monkeypatch)
    source = KeyFile(key_file)
    for _ in range(5):
        await source.refresh()
    assert (len(looks), len(readings)) == (1, 1)
    look_always(monkeypatch)
    for _ in range(3):
        await source.refresh()
    assert (len(looks), len(readings)) == (4, 1)


@on_real_clock
async def test_a_refused_key_is_read_anew_whatever_the_time_stamp_says(key_file: Path) -> None:
    """Time stamps are coarse, and the last look may be less than a second ago."""
    source = KeyFile(key_file)
    await source.refresh()
    assert source.current is not None
    write_unseen(key_file, b"key-2\n")
    await source.refresh(stale="another")
    assert secret(source) == "key-1"
    await source.refresh(stale=source.current.key)
    assert secret(source) == "key-2"


@on_real_clock
async def test_of_many_tasks_with_a_refused_key_one_reads(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All answers under way end with 401 at once."""
    source = KeyFile(key_file)
    await source.refresh()
    assert source.current is not None
    _, readings = counted(monkeypatch)
    await at_once(*[source] * 5, stale=source.current.key)
    assert len(readings) <= 2  # those that came in the same moment as the first
    assert secret(source) == "key-1"


@pytest.mark.parametrize("known", [False, True], ids=["first", "again"])
def test_an_error_of_the_disk_at_any_call_loses_no_key(
    key_file: Path, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is known stays; one that is not is read with the next request."""
    look_always(monkeypatch)

    async def scenario(disk: Disk) -> None:
        source = KeyFile(key_file)
        if known:
            await source.refresh()
            rewrite(key_file, b"key-1")
        with pytest.MonkeyPatch.context() as patch:
            for name in READING:
                patch.setattr(os, name, disk.step(name))
            await source.refresh()
        if disk.failed:
            assert secret(source) == ("key-1" if known else None)
            assert known or "Input/output error" in source.fault
        await source.refresh()
        assert (secret(source), source.fault) == ("key-1", "")

    tried = list(disks_used(scenario))
    assert sum(disk.failed for disk in tried) >= len(READING)


def disks_used(scenario: Callable[[Disk], Awaitable[None]]) -> Iterator[Disk]:
    for disk in disks():
        run_on_real_clock(functools.partial(scenario, disk))
        yield disk


@pytest.mark.parametrize("number", [errno.EACCES, errno.EISDIR, errno.EFBIG])
@on_real_clock
async def test_a_file_that_may_not_be_read_any_more_has_no_key(
    key_file: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner has taken it away from this server."""
    look_always(monkeypatch)
    source = KeyFile(key_file)
    await source.refresh()
    rewrite(key_file, b"key-2")

    def fail(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(file_at_use, "read_regular", fail)
    await source.refresh()
    assert (secret(source), source.fault) == (
        None,
        f"{key_file} can't be read: {os.strerror(number)}.",
    )


@on_real_clock
async def test_a_disk_that_hangs_holds_no_request_up(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request waits for a moment, the others not at all; the key stays the old one meanwhile."""
    look_always(monkeypatch)
    source = KeyFile(key_file)
    await source.refresh()
    go, begun = threading.Event(), []

    def hang(path: Path, most_bytes: int) -> bytes:
        begun.append(1)
        assert go.wait(20)
        return read_regular(path, most_bytes)

    monkeypatch.setattr(file_at_use, "read_regular", hang)
    rewrite(key_file, b"key-2")
    monkeypatch.setattr(file_at_use, "PATIENCE_S", 0.1)
    began_at = trio.current_time()
    for _ in range(20):
        await source.refresh()
        await source.refresh(stale=source.current.key if source.current else "")
    assert (secret(source), len(begun)) == ("key-1", 1)
    assert trio.current_time() - began_at < 2  # 40 waits would take 4 s
    monkeypatch.setattr(file_at_use, "PATIENCE_S", 10.0)
    go.set()
    async with source._file._file._places:
        assert not source._file._file.hangs
    await source.refresh()
    assert (secret(source), source.fault) == ("key-2", "")


@on_real_clock
async def test_a_disk_that_hangs_at_the_first_look_is_named(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no key then, and the owner learns why."""
    monkeypatch.setattr(file_at_use, "PATIENCE_S", 0.05)
    go = threading.Event()
    monkeypatch.setattr(file_at_use, "fingerprint", lambda _: go.wait(20))
    source = KeyFile(key_file)
    await source.refresh()
    assert "the disk did not answer within" in source.fault
    go.set()


@on_real_clock
async def test_without_a_thread_the_key_stays(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's limit says nothing of the file."""
    look_always(monkeypatch)
    source = KeyFile(key_file)
    await source.refresh()

    async def refuse(*_: object, **__: object) -> bytes:
        raise Overloaded("This server can't have another thread.")

    monkeypatch.setattr(file_at_use, "in_thread", refuse)
    await source.refresh()
    assert secret(source) == "key-1"
    other = KeyFile(key_file)
    await other.refresh()
    assert "can't have another thread" in other.fault


@on_real_clock
async def test_a_file_that_makes_no_sense_is_read_a_second_time(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer may be at work; the second look may find the disk hanging, which changes nothing."""
    look_always(monkeypatch)
    monkeypatch.setattr(file_value, "TORN_S", 0.0)
    source = KeyFile(key_file)
    await source.refresh()
    contents = iter([b"", b"key-2", b"", None, b"", b""])
    seen = []

    async def read(_: FileAtUse, *, anew: bool = False) -> bytes | None:
        seen.append(anew)
        return next(contents)

    monkeypatch.setattr(FileAtUse, "read", read)
    await source.refresh()
    assert (secret(source), seen) == ("key-2", [False, True])
    await source.refresh()
    assert (secret(source), source.fault) == ("key-2", "")
    await source.refresh()
    assert secret(source) is None
    assert "It is empty" in source.fault


@on_real_clock
async def test_a_task_that_is_cancelled_leaves_the_file_to_the_next(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that has gone does not take the key from the others."""
    source = KeyFile(key_file)
    with trio.CancelScope() as scope:
        scope.cancel()
        await source.refresh()
    look_always(monkeypatch)
    await source.refresh()
    assert secret(source) == "key-1"
