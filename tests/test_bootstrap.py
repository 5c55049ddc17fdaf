"""grok2api.py on a bare machine: the environment it makes, keeps, mends, or leaves alone. No
network: a local index.
"""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import grok2api
from tests.bootstrap_world import (
    ENTRY,
    PATIENCE_S,
    Checkout,
    Workshop,
    end_of,
    files_below,
    make_checkout,
)


@pytest.fixture
def checkout(workshop: Workshop, tmp_path: Path) -> Checkout:
    """A fresh checkout that needs grokcore-tiny, in a folder with a space in its name."""
    return make_checkout(
        tmp_path / "a checkout",
        workshop.folder,
        PYTHONPATH=str(workshop.folder / "quick"),
        TEST_VENV_TEMPLATE=str(workshop.folder / "template"),
        TEST_VENV_LOG=str(tmp_path / "log"),
    )


# An environment of its own ----------------------------------------------------------------------


def test_a_bare_machine_gets_an_environment_from_python_s_own_venv(workshop: Workshop) -> None:
    """Made, filled, and run in, by one command."""
    assert workshop.made_by.ran_in_venv(workshop.first)
    assert workshop.first.installed


def test_an_environment_is_made_once_and_brought_up_to_date_when_the_list_changes(
    checkout: Checkout,
) -> None:
    """One line says so; the next start says nothing and installs nothing; a version out of bounds
    counts as missing.
    """
    first = checkout.start()
    assert checkout.ran_in_venv(first)
    assert first.err.startswith(
        f"grok2api: installing 1 packages and what they need into {checkout.venv}"
    )
    assert first.err.count("\n") == 1

    again = checkout.start(PIP_FIND_LINKS="/nowhere")
    assert checkout.ran_in_venv(again)
    assert again.err == ""

    checkout.needs("grokcore-tiny>=2,<3")
    changed = checkout.start()
    assert checkout.ran_in_venv(changed, "2.0")
    assert changed.installed
    assert (
        Path(checkout.environ["TEST_VENV_LOG"]).read_text() == "made\n"
    )  # brought up to date, not made anew
    assert not list(checkout.folder.glob(".venv-old-*"))


def test_what_only_build_needs_is_installed_for_build(checkout: Checkout) -> None:
    """Nobody else waits for it; and it does not have to be asked for twice."""
    checkout.needs("grokcore-tiny>=1,<2")
    checkout.start()
    checkout.needs("grokcore-tiny>=1,<3", build=("grokcore-tiny>=2,<3",))
    assert (
        checkout.start("tokens", "build").out
        == f'["1.0", "{checkout.venv}", ["tokens", "build"]]\n'
    )
    built = checkout.start("build", "--output", "x")
    assert built.installed
    assert built.out == f'["2.0", "{checkout.venv}", ["build", "--output", "x"]]\n'
    assert not checkout.start("build").installed
    assert not checkout.start().installed


def test_arguments_and_the_exit_code_pass_through(checkout: Checkout) -> None:
    """The start is as if it had been made in the environment; another program's environment is as
    good.
    """
    make_foreign(checkout, "1.0")
    ran = checkout.start("serve", "--port", "80 80", "ü")
    assert (ran.code, ran.err) == (5, "")
    assert ran.out == f'["1.0", "{checkout.venv}", ["serve", "--port", "80 80", "\\u00fc"]]\n'


def test_of_two_starts_at_once_one_installs_and_both_run(checkout: Checkout) -> None:
    """The other waits for the lock and then finds everything there."""
    ran = [end_of(process) for process in (checkout.begin(), checkout.begin())]
    assert all(map(checkout.ran_in_venv, ran))
    assert sorted(one.installed for one in ran) == [False, True]
    assert Path(checkout.environ["TEST_VENV_LOG"]).read_text() == "made\n"


@contextlib.contextmanager
def silent_index() -> Iterator[tuple[socket.socket, str]]:
    """A package index that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


def test_an_install_that_was_killed_is_begun_anew(checkout: Checkout) -> None:
    """What it left is not trusted, whatever is in it."""
    with silent_index() as (listener, url):
        process = checkout.begin(PIP_NO_INDEX="0", PIP_INDEX_URL=url, PIP_FIND_LINKS="")
        connection, _ = listener.accept()  # pip is in the middle of it
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        connection.close()
    assert (checkout.venv / ".grok2api-unfinished").exists()
    (checkout.venv / "left").touch()

    ran = checkout.start()
    assert checkout.ran_in_venv(ran)
    assert ran.installed
    assert not (checkout.venv / "left").exists()
    assert not (checkout.venv / ".grok2api-unfinished").exists()
    assert not list(checkout.folder.glob(".venv-old-*"))
    assert not checkout.start().installed


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    """As after an upgrade of the system's Python."""
    (checkout.venv / "bin").mkdir(parents=True)
    (checkout.venv / "bin" / "python").symlink_to("/nowhere/python")
    (checkout.venv / ".grok2api-installed").write_text("something")
    ran = checkout.start()
    assert checkout.ran_in_venv(ran)
    assert ran.installed


# Environments of others -------------------------------------------------------------------------


def test_an_interpreter_that_has_everything_is_used_as_it_is(checkout: Checkout) -> None:
    """No .venv, no lock, not a word."""
    checkout.needs("pytest>=1,<1000")
    (checkout.folder / "grokcore" / "cli.py").write_text(
        "def main(arguments):\n    import sys\n    sys.exit(sys.prefix)\n"
    )
    before = files_below(checkout.folder)
    ran = checkout.start()
    assert ran.err == sys.prefix + "\n"
    assert files_below(checkout.folder) == before


def make_foreign(checkout: Checkout, version: str | None) -> None:
    """An environment that was made by hand."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", checkout.venv],
        check=True,
        timeout=PATIENCE_S,
    )
    if version:
        (site,) = checkout.venv.glob("lib/python*/site-packages")
        index = Path(checkout.environ["PIP_FIND_LINKS"])
        with zipfile.ZipFile(index / f"grokcore_tiny-{version}-py3-none-any.whl") as wheel:
            wheel.extractall(site)


@pytest.mark.parametrize("has", [None, "2.0"], ids=["package missing", "wrong version"])
def test_an_environment_of_somebody_else_is_never_changed(
    checkout: Checkout, has: str | None
) -> None:
    """It is refused with the command that would mend it."""
    make_foreign(checkout, has)
    before = files_below(checkout.venv)
    ran = checkout.start()
    assert (ran.code, ran.out) == (1, "")
    assert f"{checkout.venv} was not made by grok2api and lacks packages" in ran.err
    assert 'bin/python -m pip install "grokcore-tiny>=1,<2"' in ran.err
    assert not ran.installed
    assert files_below(checkout.venv) == before


# Machines that lack something -------------------------------------------------------------------


def test_without_a_network_pip_s_message_is_followed_by_one_command(
    checkout: Checkout, workshop: Workshop
) -> None:
    """Exit code 1, and the unfinished folder is not taken for an environment."""
    ran = checkout.start(PIP_FIND_LINKS=str(workshop.folder / "empty"))
    assert (ran.code, ran.out) == (1, "")
    assert "No matching distribution" in ran.err
    assert "the packages could not be installed" in ran.err
    assert ran.err.endswith('bin/python -m pip install "grokcore-tiny>=1,<2"\n')
    assert not (checkout.venv / ".grok2api-installed").exists()


def test_without_a_venv_module_the_command_that_brings_it_is_named(checkout: Checkout) -> None:
    """As on Debian and Ubuntu; the message is all there is to see."""
    ran = checkout.start(TEST_VENV_FAILS="1")
    assert ran.code == 1
    assert ran.err.endswith(
        f"    sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv\n"
    )
    assert "Traceback" not in ran.err


def test_a_folder_that_can_not_be_written_to_is_named(checkout: Checkout) -> None:
    """Here a file is where the environment should be; it is left alone."""
    checkout.venv.write_text("mine")
    ran = checkout.start()
    assert ran.code == 1
    assert f"can't write to {checkout.venv}: " in ran.err
    assert "Traceback" not in ran.err
    assert checkout.venv.read_text() == "mine"


def test_a_lock_that_can_not_be_made_is_named(checkout: Checkout) -> None:
    """Here a folder is in its place."""
    (checkout.folder / ".venv.lock").mkdir()
    ran = checkout.start()
    assert ran.code == 1
    assert ran.err == f"grok2api: can't write to {checkout.folder / '.venv.lock'}: Is a directory\n"


def test_an_environment_that_does_not_help_is_not_started_for_ever(checkout: Checkout) -> None:
    """A start made by a start names the missing packages instead of making another."""
    ran = checkout.start(**{grok2api.STARTED: "1"})
    assert ran.code == 1
    assert "does not have: grokcore-tiny>=1,<2" in ran.err
    assert not checkout.venv.exists()


# Old Pythons ------------------------------------------------------------------------------------


def test_the_entry_parses_on_old_pythons() -> None:
    """Or it could not say that they are too old."""
    ast.parse(ENTRY.read_text(), feature_version=(3, 7))


def test_an_old_python_is_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line with both versions, before anything newer is imported or anything is made."""
    monkeypatch.setattr(sys, "version_info", (3, 8, 10, "final", 0))
    monkeypatch.setattr(grok2api, "environment_for", lambda _: pytest.fail("went on"))
    code = grok2api.main_in_environment([], (), lambda: pytest.fail("went on"))
    monkeypatch.undo()
    err = capsys.readouterr().err
    assert code == 1
    assert err.startswith("grok2api: Python 3.11 or newer is needed; this is ")
    assert err.count("\n") == 1


# Which versions fit -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("installed", "bounds", "fits"),
    [
        ("1.0", ">=1,<2", True),
        ("1", ">=1.0,<2", True),
        ("1.9.9", ">=1,<2", True),
        ("2.0", ">=1,<2", False),
        ("2", ">=1,<2.0", False),
        ("0.9", ">=1,<2", False),
        ("1.10", ">=1.9,<1.11", True),
        ("1.2.dev0+local", ">=1,<2", True),
        ("0.16.3", ">=0.16,<0.17", True),
        ("0.17.0", ">=0.16,<0.17", False),
        ("nonsense", ">=1,<2", False),
    ],
)
def test_versions_are_compared_by_their_numbers(
    installed: str, bounds: str, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip would, for the two kinds of bounds that pyproject.toml has."""
    monkeypatch.setattr("importlib.metadata.version", lambda _: installed)
    assert grok2api.unmet([f"thing{bounds}"]) == ([] if fits else [f"thing{bounds}"])


def test_the_project_s_own_list_is_understood() -> None:
    """Each entry is a name with bounds of the two known kinds; tests and benchmark add to it."""
    plain = grok2api.read_requirements()
    for extra in grok2api.EXTRAS:
        assert set(plain) <= set(grok2api.read_requirements(extra))
        assert grok2api.unmet([f"no-such-{one}" for one in grok2api.read_requirements(extra)]) != []
    assert grok2api.unmet(grok2api.read_requirements(("test",))) == []


def test_an_environment_that_somebody_changed_is_made_anew_at_the_next_start(
    checkout: Checkout,
) -> None:
    """The marker says one thing and the package another: a line about it, and then it is mended."""
    checkout.start()
    (info,) = checkout.venv.rglob("grokcore_tiny-*.dist-info")
    info.rename(info.with_name("grokcore_tiny-0.5.dist-info"))
    metadata = info.with_name("grokcore_tiny-0.5.dist-info") / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 0.5"))

    changed = checkout.start()
    assert changed.code == 1
    assert "start again" in changed.err

    again = checkout.start()
    assert again.installed
    assert checkout.ran_in_venv(again)
