"""The second half of ``check --tools``: the price, the owner's consent, the exercises."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence

import trio

from ...config import Config
from ...errors import ConfigError
from ...protocol.models import Tier
from .answers import Plan
from .asking import plans_of
from .consent import agreed, refuse_without_person, show
from .doctor import Examined
from .findings import OnFinding, skipped
from .tools_asking import Canary, put_exercises
from .tools_report import FORMS, price_of_exercises

__all__ = ["evaluate_tools", "refuse_tools_without_consent"]

FLAGS = ("questions", "form", "model")
"""Flags that belong to ``--tools``."""


def refuse_tools_without_consent(arguments: argparse.Namespace) -> None:
    """Refuse exercises that no person can agree to.

    :raises ConfigError: if there is neither ``--yes`` nor a terminal to ask at, or a flag of
        ``--tools`` stands without it or has no useful value.
    """
    if not arguments.tools:
        for name in FLAGS:
            if getattr(arguments, name) is not None:
                raise ConfigError(f"--{name}: belongs to --tools")
    elif arguments.ask:
        raise ConfigError("--tools: can't be combined with --ask")
    elif arguments.questions is not None and arguments.questions < 1:
        raise ConfigError("--questions: must be 1 or more")
    elif not arguments.yes:
        refuse_without_person("--tools")


def evaluate_tools(
    examined: Examined | None, arguments: argparse.Namespace, report: OnFinding, default: int
) -> None:
    """Put exercises in calling tools to Grok, if the owner agrees, and report the scores.

    :param default: exercises in each form, unless the owner wants another number.
    :raises ConfigError: if there is no such model.
    """
    plans = plans_of(examined.config, examined.candidates) if examined else []
    if examined is not None and plans:
        plans = _with_model(examined.config, plans, arguments.model)
    if examined is None or not plans:
        report(skipped("tools", "no token can be asked"))
        return
    canary = Canary(
        tuple(plans),
        tuple(dict.fromkeys(arguments.form or FORMS)),
        default if arguments.questions is None else arguments.questions,
    )
    show(price_of_exercises(canary.plans, canary.forms, len(canary.exercises)))
    if not arguments.yes and not agreed():
        report(skipped("tools", "not asked: you did not agree"))
        return
    put = functools.partial(put_exercises, examined.config, canary, report, demo=examined.demo)
    trio.run(put)


def _with_model(config: Config, plans: Sequence[Plan], name: str | None) -> list[Plan]:
    """The plans for one model, of accounts that may use it: a comparison needs the same model."""
    model = plans[0].model if name is None else config.models.get(name)
    if model is None or model.video:
        raise ConfigError(f"--model: {name!r} is no model that chats")
    return [
        Plan(plan.entry, plan.lane, model)
        for plan in plans
        if plan.lane is model.web_lane
        and (model.tier is Tier.BASIC or plan.entry.tier is Tier.SUPER)
    ]
