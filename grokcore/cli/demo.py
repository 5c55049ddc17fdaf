"""The simulated services of ``serve --demo``: grok.com, and both official services of xAI.

A server without a demo does not load this module, since the simulators cost memory.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import trio
from attrs import evolve

from ..config import Config
from ..simulator.official.app import KEY, TOKEN, OfficialSimulator
from ..simulator.official.serve import OfficialUrls, serve_official
from ..simulator.serve import serve_simulator
from ..simulator.showcase import showcase
from .assembly import with_simulator

__all__ = ["AUTH_FILE", "DAILY_USD", "serve_demo"]

AUTH_FILE = "auth.json"
"""The session of the simulated CLI, in the demo's data directory."""

CLI_VERSION = "1.0.30"

CLI_MODELS = ("grok-4.7", "grok-composer-2.5-fast")
"""Models of the lane ``cli``. All others are left to the lane ``api``, so that its cap is seen."""

DAILY_USD = 0.002
"""The demo's daily cap, in US dollars: a dozen short answers."""

PACE_S = 0.02
"""Pause before each event of an official answer, in seconds."""


async def serve_demo(
    config: Config,
    folder: Path,
    *,
    task_status: trio.TaskStatus[Config] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports *config* with the simulated services as started.

    :param folder: where the session of the simulated CLI is written.
    """
    async with trio.open_nursery() as nursery:
        grok = await nursery.start(serve_simulator, showcase())
        urls = await nursery.start(serve_official, OfficialSimulator(pace_s=PACE_S))
        file = folder / AUTH_FILE
        _write_session(file)
        task_status.started(_with_official(with_simulator(config, grok), urls, file))


def _write_session(file: Path) -> None:
    session = {"https://auth.x.ai::demo": {"key": TOKEN, "user_id": "demo"}}
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(session, out)


def _with_official(config: Config, urls: OfficialUrls, auth_file: Path) -> Config:
    api = evolve(config.api, key=KEY, base_url=urls.api, daily_usd=DAILY_USD)
    cli = evolve(
        config.cli,
        auth_file=str(auth_file),
        base_url=urls.cli,
        client_version=CLI_VERSION,
        models=CLI_MODELS,
    )
    # Edits go to files in the demo's own folder.
    server = evolve(config.server, page_edits=True)
    return evolve(config, server=server, api=api, cli=cli)
