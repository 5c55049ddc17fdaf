"""The session of xAI's CLI through the whole server: files, versions, programs, refusals."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from grokcore.simulator.official.app import TOKEN
from tests.servers import Site, run_on_site
from tests.web.lanes.paid_site import (
    MODEL,
    VERSION,
    answered_by,
    ask,
    auth_file,
    error_of,
    questions,
    with_cli,
)

BY_CLI = ("cli", "reported", "1")
PAST, FUTURE = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def test_the_session_answers_and_its_file_stays_as_it_is(tmp_path: Path) -> None:
    """Bytes, times and rights of the file, and the folder's list, are those of before."""
    file = auth_file(tmp_path, refresh_token="never-used", expires_at=FUTURE)
    before = (
        file.read_bytes(),
        file.stat().st_mtime_ns,
        file.stat().st_mode,
        sorted(tmp_path.iterdir()),
    )

    async def scenario(site: Site) -> None:
        assert answered_by(await ask(site)) == BY_CLI
        assert (await ask(site, text="simulate:expired_session")).status_code != 200
        headers = questions(site)[0].headers
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert headers["x-grok-client-version"] == VERSION
        assert headers["x-grok-model-override"] == MODEL
        assert headers["user-agent"].startswith("grok2api/")
        assert not [call for call in site.official.calls if b"never-used" in call.raw]

    run_on_site(scenario, official=True, config=with_cli(file), tokens=())
    after = (
        file.read_bytes(),
        file.stat().st_mtime_ns,
        file.stat().st_mode,
        sorted(tmp_path.iterdir()),
    )
    assert after == before


def test_an_expired_session_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is sent with it; once the CLI has renewed the file, the next question is answered."""
    file = auth_file(tmp_path, token="old", expires_at=PAST)

    async def scenario(site: Site) -> None:
        refused = await ask(site, "grok-3-fast")
        assert refused.status_code != 200
        assert "run `grok`" in error_of(refused)["message"]
        assert questions(site) == []
        auth_file(tmp_path, expires_at=FUTURE)
        with trio.fail_after(5):  # a file is looked at once a second
            while (reply := await ask(site, "grok-3-fast")).status_code != 200:
                await trio.testing.wait_all_tasks_blocked(0.05)
        assert answered_by(reply) == BY_CLI

    config = with_cli(file) + '[cli.stand_ins]\n"grok-3-fast" = "grok-4.6"\n'
    run_on_site(scenario, official=True, config=config, tokens=())


def test_a_refused_session_is_read_anew_in_the_same_request(tmp_path: Path) -> None:
    """The CLI has renewed it in the same second: the client sees the answer alone."""
    file = auth_file(tmp_path)

    async def scenario(site: Site) -> None:
        assert answered_by(await ask(site)) == BY_CLI
        site.official.tokens = {"renewed"}
        auth_file(tmp_path, token="renewed")
        assert answered_by(await ask(site))[0] == "cli"
        assert questions(site)[-1].headers["authorization"] == "Bearer renewed"
        assert len(questions(site)) <= 3

    run_on_site(scenario, official=True, config=with_cli(file), tokens=())


def test_a_session_that_stays_refused_is_asked_once(tmp_path: Path) -> None:
    """Later questions are refused without a request, and the words name the way out."""
    file = auth_file(tmp_path)

    async def scenario(site: Site) -> None:
        site.official.tokens.clear()
        for _ in range(3):
            refused = await ask(site)
            assert error_of(refused)["code"] == "no_valid_tokens", refused.text
            assert "run grok" in error_of(refused)["message"]
        assert len(questions(site)) == 1

    run_on_site(scenario, official=True, config=with_cli(file), tokens=())


def test_an_outdated_version_is_told_in_words(tmp_path: Path) -> None:
    """With the version that xAI wants, and the setting."""
    file = auth_file(tmp_path)
    config = with_cli(file).replace(VERSION, "0.1.7")

    async def scenario(site: Site) -> None:
        refused = await ask(site, "grok-3-fast")
        assert error_of(refused)["code"] == "upstream_refused", refused.text
        assert "0.1.202" in error_of(refused)["message"]
        assert "client_version" in error_of(refused)["message"]
        assert refused.headers["x-should-retry"] == "false"

    stand_in = '[cli.stand_ins]\n"grok-3-fast" = "grok-4.6"\n'
    run_on_site(scenario, official=True, config=config + stand_in, tokens=())


def test_the_version_is_that_of_the_installed_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``version.json`` beside the session; ``auto`` finds both in the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GROK_HOME", "GROK_AUTH_PATH"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / ".grok"
    folder.mkdir()
    auth_file(folder)
    (folder / "version.json").write_text('{"version": "1.0.30"}')

    async def scenario(site: Site) -> None:
        assert answered_by(await ask(site)) == BY_CLI
        assert questions(site)[0].headers["x-grok-client-version"] == "1.0.30"

    config = '[cli]\nauth_file = "auto"\nbase_url = "{cli_url}"\n'
    run_on_site(scenario, official=True, config=config, tokens=())


def test_a_program_of_the_owner_s_prints_the_token(tmp_path: Path) -> None:
    """It is run again after a refusal, and the same request succeeds."""
    told = tmp_path / "told"
    told.write_text(TOKEN)
    program = tmp_path / "print_token"
    program.write_text(f"#!/bin/sh\ncat {told}\n")
    program.chmod(0o700)

    async def scenario(site: Site) -> None:
        assert answered_by(await ask(site)) == BY_CLI
        site.official.tokens = {"renewed"}
        told.write_text("renewed")
        assert answered_by(await ask(site))[0] == "cli"

    config = (
        f'[cli]\ntoken_command = ["{program}"]\nclient_version = "{VERSION}"\n'
        'base_url = "{cli_url}"\n'
    )
    assert sys.platform != "win32"
    run_on_site(scenario, official=True, config=config, tokens=())
