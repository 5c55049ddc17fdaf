"""Tables and bars: good to read on a terminal, good to cut up in a pipe."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from grokcore.cli import main
from grokcore.cli.progress import progress
from grokcore.cli.tables import Cell, Column, print_table
from grokcore.protocol.models import SHIPPED


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    @property
    def plain(self) -> list[str]:
        """Its lines without colours."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.getvalue()).splitlines()


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> Screen:
    """Standard output and error from now on. (A fixture's would be taken away by pytest's own.)"""
    screen = Screen()
    for name, value in {"COLUMNS": str(columns), "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    return screen


COLUMNS = (Column("id", whole=True, least=8), Column("words"), Column("last"))
ROWS: Sequence[Sequence[str | Cell]] = [
    ("a" * 12, "word " * 40, Cell("x", "green")),
    ("b", "我们", ""),
]


def test_in_a_pipe_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Aligned, without colours, boxes or spaces at its end; characters that are two columns wide
    count as such.
    """
    print_table(COLUMNS, ROWS)
    out = capsys.readouterr().out
    heading, first, second = out.splitlines()
    assert heading == f"{'id':14}{'words':202}last"
    assert first == f"{'a' * 12}  {'word ' * 40}  x"
    assert second == f"{'b':14}我们"
    assert out.isprintable() or set(out) - {"\n"} <= set(first + second + heading)


def test_a_heading_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """For lines that always were without."""
    print_table(COLUMNS, ROWS[1:], heading=False)
    assert capsys.readouterr().out == "b         我们\n"


def test_what_would_move_the_cursor_is_shown_as_what_it_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Notes may be a stranger's, and markup of rich's is text."""
    print_table((Column("a"),), [("\x1b[31m[red]x[/red]\r\n",)], heading=False)
    assert capsys.readouterr().out == "\ufffd[31m[red]x[/red]\ufffd\ufffd\n"


@pytest.mark.parametrize("columns", [200, 80, 40])
def test_on_a_terminal_words_are_folded_and_ids_are_not(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow it is."""
    screen = terminal(monkeypatch, columns)
    print_table(COLUMNS, ROWS)
    assert max(map(len, screen.plain)) <= columns
    assert "a" * 12 in screen.plain[1]
    assert "".join(screen.plain).count("word") == 40 + 1  # the heading's
    assert "\x1b[32mx" in screen.getvalue()


def test_the_models_fit_into_80_columns_with_all_names_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are what one copies from there."""
    screen = terminal(monkeypatch)
    monkeypatch.setenv("GROK2API_GROK_WEB_LANE", "rest")  # its names are the long ones
    assert main(["--demo", "models"]) == 0
    assert max(map(len, screen.plain)) <= 80
    for model in SHIPPED.values():
        for name in (model.name, model.grok_model, model.mode):
            assert any(name in line for line in screen.plain)


def test_the_models_are_a_line_each_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """With the clocks last."""
    assert main(["--demo", "models"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == len(SHIPPED)
    assert all(re.search(r" \d+ / \d+ / \d+$", row) for row in rows)
    assert {row.index(" / ") for row in rows if re.search("super|basic", row)} <= set(
        range(heading.index("clocks"), 200)
    )


def test_no_tokens_are_said_on_a_terminal_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty table would say nothing."""
    screen = terminal(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert main(["tokens", "list"]) == 0
    assert screen.plain == ["no tokens yet: `tokens add` asks for one"]


def test_a_bar_is_for_a_terminal_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn on stderr, and its line is wiped."""
    screen = terminal(monkeypatch)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with progress("asking", 2) as advance:
        advance()
        advance()
    assert "asking" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[1A\x1b[2K")


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of it would be rubbish."""
    with progress("asking", 1) as advance:
        advance()
    assert capsys.readouterr() == ("", "")
