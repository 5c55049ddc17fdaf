"""The state file: whole or set aside, whatever was done to it or fails under it."""

from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pytest
from attrs import frozen

from grokcore.runtime.disk import state_file
from grokcore.runtime.disk.state_file import Record, StateFile, gone_line, line_of
from tests.runtime.disk.states import POSIX_ONLY, FaultyDisk, another_process, failing, log_lines

ASIDE = re.compile(r"state\.jsonl\.damaged-\d{8}T\d{6}Z(-\d+)?")


def lines_of(records: Mapping[str, Record]) -> dict[str, bytes]:
    return {key: orjson.dumps({"key": key, **record}) for key, record in records.items()}


def beside(file: StateFile) -> list[Path]:
    """Everything in the file's folder but the file."""
    return [path for path in file.path.parent.iterdir() if path != file.path]


def set_aside_as(aside: Path) -> str:
    return f"It was set aside as {aside.name}. Learning starts anew."


# The file ---------------------------------------------------------------------------------------


RECORDS: Mapping[str, Record] = {
    "a": {"at": 1.5, "left": {"grok-3": 7}, "odd": "ü\n\u2028"},
    "b": {"at": 2},
    "": {},
}


def test_what_is_saved_is_loaded(file: StateFile) -> None:
    """Records come back by their keys, without them, in order; the file is for nobody else's
    eyes.
    """
    file.save(lines_of(RECORDS))

    assert list(file.load().items()) == list(RECORDS.items())
    assert beside(file) == []
    if os.name == "posix":
        assert file.path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_lines_of_json_between_a_version_and_a_number(file: StateFile) -> None:
    """A person can read it, and a reader can see that a copy is complete."""
    file.save(lines_of({"a": {"at": 1}, "b": {}}))

    lines = [json.loads(line) for line in file.path.read_text(encoding="utf-8").splitlines()]
    assert lines == [{"grok2api_state": 2}, {"key": "a", "at": 1}, {"key": "b"}, {"end": 2}]


def test_without_a_file_there_is_nothing_to_say(
    file: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    """A first start is no fault, whether there is a folder or not."""
    blocked = file.path.parent / "a file"
    blocked.touch()
    for path in (file.path, file.path / "none" / "state.jsonl", blocked / "state.jsonl"):
        assert StateFile(path).load() == {}

    assert log_lines(caplog) == []
    assert beside(file) == [blocked]


@frozen
class Damage:
    """Damaged content of a state file, and the log's reason."""

    name: str
    content: bytes
    reason: str = "it is damaged: "


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
        "a newer version",
        b'{"grok2api_state":3}\nsecret',
        "it was written by a newer version of grok2api (format 3)",
    ),
    Damage("no end", HEAD + b'{"key":"secret"}\n'),
    Damage("fewer than the end says", HEAD + END),
    Damage("more than the end says", HEAD + b'{"key":"secret"}\n{"key":"b"}\n' + END),
    Damage("the end is no number", HEAD + b'{"key":"secret"}\n{"end":true}\n'),
    Damage(
        "a journal before there were any", OLD_HEAD + b'{"key":"secret"}\n' + END + b'{"key":"b"}\n'
    ),
    Damage("an empty line", HEAD + b"\n" + END),
    Damage("a list for a record", HEAD + b'["secret"]\n' + END),
    Damage(
        "one key twice behind a third",
        HEAD + b'{"key":"a"}\n{"key":"secret"}\n{"key":"a"}\n{"end":3}\n',
    ),
    Damage("a record without a key", HEAD + b'{"at":"secret"}\n' + END),
    Damage("a key that is no text", HEAD + b'{"key":1,"at":"secret"}\n' + END),
    Damage("one key twice", HEAD + b'{"key":"secret"}\n{"key":"secret"}\n{"end":2}\n'),
    Damage(
        "a nest too deep to read",
        HEAD + b'{"key":"secret","at":' + b"[" * 9999 + b"]" * 9999 + b"}\n" + END,
    ),
    Damage(
        "a nest too deep to write",
        HEAD + b'{"key":"secret","at":' + b"[" * 400 + b"]" * 400 + b"}\n" + END,
    ),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_a_damaged_file_is_set_aside(
    damage: Damage, file: StateFile, caplog: pytest.LogCaptureFixture
) -> None:
    """No record is read, and the file is kept for a person to look at. One line of the log says so
    and quotes nothing.
    """
    file.path.write_bytes(damage.content)

    assert file.load() == {}

    (aside,) = beside(file)
    assert ASIDE.fullmatch(aside.name)
    assert aside.read_bytes() == damage.content
    ((level, line),) = log_lines(caplog)
    assert level == "WARNING"
    assert line.startswith(f"{file.path}: {damage.reason}")
    assert line.endswith(f". {set_aside_as(aside)}")
    assert re.search(r"secret|\n", line) is None
    file.save(lines_of(RECORDS))
    assert file.load() == RECORDS
    assert beside(file) == [aside]


def test_what_is_no_file_is_set_aside(file: StateFile, caplog: pytest.LogCaptureFixture) -> None:
    """A folder in its place (Docker makes one for a mount that is not there) is kept with all that
    is in it.
    """
    (file.path / "inside").mkdir(parents=True)

    assert file.load() == {}

    (aside,) = beside(file)
    assert (aside / "inside").is_dir()
    assert log_lines(caplog) == [
        ("WARNING", f"{file.path}: it is not a file. {set_aside_as(aside)}")
    ]


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
    line = f"{file.path}: it can't be read: {os.strerror(errno.EIO)}. {set_aside_as(aside)}"
    assert log_lines(caplog) == [("WARNING", line)]


def test_nothing_set_aside_is_ever_replaced(file: StateFile) -> None:
    """Not even by one that is set aside within the same second."""
    for number in range(5):
        file.path.write_text(f"damage {number}")
        file.load()

    assert {path.read_text() for path in beside(file)} == {
        f"damage {number}" for number in range(5)
    }


def test_it_is_told_when_a_damaged_file_can_not_be_set_aside(
    file: StateFile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server starts all the same, and the one line says that the file will be lost."""
    file.path.write_text("damage")
    monkeypatch.setattr(os, "rename", failing(errno.EROFS))

    assert file.load() == {}

    not_aside = f"It could not be set aside ({os.strerror(errno.EROFS)}) and will be replaced. Learning starts anew."
    line = f"{file.path}: it is damaged: its first line has no version. {not_aside}"
    assert log_lines(caplog) == [("WARNING", line)]


def test_a_file_cut_anywhere_is_whole_or_set_aside(file: StateFile) -> None:
    """A copy that ended early gives all records or none, at every byte."""
    file.save(lines_of(RECORDS))
    whole = file.path.read_bytes()
    for length in range(len(whole) + 1):
        file.path.write_bytes(whole[:length])
        assert file.load() == (RECORDS if length >= len(whole) - 1 else {}), length
        assert file.path.exists() == (length >= len(whole) - 1)


def test_a_flipped_byte_never_stops_the_server(file: StateFile) -> None:
    """For any byte: as many records as there were, or the file is set aside."""
    file.save(lines_of({"a": {"at": 1}, "b": {"at": 2}}))
    whole = file.path.read_bytes()
    for place in range(len(whole)):
        for byte in b'\x00\xff\n"{}[1,:':
            file.path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            assert len(file.load()) == (2 if file.path.exists() else 0), (place, byte)
            for aside in beside(file):
                aside.unlink()


# The journal ------------------------------------------------------------------------------------


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
    """At every byte: all lines that are whole count, half a line does not, nothing is set aside and
    nothing is said.
    """
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
    """A power cut leaves such an end. Acknowledged lines before it are read, and the server
    starts.
    """
    with_journal(file)
    with file.path.open("ab") as whole:
        whole.write(tail)

    assert file.load() == after(len(CHANGES))
    assert beside(file) == []


def test_a_flipped_byte_in_a_journal_never_stops_the_server(file: StateFile) -> None:
    """For any byte, the snapshot's records are read, and the file is not set aside."""
    sizes = with_journal(file)
    whole = file.path.read_bytes()
    for place in range(sizes[0], len(whole)):
        for byte in b'\x00\xff\n"{}[1,:':
            file.path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            assert {"", "b"} <= set(file.load()), (place, byte)
    assert beside(file) == []


def test_a_file_of_the_format_before_is_read(file: StateFile) -> None:
    """That format has no journal; the next write uses the new format."""
    file.path.write_bytes(OLD_HEAD + b'{"key":"a","at":1}\n' + END)

    assert file.load() == {"a": {"at": 1}}


def test_nothing_is_appended_to_a_file_that_is_not_the_one_that_was_written(
    file: StateFile,
) -> None:
    """The owner has put back a copy, or deleted the file, while the server runs."""
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
    """The next start deletes the temporary files of killed writers, and no others."""
    for name in (".state.jsonl.0123abcd.tmp", ".other.jsonl.0123abcd.tmp", "state.jsonl.bak"):
        (file.path.parent / name).touch()

    file.load()

    assert {path.name for path in beside(file)} == {".other.jsonl.0123abcd.tmp", "state.jsonl.bak"}


# A disk that fails ------------------------------------------------------------------------------


OLD: Mapping[str, Record] = {"a": {"left": 1}, "b": {"left": 1}}
NEW: Mapping[str, Record] = {"a": {"left": 2}, "c": {"left": 2}}


def steps_of_a_save(file: StateFile) -> list[str]:
    disk = FaultyDisk()
    with disk.installed():
        file.save(lines_of(OLD))
    return disk.calls


@POSIX_ONLY
def test_a_save_is_flushed_before_and_after_it_replaces(file: StateFile) -> None:
    """Neither a crash nor a power cut leaves an incomplete file."""
    order = [call for call in steps_of_a_save(file) if call in {"write", "fsync", "replace"}]
    assert order == ["write", "fsync", "replace", "fsync"]


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EACCES], ids=os.strerror
)
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "from then on"])
@POSIX_ONLY
def test_whatever_step_fails_the_file_is_the_old_or_the_new_one(
    number: int, for_good: bool, file: StateFile
) -> None:
    """A full disk, a quota, a read-only mount or broken hardware, at any step: the caller gets the
    error, and nothing is lost or left open.
    """
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
        disk = FaultyDisk(
            number, first=step, last=math.inf if for_good else step, most_bytes=most_bytes
        )

        with disk.installed(), pytest.raises(OSError) as caught:
            file.append(CHANGES, size)

        assert caught.value.errno == number, step
        assert disk.open == set(), step
        found = file.load()
        assert found in [
            {**RECORDS, "b": {"at": 9}},
            *(after(count) for count in range(1, len(CHANGES) + 1)),
        ], step
        assert beside(file) == [], step


@pytest.mark.parametrize("most_bytes", [1, 2, 7, 64])
def test_a_write_may_take_less_than_it_was_given(most_bytes: int, file: StateFile) -> None:
    """As it does on a disk that is nearly full, or when a signal comes."""
    disk = FaultyDisk(most_bytes=most_bytes)
    with disk.installed():
        file.save(lines_of(RECORDS))

    assert disk.calls.count("write") == math.ceil(file.path.stat().st_size / most_bytes)
    assert file.load() == RECORDS


# kill -9 ----------------------------------------------------------------------------------------


ROUNDS = 250


@POSIX_ONLY
def test_a_writer_killed_at_any_moment_leaves_one_whole_state(file: StateFile) -> None:
    """No record is older than the last acknowledged write. Temporary files are swept."""
    with another_process("kill", file.path, ROUNDS) as process:
        output, _ = process.communicate(timeout=40)

    assert process.returncode == 0
    figures = json.loads(output)
    assert figures["kills"] == ROUNDS
    assert figures["rounds_with_ack"] >= ROUNDS // 3
    assert figures["saves"] >= figures["rounds_with_ack"]
    assert beside(file) == []
