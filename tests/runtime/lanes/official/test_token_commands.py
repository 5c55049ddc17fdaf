"""A command that prints the token: run as seldom as possible, and never waited for too long."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import trio
from attrs import define

from grokcore.protocol.tokens import token_key
from grokcore.runtime.lanes.official import token_command
from grokcore.runtime.lanes.official.client_version import ClientVersion
from grokcore.runtime.lanes.official.token_command import TokenCommand
from tests.scenarios import on_fake_clock, on_real_clock

from .auth_files import AT, at_once, program, runs, secret


@define
class World:
    """A folder for the command, and a wall clock."""

    folder: Path
    now: float = AT

    def source(self, script: str) -> TokenCommand:
        version = ClientVersion("1.0.30", None, None)
        return TokenCommand([program(self.folder, script)], version, lambda: self.now)

    def change(self, script: str) -> None:
        program(self.folder, script)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@on_real_clock
async def test_a_token_is_asked_for_once(world: World) -> None:
    """Without an end it is used until xAI refuses it."""
    source = world.source("echo token-1")
    assert (source.current, source.fault) == (None, "The token command has not run yet.")
    for _ in range(3):
        await source.refresh()
        world.now += 1e6
    assert (secret(source), source.fault, runs(world.folder)) == ("token-1", "", 1)
    assert source.current is not None
    assert source.current.version == "1.0.30"
    assert source.secrets == ("token-1",)


@on_real_clock
async def test_of_many_tasks_one_runs_the_command(world: World) -> None:
    """A login helper may ask the owner something, each time."""
    source = world.source("echo token-1")
    await at_once(*[source] * 5)
    assert (secret(source), runs(world.folder)) == ("token-1", 1)
    world.change("echo token-2")
    await at_once(*[source] * 5, stale=token_key("token-1"))
    assert (secret(source), runs(world.folder)) == ("token-2", 2)


@on_real_clock
async def test_a_token_is_renewed_a_minute_before_its_end(world: World) -> None:
    """The old one serves until the new one is there."""
    source = world.source("""echo '{"access_token": "token-1", "expires_in": 3600}'""")
    await source.refresh()
    world.now = AT + 3539
    await source.refresh()
    assert (secret(source), runs(world.folder)) == ("token-1", 1)
    world.now = AT + 3540
    world.change("exit 1")
    await source.refresh()
    assert (secret(source), source.fault, runs(world.folder)) == ("token-1", "", 2)
    world.now = AT + 3600
    assert (secret(source), source.fault) == (None, "The token command ended with status 1.")


@on_real_clock
async def test_a_short_life_does_not_run_the_command_for_each_question(world: World) -> None:
    """A token of a minute is used for half of it."""
    source = world.source("""echo '{"access_token": "token-1", "expires_in": 60}'""")
    for second in range(0, 30, 10):
        world.now = AT + second
        await source.refresh()
    assert runs(world.folder) == 1
    world.now = AT + 30
    await source.refresh()
    assert runs(world.folder) == 2


@on_real_clock
async def test_an_end_that_comes_before_a_renewal_is_explained(world: World) -> None:
    """The status page shows it while no question is asked."""
    source = world.source("""echo '{"access_token": "token-1", "expires_in": 60}'""")
    await source.refresh()
    world.now = AT + 61
    assert (secret(source), source.fault) == (None, "The token of the token command has expired.")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("exit 1", "The token command ended with status 1."),
        ("echo SECRET-1; echo SECRET-2", "The token command failed. It printed several lines in place of a token."),
        ("head -c 70000 /dev/zero", "The token command printed more than 64 kB."),
        ("printf '\\377\\376'", "The token command failed. It printed no token that can be sent."),
        (":", "The token command failed. It printed nothing."),
        ("""echo '{"access_token": "SECRET", "expires_in": -5}'""", "The token command printed a token that has expired."),
    ],
)  # fmt: skip
@on_real_clock
async def test_a_command_that_fails_runs_again_after_a_pause(
    world: World, script: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each question would otherwise run it; nothing that it printed is quoted."""
    source = world.source(script)
    await at_once(*[source] * 3)
    await source.refresh(stale="any")
    assert (secret(source), source.fault, runs(world.folder)) == (None, fault, 1)
    assert "SECRET" not in caplog.text + source.fault


@on_real_clock
async def test_its_errors_are_logged_in_one_masked_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """They help the owner, and may hold the token."""
    source = world.source("echo FIRST >&2; echo no session for SECRET-4711-4711-4711 >&2; exit 1")
    with caplog.at_level(logging.DEBUG):
        await source.refresh()
    assert caplog.messages == ["The token command ended with status 1. no session for …"]


@on_real_clock
async def test_a_command_that_hangs_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question fails, instead of waiting for ever."""
    monkeypatch.setattr(token_command, "RUN_S", 0.3)
    source = world.source("sleep 100")
    await source.refresh()
    assert source.fault == "The token command did not end within 0.3 s."


@on_real_clock
async def test_a_refused_token_that_is_printed_again_is_not_asked_for_at_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Each question would run the command, in vain. The token stays: xAI may have erred."""
    source = world.source("echo token-1")
    await source.refresh()
    for _ in range(3):
        await source.refresh(stale=token_key("token-1"))
    assert (secret(source), runs(world.folder)) == ("token-1", 2)
    assert "printed again the token" in caplog.text


@on_real_clock
async def test_a_task_that_is_cancelled_leaves_the_run_to_the_next(world: World) -> None:
    """A client that has gone does not take the token from the others."""
    source = world.source("echo token-1")
    with trio.CancelScope() as scope:
        scope.cancel()
        await source.refresh()
    await source.refresh()
    assert secret(source) == "token-1"


@on_fake_clock
async def test_the_pause_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner has mended the command; a question finds that without a restart."""
    outputs = iter([b"", b"token-1"])
    asked = []

    async def run(*_: object, **__: object) -> bytes:
        asked.append(trio.current_time())
        return next(outputs)

    monkeypatch.setattr(token_command, "run_bounded", run)
    source = TokenCommand(["x"], ClientVersion("1", None, None), lambda: AT)
    source.forget_version()
    for _ in range(25):
        await source.refresh()
        await trio.sleep(1)
    assert (asked, secret(source), source.fault) == ([0, 10], "token-1", "")
