"""The second half of ``check --ask``: the price, the owner's consent, the questions."""

from __future__ import annotations

import argparse
import functools

import trio

from ...errors import ConfigError
from .answers import price_of
from .asking import plans_of, put_questions
from .consent import agreed, refuse_without_person, show
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
        if arguments.yes and not arguments.tools:
            raise ConfigError("--yes: belongs to --ask and --tools")
        if arguments.most is not None:
            raise ConfigError("--most: belongs to --ask; --tools has --questions and --form")
    elif arguments.most is not None and arguments.most < 1:
        raise ConfigError("--most: must be 1 or more")
    elif not arguments.yes:
        refuse_without_person("--ask")


def ask_grok(
    examined: Examined | None, arguments: argparse.Namespace, report: OnFinding, default: int
) -> None:
    """Put a question for each token and lane that can be asked, if the owner agrees.

    :param default: the most questions, unless the owner wants another number.
    """
    candidates = examined.candidates if examined else ()
    for candidate in candidates:
        if candidate.why_not:
            words = f"{LANE_WORDS[candidate.lane]}: not asked, since {candidate.why_not}"
            report(skipped(f"token {candidate.entry.id}", words))
    plans = plans_of(examined.config, candidates) if examined else []
    if examined is None or not plans:
        report(skipped("questions", "no token can be asked"))
        return
    chosen = plans[: default if arguments.most is None else arguments.most]
    show(price_of(chosen, len(plans) - len(chosen)))
    if not arguments.yes and not agreed():
        report(skipped("questions", "not asked: you did not agree"))
        return
    trio.run(functools.partial(put_questions, examined.config, chosen, report, demo=examined.demo))
