"""Recording: what Grok sends is on the disk, redacted, and nobody who asks notices."""

from __future__ import annotations

import json
import logging
import re
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import define, evolve, field, frozen

from grokcore.errors import GrokApiError, TransportFailure
from grokcore.protocol.conversation.events import Event
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.models import Limits
from grokcore.runtime.lanes.grok_web.lane import GrokWebLane
from grokcore.runtime.transport import recorded_files
from grokcore.runtime.transport import recording as record
from grokcore.runtime.transport.recording import RecordingTransport
from grokcore.runtime.transport.seam import Exchange, UpstreamRequest
from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    Send,
    answer,
    answer_lines,
    error,
    page,
    play_lines,
)
from tests.disks import disks
from tests.scenarios import on_fake_clock, on_real_clock, run_on_fake_clock

from ..fakes import FakeTransport
from ..worlds import World, collect, make_world

NAME = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{8}\.ndjson")
SHORT = Limits(10, 10, 60)


async def at_once(work: Callable[[], None]) -> None:
    """In this thread: a faked clock would jump past a real one."""
    work()
    await trio.lowlevel.checkpoint()


async def never(_: Callable[[], None]) -> None:
    """A disk that hangs."""
    await trio.sleep_forever()


@define
class Recorded:
    """A world whose answers are recorded, and what became of that."""

    world: World
    recorder: RecordingTransport
    folder: Path
    events: list[list[Event] | GrokApiError] = field(factory=list)

    async def ask(self, times: int = 1) -> None:
        for _ in range(times):
            try:
                self.events.append(await collect(self.world.ask(limits=SHORT)))
            except GrokApiError as failure:
                self.events.append(failure)

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.is_dir() else []


def recording(
    folder: Path,
    *scripts: Script,
    scenario: Callable[[Recorded], Awaitable[None]] = Recorded.ask,
    in_thread: Callable[[Callable[[], None]], Awaitable[None]] = at_once,
) -> Recorded:
    """Run *scenario* while a recorder runs, and end both."""
    found: list[Recorded] = []

    async def main() -> None:
        world = make_world(*scripts)
        recorder = RecordingTransport(world.transport, folder, in_thread=in_thread)
        assert isinstance(world.gateway.lane, GrokWebLane)
        world.gateway.lane = evolve(world.gateway.lane, transport=recorder)
        found.append(Recorded(world, recorder, folder))
        async with trio.open_nursery() as nursery:
            await nursery.start(recorder.run)
            await scenario(found[0])
            nursery.cancel_scope.cancel()
        assert world.idle

    run_on_fake_clock(main)
    return found[0]


def kinds(data: bytes) -> list[type[Event]]:
    decoder = Decoder(frozenset({"grok:render"}))
    return [type(event) for event in decoder.receive(data) + decoder.close()]


def read(path: Path) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    """Header, body and last line."""
    first, _, body = path.read_bytes().partition(b"\n")
    before, _, last = body.removesuffix(b"\n").rpartition(b"\n")
    if b"grok2api_record" in last:
        return json.loads(first), before, json.loads(last)
    return json.loads(first), body, {}


# What is recorded -------------------------------------------------------------------------------

TEXT = "Wonderland is where Alice went, see <grok:render card_id='1'>Carroll</grok:render>."


def test_an_answer_becomes_a_file_for_its_owner_only(tmp_path: Path) -> None:
    """A header, then the lines that Grok sent, redacted: the decoder finds the same in them."""
    script = answer(
        TEXT, question="Where did Alice go?", thoughts=[lines.thought("Pondering over Alice")]
    )
    folder = tmp_path / "a" / "b"
    found = recording(folder, script)
    (path,) = found.files
    assert NAME.fullmatch(path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    header, body, last = read(path)
    assert header == {
        "grok2api_record": 1,
        "status": 200,
        "content_type": "application/json",
        "path": CHAT_PATH,
    }
    assert last == {}
    assert body.count(b"\n") == script.body.count(b"\n")
    assert kinds(body) == kinds(script.body)
    for word in (b"Alice", b"Wonder", b"Carroll", b"Pondering", lines.RESPONSE_ID.encode()):
        assert word not in path.read_bytes()


@frozen
class End:
    """A response, and what the record says of its status and its end."""

    name: str
    script: Script
    status: int = 200
    last: dict[str, Any] = field(factory=dict)
    body: bytes | None = None


_HALF = b"".join(map(lines.line, answer_lines(["half", " an", " answer"])[:6]))
ENDS = [
    End("whole", answer("a")),
    End("no newline at its end", Script((Send(answer("a").body.rstrip(b"\n")),))),
    End("broken", Script((Send(_HALF), CUT)), last={"grok2api_record": 1, "end": "broken"}),
    End("given up by us", Script((Send(_HALF), HANG)), last={"grok2api_record": 1, "end": "abandoned"}),
    End("given up within a line", Script((Send(_HALF + b'{"result"'), HANG)), last={"grok2api_record": 1, "end": "abandoned"}),
    End("a page", page(), 403, body=b"x" * len(lines.PAGE_CHALLENGE)),
    End("a refusal", error(400, {"code": 3, "message": "not found: Bob"}), 400, body=b'{"code":3,"message":"not found: xxx"}'),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.name)
def test_a_record_says_how_the_response_began_and_ended(case: End, tmp_path: Path) -> None:
    """A response that was not heard to its end says why, in a line of its own."""
    found = recording(tmp_path, case.script)
    header, body, last = read(found.files[0])
    assert header["status"] == case.status
    assert last == case.last
    assert case.body is None or body == case.body
    assert case.status != 200 or kinds(body) == kinds(case.script.body)


def test_every_attempt_has_its_file(tmp_path: Path) -> None:
    """The refused one and the answered one; one that brought no response has none."""
    found = recording(tmp_path, Script((CUT,)), answer("a"))
    assert len(found.world.transport.exchanges) == 2
    assert len(found.files) == 1
    found = recording(tmp_path / "second", error(500, {}), answer("a"))
    assert {read(path)[0]["status"] for path in found.files} == {500, 200}


@on_real_clock
async def test_only_questions_are_recorded(tmp_path: Path) -> None:
    """Every other request has the inner transport's own exchange."""
    inner = FakeTransport([answer("a")])
    recorder = RecordingTransport(inner, tmp_path)
    exchange = recorder.open(
        UpstreamRequest("POST", "https://grok.example.com/rest/rate-limits", (), b"")
    )
    assert exchange is inner.exchanges[0]


@on_fake_clock
async def test_pieces_go_through_untouched_and_at_once(tmp_path: Path) -> None:
    """The same bytes in the same pieces at the same time; also after a wait that was given up;
    failures too.
    """

    async def heard(exchange: Any) -> list[object]:
        found: list[object] = []
        with trio.move_on_after(5):
            try:
                while found[-1:] != [b""]:
                    found += [
                        trio.current_time() - exchange_began,
                        exchange.read_nowait(),
                        await exchange.read(),
                    ]
            except TransportFailure as failure:
                found.append(str(failure))
        exchange.wake()
        await exchange.aclose()
        return found

    exchange_began = 0.0
    script = Script((Send(b"one"), HANG))
    for script in (
        Script((Send(b"one\n"), Send(b"two"), CUT)),
        Script((Send(b"one"), HANG)),
        answer("a"),
    ):
        plain, recorded = FakeTransport([script]), FakeTransport([script])
        recorder = RecordingTransport(recorded, tmp_path, in_thread=never)
        request = UpstreamRequest("POST", f"https://grok.example.com{CHAT_PATH}", (), b"")
        for exchange in (plain.open(request), recorder.open(request)):
            assert (await exchange.head()).status == 200
        assert await heard(recorder.open(request)) == await heard(plain.open(request))


# Bounds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once_", [True, False], ids=["in one piece", "in many"])
def test_a_long_answer_is_cut_off(
    at_once_: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a whole line; the answer itself goes on."""
    for module in (record, recorded_files):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 10_000)
    script = play_lines(answer_lines(["word "] * 100))
    if at_once_:
        script = Script((Send(script.body),))
    found = recording(tmp_path, script)
    _, body, last = read(found.files[0])
    assert last == {"grok2api_record": 1, "end": "cut"}
    assert found.files[0].stat().st_size <= 10_000 + 100
    assert all(json.loads(line) for line in body.splitlines())
    assert not isinstance(found.events[0], GrokApiError)


def test_the_oldest_files_go_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many of our own are kept; whatever else is in the folder is left alone."""
    monkeypatch.setattr(recorded_files, "MAX_FILES", 3)
    old = [tmp_path / f"2026010{day}T000000000Z-0000000{day}.ndjson" for day in range(1, 6)]
    foreign = [
        tmp_path / name
        for name in ("00000000.ndjson", "notes.txt", "20260101T000000000Z-00000001.ndjson.bak")
    ]
    for path in old + foreign:
        path.write_bytes(b"")
    found = recording(tmp_path, answer("a"), scenario=lambda recorded: recorded.ask(2))
    assert set(found.files) > set(foreign)
    kept = [path for path in found.files if path not in foreign]
    assert len(kept) == 3
    assert [path for path in kept if path in old] == old[-1:]


# Disks that fail --------------------------------------------------------------------------------


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [entry.getMessage() for entry in caplog.records if entry.name == recorded_files.__name__]


def test_a_folder_that_can_not_be_made_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Answers come as ever; when it can be made, the next is recorded, and that is told too."""
    caplog.set_level(logging.INFO)
    folder = tmp_path / "folder"
    folder.write_bytes(b"")

    async def scenario(recorded: Recorded) -> None:
        await recorded.ask(2)
        await trio.sleep(1)
        folder.unlink()
        await recorded.ask(1)

    found = recording(folder, answer("a"), scenario=scenario)
    assert not [event for event in found.events if isinstance(event, GrokApiError)]
    assert warnings(caplog) == [
        f"{folder}: answers can't be recorded: File exists.",
        f"{folder}: answers are recorded again.",
    ]
    assert len(found.files) == 1


def test_a_disk_that_fails_loses_the_record_and_not_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever step fails: it is logged once, and a file is there whole or not at all."""
    script = answer("a")
    for disk in disks():
        caplog.clear()
        folder = tmp_path / str(disk.fails_at)
        with disk.in_use():
            found = recording(folder, script, scenario=lambda recorded: recorded.ask(2))
        assert not [event for event in found.events if isinstance(event, GrokApiError)]
        assert len(found.files) in {2 - disk.failed, 2}  # 2 if only the folder's flush failed
        assert len(warnings(caplog)) == disk.failed
        for path in found.files:
            assert NAME.fullmatch(path.name)
            assert kinds(read(path)[1]) == kinds(script.body)


async def begun(recorder: RecordingTransport) -> Exchange:
    """An answer under way, of which a piece has been read."""
    exchange = recorder.open(
        UpstreamRequest("POST", f"https://grok.example.com{CHAT_PATH}", (), b"")
    )
    assert (await exchange.head()).status == 200
    assert await exchange.read() == _HALF
    return exchange


def test_only_so_many_are_recorded_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further ones are answered without a record, and the log says so once."""
    monkeypatch.setattr(record, "MAX_AT_ONCE", 2)

    async def scenario(recorded: Recorded) -> None:
        for exchange in [await begun(recorded.recorder) for _ in range(4)]:
            await exchange.aclose()

    found = recording(tmp_path, Script((Send(_HALF), HANG)), scenario=scenario)
    assert len(found.files) == 2
    assert warnings(caplog) == [
        f"{tmp_path}: answers can't be recorded: there are more than 2 at once."
    ]


def test_memory_is_given_back_when_a_record_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or cut, one after another: the bound is on what is held at once."""
    monkeypatch.setattr(record, "MAX_HELD_BYTES", len(answer("a").body))

    async def scenario(recorded: Recorded) -> None:
        for _ in range(3):
            await recorded.ask()
            await trio.sleep(1)
            assert recorded.recorder._held_bytes == 0

    found = recording(tmp_path, answer("a"), scenario=scenario)
    assert [read(path)[2] for path in found.files] == [{}, {}, {}]


def test_the_end_of_the_server_ends_records_under_way(tmp_path: Path) -> None:
    """They are written as abandoned, with the pieces that had come by then."""
    inner = FakeTransport([Script((Send(_HALF), HANG))])

    async def main() -> None:
        recorder = RecordingTransport(inner, tmp_path, in_thread=at_once)
        async with trio.open_nursery() as nursery:
            await nursery.start(recorder.run)
            exchange = await begun(recorder)
            nursery.cancel_scope.cancel()
        await exchange.aclose()

    run_on_fake_clock(main)
    (path,) = tmp_path.iterdir()
    _, body, last = read(path)
    assert last == {"grok2api_record": 1, "end": "abandoned"}
    assert kinds(body) == kinds(_HALF)


def test_unfinished_files_of_a_killed_process_go_with_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count as files of ours."""
    monkeypatch.setattr(recorded_files, "MAX_FILES", 2)
    strays = [
        tmp_path / f".2026010{day}T000000000Z-0000000{day}.ndjson.0123abcd.tmp" for day in (1, 2)
    ]
    for path in strays:
        path.write_bytes(b"")
    found = recording(tmp_path, answer("a"))
    assert len(found.files) == 2
    assert strays[1] in found.files


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an answer nor, for long, the end of the server; and what waits for it is bounded."""
    monkeypatch.setattr(record, "MAX_HELD_BYTES", 20_000)
    times: list[float] = []

    async def scenario(recorded: Recorded) -> None:
        await recorded.ask(20)
        assert recorded.recorder._held_bytes <= 20_000
        times.append(trio.current_time())

    async def hanging(work: Callable[[], None]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            times.append(trio.current_time())

    found = recording(tmp_path, answer("a"), scenario=scenario, in_thread=hanging)
    assert not [event for event in found.events if isinstance(event, GrokApiError)]
    assert times[1] - times[0] == record.FLUSH_S
    assert found.files == []


def test_without_a_thread_nothing_is_recorded_and_everything_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine at its limits has other worries."""

    async def in_no_thread(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    found = recording(tmp_path, answer("a"), in_thread=in_no_thread)
    assert not isinstance(found.events[0], GrokApiError)
    assert warnings(caplog) == [f"{tmp_path}: answers can't be recorded: can't start new thread."]


def test_a_bug_ends_a_record_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log; and what could not be redacted is not on the disk."""

    def broken(*_: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(recorded_files, "redacted", broken)
    found = recording(tmp_path, answer("a"))
    assert not isinstance(found.events[0], GrokApiError)
    assert warnings(caplog) == ["a bug kept an answer from being recorded"]
    assert found.files == []


def test_it_works_in_a_real_thread(tmp_path: Path) -> None:
    """What is left at the end is written then, without waiting for more."""
    inner = FakeTransport([answer("a")])

    async def main() -> None:
        recorder = RecordingTransport(inner, tmp_path)
        async with trio.open_nursery() as nursery:
            await nursery.start(recorder.run)
            exchange = recorder.open(
                UpstreamRequest("POST", f"https://grok.example.com{CHAT_PATH}", (), b"")
            )
            await exchange.head()
            while await exchange.read():
                pass
            await exchange.aclose()
            nursery.cancel_scope.cancel()

    trio.run(main)
    (path,) = tmp_path.iterdir()
    assert kinds(read(path)[1]) == kinds(inner.scripts[0].body)
