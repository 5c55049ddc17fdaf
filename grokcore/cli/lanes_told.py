"""The official lanes of a starting server, in words for the owner: who pays, and how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config import ApiConfig, Config
from ..protocol.models import LaneUse
from ..protocol.tokens import ID_DIGITS, token_key
from .official_sources import Configured, configured_lanes

__all__ = ["lane_lines", "lanes_that_answer"]

_WHEN: Mapping[LaneUse, str] = {
    LaneUse.OVERFLOW: "when no session token can answer, and for models that only xAI lists",
    LaneUse.FIRST: "before the session tokens",
    LaneUse.ONLY: "in place of the session tokens",
}


def lane_lines(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """A line for each official lane that questions may go to. It has no secret."""
    for configured in _in_use(config, environ):
        settings = configured.settings
        when = f"{_WHEN[settings.use]} ([{configured.lane.value}] use)"
        if isinstance(settings, ApiConfig):
            key = f"key {token_key(settings.key)[:ID_DIGITS]} of {configured.place}"
            held = key if settings.key else f"the key in {configured.place}"
            cap = f"at most {settings.daily_usd:g} USD a day ([api] daily_usd)"
            yield f"paid lane api: {held}, {cap}, {when}"
        else:
            yield f"lane cli, on your subscription's credits: {configured.place}, {when}"


def lanes_that_answer(config: Config, environ: Mapping[str, str]) -> str:
    """The names of these lanes, for the line that reports the server ready; "" if there are
    none.
    """
    return ", ".join(f"lane {configured.lane.value}" for configured in _in_use(config, environ))


def _in_use(config: Config, environ: Mapping[str, str]) -> list[Configured]:
    lanes = configured_lanes(config, environ)
    return [lane for lane in lanes if lane.settings.use is not LaneUse.OFF]
