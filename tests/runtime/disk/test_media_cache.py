"""The media cache: which files stay, in which order they go, over restarts."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import re
import shutil
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen

from grokcore.protocol.media_types import media_type_of
from grokcore.runtime.disk.cache_use import CacheUse
from grokcore.runtime.disk.media_cache import LargerThanCache, MediaCache
from tests.runtime.disk.media import (
    HOUR_S,
    MUCH,
    PICTURE,
    PUTS,
    content,
    descriptors,
    left_behind,
    loaded,
    names_in,
    opened,
    some_name,
)
from tests.runtime.disk.states import failing
from tests.scenarios import on_real_clock, run_on_real_clock

PATIENCE_S = 30.0
"""Real seconds that a scenario may take at most."""


# Keeping ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("put", PUTS)
@on_real_clock
async def test_what_is_put_in_is_found_and_read(
    put: Callable[[MediaCache], Awaitable[str]], folder: Path
) -> None:
    """By its name only, which is another one each time; for nobody else's eyes; also after a
    restart.
    """
    cache = MediaCache(folder, MUCH)
    name, other = await put(cache), await put(cache)
    assert name != other
    for each in (cache, await loaded(folder)):
        entry = await each.find(name)
        assert entry is not None
        assert (entry.name, entry.path, entry.size) == (name, folder / name, len(PICTURE))
        assert entry.media_type == media_type_of(name)
        assert abs(entry.mtime - time.time()) < PATIENCE_S
        assert await content(each, name) == PICTURE
    assert names_in(folder) == {name, other}
    if os.name == "posix":
        modes = [
            stat.S_IMODE(path.stat().st_mode) for path in (folder / name, folder, folder.parent)
        ]
        assert modes == [0o600, 0o700, 0o700]


@on_real_clock
async def test_its_use_is_counted(folder: Path) -> None:
    """Names that were never given out are misses too: an owner sees links that lead nowhere."""
    cache = await loaded(folder)
    assert cache.use() == CacheUse()
    name = await cache.put(PICTURE, "png")
    for _ in range(2):
        assert await content(cache, name) == PICTURE
    (folder / name).unlink()
    for gone in (name, "nothing.png"):
        assert await cache.open(gone) is None
    other = await cache.put(PICTURE, "png")
    assert cache.use() == CacheUse(entries=1, size=len(PICTURE), hits=2, misses=2)
    assert await cache.find(other) is not None
    assert cache.use().hits == 2


@frozen
class Extension:
    """An extension as it comes, what becomes of it, and the media type that follows."""

    given: str
    kept: str
    media_type: str = "application/octet-stream"


EXTENSIONS = [
    Extension("png", "png", "image/png"),
    Extension(".JPG", "jpg", "image/jpeg"),
    Extension("jpeg", "jpeg", "image/jpeg"),
    Extension(".gif", "gif", "image/gif"),
    Extension("webp", "webp", "image/webp"),
    Extension("bmp", "bmp", "image/bmp"),
    Extension("avif", "avif", "image/avif"),
    Extension("mp4", "mp4", "video/mp4"),
    Extension("webm", "webm", "video/webm"),
    Extension("mov", "mov", "video/quicktime"),
    Extension("flac", "flac", "audio/flac"),
    Extension("pdf", "pdf", "application/pdf"),
    Extension("txt", "txt", "text/plain; charset=utf-8"),
    Extension("html", "html"),
    Extension("svg", "svg"),
    Extension("", "bin"),
    Extension("..", "bin"),
    Extension("tar.gz", "bin"),
    Extension("/../../x", "bin"),
    Extension("png\n", "bin"),
    Extension("png\0", "bin"),
    Extension("png?x=1", "bin"),
    Extension("٣", "bin"),
    Extension("toolongforone", "bin"),
]


@pytest.mark.parametrize("case", EXTENSIONS, ids=lambda case: repr(case.given))
def test_a_name_fits_any_address_and_says_what_the_file_is(case: Extension, folder: Path) -> None:
    """For any extension; a type that a browser would run is served as plain bytes."""

    async def scenario() -> None:
        cache = MediaCache(folder, MUCH)
        name = await cache.put(b"", case.given)
        assert re.fullmatch(r"[0-9a-f]{32}\.[a-z0-9]{1,8}", name)
        assert name.endswith(f".{case.kept}")
        entry = await cache.find(name)
        assert entry is not None
        assert entry.media_type == case.media_type

    run_on_real_clock(scenario)


WRONG_NAMES = [
    "",
    ".",
    "..",
    "../outside.png",
    "foreign.png",
    ".hidden.png",
    "inside/{name}",
    "./{name}",
    "../media/{name}",
    "{name}\0",
    "{name}\0.png",
    "{name}/",
    "{name}\n",
    "{name}.tmp",
    ".{name}.01234567.tmp",
    "{upper}",
    "0" * 32 + ".png",
    "0" * 5000,
    "\ud800",
]


@on_real_clock
async def test_a_name_that_was_not_given_out_is_never_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on the disk: no way out of the folder, no file in it that is not the cache's, no odd name
    for the system.
    """
    known = left_behind(folder)
    for other in ("../outside.png", "foreign.png", ".hidden.png", f".{known}.01234567.tmp2"):
        left_behind(folder, name=other)
    cache = await loaded(folder)
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("the disk was asked"))
    for name in (pattern.format(name=known, upper=known.upper()) for pattern in WRONG_NAMES):
        assert await cache.find(name) is None, name
        assert await cache.open(name) is None, name


@on_real_clock
async def test_a_file_that_was_deleted_by_hand_is_forgotten(folder: Path) -> None:
    """Its size no longer counts. The whole folder may be deleted too, and is made again."""
    cache = MediaCache(folder, 20)
    stays, gone = await cache.put(bytes(10), "png"), await cache.put(bytes(10), "png")
    (folder / gone).unlink()
    assert await cache.find(gone) is None
    new = await cache.put(bytes(10), "png")
    assert names_in(folder) == {stays, new}

    shutil.rmtree(folder)
    for ask in (cache.find, cache.open):
        assert await ask(stays) is None
    assert await content(cache, await cache.put(PICTURE[:20], "png")) == PICTURE[:20]


@on_real_clock
async def test_threads_that_others_hold_do_not_hold_it_up(folder: Path) -> None:
    """The cache has its own threads, and separate ones for readers and writers."""
    limiter = trio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = 1
    async with limiter:
        cache = await loaded(folder)
        assert await content(cache, await cache.put(PICTURE, "png")) == PICTURE


# What goes --------------------------------------------------------------------------------------


@on_real_clock
async def test_the_least_recently_used_go_first(folder: Path, fast_disk: None) -> None:
    """Against the simplest model, over a few hundred steps and some restarts: never more than the
    cap, never the wrong one.
    """
    chance = random.Random(7)
    most_bytes = 100
    model: list[tuple[str, int]] = []

    async def step(cache: MediaCache) -> None:
        if not model or chance.random() < 0.4:
            size = chance.randrange(1, 40)
            model.append((await cache.put(bytes(size), "png"), size))
            while sum(size for _, size in model) > most_bytes:
                del model[0]
            return
        used = chance.choice(model)
        if chance.random() < 0.8:
            await (await opened(cache, used[0])).aclose()
            model.remove(used)
            model.append(used)
        else:
            assert await cache.find(used[0]) is not None  # which is no use

    cache = MediaCache(folder, most_bytes)
    for number in range(300):
        await step(cache)
        assert names_in(folder) == {name for name, _ in model}
        if number % 100 == 99:
            for age, (name, _) in enumerate(reversed(model)):  # uses are minutes apart
                os.utime(folder / name, (when := time.time() - 61 * age, when))
            cache = await loaded(folder, most_bytes)


@pytest.mark.parametrize("use", ["find", "open"])
@pytest.mark.parametrize(
    ("used_s_ago", "is_written"),
    [(HOUR_S, True), (61.0, True), (30.0, False), (-HOUR_S, True)],
    ids=str,
)
@on_real_clock
async def test_the_last_use_is_on_the_disk_to_a_minute(
    use: str, used_s_ago: float, is_written: bool, folder: Path
) -> None:
    """Opening is a use and looking is none; not every use is written; a time to come does not count
    as one.
    """
    name = left_behind(folder, used_s_ago=used_s_ago)
    cache = await loaded(folder)
    before = (folder / name).stat().st_mtime
    if use == "open":
        await (await opened(cache, name)).aclose()
    else:
        await cache.find(name)
    after = (folder / name).stat().st_mtime
    if use == "open" and is_written:
        assert abs(after - time.time()) < PATIENCE_S
    else:
        assert after == before


@on_real_clock
async def test_after_a_restart_the_order_is_that_of_the_last_uses(folder: Path) -> None:
    """Files beyond the limit are deleted at the start."""
    names = [left_behind(folder, used_s_ago=number * HOUR_S) for number in range(4)]
    before = await loaded(folder)
    await (await opened(before, names[3])).aclose()  # the one that was used first of all

    cache = await loaded(folder, 30)
    assert names_in(folder) == {names[3], names[0], names[1]}
    await cache.put(bytes(10), "png")
    assert names[1] not in names_in(folder)


@on_real_clock
async def test_what_is_not_the_caches_stays(folder: Path) -> None:
    """Foreign files are neither counted nor served nor deleted; strays of killed writers are
    deleted.
    """
    ours, stray = some_name(), f".{some_name()}.0a1b2c3d.tmp"
    foreign = {
        "notes.txt",
        ".hidden",
        f"{ours}.tmp",
        f".{ours}.tmp",
        f".{ours}.0a1b2c3d.tmp2",
        ".x.0a1b2c3d.tmp",
    }
    for name in (*foreign, ours, stray):
        left_behind(folder, name=name)
    folders = {some_name(), f".{some_name()}.00000000.tmp"}
    for name in folders:
        (folder / name / "inside").mkdir(parents=True)
    (folder / (link := some_name())).symlink_to(folder / "notes.txt")

    cache = await loaded(folder)
    assert names_in(folder) == {ours, link, *foreign, *folders}
    assert [name for name in (link, *foreign, *folders) if await cache.find(name)] == []
    await loaded(folder, 0)
    assert names_in(folder) == {link, *foreign, *folders}


@pytest.mark.parametrize("put", PUTS)
@pytest.mark.parametrize("most_bytes", [0, len(PICTURE) - 1])
@on_real_clock
async def test_a_file_larger_than_the_cache_is_refused(
    most_bytes: int, put: Callable[[MediaCache], Awaitable[str]], folder: Path
) -> None:
    """Nothing goes for its sake, and nothing is left of it."""
    cache = MediaCache(folder, most_bytes)
    before = {await cache.put(bytes(most_bytes), "png")}
    with pytest.raises(LargerThanCache):
        await put(cache)
    assert names_in(folder) == before
    cache.most_bytes = len(PICTURE)
    name = await put(cache)
    assert name in names_in(folder)


@on_real_clock
async def test_who_reads_a_file_reads_it_to_the_end(folder: Path) -> None:
    """Though it has left the cache and the disk meanwhile; nobody else finds it then."""
    cache = MediaCache(folder, len(PICTURE))
    name = await cache.put(PICTURE, "png")
    before = descriptors()
    async with contextlib.aclosing(await opened(cache, name)) as file:
        begun = await file.read(0, 10)
        other = await cache.put(PICTURE[::-1], "png")
        assert names_in(folder) == {other}
        assert await cache.open(name) is None
        assert begun + await file.read(10, MUCH) == PICTURE
        assert await file.read(len(PICTURE), 10) == b""
    await file.aclose()
    assert descriptors() == before


@on_real_clock
async def test_a_file_that_leaves_while_it_is_opened_does_not_come_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader gets all of it, and its size no longer counts."""
    cache = MediaCache(folder, 10)
    name = await cache.put(bytes(10), "png")
    real = Path.open

    def open_and_lose(path: Path, *args: Any, **kwargs: Any) -> Any:
        file = real(path, *args, **kwargs)
        trio.from_thread.run(cache.put, bytes(10), "png")
        return file

    monkeypatch.setattr(Path, "open", open_and_lose)
    async with contextlib.aclosing(await opened(cache, name)) as file:
        assert await file.read(0, 10) == bytes(10)
    monkeypatch.undo()
    await cache.put(b"", "png")
    assert len(names_in(folder)) == 2


@on_real_clock
async def test_what_can_not_be_deleted_is_known_and_the_next_to_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows while it is being read: the sum stays true."""
    cache = MediaCache(folder, 30)
    old = [await cache.put(bytes(10), "png") for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", failing(errno.EACCES))
        new = await cache.put(bytes(20), "png")
    assert names_in(folder) == {*old, new}
    for name in old[:2]:
        assert await cache.find(name) is not None
    newer = await cache.put(bytes(5), "png")
    assert names_in(folder) == {new, newer}  # 30 were too much, and one more had to go for 5


@on_real_clock
async def test_a_size_that_was_changed_by_hand_is_learned(folder: Path) -> None:
    """When the file is used, it counts as large as it is."""
    cache = MediaCache(folder, 20)
    first, second = await cache.put(bytes(10), "png"), await cache.put(bytes(10), "png")
    (folder / second).write_bytes(bytes(5))
    async with contextlib.aclosing(await opened(cache, second)) as file:
        assert file.entry.size == 5
    third = await cache.put(bytes(5), "png")
    assert names_in(folder) == {first, second, third}


@on_real_clock
async def test_room_is_made_for_what_was_kept_though_nobody_waits_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is cancelled while the file is written leaves no more behind than the cap."""
    cache = MediaCache(folder, 10)
    old = await cache.put(bytes(10), "png")
    with trio.CancelScope() as scope:
        monkeypatch.setattr(os, "fsync", lambda _: trio.from_thread.run_sync(scope.cancel))
        await cache.put(bytes(10), "png")
    assert len(names_in(folder) - {old}) == 1
    assert old not in names_in(folder)


# Many files -------------------------------------------------------------------------------------


def test_ten_thousand_files_are_no_burden(folder: Path, fast_disk: None) -> None:
    """Found, used, added and evicted one by one in no time that depends on their number; and they
    go all at once.
    """
    first, *others = [f"{number:032x}.png" for number in range(10_000)]
    left_behind(folder, name=first, size=1)
    for name in others:
        (folder / name).hardlink_to(folder / first)  # which takes a tenth of the time of making one

    async def scenario() -> None:
        cache = await loaded(folder, 10_000)
        began = time.perf_counter()
        for name in [first, *others][-200:]:
            assert await cache.find(name) is not None
            await (await opened(cache, name)).aclose()
            await cache.put(bytes(3), "png")
        assert time.perf_counter() - began < 5  # some 0.2 s
        assert len(names_in(folder)) == 10_000 - 2 * 200
        await loaded(folder, 0)
        assert names_in(folder) == set()

    run_on_real_clock(scenario)


# Other workers ----------------------------------------------------------------------------------


@on_real_clock
async def test_a_file_of_another_workers_cache_is_read_there(folder: Path, tmp_path: Path) -> None:
    """Clients don't know which worker has fetched a picture. Nobody is asked for a name that can't
    be one's.
    """
    cache, others = MediaCache(tmp_path / "own", MUCH), MediaCache(folder, MUCH)
    name = await others.put(PICTURE, "jpg")
    asked = []

    async def elsewhere(wanted: str) -> Path | None:
        asked.append(wanted)
        return others.lend(wanted)

    cache.elsewhere = elsewhere
    assert await content(cache, name) == PICTURE
    missing = some_name()
    assert await cache.open(missing) is None
    assert await cache.open("../secret") is None
    assert asked == [name, missing]
    (folder / name).unlink()
    assert await cache.open(name) is None


@on_real_clock
async def test_a_file_that_another_worker_reads_is_used(folder: Path) -> None:
    """It is not the next to go."""
    cache = MediaCache(folder, 2 * len(PICTURE))
    first, second = await cache.put(PICTURE, "jpg"), await cache.put(PICTURE, "jpg")
    assert cache.lend(first) == folder / first
    third = await cache.put(PICTURE, "jpg")
    assert names_in(folder) == {first, third}
    assert cache.lend(second) is None
