"""A whole server on a disk that fails, at every call in turn: answers go on, and no file is lost or
damaged.
"""

from __future__ import annotations

import errno
import functools
import itertools
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from grokcore.runtime.disk.state_file import StateFile
from grokcore.simulator import lines
from grokcore.simulator.scripts import drawing
from grokcore.web.dashboard import NOT_KEPT
from tests.servers import TOKENS, Site
from tests.web.media_site import run_on_media_site

from .figures import Figure, Record, sizes

CALLS = (
    "open",
    "write",
    "fsync",
    "fchmod",
    "fstat",
    "close",
    "replace",
    "unlink",
    "mkdir",
    "utime",
    "scandir",
)
ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES, errno.EMFILE)
ASSET = f"users/{lines.USER_ID}/generated/{lines.RESPONSE_ID}/image.jpg"
MOST_CALLS = 60
"""More than a question with a picture and an act of the owner make."""


@define
class Disk:
    """The real disk, of which the calls that concern a folder fail from the n-th on, once or for
    good.

    :ivar fails_at: the first call that fails, from 1; 0 for none.
    :ivar called: how many calls there have been since it was armed.
    """

    folder: Path
    fails_at: int = 0
    for_good: bool = False
    error: int = errno.EIO
    called: int = 0
    failed: int = 0
    _open: set[int] = field(factory=set)
    _lock: threading.Lock = field(factory=threading.Lock)

    def arm(self, fails_at: int, error: int, *, for_good: bool) -> None:
        self.fails_at, self.error, self.for_good = fails_at, error, for_good
        self.called = self.failed = 0

    def disarm(self) -> None:
        self.fails_at = 0

    @contextmanager
    def in_use(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, functools.partial(self._call, name, getattr(os, name)))
            yield

    def _call(self, name: str, real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            if not self._concerns(args[0] if args else None):
                return real(*args, **kwargs)
            fails = self._counted()
            if fails and name != "close":
                raise OSError(self.error, os.strerror(self.error))
            result = real(*args, **kwargs)
            if name == "open":
                self._open.add(result)
            if name == "close":
                self._open.discard(args[0])
            if fails:  # only now, as a close that fails closes
                raise OSError(self.error, os.strerror(self.error))
            return result

    def _concerns(self, subject: object) -> bool:
        if isinstance(subject, int):
            return subject in self._open
        return isinstance(subject, str | os.PathLike) and Path(subject).is_relative_to(self.folder)

    def _counted(self) -> bool:
        self.called += 1
        fails = 0 < self.fails_at <= self.called if self.for_good else self.called == self.fails_at
        self.failed += fails
        return fails

    @property
    def still_open(self) -> int:
        return len(self._open)


@define
class Rounds:
    """Questions and acts on one site, one round for each fault."""

    site: Site
    folder: Path
    disk: Disk
    scratch: Path
    faults: int = 0
    kept: int = 0
    told: int = 0

    async def run(self, error: int, *, for_good: bool, every: int) -> None:
        """Let each call fail in turn, until a round has fewer calls."""
        for number in itertools.count(1, every):
            self.disk.arm(number, error, for_good=for_good)
            off = number // every % 2 == 1
            kept = await self._ask_and_act(off=off)
            failed = self.disk.failed
            self.disk.disarm()
            self._judge(kept, off=off)
            if not failed:
                return
            self.faults += 1
            assert number < MOST_CALLS

    async def _ask_and_act(self, *, off: bool) -> bool:
        """A question with a picture, and an act; returns whether the act is said to be on the
        disk.
        """
        reply = await self.site.ask("draw")
        assert reply.status_code == 200, reply.text
        assert "![image](" in reply.json()["choices"][0]["message"]["content"]
        act = "disable" if off else "enable"
        answered = await self.site.client.post(f"/status/tokens/{TOKENS[3].key}/{act}")
        assert answered.status_code == 200, answered.text
        kept = NOT_KEPT.partition("(")[0] not in answered.json()["said"]
        self.kept += kept
        self.told += not kept
        return kept

    def _judge(self, kept: bool, *, off: bool) -> None:
        """A start at this moment takes the state file, with the act if it was said to be kept."""
        copy = self.scratch / "state.jsonl"
        shutil.copy(self.folder / "state.jsonl", copy)
        records = StateFile(copy).load()
        assert [path.name for path in self.scratch.iterdir()] == ["state.jsonl"], "it was set aside"
        assert not kept or bool(records.get(TOKENS[3].key, {}).get("switched_off")) is off
        assert self.disk.still_open == 0


@pytest.mark.skipif(sys.platform == "win32", reason="disks fail in other ways there")
@sizes(2, len(ERRORS))
def test_a_disk_that_fails_costs_no_answer_and_no_state(
    count: int, tmp_path: Path, record: Record
) -> None:
    """Every call, each error, once and for good; an act that is not on the disk says so, and one
    that is stays.
    """
    folder, scratch = tmp_path / "data", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    disk = Disk(folder)
    done: list[Rounds] = []

    async def scenario(site: Site) -> None:
        site.simulator.always(drawing([ASSET]))
        rounds = Rounds(site, folder, disk, scratch)
        await rounds.run(0, for_good=False, every=MOST_CALLS * MOST_CALLS)  # the file is there
        for error in ERRORS[:count]:
            for for_good in (False, True):
                await rounds.run(error, for_good=for_good, every=1 if count == len(ERRORS) else 3)
        await rounds.run(0, for_good=False, every=MOST_CALLS * MOST_CALLS)
        assert not (await site.client.get("/health")).json()["faults"], "it has recovered"
        done.append(rounds)

    with disk.in_use():
        run_on_media_site(scenario, folder)
    rounds = done[0]
    assert rounds.kept
    assert rounds.told
    result = (
        f"every question answered, 0 state files damaged, 0 of {rounds.kept} acknowledged acts lost"
    )
    record(Figure("injected disk faults", str(rounds.faults), result, "nothing lost"))
