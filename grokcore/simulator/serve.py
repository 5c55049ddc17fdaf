"""Serving the simulated Grok on a free port of the loopback interface."""

from __future__ import annotations

import logging

import hypercorn.trio
import trio
from hypercorn.config import Config

from .app import Simulator

__all__ = ["DEMO_TOKENS", "serve_simulator"]

DEMO_TOKENS = (
    b'{"sso": {"demo-basic-1": {}, "demo-basic-2": {}, "demo-basic-3": {}, "demo-basic-4": {}}, '
    b'"ssoSuper": {"demo-super-1": {}, "demo-super-2": {}}}'
)
"""A token file for the simulated Grok, which accepts any token."""


async def serve_simulator(
    simulator: Simulator | None = None,
    *,
    certificate: tuple[str, str] | None = None,
    keep_alive_s: float = 60.0,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports the base URL as started.

    :param certificate: files with a certificate and its key; with them it speaks TLS and HTTP/2.
    :param keep_alive_s: seconds that an idle connection stays open.
    """
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.backlog = 1024
    config.keep_alive_timeout = keep_alive_s
    config.h2_max_concurrent_streams = 1000
    config.graceful_timeout = 0
    config.errorlog = logging.getLogger(__name__)
    # It breaks connections off on purpose; Hypercorn would log each as a crash.
    config.errorlog.setLevel(logging.CRITICAL)
    config.include_date_header = not (simulator and simulator.date)
    if certificate:
        config.certfile, config.keyfile = certificate

    async def serve(*, task_status: trio.TaskStatus[list[str]]) -> None:
        await hypercorn.trio.serve(
            simulator or Simulator(), config, task_status=task_status, mode="asgi"
        )

    async with trio.open_nursery() as nursery:
        urls = await nursery.start(serve)
        task_status.started(urls[0])
