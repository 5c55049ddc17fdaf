"""``replay``: a recorded stream, readable, with an exit code that says whether it finished."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.cli.replay import add_replay_command
from grokcore.errors import ConfigError
from grokcore.protocol.recording.redact import redacted
from grokcore.runtime.transport.recorded_files import RECORD_KEY
from grokcore.simulator import lines
from grokcore.simulator.lines import response, soft_stop, token
from grokcore.simulator.scripts import answer_lines, wrapped
from tests.protocol.grok_socket.frames_of import (
    attached,
    chunk,
    created,
    done,
    event,
    failed,
    session_created,
    text,
)

FIXTURES = sorted((Path(__file__).parent / "protocol" / "grok_web" / "fixtures").iterdir())

FRAMES = sorted((Path(__file__).parent / "protocol" / "grok_socket" / "golden").glob("*.ndjson"))

FAILURES = {
    "error_admission_2026": "upstream_overloaded",
    "error_top_level": "rate_limit_exceeded",
    "error_usage_limit_2026": "rate_limit_exceeded",
    "tool_card_2026": "upstream_incomplete",
}
"""Fixtures that don't finish, and why."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, so that no configuration is found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replayed(*words: str) -> int:
    """The exit code of ``replay`` with these arguments."""
    flags = argparse.ArgumentParser(add_help=False)
    for name in ("config", "tokens", "data-dir", "host", "port", "demo"):
        flags.add_argument(f"--{name}")
    parser = argparse.ArgumentParser(parents=[flags])
    add_replay_command(parser.add_subparsers(), [])
    arguments = parser.parse_args(["replay", *words])
    code = arguments.run(arguments)
    assert isinstance(code, int)
    return code


def stream(*payloads: dict[str, object]) -> bytes:
    return b"".join(lines.line(wrapped(payload)) for payload in payloads)


def recorded(
    body: bytes, *, status: int = 200, content_type: str = "application/json", end: str = ""
) -> bytes:
    """A file as the recorder writes it."""
    header = {RECORD_KEY: 1, "status": status, "content_type": content_type, "path": "/rest/x"}
    last = json.dumps({RECORD_KEY: 1, "end": end}).encode() + b"\n" if end else b""
    return json.dumps(header).encode() + b"\n" + body + last


def conversation(
    *lines: bytes,
    status: int = 101,
    end: str = '"end":"whole","code":1000',
    **response: str,
) -> bytes:
    """A file of a websocket as the recorder writes it."""
    content_type = response.pop("content_type", "")
    header = {RECORD_KEY: 1, "status": status, "content_type": content_type, "path": "/ws/mgw/"}
    header |= {"lane": "socket", "request": [], "cookies": [], "response": response}
    last = f'{{"{RECORD_KEY}":1,{end}}}'.encode()
    return b"\n".join([json.dumps(header).encode(), *lines, last])


def heard(*frames: object) -> list[bytes]:
    """Lines of Grok's messages; bytes are text."""
    return [
        json.dumps({"at_ms": 1, "from": "grok"} | content).encode()
        for frame in frames
        for content in (
            [{"text": frame.decode()}] if isinstance(frame, bytes) else [{"frame": frame}]
        )
    ]


def kinds(printed: str) -> list[str]:
    """The kinds of events in what ``--json`` prints."""
    return [
        event["event"] for line in printed.splitlines() if "event" in (event := json.loads(line))
    ]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_recorded_shape_replays_to_its_end(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0 and ``finished``, or 1 and the failure with its code; with nothing unknown in
    it.
    """
    failure = FAILURES.get(path.stem)
    assert replayed(str(path)) == int(failure is not None)
    *_, unknown, end = capsys.readouterr().out.splitlines()
    assert unknown == "unknown keys: none"
    assert end.startswith(f"failed: {failure}: " if failure else "finished")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_redacted_record_replays_as_the_stream_itself_does(
    path: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same kinds of events, the same counts and the same end."""
    raw = path.read_bytes()
    (place / "record").write_bytes(recorded(redacted(raw, b"key")))
    codes = [replayed(str(path), "--json")]
    expected = capsys.readouterr().out
    codes.append(replayed("record", "--json"))
    found = capsys.readouterr().out
    assert codes[0] == codes[1]
    assert kinds(found) == kinds(expected)
    ends = [
        [json.loads(line) for line in printed.splitlines()[-2:]] for printed in (expected, found)
    ]
    assert ends[0][0] == ends[1][0]
    assert ends[0][1].get("code") == ends[1][1].get("code")


@pytest.mark.parametrize("path", FRAMES, ids=lambda path: path.stem)
def test_a_stream_of_frames_replays_to_its_end(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its golden list has it; the lane is known by the frames."""
    *_, last = path.with_suffix(".events").read_text("utf-8").splitlines()
    finished = last == "Finished()"
    assert replayed(str(path), "--filtered-tags", "") == int(not finished)
    *_, unknown, end = capsys.readouterr().out.splitlines()
    assert unknown == "unknown keys: none"
    assert end.startswith("finished" if finished else "failed: ")


@frozen
class Told:
    """A file, and what is printed of it."""

    name: str
    file: bytes
    lines: tuple[str, ...]
    code: int = 0
    arguments: tuple[str, ...] = ()


COUNTS = "passed over: junk_lines 0, odd_values 0, late_thoughts 0, other_side 0"
NONE = "unknown keys: none"

_SAID = stream(token('a "b"\n\x1b[2J\u202e晴'), soft_stop())
_LONG = stream(token("w" * 300), soft_stop())
_CITED = stream(
    lines.search_results("https://example.com/a", "A  page"),
    response(
        {
            "cardAttachment": {
                "jsonData": '{"id":"c","cardType":"citation_card","url":"https://example.com/a"}'
            }
        }
    ),
    token('x<grok:render card_id="c" card_type="citation_card">y</grok:render>'),
    soft_stop(),
)
_TAGGED = stream(token("a<b c>d</b>e"), soft_stop())
_STRANGE = stream({"brand\tNew": 1, "brandNew": 2}, token("a"), soft_stop())

TOLD = [
    Told("text", _SAID, (r'text          "a \"b\"\n\u001b[2J\u202e晴"', COUNTS, NONE, "finished")),
    Told("a long text is cut", _LONG, (f'text          "{"w" * 200}…"', COUNTS, NONE, "finished")),
    Told("events with several values", _CITED, (
        'found         "https://example.com/a" "A page"',
        "activity",
        'text          "x"',
        'cited         1 "https://example.com/a" "A page"',
        COUNTS, NONE, "finished",
    )),
    Told("tags of one's own", _TAGGED, ('text          "ae"', COUNTS, NONE, "finished"), arguments=("--filtered-tags", "x, B")),
    Told("unknown keys, by their names", _STRANGE, ('text          "a"', COUNTS, r'unknown keys: "brand\tNew" 1, "brandNew" 1', "finished")),
    Told("a record, cut short", recorded(stream(token("a")), end="cut"), (
        'text          "a"', COUNTS, NONE, 'the record is not whole: "cut"',
        "failed: upstream_incomplete: Grok's stream broke off before the answer was complete.",
    ), 1),
    Told("nothing", b"", (COUNTS, NONE, "failed: empty_upstream_response: Grok's stream ended without an answer in it."), 1),
]  # fmt: skip


_OPENED = [session_created(), attached(), created()]
_ASKED = b'{"at_ms":0,"from":"client","frame":{"event":{"type":"session.create","session":{"model":"heavy"}}}}'
_LONG_QUESTION = b'{"at_ms":0,"from":"client","bytes":1000000}'

TOLD += [
    Told("a websocket", conversation(_ASKED, *heard(*_OPENED, text("a")), _LONG_QUESTION, *heard(text("b"), done())), (
        'text          "a"', 'text          "b"', COUNTS, NONE, "finished",
    )),
    Told("a websocket that we closed", conversation(*heard(*_OPENED, text("a"), done()), end='"end":"abandoned"'), (
        'text          "a"', COUNTS, NONE, "finished",
    )),
    Told("a websocket that was cut behind its answer", conversation(*heard(*_OPENED, text("a"), done()), end='"end":"cut"'), (
        'text          "a"', COUNTS, NONE, 'the record is not whole: "cut"', "finished",
    )),
    Told("a websocket, given up", conversation(*heard(*_OPENED, text("a")), end='"end":"abandoned"'), (
        'text          "a"', COUNTS, NONE, 'the record is not whole: "abandoned"',
        "failed: upstream_incomplete: Grok's connection broke off before the answer was complete.",
    ), 1),
    Told("not understood", conversation(*heard(*_OPENED, event("response.new"), b"xxx", b"\0", chunk(novelty=1), text("a"), b'{"xxxxx', done())), (
        'text          "a"', COUNTS.replace("junk_lines 0", "junk_lines 3"), 'unknown keys: "response.new" 1, "novelty" 1',
        "failed: upstream_incomplete: Frames of Grok's answer came damaged, and nothing shows that it is whole.",
    ), 1),
]  # fmt: skip


@pytest.mark.parametrize("case", TOLD, ids=lambda case: case.name)
def test_a_stream_is_told_line_by_line(
    case: Told, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events in order, what was passed over, the unknown keys, the end; nothing in it can move a
    terminal's cursor.
    """
    (place / "file").write_bytes(case.file)
    assert replayed("file", *case.arguments) == case.code
    assert tuple(capsys.readouterr().out.splitlines()) == case.lines


def test_for_programs_each_event_is_an_object_with_its_whole_text(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And so are the counters and the end."""
    text = "w" * 300 + "\x9b\u2028"
    (place / "file").write_bytes(recorded(stream(token(text), {"new": 1}), end="broken"))
    assert replayed("file", "--json") == 1
    printed = capsys.readouterr().out
    event, counts, end = [json.loads(line) for line in printed.splitlines()]
    assert event == {"event": "text", "text": text}
    assert counts["passed_over"]["unknown_keys"] == {"new": 1}
    assert (end["end"], end["code"], end["record"]) == ("failed", "upstream_incomplete", "broken")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (recorded(b"xxxx\nxx", status=403, content_type="text/html"), "upstream_challenge"),
        (recorded(b"xxxx", content_type="text/html"), "upstream_error"),
        (recorded(json.dumps(lines.ERROR_403_ANTIBOT).encode(), status=403), "upstream_antibot"),
        (recorded(b'{"code":3,"message":"xxx"}', status=400), "upstream_refused"),
    ],
)
def test_a_recorded_refusal_is_read_as_one(
    file: bytes, code: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its status and type, which a stream does not have."""
    (place / "file").write_bytes(file)
    assert replayed("file") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"failed: {code}: ")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (conversation(status=401), "no_valid_tokens"),
        (conversation(status=403, content_type="text/html"), "upstream_challenge"),
        (conversation(status=302, location="https://accounts.x.ai/"), "no_valid_tokens"),
        (conversation(*heard(*_OPENED), end='"end":"closed","code":1008,"reason":"token expired"'), "no_valid_tokens"),
        (conversation(end='"end":"closed","code":1008,"reason":"anti_bot"'), "upstream_antibot"),
        (conversation(*heard(session_created()), end='"end":"broken"'), "upstream_error"),
        (conversation(*heard(event("error", error={"code": "anti_bot"}))), "upstream_antibot"),
        (conversation(*heard(session_created(), attached("5e0c2a10-0000-4000-8000-0000000000ff"))), "upstream_error"),
        (conversation(_ASKED, *heard(*_OPENED, failed("stream_error"))), "upstream_refused"),
        (conversation(*heard(*_OPENED, failed("stream_error"))), "upstream_error"),
    ],
)  # fmt: skip
def test_a_recorded_websocket_fails_as_the_lane_does(
    file: bytes, code: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the upgrade's status, an unacknowledged session, or the reason of a close; by the mode
    that was asked for.
    """
    (place / "file").write_bytes(file)
    assert replayed("file") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"failed: {code}: ")


_WHOLE = conversation(*heard(*_OPENED, text("a"), done()))

DAMAGED = [
    (_WHOLE[:-5], r"file: is cut off: the last line of a recorded websocket is missing"),
    (_WHOLE[: _WHOLE.rindex(b"\n")], "file: is cut off: the last line"),
    (_WHOLE[: _WHOLE.index(b"\n")], "file: is cut off: the last line"),
    (_WHOLE.replace(b'"at_ms": 1', b'"at', 1), "file: is damaged: line 2 is no message"),
    (_WHOLE.replace(b"\n", b"\n\n", 1), "file: is damaged: line 2 is no message"),
    (b"\x89PNG\r\n\x1a\n\0\0", "file: is neither a recording nor a stream of Grok's"),
    (b"# Notes\n\n* a\n", "file: is neither a recording nor a stream of Grok's"),
]


@pytest.mark.parametrize(("file", "message"), DAMAGED)
def test_a_file_that_is_damaged_or_of_another_kind_is_a_fault_with_its_name(
    file: bytes, message: str, place: Path
) -> None:
    """Half a recording looks like an answer that broke off, and would be reported as one."""
    (place / "file").write_bytes(file)
    with pytest.raises(ConfigError, match=message):
        replayed("file")


def test_a_recording_may_have_been_through_a_mail_program(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other ends of lines, and one behind the last."""
    (place / "file").write_bytes(_WHOLE.replace(b"\n", b"\r\n") + b"\r\n")
    assert replayed("file", "--json") == 0
    assert kinds(capsys.readouterr().out) == ["text"]


def test_the_tags_are_those_of_the_configuration(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless they are given; then no configuration is read."""
    (place / "config.toml").write_text('[grok]\nfiltered_tags = "b"')
    (place / "file").write_bytes(_TAGGED)
    assert replayed("file") == 0
    assert '"ae"' in capsys.readouterr().out
    (place / "config.toml").write_text("[")
    assert replayed("file", "--filtered-tags", "") == 0
    with pytest.raises(ConfigError, match=r"config\.toml: "):
        replayed("file")


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_can_not_be_read_is_a_fault_with_its_name(name: str) -> None:
    """The exit code is then that of every other file."""
    with pytest.raises(ConfigError, match=r"can't be read"):
        replayed(name)


def test_a_record_of_another_version_is_not_guessed_at(place: Path) -> None:
    """It may mean something else by the same words."""
    (place / "file").write_bytes(
        b'{"grok2api_record":2}\n' + b"".join(map(lines.line, answer_lines(["a"])))
    )
    with pytest.raises(
        ConfigError, match=r"file: was written by another version of grok2api \(format 2\)"
    ):
        replayed("file")
