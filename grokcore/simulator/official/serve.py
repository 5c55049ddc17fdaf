"""Serving the simulated official services on a free port of the loopback interface."""

from __future__ import annotations

import functools

import trio
from attrs import frozen

from ..serve import serve_simulator
from .app import OfficialSimulator

__all__ = ["OfficialUrls", "serve_official"]


@frozen
class OfficialUrls:
    """The base URLs of the two services."""

    api: str
    cli: str


async def serve_official(
    simulator: OfficialSimulator | None = None,
    *,
    certificate: tuple[str, str] | None = None,
    keep_alive_s: float = 60.0,
    task_status: trio.TaskStatus[OfficialUrls] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports the base URLs as started.

    :param certificate: and *keep_alive_s*: as for the simulated grok.com.
    """
    serving = functools.partial(
        serve_simulator,
        simulator or OfficialSimulator(),
        certificate=certificate,
        keep_alive_s=keep_alive_s,
    )
    async with trio.open_nursery() as nursery:
        url: str = await nursery.start(serving)
        task_status.started(OfficialUrls(f"{url}/api/v1", f"{url}/cli/v1"))
