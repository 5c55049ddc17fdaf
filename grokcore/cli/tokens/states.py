"""Learned state of tokens, in a few words each, read from the server's state file."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import evolve

from ...errors import ConfigError
from ...protocol.pool.account import Account, AccountState, Egress
from ...protocol.pool.records import recall
from ...protocol.quota import Quota
from ...protocol.tokens import TokenEntry
from ...protocol.wall import set_since
from ...runtime.disk.state_file import peek
from ...runtime.wall import wall_reading
from ..setup import InputFiles, data_folder

__all__ = ["in_words", "quota_in_words", "read_states"]

STATE_FILE = "state.jsonl"


def read_states(arguments: argparse.Namespace) -> Mapping[str, str]:
    """The learned state by token key, as a server with these arguments last wrote it. Nothing is
    changed.

    Empty if there is no state, or none that can be read: the list of tokens is useful without it.
    """
    inputs = InputFiles(arguments, os.environ)
    try:
        folder = data_folder(inputs.read_config().config, os.environ)
        entries = {entry.key: entry for entry in inputs.read_tokens()}
    except ConfigError:
        return {}
    records = peek(Path(folder) / STATE_FILE)
    reading = wall_reading()
    return {
        key: in_words(entry, records[key], reading.wall, set_by=set_since(records[key], reading))
        for key, entry in entries.items()
        if key in records
    }


def in_words(
    entry: TokenEntry, record: Mapping[str, object], now: float, *, set_by: float = 0.0
) -> str:
    """*record* in words for a person.

    :param now: the wall clock's time.
    :param set_by: seconds by which the clock was set since the record was written.
    """
    account = Account(entry, Egress(""))
    recall(account, record, now, -set_by)
    return "; ".join(_phrases(account, now))


def _phrases(account: Account, now: float) -> Iterator[str]:
    if account.switched_off:  # by its owner, on the status page; nothing else matters then
        yield "switched off here"
        return
    state = account.state(now)
    if state is AccountState.INVALID:
        yield f"invalid: {account.refusal}"
        return
    yield (
        state
        if account.cooling_until <= now
        else f"{state} for {duration(account.cooling_until - now)}"
    )
    for group, allowance in account.allowances.items():
        opens = allowance.open_at(1)
        quota = allowance.known(now)
        if opens > now:
            yield f"{group}: used up, back in {duration(opens - now)}"
        elif quota is not None:
            yield f"{group}: {quota_in_words(evolve(quota, left=allowance.left))}"


def quota_in_words(quota: Quota) -> str:
    """``134 of 140``."""
    return f"{quota.left} of {quota.total}" if quota.total else f"{quota.left} left"


def duration(seconds: float) -> str:
    """``2 h 5 min``, ``45 s``."""
    whole = max(1, round(seconds))
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
