"""A folder with a server's files, and a server that takes over what changes in them."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
import trio.testing
from attrs import define, field

import grokcore.cli.reload
import grokcore.cli.setup
from grokcore.cli.assembly import Server
from grokcore.cli.reload import Reloader
from grokcore.cli.setup import InputFiles
from grokcore.config import Config, GlobalConfig
from grokcore.errors import InvalidApiKey
from grokcore.protocol.models import SHIPPED
from tests.scenarios import decorator, run_on_fake_clock

MODEL = SHIPPED["grok-3-fast"]

SECRET = "eyJ-very-secret"
"""Every secret of these tests begins with it."""

A, B, C, D = (f"{SECRET}-{name}" for name in "abcd")
Log: TypeAlias = list[str]


def token_file(*tokens: str, **details: object) -> str:
    """A token file in the original's form; *details* are those of the last token."""
    fields: dict[str, object] = {token: {} for token in tokens}
    return json.dumps({"sso": {**fields, **({tokens[-1]: details} if details else {})}})


@define
class Running:
    """A server that has read its files and was made, and what keeps it up to date."""

    place: Path
    inputs: InputFiles
    server: Server
    reloader: Reloader
    caplog: pytest.LogCaptureFixture
    levels: list[GlobalConfig]

    def write(self, name: str, content: str | bytes) -> None:
        path = self.place / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    async def reload(self) -> Log:
        """Read the files again; what the log has of it."""
        await self.reloader.reload()
        return self.said()

    def said(self) -> Log:
        """What the log has had since this was last asked; there is no secret in it."""
        assert SECRET not in self.caplog.text
        lines = [f"{record.levelname} {record.getMessage()}" for record in self.caplog.records]
        self.caplog.clear()
        return lines

    @property
    def config(self) -> Config:
        return self.server.state.config

    @property
    def tokens(self) -> list[str]:
        """Those in use."""
        return [account.entry.sso for account in self.server.pool.book.accounts]

    @property
    def notices(self) -> dict[str, str]:
        assert SECRET not in str(self.server.state.all_faults())
        return self.server.state.all_faults()

    def may(self, key: str) -> bool:
        """Whether a request with this key is served."""
        try:
            self.server.state.keys.identify({"authorization": f"Bearer {key}"})
        except InvalidApiKey:
            return False
        return True


Scenario: TypeAlias = Callable[[Running], Awaitable[None]]


@define
class Desk:
    """An empty folder, and servers that are started in it."""

    place: Path
    caplog: pytest.LogCaptureFixture
    levels: list[GlobalConfig] = field(factory=list)

    def run(
        self,
        scenario: Scenario,
        *,
        files: Mapping[str, str],
        flags: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Run *scenario* with a server that has read these *files*.

        :param meanwhile: what happens between the server's reading them and its first look for
            changes.
        """
        for name, content in files.items():
            (self.place / name).parent.mkdir(exist_ok=True)
            (self.place / name).write_text(content)
        given = {
            "demo": None,
            "config": None,
            "tokens": None,
            "host": None,
            "port": None,
            "data_dir": None,
        }
        inputs = InputFiles(argparse.Namespace(**{**given, **(flags or {})}), environ or {})

        async def main() -> None:
            settings = inputs.read_config()
            tokens, notes = inputs.read_tokens_with_notes()
            meanwhile()
            server = Server(settings.config, tokens)
            server._wall._read = None  # the faked clock runs ahead of the machine's
            reloader = Reloader(inputs, server, settings, tokens, notes)
            self.caplog.clear()
            await scenario(Running(self.place, inputs, server, reloader, self.caplog, self.levels))

        run_on_fake_clock(main)


def run_at_desk(
    scenario: Scenario,
    desk: Desk,
    *,
    files: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    desk.run(scenario, files=files, flags=flags, environ=environ)


at_desk = decorator(run_at_desk, gives=1, desk=lambda desk: desk)
"""A test with a server that has read these *files* in the folder of the fixture ``desk``."""


@pytest.fixture
def desk(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.INFO)
    desk = Desk(tmp_path, caplog)
    monkeypatch.setattr(grokcore.cli.reload, "configure_logging", desk.levels.append)
    monkeypatch.setattr(
        trio.to_thread, "run_sync", at_once
    )  # a faked clock would jump past a real thread
    return desk


BOTH = {"config.toml": "", "tokens.json": token_file(A, B)}


def run_watched(
    story: Scenario,
    desk: Desk,
    *,
    files: Mapping[str, str] = BOTH,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Run *story* beside the reloader."""

    async def scenario(running: Running) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(running.reloader.run)
            await story(running)
            nursery.cancel_scope.cancel()

    desk.run(scenario, files=files, meanwhile=meanwhile)


watched = decorator(run_watched, gives=1, desk=lambda desk: desk)


async def at_once(work: Callable[[], object], **_: object) -> object:
    """Stands in for a thread."""
    await trio.lowlevel.checkpoint()
    return work()
