"""``build`` without the tools that it calls, which Pythons it finds, and what runs first in the
file that it makes.
"""

from __future__ import annotations

import ast
import errno
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from attrs import frozen

import grokcore.cli.build
from grokcore.cli import main
from grokcore.cli.build import pyz_start
from grokcore.cli.build.pythons import Missing, Python, ask, find_pythons, one_of_each_version

# Which Pythons there are -------------------------------------------------------------------------


def make_python(path: Path, version: str = "3.12.1", *, plain: bool = True) -> Path:
    """A program that answers as an interpreter would."""
    answer = json.dumps([str(path), [int(part) for part in version.split(".")], plain])
    return make_program(path, f"echo '{answer}'")


def make_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_pythons_are_found_on_the_path_and_in_pyenv_s_folder(tmp_path: Path) -> None:
    """This one first, each once; what does not run, is too old or no usual CPython is not among
    them.
    """
    on_path, versions = tmp_path / "bin", tmp_path / "pyenv" / "versions"
    make_python(on_path / "python3.12")
    (on_path / "python3").symlink_to("python3.12")
    make_python(on_path / "python3.9", "3.9.1")
    make_python(on_path / "python3.15", "3.15.0", plain=False)
    make_program(on_path / "python3.14", "echo 'no such version' >&2; exit 127")
    make_program(on_path / "python3-config", "exit 1")
    make_python(versions / "3.13.7" / "bin" / "python3", "3.13.7")
    make_python(versions / "3.12.8" / "bin" / "python3", "3.12.8")
    (versions / "empty").mkdir()

    path = os.pathsep.join([str(tmp_path / "nothing"), ".", "", str(on_path)])
    found, missing = find_pythons({"PATH": path, "PYENV_ROOT": str(tmp_path / "pyenv")})

    assert found[0].path == Path(sys.executable).resolve()
    assert [python.full_version for python in found[1:]] == ["3.12.1", "3.12.8", "3.13.7"]
    assert [(one.path.name, one.why) for one in missing] == [
        ("python3.14", "does not run: no such version"),
        ("python3.15", "3.15.0: not the usual CPython"),
    ]
    of_each = one_of_each_version(found)
    assert [python.version for python in of_each] == sorted({python.version for python in found})
    assert {"3.12.1", "3.12.8"} & {python.full_version for python in of_each} <= {"3.12.1"}


@pytest.mark.parametrize("script", ["exit 1", "echo", "kill -9 $$"])
def test_a_program_that_is_no_python_does_not_run(script: str, tmp_path: Path) -> None:
    """Whatever it does instead of answering."""
    answer = ask(make_program(tmp_path / "python3.11", script))
    assert isinstance(answer, Missing)
    assert answer.why.startswith("does not run: ")
    assert answer.version == (3, 11)


def test_without_a_home_pyenv_is_not_looked_for() -> None:
    """And this Python is always there."""
    found, missing = find_pythons({})
    assert [python.path for python in found] == [Path(sys.executable).resolve()]
    assert missing == []


# The command ------------------------------------------------------------------------------------


class Tools:
    """In the place of pip and pex: writes what they would write.

    :ivar fails: which call fails, counted from 0; None is none of them.
    :ivar called: the commands.
    """

    def __init__(self) -> None:
        self.fails: int | None = None
        self.called: list[list[str]] = []

    def begin(self, *command: str | Path) -> subprocess.Popen[str]:
        words = list(map(str, command))
        number = len(self.called)
        self.called.append(words)
        if number == self.fails:
            return self._run("import sys; sys.exit('first line\\nlast line')")
        if "--output-file" in words:
            with zipfile.ZipFile(words[words.index("--output-file") + 1], "w") as archive:
                archive.writestr("__main__.py", "print('pex')\n")
                archive.writestr("data", "0" * 1000)
        else:
            folder = Path(words[words.index("--wheel-dir") + 1])
            folder.mkdir(exist_ok=True)
            (folder / "grok2api-0.1.0-py3-none-any.whl").touch()
        return self._run("")

    def _run(self, program: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-I", "-S", "-c", program]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


THREE = [
    Python(Path(f"/usr/bin/python3.{minor}"), (3, minor), f"3.{minor}.0") for minor in (11, 12, 13)
]


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Three Pythons, and one that does not run."""
    made = Tools()
    lost = Missing(Path("/usr/bin/python3.14"), "does not run: lost")
    doubled = Missing(Path("/shims/python3.12"), "does not run: no such version")
    monkeypatch.setattr(grokcore.cli.build, "find_pythons", lambda _: (THREE, [lost, doubled]))
    monkeypatch.setattr(
        grokcore.cli.build._Build, "_begin", lambda _, *command: made.begin(*command)
    )
    return made


def test_one_file_is_made_and_what_is_not_in_it_is_said(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Python that can't run is named, unless another of its version stands for it."""
    output = tmp_path / "made" / "file.pyz"
    assert main(["build", "--output", str(output)]) == 0
    first, *left_out = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{output}: 0.0 MB, for Python 3.11.0, 3.12.0, 3.13.0 on ")
    assert left_out == ["left out: /usr/bin/python3.14: does not run: lost"]
    assert [path.name for path in output.parent.iterdir()] == ["file.pyz"]
    assert len(tools.called) == 5
    start = zipfile.ZipFile(output).read("__main__.py")
    assert start.endswith(b"prepare([(3, 11), (3, 12), (3, 13)])\n\nprint('pex')\n")


def test_a_python_without_packages_is_left_out(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a new one is, for which nobody has made them yet."""
    tools.fails = 3
    assert main(["build", "--output", str(tmp_path / "file.pyz")]) == 0
    first, *left_out = capsys.readouterr().out.splitlines()
    assert " for Python 3.11.0, 3.12.0 on " in first
    assert left_out == [
        "left out: /usr/bin/python3.13: last line",
        "left out: /usr/bin/python3.14: does not run: lost",
    ]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_tool_that_fails_leaves_the_old_file(
    number: int, tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and one line with its last words; nothing half-made lies about. Its own wheel,
    packages, pex.
    """
    tools.fails = number
    output = tmp_path / "file.pyz"
    output.write_text("old")
    assert main(["build", "--output", str(output), "--python", sys.executable]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[1:] == [
        f"grok2api: {f'{Path(sys.executable).resolve()}: ' if number == 1 else ''}last line"
    ]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file.pyz", "old")]


def test_a_file_that_can_not_be_written_is_named(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here a file is where the folder should be."""
    (tmp_path / "folder").touch()
    assert main(["build", "--output", str(tmp_path / "folder" / "file.pyz")]) == 1
    assert f"grok2api: can't write {tmp_path / 'folder' / 'file.pyz'}: " in capsys.readouterr().err
    assert tools.called


@pytest.mark.parametrize("call", ["writestr", "chmod", "replace"])
def test_a_write_that_fails_leaves_the_old_file(
    call: str,
    tools: Tools,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As when the disk is full, at each step on the way."""
    output = tmp_path / "file.pyz"
    output.write_text("old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    begin = tools.begin

    def begin_and_then_fail(*command: str | Path) -> subprocess.Popen[str]:
        process = begin(*command)
        if "--output-file" in command:
            monkeypatch.setattr(zipfile.ZipFile if call == "writestr" else Path, call, fail)
        return process

    monkeypatch.setattr(tools, "begin", begin_and_then_fail)
    assert main(["build", "--output", str(output)]) == 1
    monkeypatch.undo()
    assert capsys.readouterr().err.endswith(
        f"grok2api: can't write {output}: No space left on device\n"
    )
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file.pyz", "old")]


@pytest.mark.parametrize("name", ["no-such-python", "/nowhere/python3"])
def test_a_python_that_was_asked_for_must_be_there(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not left out in silence."""
    assert main(["build", "--python", name]) == 78
    assert capsys.readouterr().err == f"grok2api: --python: there is no {name}\n"


def test_a_python_that_was_asked_for_must_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says why it does not."""
    old = make_python(tmp_path / "python3.9", "3.9.1")
    assert main(["build", "--python", str(old)]) == 78
    assert capsys.readouterr().err == f"grok2api: --python: {old}: 3.9.1: too old\n"


def test_without_its_tools_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with ``python3 -m grokcore build`` in an environment that was made for serving."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["build"]) == 78
    assert (
        capsys.readouterr().err
        == "grok2api: pex is not installed; python3 grok2api.py build brings it\n"
    )


# What runs first in the file --------------------------------------------------------------------


@frozen
class Unpacking:
    """An environment, and the folder that is unpacked into; ``~`` is the test's."""

    name: str
    environ: dict[str, str]
    folder: str


UNPACKING = (
    Unpacking("home", {}, "~/.cache/grok2api"),
    Unpacking("cache of the user", {"XDG_CACHE_HOME": "~/xdg"}, "~/xdg/grok2api"),
    Unpacking("relative", {"XDG_CACHE_HOME": "xdg"}, "~/.cache/grok2api"),
    Unpacking("service", {"CACHE_DIRECTORY": "~/a:~/b", "XDG_CACHE_HOME": "~/xdg"}, "~/a/pyz"),
    Unpacking("named", {"PEX_ROOT": "~/named/x", "CACHE_DIRECTORY": "~/a"}, "~/named/x"),
    Unpacking("named, open to others", {"PEX_ROOT": "~/open/grok2api"}, "~/open/grok2api"),
    Unpacking("open to others", {"XDG_CACHE_HOME": "~/open"}, "~/tmp/grok2api-{uid}"),
    Unpacking("a link", {"XDG_CACHE_HOME": "~/links"}, "~/tmp/grok2api-{uid}"),
    Unpacking("a file in the way", {"XDG_CACHE_HOME": "~/file"}, "~/tmp/grok2api-{uid}"),
    Unpacking("not to be written", {"XDG_CACHE_HOME": "/proc"}, "~/tmp/grok2api-{uid}"),
)


@pytest.mark.parametrize("unpacking", UNPACKING, ids=lambda unpacking: unpacking.name)
def test_the_first_folder_that_can_be_used_is_unpacked_into(
    unpacking: Unpacking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the usual ones none that another user could put programs into; and it is for this user
    only.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "open" / "grok2api").mkdir(parents=True)
    (tmp_path / "open" / "grok2api").chmod(0o777)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "grok2api").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    environ = {"TMPDIR": "~/tmp", **unpacking.environ}
    environ = {name: value.replace("~", str(tmp_path)) for name, value in environ.items()}

    folder = Path(pyz_start.folder_to_unpack_into(environ))

    assert str(folder) == unpacking.folder.format(uid=os.getuid()).replace("~", str(tmp_path))
    assert folder.stat().st_mode & 0o777 == (0o777 if "open" in folder.parts else 0o700)


@pytest.mark.parametrize(
    "environ", [{"PEX_ROOT": "/proc/none"}, {"HOME": "/proc/none", "TMPDIR": "/proc/none"}]
)
def test_without_any_folder_the_variable_that_helps_is_named(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and exit 78; a folder that was named is not replaced by another one."""
    monkeypatch.setenv("HOME", "/proc/none")
    with pytest.raises(SystemExit) as caught:
        pyz_start.folder_to_unpack_into(environ)
    err = capsys.readouterr().err
    assert caught.value.code == 78
    assert err.startswith("grok2api: ")
    assert "PEX_ROOT" in err
    assert err.count("\n") == 1


def test_a_folder_that_programs_may_not_run_from_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's /tmp is mounted so; libraries can't be loaded from there."""

    def statvfs(folder: str) -> os.statvfs_result:
        return os.statvfs_result((*range(8), os.ST_NOEXEC if ".cache" in folder else 0, 255))

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "statvfs", statvfs)
    assert (
        pyz_start.folder_to_unpack_into({"TMPDIR": str(tmp_path)})
        == f"{tmp_path}/grok2api-{os.getuid()}"
    )


def test_another_python_starts_the_one_that_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest that runs, with the same arguments; what only has the name does not count."""
    make_program(tmp_path / "python3.98", "exit 0")
    make_program(tmp_path / "python3.99", "exit 127")
    started = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["grok2api.pyz", "--demo"])
    monkeypatch.setattr(os, "execv", lambda python, command: started.append((python, command)))
    with pytest.raises(SystemExit):  # execv does not return, but this one does
        pyz_start.prepare([(3, 97), (3, 98), (3, 99)])
    python = str(tmp_path / "python3.98")
    assert started == [(python, [python, "grok2api.pyz", "--demo"])]


def test_a_python_that_it_is_not_for_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with both versions."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit) as caught:
        pyz_start.prepare([(3, 98), (3, 99)])
    err = capsys.readouterr().err
    assert caught.value.code == 78
    assert err.startswith(
        f"grok2api: this file is for Python 3.98, 3.99, none of which is on PATH; this is {sys.version.split()[0]} ("
    )
    assert err.count("\n") == 1


def test_what_runs_first_parses_on_old_pythons() -> None:
    """Or it could not say that they are too old."""
    ast.parse(Path(pyz_start.__file__).read_text("utf-8"), feature_version=(3, 7))
