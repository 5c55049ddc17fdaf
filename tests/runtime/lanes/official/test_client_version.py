"""The version of the installed CLI, looked up when it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.errors import Overloaded
from grokcore.runtime.lanes.official import client_version, file_at_use
from grokcore.runtime.lanes.official.client_version import ClientVersion
from tests.scenarios import on_real_clock

from .auth_files import program, remove, runs, write_over


@frozen
class Place:
    """A folder of the CLI's, and one on the search path."""

    auth_file: Path
    programs: Path

    def version(self, configured: str = "") -> ClientVersion:
        return ClientVersion(configured, self.auth_file, str(self.programs))

    def install(self, script: str) -> None:
        program(self.programs, script, "grok")

    def write(self, content: bytes) -> None:
        write_over(self.auth_file.with_name("version.json"), content)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "grok").mkdir()
    (tmp_path / "bin").mkdir()
    return Place(tmp_path / "grok" / "auth.json", tmp_path / "bin")


IN_FILE = b'{"version": "1.0.30", "stable_version": "1.0.31"}'


@on_real_clock
async def test_the_configuration_s_version_is_used_as_it_is(place: Place) -> None:
    """The owner may know better; nothing is looked up."""
    place.write(IN_FILE)
    version = place.version("9.9.9")
    assert await version.find() == "9.9.9"
    version.forget()
    assert await version.find() == "9.9.9"


@on_real_clock
async def test_the_file_beside_the_session_comes_before_the_program(place: Place) -> None:
    """Reading it costs less, and it is the version that made the session."""
    place.write(IN_FILE)
    place.install("echo grok 1.0.29")
    assert await place.version().find() == "1.0.30"
    assert runs(place.programs) == 0


@on_real_clock
async def test_the_program_is_asked_once(place: Place) -> None:
    """It is asked when the first question needs it, not before."""
    place.install('[ "$*" = --version ] && echo "grok 1.0.29 (abc) [stable]"')
    version = place.version()
    assert runs(place.programs) == 0
    for _ in range(3):
        assert await version.find() == "1.0.29"
    assert runs(place.programs) == 1


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "yes", "kill -9 $$"])
@on_real_clock
async def test_a_program_that_says_no_version_is_none(place: Place, script: str) -> None:
    """None is invented. The proxy then refuses, and its refusal names the wanted one."""
    place.install(script)
    version = place.version()
    assert await version.find() == ""
    assert await version.find() == ""
    assert runs(place.programs) == 1


@on_real_clock
async def test_a_program_that_hangs_holds_a_question_up_for_a_moment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only the first one."""
    monkeypatch.setattr(client_version, "RUN_S", 0.3)
    place.install("sleep 100")
    version = place.version()
    begun = trio.current_time()
    assert await version.find() == await version.find() == ""
    assert trio.current_time() - begun < 10


@on_real_clock
async def test_without_cli_there_is_no_version(tmp_path: Path) -> None:
    """A token command needs no CLI on this machine."""
    assert await ClientVersion("", None, None).find() == ""
    assert await ClientVersion("", tmp_path / "auth.json", str(tmp_path)).find() == ""


@on_real_clock
async def test_a_version_that_xai_calls_outdated_is_looked_up_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most once a minute; the old one stays until there is another."""
    place.write(IN_FILE)
    version = place.version()
    assert await version.find() == "1.0.30"
    place.write(IN_FILE.replace(b"1.0.30", b"1.0.40"))
    assert await version.find() == "1.0.30"
    version.forget()
    assert await version.find() == "1.0.30"
    monkeypatch.setattr(client_version, "LOOK_AGAIN_S", 0.0)
    assert await version.find() == "1.0.40"
    remove(place.auth_file.with_name("version.json"))
    version.forget()
    assert await version.find() == "1.0.40"


@on_real_clock
async def test_a_cli_that_is_installed_later_is_found(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart of the server."""
    monkeypatch.setattr(client_version, "LOOK_AGAIN_S", 0.0)
    version = place.version()
    assert await version.find() == ""
    place.write(b'{"version": "1.0.3')
    assert await version.find() == ""
    place.write(IN_FILE)
    assert await version.find() == "1.0.30"


@on_real_clock
async def test_a_disk_or_a_system_that_fails_has_no_version(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions go out without one."""
    monkeypatch.setattr(client_version, "LOOK_AGAIN_S", 0.0)
    place.write(IN_FILE)

    async def refuse(*_: object, **__: object) -> None:
        raise Overloaded("This server can't have another thread.")

    async def hang(*_: object, **__: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(client_version, "PATIENCE_S", 0.01)
    monkeypatch.setattr(file_at_use, "PATIENCE_S", 0.01)
    for stuck in (refuse, hang):
        monkeypatch.setattr(client_version, "in_thread", stuck)
        monkeypatch.setattr(file_at_use, "in_thread", stuck)
        assert await place.version().find() == ""
