"""``check --alert``: a test alert to each target."""

from __future__ import annotations

import argparse
import functools
import os
import time

import trio

from ...config import Config
from ...errors import ConfigError
from ...protocol.alerts.alert import Alert, AlertState
from ...protocol.alerts.kinds import AlertKind
from ...protocol.alerts.message import Message, message_of
from ...runtime.alerts.target import Outcome, Target
from ...runtime.transport.curl import CurlTransport
from ..alerting import targets_of, words_of
from ..assembly import check_curl, curl_settings
from ..setup import InputFiles
from .findings import Finding, OnFinding, fail, ok, warn

__all__ = ["refuse_alert_with_others", "send_test_alerts"]

NO_TARGET = "no target is configured"
SET_ONE = "Set webhook, ntfy or email_to under [alerts] in the configuration."

ADVICE = (
    "Compare the setting in [alerts] with the page of the service; docs/operations.md has an "
    "example for each."
)


def refuse_alert_with_others(arguments: argparse.Namespace) -> None:
    """Refuse flags that ask for questions beside the test alert.

    :raises ConfigError: if there is one.
    """
    if arguments.alert and (arguments.ask or arguments.tools):
        raise ConfigError("--alert: can't be combined with --ask and --tools")


def send_test_alerts(arguments: argparse.Namespace, report: OnFinding) -> None:
    """Send a test alert to each target at once, and report how each try ended.

    :raises ConfigError: if the configuration can't be used.
    """
    settings = InputFiles(arguments, os.environ).read_config()
    check_curl(settings)
    if not settings.config.alerts.wanted:
        report(fail("alerts", NO_TARGET, SET_ONE))
        return
    trio.run(functools.partial(_send, settings.config, report))


async def _send(config: Config, report: OnFinding) -> None:
    alert = Alert(AlertKind.TEST, AlertState.BEGUN, at=time.time())
    message = message_of(alert, words_of(config))
    transport = CurlTransport(curl_settings(config))
    async with trio.open_nursery() as helpers:
        await helpers.start(transport.run)
        async with trio.open_nursery() as nursery:
            for target in targets_of(config, transport):
                nursery.start_soon(_send_to, target, message, report)
        helpers.cancel_scope.cancel()


async def _send_to(target: Target, message: Message, report: OnFinding) -> None:
    report(_judged(target, await target.send(message)))


def _judged(target: Target, outcome: Outcome) -> Finding:
    if not outcome.fault:
        return ok(target.name, f"{target.place} took the test alert")
    if outcome.partly:
        return warn(target.name, outcome.fault, ADVICE)
    return fail(target.name, outcome.fault, ADVICE)
