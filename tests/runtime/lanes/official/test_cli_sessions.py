"""The session of xAI's CLI, in a file that belongs to the CLI."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokcore.runtime.lanes.official import file_at_use, file_value
from grokcore.runtime.lanes.official.cli_session import EXPIRED, find_auth_file
from grokcore.runtime.lanes.official.client_version import ClientVersion
from grokcore.runtime.lanes.official.credentials import Credential
from tests.scenarios import on_real_clock, run_on_real_clock

from .auth_files import AT, cli_source, look_always, rewrite, secret, session, write_unseen


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    path = tmp_path / ".grok" / "auth.json"
    path.parent.mkdir()
    path.write_bytes(session(user_id="user-1", email="owner@example.com"))
    return path


@on_real_clock
async def test_the_session_is_read_with_the_cli_s_version(auth_file: Path) -> None:
    """xAI's proxy wants both."""
    source = cli_source(auth_file)
    assert source.current is None
    await source.refresh()
    assert source.current == Credential(
        "token-1", "user-1", "owner@example.com", AT + 3600, "1.0.30"
    )
    assert source.fault == ""
    assert source.secrets == ("token-1", "owner@example.com", "user-1")


def test_the_file_is_only_read(
    auth_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A second writer would end the owner's session. No lock, no new file, no other time stamp."""
    look_always(monkeypatch)
    auth_file.chmod(0o400)
    auth_file.parent.chmod(0o500)
    real, flags = os.open, []

    def opened(path: object, how: int, *more: int) -> int:
        if Path(str(path)).is_relative_to(tmp_path):
            flags.append(how)
        return real(path, how, *more)  # type: ignore[arg-type]

    def lock(*_: object) -> None:
        pytest.fail("locked")

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(fcntl, "lockf", lock)
    before, content = auth_file.stat(), auth_file.read_bytes()

    async def scenario() -> None:
        source = cli_source(auth_file)
        for _ in range(3):
            await source.refresh()
            assert source.current is not None
            await source.refresh(stale=source.current.key)

    run_on_real_clock(scenario)
    auth_file.parent.chmod(0o700)
    after = auth_file.stat()
    names = ("st_ino", "st_mtime_ns", "st_size", "st_mode", "st_nlink")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
    assert auth_file.read_bytes() == content
    assert list(auth_file.parent.iterdir()) == [auth_file]
    assert len(flags) >= 4
    assert all(how & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) == 0 for how in flags)


@on_real_clock
async def test_a_session_that_expires_is_renewed_by_the_cli_alone(
    auth_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner learns how; the renewed one is taken without a restart."""
    look_always(monkeypatch)
    now = AT

    def clock() -> Iterator[float]:
        while True:
            yield now

    source = cli_source(auth_file, wall=clock())
    await source.refresh()
    assert secret(source) == "token-1"
    now = AT + 3600
    assert (secret(source), source.fault, source.secrets) == (None, EXPIRED, ())
    await source.refresh()
    assert source.fault == EXPIRED
    rewrite(auth_file, session("token-2", expires_at=AT + 7200))
    await source.refresh()
    assert (secret(source), source.fault) == ("token-2", "")


@on_real_clock
async def test_a_refused_session_is_read_anew(auth_file: Path) -> None:
    """The CLI may have renewed it within the same tick of the file's clock."""
    source = cli_source(auth_file)
    await source.refresh()
    assert source.current is not None
    refused = source.current.key
    write_unseen(auth_file, session("token-2", user_id="user-1", email="owner@example.com"))
    await source.refresh()
    assert secret(source) == "token-1"
    await source.refresh(stale=refused)
    assert secret(source) == "token-2"
    await source.refresh(stale=refused)
    assert secret(source) == "token-2"


@on_real_clock
async def test_half_a_file_is_read_a_second_time(
    auth_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI is rewriting it."""
    monkeypatch.setattr(file_value, "TORN_S", 0.0)
    whole = session("token-2")
    contents = iter([whole[:40], whole])
    monkeypatch.setattr(file_at_use, "read_regular", lambda *_: next(contents))
    source = cli_source(auth_file)
    await source.refresh()
    assert secret(source) == "token-2"


@on_real_clock
async def test_a_file_that_stays_broken_is_named_and_read_again_with_the_next_request(
    auth_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is not quoted."""
    look_always(monkeypatch)
    monkeypatch.setattr(file_value, "TORN_S", 0.0)
    whole = session("token-2")
    contents = iter([whole[:40], whole[:40], whole])
    monkeypatch.setattr(file_at_use, "read_regular", lambda *_: next(contents))
    source = cli_source(auth_file)
    await source.refresh()
    assert (secret(source), source.fault) == (None, f"{auth_file}: It is not JSON.")
    await source.refresh()
    assert secret(source) == "token-2"


@on_real_clock
async def test_without_a_session_the_owner_is_asked_to_log_in(tmp_path: Path) -> None:
    """The lane is configured, and xAI's CLI has never run."""
    source = cli_source(tmp_path / "auth.json")
    await source.refresh()
    assert source.fault.endswith("auth.json: run `grok login`.")
    (tmp_path / "auth.json").write_text("{}")
    await source.refresh(stale="x")


@on_real_clock
async def test_an_outdated_version_is_looked_up_anew(auth_file: Path) -> None:
    """The owner has updated the CLI; a version of the configuration stays."""
    source = cli_source(auth_file)
    await source.refresh()
    source.forget_version()
    await source.refresh()
    assert source.current is not None
    assert source.current.version == "1.0.30"


@pytest.mark.parametrize(
    ("setting", "environ", "path"),
    [
        ("auto", {}, "/srv/owner/.grok/auth.json"),
        ("auto", {"GROK_HOME": "/srv/grok"}, "/srv/grok/auth.json"),
        ("auto", {"GROK_AUTH_PATH": "/srv/a.json", "GROK_HOME": "/srv/grok"}, "/srv/a.json"),
        ("auto", {"GROK_AUTH_PATH": "", "GROK_HOME": ""}, "/srv/owner/.grok/auth.json"),
        ("~/x.json", {"GROK_HOME": "/srv/grok"}, "/srv/owner/x.json"),
        ("/etc/x.json", {}, "/etc/x.json"),
    ],
)
def test_the_file_is_looked_for_where_the_cli_has_it(
    setting: str, environ: dict[str, str], path: str
) -> None:
    """The CLI obeys the same variables."""
    assert find_auth_file(setting, environ, Path("/srv/owner")) == Path(path)


def test_a_version_needs_no_file() -> None:
    """One of the configuration is enough."""
    version = ClientVersion("1.2.3", None, None)

    async def scenario() -> None:
        assert await version.find() == "1.2.3"

    run_on_real_clock(scenario)
