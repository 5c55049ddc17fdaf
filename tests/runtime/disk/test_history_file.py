"""The file of the history, and when it is written."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import trio
from attrs import define, field

from grokcore.runtime.disk.history_file import EVERY_S, FLUSH_S, HistoryFile, HistoryKeeper
from tests.disks import disks, mode
from tests.scenarios import run_on_fake_clock


def test_a_value_comes_back(tmp_path: Path) -> None:
    """For this user only, and readable with gzip."""
    file = HistoryFile(tmp_path / "history")
    assert file.load() is None
    file.save({"a": [1, 2]})
    assert file.load() == {"a": [1, 2]}
    assert orjson.loads(gzip.decompress(file.path.read_bytes())) == {"a": [1, 2]}
    if os.name == "posix":
        assert mode(file.path) == 0o600


def test_every_failure_of_a_write_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """Whichever call fails: the old value or the new one, and nothing beside it."""
    file = HistoryFile(tmp_path / "history")
    file.save("old")
    for number, disk in enumerate(disks()):
        failed = False
        with disk.in_use():
            try:
                file.save(f"new {number}")
            except OSError:
                failed = True
        found = file.load()
        assert isinstance(found, str)
        assert failed or found == f"new {number}"
        assert [path.name for path in tmp_path.iterdir()] == ["history"]


def test_a_cut_file_is_set_aside(tmp_path: Path) -> None:
    """Wherever it is cut; a bomb and a pipe are no history either."""
    file = HistoryFile(tmp_path / "history")
    file.save({"a": list(range(50))})
    whole = file.path.read_bytes()
    bomb = gzip.compress(b" " * 20_000_000)
    for content in (*(whole[:size] for size in range(len(whole))), bomb, whole[:-4] + b"\0" * 4):
        file.path.write_bytes(content)
        assert file.load() is None
        assert not file.path.exists()
    if hasattr(os, "mkfifo"):
        os.mkfifo(file.path)
        assert file.load() is None


def test_a_folder_that_is_not_ours_is_not_written_to(tmp_path: Path) -> None:
    """As the state file: two servers would undo each other's work."""

    def refuse() -> None:
        raise OSError(16, "busy")

    with pytest.raises(OSError, match="busy"):
        HistoryFile(tmp_path / "history", refuse).save(1)
    assert not (tmp_path / "history").exists()


@define(eq=False)
class Place(HistoryFile):
    """A file in memory that may fail or hang."""

    path: Path = Path("history")
    saved: list[object] = field(factory=list)
    faults: list[Exception | None] = field(factory=list)
    hangs: bool = False
    changes: list[object] = field(factory=list)

    def save(self, value: object) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        self.saved.append(value)

    async def in_thread(self, work: Callable[[], None]) -> None:
        if self.hangs:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        work()

    def take(self) -> Callable[[], object] | None:
        if not self.changes:
            return None
        value = self.changes.pop()
        self.changes.clear()
        return lambda: value


def run_kept(story: Callable[[Place, HistoryKeeper], object], place: Place | None = None) -> Place:
    """Run *story* beside a keeper, and then the keeper's end."""
    used = place or Place()
    keeper = HistoryKeeper(used, used.take, in_thread=used.in_thread)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper.run)
            await story(used, keeper)  # type: ignore[misc]
            nursery.cancel_scope.cancel()

    run_on_fake_clock(main)
    return used


def test_a_change_is_written_within_a_minute_and_no_more_often() -> None:
    """A killed server loses a minute at most; an idle one writes nothing."""

    async def story(place: Place, keeper: HistoryKeeper) -> None:
        place.changes.append(1)
        await trio.sleep(EVERY_S + 1)
        assert place.saved == [1]
        for value in (2, 3):
            place.changes.append(value)
            await trio.sleep(EVERY_S / 3)
        assert place.saved == [1]
        await trio.sleep(EVERY_S)
        assert place.saved == [1, 3]
        await trio.sleep(10 * EVERY_S)
        assert place.saved == [1, 3]
        place.changes.append(4)

    assert run_kept(story).saved == [1, 3, 4]


def test_a_failed_write_is_reported_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also without a further change; a bug is no more than that."""
    caplog.set_level("INFO")

    async def story(place: Place, keeper: HistoryKeeper) -> None:
        place.changes.append(1)
        await trio.sleep(EVERY_S + 1)
        assert keeper.fault == "No space left on device"
        await trio.sleep(2 * EVERY_S)
        assert (keeper.fault, place.saved) == ("", [1])

    full = OSError(28, "No space left on device")
    run_kept(story, Place(faults=[full, RuntimeError("bug")]))
    assert [record.getMessage() for record in caplog.records] == [
        (
            "history can't be written (No space left on device). Until it can, a restart loses the "
            "recent history."
        ),
        "history can be written again.",
    ]


def test_a_disk_that_hangs_does_not_hold_up_the_end() -> None:
    """For longer than a moment."""

    async def story(place: Place, keeper: HistoryKeeper) -> None:
        place.changes.append(1)
        began.append(trio.current_time())

    began: list[float] = []
    place = Place(hangs=True)
    ended: list[float] = []

    async def main() -> None:
        keeper = HistoryKeeper(place, place.take, in_thread=place.in_thread)
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper.run)
            await story(place, keeper)
            nursery.cancel_scope.cancel()
        ended.append(trio.current_time())

    run_on_fake_clock(main)
    assert ended[0] - began[0] <= FLUSH_S + 0.1
