"""The language of commands: by the environment, or by ``[global] language``."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import field, frozen

import grokcore.languages
from grokcore.cli import main
from grokcore.cli.speech import command_language
from grokcore.languages.streams import Speaking, plain_stream, said, speaking
from grokcore.protocol.languages.negotiate import Language
from tests.cli_place import Files, lay_out, place

__all__ = ["place"]  # a fixture

EN, ZH = Language.EN, Language.ZH

SHELL = {"LANG": "zh_CN.UTF-8"}


@frozen
class Case:
    """A command line with its surroundings, and the language of its output."""

    name: str
    language: Language
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(factory=dict)
    files: Files = field(factory=dict)


CHINESE_FILE = {"config.toml": '[global]\nlanguage = "zh"\n'}

CASES = [
    Case("nothing said", EN),
    Case("the environment", ZH, environ=SHELL),
    Case("the file", ZH, files=CHINESE_FILE),
    Case("the original's place", ZH, files={"data/config.toml": CHINESE_FILE["config.toml"]}),
    Case("the file over the environment", EN, (), SHELL, {"config.toml": 'global.language="en"'}),
    Case("auto", ZH, (), SHELL, {"config.toml": '[global]\nlanguage = "auto"\n'}),
    Case("the variable over the file", EN, (), {"GROK2API_GLOBAL_LANGUAGE": "en"}, CHINESE_FILE),
    Case(
        "a named file",
        ZH,
        ("check", "--config", "my.toml"),
        {},
        {"my.toml": CHINESE_FILE["config.toml"]},
    ),
    Case(
        "a named file, the other way",
        ZH,
        ("--config=my.toml",),
        {},
        {"my.toml": CHINESE_FILE["config.toml"]},
    ),
    Case("a flag without its value", EN, ("--config",)),
    Case("the demo reads no file", EN, ("--demo",), {}, CHINESE_FILE),
    Case("no such file", EN, ("--config", "gone.toml")),
    Case("no TOML", ZH, (), SHELL, {"config.toml": "language = = 1"}),
    Case("no table", EN, (), {}, {"config.toml": 'global = "language"'}),
    Case("no text", EN, (), {}, {"config.toml": "[global]\nlanguage = 1"}),
    Case("another section's", EN, (), {}, {"config.toml": '[grok]\nlanguage = "zh"'}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_language_of_a_command(case: Case, place: Path) -> None:
    """Before anything is parsed: help and faults are in it too, and a bad file still has its own
    fault.
    """
    lay_out(place, case.files)
    assert command_language(case.argv, case.environ) is case.language


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    """A command's exit code, stdout and stderr."""
    try:
        code = main(argv)
    except SystemExit as end:
        code = int(str(end.code))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese shell."""
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.usefixtures("chinese")
def test_commands_speak_chinese(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    """Help, headings, findings, results and faults; names and codes stay."""
    code, out, _ = run(capsys, "check", "--help")
    assert code == 0
    assert "从配置一直检查到 Grok，并对每个故障给出建议。" in out
    assert "用法：" in out
    assert "usage" not in out
    code, _, err = run(capsys, "check", "--most", "x")
    assert (code, err.splitlines()[-1]) == (78, "grok2api: 参数 --most：不是整数：'x'")
    _, out, err = run(capsys, "models")
    assert out.splitlines()[0].split() == [
        "模型",
        "在",
        "Grok",
        "的名称",
        "花费",
        "等级",
        "时限（秒）",
    ]
    assert err == "还没有可用的令牌，因此列出全部模型\n"
    lay_out(place, {"config.toml": "[server]\nport = 70000\n"})
    code, _, err = run(capsys, "serve")
    assert code == 78
    assert err == (
        "grok2api: config.toml: [server] port：必须在 0 和 65535 之间，而不是 70000"
        "（第 2 行第 1 列）\n"
    )


@pytest.mark.usefixtures("chinese")
def test_reports_for_programs_stay_english(capsys: pytest.CaptureFixture[str]) -> None:
    """What reads JSON looks for names that it knows."""
    _, out, _ = run(capsys, "check", "--json", "--tokens", "gone.json", "--host", "x/y")
    assert out.isascii()
    assert '"fail"' in out


def test_nothing_is_read_for_a_shell_in_english(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables cost neither time nor memory where nobody speaks Chinese."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setattr(grokcore.languages, "chinese", lambda: pytest.fail("read"))
    _, out, _ = run(capsys, "models")
    assert out.startswith("model ")


def test_an_unknown_language_is_a_fault_as_others_are(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    """A typing error would otherwise be found by a reader who does not understand."""
    lay_out(place, {"config.toml": '[global]\nlanguage = "cn"\n'})
    code, _, err = run(capsys, "serve")
    assert code == 78
    assert "[global] language: must be one of auto, en, zh, not 'cn'" in err


class Screen(io.StringIO):
    """A stream that remembers what it was asked."""

    encoding = "utf-8"
    errors = "strict"


def test_a_speaking_stream_translates_lines_and_questions() -> None:
    """A line may come in pieces; a question has no end of line, and is flushed."""
    screen = Screen()
    words = {"one": "一", "two": "二", "Ask? ": "问？"}
    stream = Speaking(screen, lambda text: words.get(text, text))
    for text in ("o", "ne\ntw", "o\nthree\ngrok2api: one\n", "Ask? "):
        assert stream.write(text) == len(text)
    assert screen.getvalue() == "一\n二\nthree\ngrok2api: 一\n"
    stream.flush()
    stream.flush()
    assert screen.getvalue().endswith("问？")
    assert stream.writable()
    assert not stream.isatty()
    assert (stream.encoding, stream.errors) == ("utf-8", "strict")
    with pytest.raises(OSError, match="fileno"):
        stream.fileno()
    with pytest.raises(AttributeError):
        _ = stream.buffer


def test_streams_are_as_before_after_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if one of them is closed, or there is none."""
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", None)
    with speaking(ZH):
        assert said("The server is stopping.") == "服务正在停止。"
        assert plain_stream(sys.stdout) is screen
        print("The server is stopping.")
        screen.close()
    assert sys.stdout is screen
    assert said("The server is stopping.") == "The server is stopping."
    assert plain_stream(screen) is screen
    with speaking(EN):
        assert sys.stdout is screen
