"""``tokens check``: ask Grok for the remaining allowance of each token.

No generation is spent, and nothing is changed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Awaitable, Sequence

import trio

from ...config import Config
from ...errors import ConfigError, GrokApiError
from ...protocol.models import Model, find_model
from ...protocol.tokens import TokenEntry
from ...runtime.lanes.grok_socket.account_asker import AccountAsker
from ...runtime.transport.curl import CurlTransport
from ..assembly import check_curl, curl_settings, lane_settings, quota_asker
from ..progress import progress
from ..setup import InputFiles
from ..tables import Cell, Column, print_table
from .quota_check import Checked, Round, model_asked_for

__all__ = ["add_check_flags", "check_tokens"]

SESSION_S = 30.0
"""Bound for the question whether a session is accepted, in seconds."""

COLUMNS = (Column("id", whole=True), Column("what Grok says"), Column("note"))


def add_check_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``tokens check``."""
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help="only these (the first digits are enough)"
    )
    parser.add_argument("--model", metavar="NAME", help="the model whose allowance is asked for")


def check_tokens(arguments: argparse.Namespace) -> int:
    """Ask Grok about all tokens, or about those that the ids name; print a line for each.

    Returns 0 if Grok accepted all of them, else 1.

    :raises ConfigError: if a file is at fault, or an id or the model does not exist.
    """
    inputs = InputFiles(arguments, os.environ)
    settings = inputs.read_config()
    check_curl(settings)
    entries = _named(inputs.read_tokens(), arguments.ids)
    if not entries:
        print("no tokens yet: `tokens add` asks for one", file=sys.stderr)
        return 0
    model = _model(settings.config, arguments.model)
    checked = trio.run(_check_all, settings.config, entries, model)
    # In a pipe there is no heading: each line is a token's.
    print_table(COLUMNS, map(_row, checked), heading=sys.stdout.isatty())
    return 0 if all(one.good for one in checked) else 1


def _row(checked: Checked) -> tuple[str | Cell, ...]:
    style = "green" if checked.good else "red"
    return checked.entry.id, Cell(str(checked), style), checked.entry.note


def _named(entries: Sequence[TokenEntry], ids: Sequence[str]) -> list[TokenEntry]:
    for wanted in ids:
        if not any(entry.id.startswith(wanted.lower()) for entry in entries):
            raise ConfigError(f"there is no token whose id begins with {wanted[:8]!r}")
    return [
        entry
        for entry in entries
        if not ids or entry.id.startswith(tuple(wanted.lower() for wanted in ids))
    ]


def _model(config: Config, name: str | None) -> Model:
    if name is None:
        return model_asked_for(config)
    try:
        return find_model(config.models, name)
    except GrokApiError as error:
        raise ConfigError(f"--model: {error.message}") from None


async def _check_all(config: Config, entries: Sequence[TokenEntry], model: Model) -> list[Checked]:
    transport = CurlTransport(curl_settings(config))
    settings = lane_settings(config)

    def confirm(sso: str, proxy_url: str) -> Awaitable[object]:
        return AccountAsker(transport, settings, sso, proxy_url).session(SESSION_S)

    asker = quota_asker(config, transport)
    round_ = Round(asker, config.grok.proxy_url, model.rate_limit_name, confirm=confirm)
    with progress("asking Grok", len(entries)) as advance:
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run)
            checked = await round_.ask_all(entries, advance)
            nursery.cancel_scope.cancel()
    return checked
