"""The second half of ``check --ask``: the price, the owner's consent, the questions."""

from __future__ import annotations

import argparse
import functools
import sys

import trio

from ...errors import ConfigError
from ..redaction import without_secrets
from ..tables import printable
from .answers import price_of
from .asking import plans_of, put_questions
from .doctor import Examined
from .findings import OnFinding, skipped
from .lanes_in_use import LANE_WORDS

__all__ = ["ask_grok", "refuse_without_consent"]


def refuse_without_consent(arguments: argparse.Namespace) -> None:
    """Refuse questions that no person can agree to.

    :raises ConfigError: if there is neither ``--yes`` nor a terminal to ask at, or a flag of
        ``--ask`` stands without it.
    """
    if not arguments.ask:
        if arguments.yes:
            raise ConfigError("--yes: belongs to --ask")
    elif arguments.most < 1:
        raise ConfigError("--most: must be 1 or more")
    elif not arguments.yes and not sys.stdin.isatty():
        raise ConfigError(
            "--ask: costs questions of your allowance, and there is no terminal to ask you at; "
            "add --yes if you agree"
        )


def ask_grok(examined: Examined | None, arguments: argparse.Namespace, report: OnFinding) -> None:
    """Put a question for each token and lane that can be asked, if the owner agrees."""
    candidates = examined.candidates if examined else ()
    for candidate in candidates:
        if candidate.why_not:
            words = f"{LANE_WORDS[candidate.lane]}: not asked, since {candidate.why_not}"
            report(skipped(f"token {candidate.entry.id}", words))
    plans = plans_of(examined.config, candidates) if examined else []
    if examined is None or not plans:
        report(skipped("questions", "no token can be asked"))
        return
    chosen = plans[: arguments.most]
    _show(price_of(chosen, len(plans) - len(chosen)))
    if not arguments.yes and not _agreed():
        report(skipped("questions", "not asked: you did not agree"))
        return
    trio.run(functools.partial(put_questions, examined.config, chosen, report, demo=examined.demo))


def _show(words: str) -> None:
    """Show it on stderr: stdout is for findings."""
    for line in words.splitlines():
        print(printable(without_secrets(line)), file=sys.stderr, flush=True)


def _agreed() -> bool:
    print("Ask? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
