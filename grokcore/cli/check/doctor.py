"""The order of all examinations: first on this machine, then on the network
(:mod:`grokcore.cli.check.journey`).

An examination that needs something which has failed is left out, and reported as skipped.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time

import trio
from attrs import frozen

from ...config import Config
from ...errors import ConfigError
from ...protocol.grok_web.rate_limits import STATSIG_PATHS
from ...protocol.models import WebLane
from ...protocol.token_file.reading import entries_of, parse_token_file, read_tokens
from ...protocol.tokens import TokenEntry
from ...runtime.transport.curl import browser_shown, browsers_known
from ...simulator.demo_tokens import DEMO_TOKENS
from ..assembly import check_curl, curl_settings, identity_of
from ..permissions import look_at_access
from ..setup import InputFiles, Settings, data_folder, naming, read_file
from . import files
from .findings import OnFinding, ok, skipped
from .identity import judge_browser, judge_clearance, judge_statsig
from .journey import travel
from .lanes_in_use import lanes_in_use
from .running import look_at_server
from .running_judgements import judge_port, judge_running
from .shared_pool import examine_share
from .surroundings import (
    Surroundings,
    current_folder,
    judge_installation,
    look_at_installation,
)
from .token_rounds import Candidate

__all__ = ["Examined", "examine"]

NEEDING_CONFIG = (
    *("data directory", "free space", "port", "server", "browser", "statsig", "clearance"),
    *("names", "egress", "tls", "clock", "tokens", "assets"),
)


@frozen
class Examined:
    """The result of all examinations for questions that may follow.

    :ivar candidates: tokens whose egresses reach Grok, by lane.
    """

    config: Config
    demo: bool
    candidates: tuple[Candidate, ...]


def examine(arguments: argparse.Namespace, report: OnFinding) -> Examined | None:
    """Examine everything that a server with these arguments would use; None if its configuration
    can't be used.

    :param report: called with each finding at once.
    """
    inputs = InputFiles(arguments, os.environ)
    surroundings = Surroundings(os.environ)
    report(judge_installation(look_at_installation(surroundings), current_folder()))
    settings = _configuration(inputs, report)
    tokens = _token_file(inputs, report)
    _permissions(inputs, settings, report)
    if settings is None:
        report(
            skipped(
                "the rest",
                f"{len(NEEDING_CONFIG)} more examinations need a usable configuration",
            )
        )
        return None
    config = settings.config
    held = _data_directory(inputs, config, report)
    if not inputs.demo:
        _running_server(config, surroundings, report, holds_our_data=held)
    if config.pool.share and not inputs.demo:
        report(trio.run(examine_share, config))
    _identity(config, report)
    found = trio.run(functools.partial(travel, config, tokens, report, demo=inputs.demo))
    return Examined(config, inputs.demo, tuple(found))


# On this machine --------------------------------------------------------------------------------


def _configuration(inputs: InputFiles, report: OnFinding) -> Settings | None:
    try:
        settings = inputs.read_config()
        check_curl(settings)
    except ConfigError as error:
        file = inputs.config_file
        in_file = file is not None and str(error).startswith(str(file))
        look = files.look_at_file(file) if file and in_file else None
        report(files.judge_fault("configuration", error, look))
        return None
    for finding in files.judge_configuration(settings.file, settings.warnings):
        report(finding)
    report(files.judge_access(settings.config))
    return settings


def _token_file(inputs: InputFiles, report: OnFinding) -> tuple[TokenEntry, ...] | None:
    """The tokens; None if the file can't be used."""
    if inputs.demo:
        report(ok("token file", "made-up tokens; no file is read"))
        return parse_token_file(DEMO_TOKENS)
    file = inputs.token_file
    try:
        with naming(file):
            readings = read_tokens(read_file(file)) if file else []
            tokens = entries_of(readings)
    except ConfigError as error:
        report(files.judge_fault("token file", error, files.look_at_file(file) if file else None))
        return None
    for finding in files.judge_tokens(file, readings):
        report(finding)
    return tokens


def _permissions(inputs: InputFiles, settings: Settings | None, report: OnFinding) -> None:
    for access in look_at_access(inputs, settings):
        report(files.judge_permissions(access))


def _data_directory(inputs: InputFiles, config: Config, report: OnFinding) -> bool:
    """Examine the data directory; returns whether a server uses it."""
    if inputs.demo:
        report(ok("data directory", "a temporary one"))
        return False
    look = files.look_at_folder(data_folder(config, os.environ))
    report(files.judge_folder(look))
    report(files.judge_space(look, files.cache_bytes(config)))
    return look.held


def _running_server(
    config: Config, surroundings: Surroundings, report: OnFinding, *, holds_our_data: bool
) -> None:
    look = look_at_server(config, surroundings)
    report(judge_port(look))
    user = os.getuid() if sys.platform != "win32" else None
    for finding in judge_running(look, holds_our_data=holds_our_data, user=user):
        report(finding)


def _identity(config: Config, report: OnFinding) -> None:
    grok = config.grok
    report(judge_browser(browser_shown(curl_settings(config)), browsers_known(), grok.user_agent))
    chats = WebLane.REST in lanes_in_use(config)
    report(judge_statsig(identity_of(config), STATSIG_PATHS, for_chats=chats))
    report(judge_clearance(grok.cf_clearance, grok.user_agent, time.time()))
