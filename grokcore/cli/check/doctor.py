"""The order of all looks: first on this machine, then on the network
(:mod:`grokcore.cli.check.journey`).

What needs something that has failed is left out, and said to be.
"""

from __future__ import annotations

import argparse
import functools
import os
import time

import trio

from ...config import Config
from ...errors import ConfigError
from ...protocol.grok_web.payload import CHAT_PATH, POST_PATH, UPLOAD_PATH
from ...protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from ...protocol.token_file.reading import entries_of, parse_token_file, read_tokens
from ...protocol.tokens import TokenEntry
from ...runtime.transport.curl import browser_shown, browsers_known
from ...simulator.serve import DEMO_TOKENS
from ..assembly import check_curl, curl_settings, identity_of
from ..permissions import look_at_access
from ..setup import InputFiles, Settings, data_folder, naming, read_file
from . import files
from .findings import ok, skipped
from .identity import judge_browser, judge_clearance, judge_statsig
from .journey import Tell, travel

__all__ = ["examine"]

PATHS = (CHAT_PATH, RATE_LIMITS_PATH, UPLOAD_PATH, POST_PATH)
"""Requests with ``x-statsig-id``."""

NEEDING_CONFIG = (
    *("data directory", "free space", "browser", "statsig", "clearance"),
    *("names", "egress", "tls", "clock", "tokens", "assets"),
)


def examine(arguments: argparse.Namespace, tell: Tell) -> None:
    """Look at everything that a server with these arguments would use, and *tell* each finding as
    soon as it is known.
    """
    inputs = InputFiles(arguments, os.environ)
    settings = _configuration(inputs, tell)
    tokens = _token_file(inputs, tell)
    _permissions(inputs, settings, tell)
    if settings is None:
        tell(
            skipped(
                "the rest",
                f"{len(NEEDING_CONFIG)} more looks need a configuration that can be used",
            )
        )
        return
    _data_directory(inputs, settings.config, tell)
    _identity(settings.config, tell)
    trio.run(functools.partial(travel, settings.config, tokens, tell, demo=inputs.demo))


# On this machine --------------------------------------------------------------------------------


def _configuration(inputs: InputFiles, tell: Tell) -> Settings | None:
    try:
        settings = inputs.read_config()
        check_curl(settings)
    except ConfigError as error:
        file = inputs.config_file
        in_file = file is not None and str(error).startswith(str(file))
        tell(
            files.judge_fault(
                "configuration", str(error), files.look_at_file(file) if file and in_file else None
            )
        )
        return None
    for finding in files.judge_configuration(settings.file, settings.warnings):
        tell(finding)
    tell(files.judge_access(settings.config))
    return settings


def _token_file(inputs: InputFiles, tell: Tell) -> tuple[TokenEntry, ...] | None:
    """The tokens; None if the file can't be used."""
    if inputs.demo:
        tell(ok("token file", "made-up tokens; no file is read"))
        return parse_token_file(DEMO_TOKENS)
    file = inputs.token_file
    try:
        with naming(file):
            readings = read_tokens(read_file(file)) if file else []
            tokens = entries_of(readings)
    except ConfigError as error:
        tell(
            files.judge_fault("token file", str(error), files.look_at_file(file) if file else None)
        )
        return None
    for finding in files.judge_tokens(file, readings):
        tell(finding)
    return tokens


def _permissions(inputs: InputFiles, settings: Settings | None, tell: Tell) -> None:
    for access in look_at_access(inputs, settings):
        tell(files.judge_permissions(access))


def _data_directory(inputs: InputFiles, config: Config, tell: Tell) -> None:
    if inputs.demo:
        tell(ok("data directory", "a temporary one"))
        return
    look = files.look_at_folder(data_folder(config, os.environ))
    tell(files.judge_folder(look))
    tell(files.judge_space(look, files.cache_bytes(config)))


def _identity(config: Config, tell: Tell) -> None:
    grok = config.grok
    tell(judge_browser(browser_shown(curl_settings(config)), browsers_known(), grok.user_agent))
    tell(judge_statsig(identity_of(config), PATHS))
    tell(judge_clearance(grok.cf_clearance, grok.user_agent, time.time()))
