"""What was learned, on disk: the folder, the file and the one task that writes it."""

from __future__ import annotations

import errno
import functools
import itertools
import json
import logging
import math
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import trio
from attrs import define, field, frozen

from grokcore.runtime.disk import data_dir, state_file
from grokcore.runtime.disk import state_keeper as store
from grokcore.runtime.disk.data_dir import DataDirectory, DirectoryTaken
from grokcore.runtime.disk.state_file import Record, StateFile, gone_line, line_of
from grokcore.runtime.disk.state_keeper import StateKeeper, pruned
from tests.scenarios import on_fake_clock, on_real_clock, run_on_fake_clock

ROOT = Path(__file__).parents[3]

LOGGERS = (store.__name__, state_file.__name__)

ASIDE = re.compile(r"state\.jsonl\.damaged-\d{8}T\d{6}Z(-\d+)?")

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    """A state file in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    return StateFile(folder / "state.jsonl")


def lines_of(records: Mapping[str, Record]) -> dict[str, bytes]:
    return {key: orjson.dumps({"key": key, **record}) for key, record in records.items()}


def beside(file: StateFile) -> list[Path]:
    """Everything in the file's folder but the file."""
    return [path for path in file.path.parent.iterdir() if path != file.path]


def log_lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What the store has logged, and forget it."""
    found = [(record.levelname, record.getMessage()) for record in caplog.records if record.name in LOGGERS]
    caplog.clear()
    return found


def set_aside_as(aside: Path) -> str:
    return f"It was set aside as {aside.name}. Learning starts anew."


def failing(number: int) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# The file ---------------------------------------------------------------------------------------------------------

RECORDS: Mapping[str, Record] = {
    "a": {"at": 1.5, "left": {"grok-3": 7}, "odd": "ü\n\u2028"},
    "b": {"at": 2},
    "": {},
}


def test_what_is_saved_is_loaded(file: StateFile) -> None:
    """Records come back by their keys, without them, in order; the file is for nobody else's eyes."""
    file.save(lines_of(RECORDS))

    assert list(file.load().items()) == list(RECORDS.items())
    assert beside(file) == []
    if os.name == "posix":
        assert file.path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_lines_of_json_between_a_version_and_a_number(file: StateFile) -> None:
    """A person can read it, and whoever copies it can see that it is whole."""
    file.save(lines_of({"a": {"at": 1}, "b": {}}))

    lines = [json.loads(line) for line in file.path.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"grok2api_state": 2}, {"key": "a", "at": 1}, {"key": "b"}, {"end": 2}]


def test_without_a_file_there_is_nothing_to_say(file: StateFile, caplog: pytest.LogCaptureFixture) -> None:
    """A first start is no fault, whether there is a folder or not."""
    blocked = file.path.parent / "a file"
    blocked.touch()
    for path in (file.path, file.path / "none" / "state.jsonl", blocked / "state.jsonl"):
        assert StateFile(path).load() == {}

    assert log_lines(caplog) == []
    assert beside(file) == [blocked]


@frozen
class Damage:
    """Content of a state file that can't be taken, and what a person is told."""

    name: str
    content: bytes
    told: str = "it is damaged: "


HEAD, END = b'{"grok2api_state":2}\n', b'{"end":1}\n'
OLD_HEAD = b'{"grok2api_state":1}\n'

DAMAGES = [
    Damage("empty", b""),
    Damage("a line of nothing", b"\n"),
    Damage("zeros, as after a power cut", bytes(4096)),
    Damage("not UTF-8", HEAD + b'{"key":"\xff secret"}\n' + END),
    Damage("a byte order mark", b"\xef\xbb\xbf" + HEAD + b'{"end":0}\n'),
    Damage("not JSON", HEAD + b"secret\n" + END),
    Damage("the header only", HEAD),
    Damage("no header", b'{"key":"secret"}\n' + END),
    Damage("the header is no object", b"[1]\n" + END),
    Damage("the version is text", b'{"grok2api_state":"1"}\n{"end":0}\n'),
    Damage("the version is true", b'{"grok2api_state":true}\n{"end":0}\n'),
    Damage("the version is 0", b'{"grok2api_state":0}\n{"end":0}\n'),
    Damage(
        "a newer version", b'{"grok2api_state":3}\nsecret', "it was written by a newer version of grok2api (format 3)"
    ),
    Damage("no end", HEAD + b'{"key":"secret"}\n'),
    Damage("fewer than the end says", HEAD + END),
    Damage("more than the end says", HEAD + b'{"key":"secret"}\n{"key":"b"}\n' + END),
    Damage("the end is no number", HEAD + b'{"key":"secret"}\n{"end":true}\n'),
    Damage("a journal before there were any", OLD_HEAD + b'{"key":"secret"}\n' + END + b'{"key":"b"}\n'),
    Damage("an empty line", HEAD + b"\n" + END),
    Damage("a list for a record", HEAD + b'["secret"]\n' + END),
    Damage("one key twice behind a third", HEAD + b'{"key":"a"}\n{"key":"secret"}\n{"key":"a"}\n{"end":3}\n'),
    Damage("a record without a key", HEAD + b'{"at":"secret"}\n' + END),
    Damage("a key that is no text", HEAD + b'{"key":1,"at":"secret"}\n' + END),
    Damage("one key twice", HEAD + b'{"key":"secret"}\n{"key":"secret"}\n{"end":2}\n'),
    Damage("a nest too deep to read", HEAD + b'{"key":"secret","at":' + b"[" * 9999 + b"]" * 9999 + b"}\n" + END),
    Damage("a nest too deep to write", HEAD + b'{"key":"secret","at":' + b"[" * 400 + b"]" * 400 + b"}\n" + END),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_a_damaged_file_is_set_aside(damage: Damage, file: StateFile, caplog: pytest.LogCaptureFixture) -> None:
    """None of it is taken, all of it is kept for a person to look at, and one line of the log says so without its content."""
    file.path.write_bytes(damage.content)

    assert file.load() == {}

    (aside,) = beside(file)
    assert ASIDE.fullmatch(aside.name)
    assert aside.read_bytes() == damage.content
    ((level, line),) = log_lines(caplog)
    assert level == "WARNING"
    assert line.startswith(f"{file.path}: {damage.told}")
    assert line.endswith(f". {set_aside_as(aside)}")
    assert re.search(r"secret|\n", line) is None
    file.save(lines_of(RECORDS))
    assert file.load() == RECORDS
    assert beside(file) == [aside]


def test_what_is_no_file_is_set_aside(file: StateFile, caplog: pytest.LogCaptureFixture) -> None:
    """A folder in its place (Docker makes one for a mount that is not there) is kept with all that is in it."""
    (file.path / "inside").mkdir(parents=True)

    assert file.load() == {}

    (aside,) = beside(file)
    assert (aside / "inside").is_dir()
    assert log_lines(caplog) == [("WARNING", f"{file.path}: it is not a file. {set_aside_as(aside)}")]


@POSIX_ONLY
def test_a_pipe_in_its_place_is_not_waited_for(file: StateFile) -> None:
    """Reading one would never end."""
    os.mkfifo(file.path)

    assert file.load() == {}

    assert len(beside(file)) == 1


def test_an_unreadable_file_is_set_aside(
    file: StateFile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is the operating system's."""
    file.save(lines_of(RECORDS))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", failing(errno.EIO))
        assert file.load() == {}

    (aside,) = beside(file)
    told = f"{file.path}: it can't be read: {os.strerror(errno.EIO)}. {set_aside_as(aside)}"
    assert log_lines(caplog) == [("WARNING", told)]


def test_nothing_set_aside_is_ever_replaced(file: StateFile) -> None:
    """Not even by one that is set aside within the same second."""
    for number in range(5):
        file.path.write_text(f"damage {number}")
        file.load()

    assert {path.read_text() for path in beside(file)} == {f"damage {number}" for number in range(5)}


def test_it_is_told_when_a_damaged_file_can_not_be_set_aside(
    file: StateFile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server starts all the same, and the one line says that the file will be lost."""
    file.path.write_text("damage")
    monkeypatch.setattr(os, "rename", failing(errno.EROFS))

    assert file.load() == {}

    not_aside = f"It could not be set aside ({os.strerror(errno.EROFS)}) and will be replaced. Learning starts anew."
    told = f"{file.path}: it is damaged: its first line is not a JSON object. {not_aside}"
    assert log_lines(caplog) == [("WARNING", told)]


def test_a_file_cut_anywhere_is_whole_or_set_aside(file: StateFile) -> None:
    """A copy that ended early gives all records or none, at every byte."""
    file.save(lines_of(RECORDS))
    whole = file.path.read_bytes()
    for length in range(len(whole) + 1):
        file.path.write_bytes(whole[:length])
        assert file.load() == (RECORDS if length >= len(whole) - 1 else {}), length
        assert file.path.exists() == (length >= len(whole) - 1)


def test_a_flipped_byte_never_stops_the_server(file: StateFile) -> None:
    """Whatever byte becomes whatever other: as many records as there were, or the file is set aside."""
    file.save(lines_of({"a": {"at": 1}, "b": {"at": 2}}))
    whole = file.path.read_bytes()
    for place in range(len(whole)):
        for byte in b'\x00\xff\n"{}[1,:':
            file.path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            assert len(file.load()) == (2 if file.path.exists() else 0), (place, byte)
            for aside in beside(file):
                aside.unlink()


# The journal ------------------------------------------------------------------------------------------------------

CHANGES: Sequence[bytes] = (
    line_of("b", {"at": 3, "odd": "ü\u2028"}),
    line_of("c", {"at": 4}),
    gone_line("a"),
    line_of("c", {"at": 5}),
    gone_line("never known"),
)


def after(count: int) -> dict[str, Record]:
    """The records after so many of the changes."""
    records = dict(RECORDS)
    for line in CHANGES[:count]:
        record = json.loads(line)
        key = record.pop("key")
        if "gone" in record:
            records.pop(key, None)
        else:
            records[key] = record
    return records


def with_journal(file: StateFile) -> list[int]:
    """Write the records and each change behind them. Returns the file's size after each."""
    sizes = [file.save(lines_of(RECORDS))]
    for line in CHANGES:
        sizes.append(file.append([line], sizes[-1]))
    return sizes


def test_what_is_appended_takes_the_place_of_what_was(file: StateFile) -> None:
    """Record by record, by this reader and by one that only looks; a whole then has no journal."""
    sizes = with_journal(file)

    assert file.path.stat().st_size == sizes[-1]
    assert file.load() == after(len(CHANGES)) == state_file.peek(file.path)
    file.save(lines_of(RECORDS))
    assert file.load() == RECORDS


def test_a_journal_cut_anywhere_costs_what_was_not_acknowledged(
    file: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    """At every byte: all lines that are whole count, half a line does not, nothing is set aside and nothing is said."""
    sizes = with_journal(file)
    content = file.path.read_bytes()
    for length in range(sizes[0] - 1, len(content) + 1):
        file.path.write_bytes(content[:length])
        whole_lines = sum(length >= size - 1 for size in sizes[1:])
        assert file.load() == after(whole_lines), length
    assert beside(file) == []
    assert log_lines(caplog) == []


TAILS = {
    "zeros": bytes(4096),
    "zeros and lines": bytes(512) + b"\n" + line_of("c", {"at": 9}) + b"\n",
    "a list": b"[1]\n",
    "no key": b'{"at":1}\n',
    "a key that is no text": b'{"key":1}\n',
    "a nest too deep to write": b'{"key":"c","at":' + b"[" * 400 + b"]" * 400 + b"}\n",
    "an empty line": b"\n",
    "another end": b'{"end":3}\n',
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
def test_a_damaged_journal_counts_up_to_its_damage(tail: bytes, file: StateFile) -> None:
    """A power cut leaves such an end; what was acknowledged before it is there, and the server starts."""
    with_journal(file)
    with file.path.open("ab") as whole:
        whole.write(tail)

    assert file.load() == after(len(CHANGES))
    assert beside(file) == []


def test_a_flipped_byte_in_a_journal_never_stops_the_server(file: StateFile) -> None:
    """Whatever byte becomes whatever other, there are the records of the whole at least, or the file is set aside."""
    sizes = with_journal(file)
    whole = file.path.read_bytes()
    for place in range(sizes[0], len(whole)):
        for byte in b'\x00\xff\n"{}[1,:':
            file.path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            assert {"", "b"} <= set(file.load()), (place, byte)
    assert beside(file) == []


def test_a_file_of_the_format_before_is_read(file: StateFile) -> None:
    """It has no journal; the next write makes it one of this format."""
    file.path.write_bytes(OLD_HEAD + b'{"key":"a","at":1}\n' + END)

    assert file.load() == {"a": {"at": 1}}


def test_nothing_is_appended_to_a_file_that_is_not_the_one_that_was_written(file: StateFile) -> None:
    """Somebody has put back a copy, or deleted it, while the server runs."""
    size = file.save(lines_of(RECORDS))
    with pytest.raises(OSError, match="another program has changed it"):
        file.append(CHANGES, size - 1)
    file.path.unlink()
    with pytest.raises(FileNotFoundError):
        file.append(CHANGES, size)
    assert not file.path.exists()


def test_a_symbolic_link_is_kept(file: StateFile, tmp_path: Path) -> None:
    """The file it leads to is the one that is read, replaced, set aside and swept beside."""
    target = StateFile(tmp_path / "elsewhere.jsonl")
    file.path.symlink_to(target.path)
    file.save(lines_of(RECORDS))
    assert file.load() == target.load() == RECORDS
    stray = tmp_path / ".elsewhere.jsonl.0.tmp"
    stray.touch()
    target.path.write_text("damage")

    assert file.load() == {}

    assert file.path.is_symlink()
    assert beside(file) == []
    assert not stray.exists()
    assert len(list(tmp_path.glob("elsewhere.jsonl.damaged-*"))) == 1


def test_strays_are_swept_when_loading(file: StateFile) -> None:
    """Nothing that killed writers have left stays longer than until the next start; what is not theirs does."""
    for name in (".state.jsonl.0123abcd.tmp", ".other.jsonl.0123abcd.tmp", "state.jsonl.bak"):
        (file.path.parent / name).touch()

    file.load()

    assert {path.name for path in beside(file)} == {".other.jsonl.0123abcd.tmp", "state.jsonl.bak"}


# A disk that fails ------------------------------------------------------------------------------------------------

CALLS = ["open", "write", "fchmod", "fsync", "close", "replace", "unlink"]
"""What a save asks of the operating system."""


@define
class FaultyDisk:
    """Counts the operating system's calls and what they have open, and lets some of them fail."""

    number: int = errno.ENOSPC
    first: float = math.inf
    last: float = math.inf
    most_bytes: int | None = None
    """What one write takes at most."""
    calls: list[str] = field(factory=list)
    open: set[object] = field(factory=set)

    @contextmanager
    def installed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                if hasattr(os, name):
                    patch.setattr(os, name, functools.partial(self._call, name, getattr(os, name)))
            yield

    def _call(self, name: str, real: Callable[..., object], *args: object, **kwargs: object) -> object:
        self.calls.append(name)
        fault = OSError(self.number, os.strerror(self.number))
        fails = self.first <= len(self.calls) - 1 <= self.last
        if fails and name != "close":
            raise fault
        if name == "write" and self.most_bytes is not None:
            args = (args[0], memoryview(args[1])[: self.most_bytes])  # type: ignore[arg-type]
        result = real(*args, **kwargs)
        if name == "open":
            self.open.add(result)
        if name == "close":
            self.open.remove(args[0])
        if fails:  # only now, as a close that fails closes
            raise fault
        return result


OLD: Mapping[str, Record] = {"a": {"left": 1}, "b": {"left": 1}}
NEW: Mapping[str, Record] = {"a": {"left": 2}, "c": {"left": 2}}


def steps_of_a_save(file: StateFile) -> list[str]:
    disk = FaultyDisk()
    with disk.installed():
        file.save(lines_of(OLD))
    return disk.calls


@POSIX_ONLY
def test_a_save_is_flushed_before_and_after_it_replaces(file: StateFile) -> None:
    """So that neither a crash nor a power cut can show a file that is not whole."""
    order = [call for call in steps_of_a_save(file) if call in {"write", "fsync", "replace"}]
    assert order == ["write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EACCES], ids=os.strerror)
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
@POSIX_ONLY
def test_whatever_step_fails_the_file_is_the_old_or_the_new_one(number: int, for_good: bool, file: StateFile) -> None:
    """A full disk, a quota, a read-only mount or broken hardware, at any step: told, and nothing is lost or left open."""
    steps = steps_of_a_save(file)
    assert len(steps) >= 8
    for step, name in enumerate(steps):
        file.save(lines_of(OLD))
        disk = FaultyDisk(number, first=step, last=math.inf if for_good else step)

        with disk.installed(), pytest.raises(OSError) as caught:
            file.save(lines_of(NEW))

        assert caught.value.errno == number, (step, name)
        assert disk.open == set(), (step, name)
        assert for_good or beside(file) == [], (step, name)
        assert file.load() == (NEW if step > steps.index("replace") else OLD), (step, name)
        assert beside(file) == [], (step, name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=os.strerror)
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("most_bytes", [None, 7], ids=["whole", "in pieces"])
@POSIX_ONLY
def test_whatever_step_of_an_append_fails_nothing_acknowledged_is_lost(
    number: int, for_good: bool, most_bytes: int | None, file: StateFile
) -> None:
    """The file is readable with some of the lines or none, and nothing is left open."""
    size = file.save(lines_of(RECORDS))
    counting = FaultyDisk(most_bytes=most_bytes)
    with counting.installed():
        file.append(CHANGES, size)
    order = [call for call in counting.calls if call in {"write", "fsync"}]
    assert order[-1] == "fsync"
    for step in range(len(counting.calls)):
        size = file.append([line_of("b", {"at": 9})], file.save(lines_of(RECORDS)))
        disk = FaultyDisk(number, first=step, last=math.inf if for_good else step, most_bytes=most_bytes)

        with disk.installed(), pytest.raises(OSError) as caught:
            file.append(CHANGES, size)

        assert caught.value.errno == number, step
        assert disk.open == set(), step
        found = file.load()
        assert found in [{**RECORDS, "b": {"at": 9}}, *(after(count) for count in range(1, len(CHANGES) + 1))], step
        assert beside(file) == [], step


@pytest.mark.parametrize("most_bytes", [1, 2, 7, 64])
def test_a_write_may_take_less_than_it_was_given(most_bytes: int, file: StateFile) -> None:
    """As it does on a disk that is nearly full, or when a signal comes."""
    disk = FaultyDisk(most_bytes=most_bytes)
    with disk.installed():
        file.save(lines_of(RECORDS))

    assert disk.calls.count("write") == math.ceil(file.path.stat().st_size / most_bytes)
    assert file.load() == RECORDS


# The keeper -------------------------------------------------------------------------------------------------------


@define
class SlowDisk:
    """A state file in memory. A write takes its time, on trio's clock and without a thread, and may fail at its end."""

    took: float = 0
    faults: list[BaseException | None] = field(factory=list)
    """What becomes of the first writes; those after them succeed."""
    began: list[float] = field(factory=list)
    saved: list[dict[str, Record]] = field(factory=list)
    """The records after each write that succeeded."""
    appended: list[int] = field(factory=list)
    """How many lines each of them wrote into the journal; -1 for a whole."""
    writing: bool = False

    def __str__(self) -> str:
        return "state.jsonl"

    def save(self, lines: Mapping[str, bytes]) -> int:
        self._fail()
        records = [orjson.loads(line) for line in lines.values()]
        self.saved.append({record.pop("key"): record for record in records})
        assert list(self.saved[-1]) == list(lines)
        self.appended.append(-1)
        return sum(map(len, lines.values()))

    def append(self, lines: Sequence[bytes], size: int) -> int:
        if self.faults and self.faults[0] is not None:
            raise OSError(errno.EIO, "the journal can't be written")  # the whole that follows meets the fault itself
        self._fail()
        records = dict(self.saved[-1])
        for line in lines:
            record = orjson.loads(line)
            key = record.pop("key")
            if record.get("gone"):
                del records[key]
            else:
                records[key] = record
        self.saved.append(records)
        self.appended.append(len(lines))
        return size + sum(map(len, lines))

    def _fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault

    async def in_thread(self, work: Callable[[], None]) -> None:
        assert not self.writing, "two writes at once"
        self.began.append(trio.current_time())
        self.writing = True
        await trio.sleep(self.took)
        self.writing = False
        work()


@define
class Learner:
    """Learns things and hands them over, with the keeper that asks for them."""

    disk: SlowDisk = field(factory=SlowDisk)
    known: Mapping[str, Record] = field(factory=dict)
    keeper: StateKeeper = field(init=False)
    _news: dict[str, Record | None] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.keeper = StateKeeper(self.disk, self.hand_over, self.known, in_thread=self.disk.in_thread)

    def hand_over(self) -> Mapping[str, Record | None]:
        news, self._news = self._news, {}
        return news

    def learn(self, **news: Record | None) -> None:
        self._news |= news
        self.keeper.changed()

    async def learn_at(self, at: float) -> None:
        await trio.sleep_until(at)
        self.learn(a={"at": at})

    async def stopped_at(self, at: float, *learns: float) -> float:
        """Run the keeper, learn at some times, and stop it at a time. Returns when it had ended."""
        async with trio.open_nursery() as nursery:
            for when in learns:
                nursery.start_soon(self.learn_at, when)
            with trio.CancelScope(deadline=at):
                await self.keeper.run()
        return trio.current_time()


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
NO_THREAD = RuntimeError("can't start new thread")
BAD_DISK = OSError()


@frozen
class Timing:
    """When something is learned, how the disk fares, and when writes must begin."""

    name: str
    learns: Sequence[float]
    began: Sequence[float]
    took: float = 0
    faults: Sequence[BaseException | None] = ()
    until: float = 1000
    log: Sequence[str] = ()


TIMINGS = [
    Timing("nothing learned", [], []),
    Timing("once", [5], [6]),
    Timing("further marks do not put it off", [5, 5.5, 5.9], [6]),
    Timing("marks after it was collected", [5, 6.5], [6, 7.5]),
    Timing("marks during a write come with the next one", [5, 7, 8], [6, 10], took=3),
    Timing("one failure", [5], [6, 7], faults=[FULL], log=["WARNING", "INFO"]),
    Timing(
        "backoff to a minute",
        [5],
        [6, 7, 9, 13, 21, 37, 69, 129, 189, 249],
        faults=[FULL] * 9,
        log=["WARNING", "INFO"],
    ),
    Timing("marks do not hasten it", [5, 9.5, 10, 11], [6, 7, 9, 13], faults=[FULL] * 3, log=["WARNING", "INFO"]),
    Timing("each from its end", [5], [6, 9, 13], took=2, faults=[FULL] * 2, log=["WARNING", "INFO"]),
    Timing("backoff begins anew", [5, 20], [6, 7, 9, 21, 22, 24], faults=[FULL, FULL, None] * 2, log=["WARNING", "INFO"] * 2),
    Timing("no thread to be had", [5], [6, 7, 9], faults=[NO_THREAD] * 2, log=["WARNING", "INFO"]),
    Timing("a failure without words", [5], [6, 7], faults=[BAD_DISK], log=["WARNING", "INFO"]),
]  # fmt: skip


@pytest.mark.parametrize("case", TIMINGS, ids=lambda case: case.name)
def test_writes_begin_at_their_exact_times(case: Timing, caplog: pytest.LogCaptureFixture) -> None:
    """A second after the first mark, after a failure with growing gaps; one line of the log when it begins to fail and one
    when it works again; and what was learned last is what is saved last."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        learner = Learner(SlowDisk(case.took, list(case.faults)))
        await learner.stopped_at(case.until, *case.learns)

        assert learner.disk.began == list(case.began)
        assert learner.disk.saved[-1:] == [{"a": {"at": at}} for at in case.learns[-1:]]
        assert (learner.keeper.fault, learner.keeper.unsaved) == ("", False)

    run_on_fake_clock(scenario)
    assert [level for level, _ in log_lines(caplog)] == list(case.log)


def test_a_disk_that_fails_for_days_is_asked_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """However long it lasts, and with one line of the log."""

    async def scenario() -> None:
        learner = Learner(SlowDisk(faults=[FULL] * 5000))
        await learner.stopped_at(3 * 86400.5, 0)

        gaps = [later - sooner for sooner, later in zip(learner.disk.began, learner.disk.began[1:], strict=False)]
        assert gaps[:7] == [1, 2, 4, 8, 16, 32, 60]
        assert set(gaps[6:-1]) == {60}
        assert learner.keeper.fault == os.strerror(errno.ENOSPC)

    run_on_fake_clock(scenario)
    assert len(log_lines(caplog)) == 1


def test_a_fault_is_shown_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    """In words, for the health route and the log, which names the file."""

    async def scenario() -> None:
        learner = Learner(SlowDisk(faults=[FULL] * 2))
        shown = []
        async with trio.open_nursery() as nursery:
            await nursery.start(learner.keeper.run)
            learner.learn(a={})
            for when in (0.5, 1.5, 2.5, 4.5):  # the writes are at 1, 2 and 4
                await trio.sleep_until(when)
                shown.append((learner.keeper.fault, learner.keeper.unsaved))
            nursery.cancel_scope.cancel()

        full = os.strerror(errno.ENOSPC)
        assert shown == [("", True), (full, True), (full, True), ("", False)]

    run_on_fake_clock(scenario)
    told = f"state.jsonl can't be written ({os.strerror(errno.ENOSPC)}). What was learned is only in memory."
    assert log_lines(caplog) == [("WARNING", told)]


@on_fake_clock
async def test_only_what_changed_is_touched() -> None:
    """Records as loaded stay, those of unknown tokens too; None forgets one."""
    learner = Learner(known={"old": {"at": 1, "unknown": [None]}, "a": {"at": 1}, "b": {"at": 1}})
    learner.learn(a={"at": 2}, b=None, c={"at": 2}, never_known=None)
    await learner.stopped_at(10)

    assert learner.disk.saved == [{"old": {"at": 1, "unknown": [None]}, "a": {"at": 2}, "c": {"at": 2}}]


@on_fake_clock
async def test_nothing_is_written_when_nothing_changed() -> None:
    """A mark without news, or news that are none, cost no write; nor does the end."""
    learner = Learner(known={"a": {"at": 1}})
    learner.keeper.changed()
    await learner.stopped_at(10, 1)
    assert learner.disk.began == []


def test_a_record_that_can_not_be_written_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    """It is a bug of ours: told with its traceback, and the others of its batch are kept."""

    async def scenario() -> None:
        learner = Learner()
        learner.learn(a={"at": 1}, b={"at": object()}, c={"at": 1})
        await learner.stopped_at(10)
        assert learner.disk.saved == [{"a": {"at": 1}, "c": {"at": 1}}]

    run_on_fake_clock(scenario)
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.exc_info is not None


@on_fake_clock
async def test_a_change_costs_its_own_line() -> None:
    """However many records there are, and within a second; the first write after a start is a whole."""
    records: dict[str, Record] = {f"k{number}": {"at": 0, "text": "x" * 100} for number in range(10_000)}
    learner = Learner(known=records)
    await learner.stopped_at(100.5, *range(0, 100, 2))

    assert learner.disk.appended == [-1, *[1] * 49]
    assert learner.disk.began == [at + 1 for at in range(0, 100, 2)]


@on_fake_clock
async def test_the_journal_is_taken_up_when_it_has_outgrown_the_whole() -> None:
    """So the file stays in proportion, and what is written too."""
    learner = Learner()

    async def learn_much() -> None:
        for number in range(200):
            learner.learn(a={"text": "x" * 1000, "number": number})
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        await nursery.start(learner.keeper.run)
        await learn_much()
        nursery.cancel_scope.cancel()

    wholes = [number for number, count in enumerate(learner.disk.appended) if count < 0]
    assert {later - sooner for sooner, later in itertools.pairwise(wholes)} == {63 + 1}


@on_real_clock
async def test_what_can_not_be_appended_is_written_as_a_whole(file: StateFile) -> None:
    """At once, with nobody hearing of it: the file was changed, or deleted, by somebody else."""
    number = 0

    def changes() -> Mapping[str, Record]:
        return {"a": {"at": number}}

    keeper = StateKeeper(file, changes, {"b": {"at": 0}})
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        assert await keeper.write_now() == ""
        for damage in (file.path.unlink, lambda: file.path.write_text("x")):
            damage()
            number += 1
            assert await keeper.write_now() == ""
            assert file.load() == {"b": {"at": 0}, "a": {"at": number}}
        nursery.cancel_scope.cancel()


# An owner's action --------------------------------------------------------------------------------------------------


@frozen
class Hurry:
    """An action on a pool while a disk fares in some way: when it is acknowledged, and what is said of the disk."""

    name: str
    at: float
    acknowledged: float
    learns: Sequence[float] = ()
    took: float = 0
    faults: Sequence[BaseException | None] = ()
    said: str = ""


HURRIES = [
    Hurry("at rest", 5, 5),
    Hurry("it takes a while", 5, 5.5, took=0.5),
    Hurry("within the usual pause", 5, 5, learns=[4.5]),
    Hurry("during a write", 5.5, 7.0, learns=[4], took=1),
    Hurry("after a failure it does not wait for the next try", 60, 60, learns=[4], faults=[FULL] * 5),
    Hurry("the disk is full", 5, 5, faults=[FULL] * 9, said=os.strerror(errno.ENOSPC)),
    Hurry("the disk hangs", 5, 7, took=math.inf, said="it took more than 2 s"),
]  # fmt: skip


@pytest.mark.parametrize("case", HURRIES, ids=lambda case: case.name)
@on_fake_clock
async def test_an_action_is_on_the_disk_when_it_is_acknowledged(case: Hurry) -> None:
    """At once, with what came before it, or it is said why not within two seconds."""
    learner = Learner(SlowDisk(case.took, list(case.faults)))
    async with trio.open_nursery() as nursery:
        await nursery.start(learner.keeper.run)
        for when in case.learns:
            nursery.start_soon(learner.learn_at, when)
        await trio.sleep_until(case.at)
        learner.learn(act={"at": case.at})
        said = await learner.keeper.write_now()

        assert (said, trio.current_time()) == (case.said, case.acknowledged)
        assert not case.said or not learner.disk.saved
        assert case.said or learner.disk.saved[-1]["act"] == {"at": case.at}
        nursery.cancel_scope.cancel()


@frozen
class Ending:
    """The end of the server: what was learned before and how the disk fares, and what must become of it."""

    name: str
    learns: Sequence[float]
    at: float
    began: Sequence[float]
    ended: float
    took: float = 0
    faults: Sequence[BaseException | None] = ()
    saves: int = 1
    fault: str = ""


ENDINGS = [
    Ending("nothing to save", [1], 5, began=[2], ended=5),
    Ending("at once", [], 0, began=[], ended=0, saves=0),
    Ending("before the second is over", [1], 1.25, began=[1.25], ended=1.25),
    Ending("it takes a while", [1], 1.25, began=[1.25], ended=2.75, took=1.5),
    Ending("during a write", [1], 2.5, began=[2], ended=3.5, took=1.5),
    Ending("during a write, with news", [1, 2.25], 2.5, began=[2, 2.75], ended=3.5, took=0.75, saves=2),
    Ending("during a write that fails", [1], 2.5, began=[2, 2.75], ended=3.5, took=0.75, faults=[FULL]),
    Ending("between two attempts", [1], 2.5, began=[2, 2.5], ended=2.5, faults=[FULL]),
    Ending("the last attempt fails", [1], 1.5, [1.5], 1.5, faults=[FULL], saves=0, fault=os.strerror(errno.ENOSPC)),
    Ending("the last attempt hangs", [1], 1.5, [1.5], 3.5, took=math.inf, saves=0, fault="it took more than 2 s"),
    Ending("a write hangs already", [1], 90, [2], 92, took=math.inf, saves=0, fault="it took more than 2 s"),
    Ending("two slow writes", [1, 2.25], 2.5, [2, 3.25], 4.5, took=1.25, fault="it took more than 2 s"),
]


@pytest.mark.parametrize("case", ENDINGS, ids=lambda case: case.name)
def test_the_end_waits_for_what_is_unsaved_and_not_for_ever(case: Ending, caplog: pytest.LogCaptureFixture) -> None:
    """A write under way is finished, then what is left is written once, all within two seconds; what is lost is told."""

    async def scenario() -> None:
        learner = Learner(SlowDisk(case.took, list(case.faults)))
        ended = await learner.stopped_at(case.at, *case.learns)

        assert (learner.disk.began, ended) == (list(case.began), case.ended)
        assert len(learner.disk.saved) == case.saves
        assert learner.keeper.fault == case.fault
        assert learner.keeper.unsaved == bool(case.fault)

    run_on_fake_clock(scenario)
    assert [level for level, _ in log_lines(caplog)] == ["WARNING"] * bool(case.faults or case.fault)


@pytest.mark.parametrize(
    "fault", [FULL, NO_THREAD, BAD_DISK, TypeError("a bug")], ids=lambda fault: type(fault).__name__
)
@on_fake_clock
async def test_a_failed_write_fails_nobody(fault: Exception) -> None:
    """Not the task, nor those who run beside it."""
    learner = Learner(SlowDisk(faults=[fault] * 100))
    async with trio.open_nursery() as nursery:
        await nursery.start(learner.keeper.run)
        learner.learn(a={})
        await trio.sleep(1000)
        assert learner.keeper.fault
        nursery.cancel_scope.cancel()


@on_real_clock
async def test_writes_are_made_in_a_thread_of_their_own(file: StateFile) -> None:
    """The server goes on meanwhile, also when all of trio's threads are taken, and what is under way at the end is done."""
    writer = ThreadedFile(file)
    keeper = StateKeeper(writer, lambda: {"a": {"at": 1}}, {})
    trio.to_thread.current_default_thread_limiter().total_tokens = 1
    async with trio.to_thread.current_default_thread_limiter(), trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        keeper.changed()
        nursery.cancel_scope.cancel()

    assert len(writer.threads - {threading.get_ident()}) == 1
    assert file.load() == {"a": {"at": 1}}


def test_a_thread_that_hangs_is_given_up(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that never answers (a network one) does not hold up the end of the server."""
    monkeypatch.setattr(store, "FLUSH_S", 0.02)
    answers = threading.Event()

    async def scenario() -> None:
        keeper = StateKeeper(ThreadedFile(file, answers), lambda: {"a": {"at": 1}}, {})
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper.run)
            keeper.changed()
            nursery.cancel_scope.cancel()
        assert keeper.fault == "it took more than 0.02 s"

    try:
        trio.run(scenario)
    finally:
        answers.set()


@define
class ThreadedFile:
    """A state file that notes in which threads it is written, and may have to wait for an answer."""

    file: StateFile
    answers: threading.Event | None = None
    threads: set[int] = field(factory=set)

    def save(self, lines: Mapping[str, bytes]) -> int:
        self.threads.add(threading.get_ident())
        if self.answers is not None:
            self.answers.wait(60)
        return self.file.save(lines)

    def append(self, lines: Sequence[bytes], size: int) -> int:
        self.threads.add(threading.get_ident())
        return self.file.append(lines, size)


DAY = 86400.0


def test_tokens_that_are_long_gone_are_forgotten() -> None:
    """A month after the last news of them, unless they are in the pool, or nobody can tell how long ago that was."""
    records: Mapping[str, Record] = {
        "gone": {"at": 69.9 * DAY},
        "gone for long": {"at": 0},
        "not for long enough": {"at": 70.1 * DAY},
        "in the pool": {"at": 0},
        "from the future": {"at": 1000 * DAY},
        "without a time": {},
        "with something else": {"at": "yesterday"},
    }

    kept = pruned(records, {"in the pool", "new"}, 100 * DAY)

    assert set(records) - set(kept) == {"gone", "gone for long"}
    assert all(kept[key] == records[key] for key in kept)


def test_a_clock_that_is_wrong_for_a_start_makes_nobody_forgotten() -> None:
    """It is years ahead, and everything would be old; what is old beside the others is forgotten all the same."""
    records = {"gone": {"at": 99 * DAY}, "gone for long": {"at": 60 * DAY}, "in the pool": {"at": 100 * DAY}}

    assert set(pruned(records, {"in the pool"}, 9000 * DAY)) == {"gone", "in the pool"}


# The folder -------------------------------------------------------------------------------------------------------


def test_a_folder_is_made_for_this_user_only(tmp_path: Path) -> None:
    """With all that is above it."""
    with DataDirectory.hold(tmp_path / "above" / "data") as held:
        assert held.fault == ""
        for made in (held.path, held.path.parent):
            assert made.is_dir()
            if os.name == "posix":
                assert made.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Nothing is made in it, and its permissions are its owner's."""
    tmp_path.chmod(0o755)
    with DataDirectory.hold(tmp_path) as held:
        assert held.fault == ""
        if os.name == "posix":
            assert list(tmp_path.iterdir()) == []
            assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_folder_is_held_once(tmp_path: Path) -> None:
    """The second is told which folder it is, on one line; after the first has let go the next may have it."""
    with DataDirectory.hold(tmp_path) as held:
        disk = FaultyDisk()
        with disk.installed(), pytest.raises(DirectoryTaken) as refused:
            DataDirectory.hold(tmp_path)
        assert disk.open == set()
        assert str(refused.value) == f"{tmp_path}: another grok2api uses this data directory; give each one its own"
    held.release()

    with DataDirectory.hold(tmp_path):
        pass


@contextmanager
def another_process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.runtime.disk.crash_writer", *map(str, arguments)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


@POSIX_ONLY
def test_a_folder_is_held_by_one_process_and_no_longer_than_it_lives(tmp_path: Path) -> None:
    """Another process is refused while the first lives; a first that was killed with SIGKILL leaves nothing in the way."""
    with another_process("hold", tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(DirectoryTaken, match=re.escape(str(tmp_path))):
            DataDirectory.hold(tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait(10)

    with DataDirectory.hold(tmp_path) as held:
        assert held.fault == ""
        with another_process("hold", tmp_path) as second:
            assert second.stdout is not None
            assert second.stdout.readline().startswith(f"{tmp_path}: another grok2api uses this data directory")
            assert second.wait(10) == 0


@frozen
class Unusable:
    """A way for a folder to be of no use, and what a person is told."""

    name: str
    fault: str
    prepare: Callable[[Path, pytest.MonkeyPatch], None]


def unlockable(number: int) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda _, patch: patch.setattr(data_dir, "_lock", failing(number))


UNUSABLE = [
    Unusable("a file in its place", "is not a folder", lambda path, _: path.touch()),
    Unusable("a link to nowhere", "is not a folder", lambda path, _: path.symlink_to("nowhere")),
    Unusable("may not be made", os.strerror(errno.EACCES), lambda _, patch: patch.setattr(os, "mkdir", failing(errno.EACCES))),
    Unusable("no room for it", os.strerror(errno.EROFS), lambda _, patch: patch.setattr(os, "mkdir", failing(errno.EROFS))),
    Unusable("may not be opened", os.strerror(errno.EACCES), lambda _, patch: patch.setattr(os, "open", failing(errno.EACCES))),
    Unusable("no locks left", os.strerror(errno.ENOLCK), unlockable(errno.ENOLCK)),
    Unusable("no locks there", os.strerror(errno.EOPNOTSUPP), unlockable(errno.EOPNOTSUPP)),
    Unusable("no locks on folders there", os.strerror(errno.EBADF), unlockable(errno.EBADF)),
]  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: case.name)
def test_a_folder_that_is_of_no_use_stops_nobody(
    case: Unusable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs without one; why is there to be logged and shown."""
    path = tmp_path / "data"
    disk = FaultyDisk()
    with disk.installed(), monkeypatch.context() as patch:
        case.prepare(path, patch)
        held = DataDirectory.hold(path)

    assert disk.open == set()
    assert held.fault.startswith("it can't be ")
    assert case.fault in held.fault
    assert StateFile(path / "state.jsonl").load() == {}
    held.release()


def test_a_file_above_the_folder_stops_nobody(tmp_path: Path) -> None:
    """There is no state then, and no way to set anything aside."""
    (tmp_path / "file").touch()
    held = DataDirectory.hold(tmp_path / "file" / "data")

    assert "is not a folder" in held.fault
    assert StateFile(held.path / "state.jsonl").load() == {}


# kill -9 ----------------------------------------------------------------------------------------------------------

ROUNDS = 250


@POSIX_ONLY
def test_a_writer_killed_at_any_moment_leaves_one_whole_state(file: StateFile) -> None:
    """And nothing older than what was acknowledged. Nothing is left beside it, and what is left is swept."""
    with another_process("kill", file.path, ROUNDS) as process:
        output, _ = process.communicate(timeout=40)

    assert process.returncode == 0
    figures = json.loads(output)
    assert figures["kills"] == ROUNDS
    assert figures["rounds_with_ack"] >= ROUNDS // 3
    assert figures["saves"] >= figures["rounds_with_ack"]
    assert beside(file) == []
