"""Judgements of the official lanes: the credential and its source, xAI's answer to a question for
its models, the CLI's version, the credits. No I/O.
"""

from __future__ import annotations

from attrs import frozen

from ...errors import (
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
)
from ...protocol.advice import advice_on
from ...protocol.models import LaneName, LaneUse
from ..tokens.states import duration
from .findings import Finding, fail, ok, warn

__all__ = ["LaneLook", "judge_lane"]

_PASSING = (QuotaExhausted, UpstreamOverloaded)

INSTALL_CLI = (
    "Install xAI's CLI on this machine, or put the version that grok --version shows into [cli] "
    "client_version: xAI refuses requests without one."
)


@frozen
class LaneLook:
    """The result of the requests for one official lane.

    :ivar place: where the credential comes from, in words.
    :ivar id: short hash of the credential; empty without one.
    :ivar fault: the reason why there is no credential; empty if there is one.
    :ivar error: xAI's refusal, or the failure to reach it; None if it listed its models.
    :ivar models: number of models that may be asked.
    :ivar listed: number of models that xAI listed.
    :ivar expires_in: seconds until the session ends; None if it is unknown, or for a key.
    :ivar version: of xAI's CLI; empty for a key, or if it is unknown.
    :ivar daily_usd: the most that a day may cost; None if the lane costs nothing.
    :ivar used_percent: of the credits of the *period*; None if it is unknown.
    """

    lane: LaneName
    use: LaneUse
    place: str
    id: str = ""
    fault: str = ""
    error: GrokApiError | None = None
    models: int = 0
    listed: int = 0
    expires_in: float | None = None
    version: str = ""
    daily_usd: float | None = None
    used_percent: float | None = None
    period: str = ""


def judge_lane(look: LaneLook) -> Finding:
    """The finding for one official lane with a credential in the settings."""
    name = f"lane {look.lane.value}"
    if not look.id:
        wanted = advice_on_missing(look.lane)
        return fail(name, look.fault.removesuffix("."), wanted)
    if look.error is not None:
        return _refused(name, look, look.error)
    if not look.models:
        message = f"{_credential(look)}: none of the {look.listed} models of xAI's may be asked"
        return warn(name, message, f"Correct models in [{look.lane.value}].")
    if look.lane is LaneName.CLI and not look.version:
        return warn(name, f"{_credential(look)}: the CLI's version is not known", INSTALL_CLI)
    return ok(name, "; ".join([_credential(look), *_facts(look)]))


def advice_on_missing(lane: LaneName) -> str:
    """The advice for a lane whose credential can't be used before xAI is asked."""
    if lane is LaneName.API:
        return "Put a key of console.x.ai into [api] key, or alone into the file of key_file."
    return "Run grok once, or grok login, as the user that this server runs as."


def _refused(name: str, look: LaneLook, error: GrokApiError) -> Finding:
    message = f"{_credential(look)}: {error.short}".removesuffix(".")
    if isinstance(error, TransportFailure | UpstreamFailure):
        wanted = "If it stays: does this machine, or [grok] proxy_url, reach xAI's hosts?"
    else:
        wanted = advice_on(error, look.lane) or "Try again in a while."
    return (warn if isinstance(error, _PASSING) else fail)(name, message, wanted)


def _credential(look: LaneLook) -> str:
    kind = "key" if look.lane is LaneName.API else "session"
    return f"{kind} {look.id} of {look.place}"


def _facts(look: LaneLook) -> list[str]:
    facts = [f"{look.models} of {look.listed} models"]
    if look.version:
        facts.append(f"CLI {look.version}")
    if look.expires_in is not None:
        facts.append(f"expires in {duration(look.expires_in)}")
    if look.used_percent is not None:
        credit = f"{look.period} credits".lstrip()
        facts.append(f"{look.used_percent:.0f} % of the {credit} used")
    if look.daily_usd is not None:
        facts.append(f"{look.daily_usd:g} USD a day at most")
    facts.append("switched off" if look.use is LaneUse.OFF else f'use = "{look.use.value}"')
    return facts
