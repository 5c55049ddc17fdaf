"""The model table: public model names, and Grok's names, modes and costs for them.

The first eight rows are the original project's (grok-protocol.md §2.5, revision of November 2025);
the others are the modes of Grok's page.

Upstream renames and retires models, so every field can be changed, and models added, in
``[models."name"]`` of the configuration.
"""

from __future__ import annotations

import difflib
import enum
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..errors import ModelNotFound

__all__ = [
    "OFFICIAL_LANES",
    "OFFICIAL_LIMITS",
    "SHIPPED",
    "LaneName",
    "LaneUse",
    "Limits",
    "Model",
    "Tier",
    "WebLane",
    "find_model",
    "official_model",
]

SHOWN_NAME = 100
"""Characters of an unknown name that are compared and shown: the time to find near names grows with
the square of the length.
"""


class Tier(enum.Enum):
    """The subscription that an account needs for a model. Super accounts can use all models."""

    BASIC = "basic"
    SUPER = "super"


class WebLane(enum.Enum):
    """The two ways to ask grok.com with a session token."""

    SOCKET = "socket"
    REST = "rest"


class LaneName(enum.Enum):
    """The ways to ask Grok, by the credential that they need."""

    WEB = "web"
    """A session token of grok.com."""
    CLI = "cli"
    """The session of xAI's own CLI."""
    API = "api"
    """A key of xAI's API, which is paid per use."""


class LaneUse(enum.Enum):
    """When an official lane answers a question that it can answer."""

    OVERFLOW = "overflow"
    """If no session token is free, rested and allowed."""
    FIRST = "first"
    ONLY = "only"
    """Before the session tokens, which are not asked at all."""
    OFF = "off"


OFFICIAL_LANES = frozenset({LaneName.CLI, LaneName.API})


@frozen
class Limits:
    """The three clocks of a request, in seconds (:mod:`grokcore.protocol.clocks`)."""

    first_response: float
    chunk: float
    total: float


THINKING_LIMITS = Limits(first_response=120, chunk=300, total=900)
"""Thinking, expert and heavy models are silent for minutes; several clients had to raise 120 s to
300 s for them.
"""

IMAGINE_LIMITS = Limits(first_response=120, chunk=120, total=900)

OFFICIAL_LIMITS = Limits(first_response=120, chunk=300, total=900)
"""Models that only xAI's API lists. Its documentation advises clients to wait 900 s and more
(docs.x.ai, best practices, 2026-11).
"""


@frozen(cache_hash=True)
class Model:
    """A row of the table.

    :ivar grok_model: ``modelName`` of the payload.
    :ivar mode: ``modelMode`` of the payload.
    :ivar mode_id: ``modeId`` (since March 2026); replaces the two above when it is set.
    :ivar rate_limit_name: name of the allowance in ``rate-limits``; models with the same name share
        the allowance.
    :ivar cost: part of the allowance that one answer takes.
    :ivar search: whether Grok may search; False sends ``disableSearch``.
    :ivar limits: shipped clocks of a model that needs others than the defaults.
    :ivar video: whether it makes a video of a text and pictures.
    :ivar web_lane: the way in which grok.com is asked.
    :ivar on_web: whether grok.com has it; False for a model that only an official lane lists.
    """

    name: str
    grok_model: str
    mode: str
    rate_limit_name: str
    cost: int = 1
    tier: Tier = Tier.BASIC
    mode_id: str = ""
    search: bool = True
    limits: Limits | None = None
    video: bool = False
    web_lane: WebLane = WebLane.REST
    on_web: bool = True

    @property
    def socket_mode(self) -> str:
        """The id of the page's mode that the websocket is asked for; empty over REST."""
        return self.mode_id if self.web_lane is WebLane.SOCKET else ""


def _row(name: str, grok_model: str, mode: str, **more: Any) -> Model:
    """A shipped row; its allowance has the name of Grok's model."""
    return Model(name, grok_model, f"MODEL_MODE_{mode}", grok_model, **more)


def _mode(mode: str, **more: Any) -> Model:
    """A shipped row for a mode of the page; its allowance has the mode's name."""
    return Model(f"grok-{mode}", "", "", mode, mode_id=mode, **more)


SHIPPED: Mapping[str, Model] = {
    model.name: model
    for model in (
        _row("grok-3-fast", "grok-3", "FAST"),
        _row(
            "grok-4-fast",
            "grok-4-mini-thinking-tahoe",
            "GROK_4_MINI_THINKING",
            limits=THINKING_LIMITS,
        ),
        _row(
            "grok-4-fast-expert",
            "grok-4-mini-thinking-tahoe",
            "EXPERT",
            cost=4,
            limits=THINKING_LIMITS,
        ),
        _row("grok-4-expert", "grok-4", "EXPERT", cost=4, limits=THINKING_LIMITS),
        _row("grok-4-heavy", "grok-4-heavy", "HEAVY", tier=Tier.SUPER, limits=THINKING_LIMITS),
        _row("grok-4.1", "grok-4-1-non-thinking-w-tool", "GROK_4_1"),
        _row("grok-4.1-thinking", "grok-4-1-thinking-1108b", "AUTO", limits=THINKING_LIMITS),
        _row("grok-imagine-0.9", "grok-3", "FAST", limits=IMAGINE_LIMITS, video=True),
        _mode("auto", limits=THINKING_LIMITS),
        _mode("fast"),
        _mode("expert", limits=THINKING_LIMITS),
        _mode("heavy", tier=Tier.SUPER, limits=THINKING_LIMITS),
    )
}


def official_model(name: str) -> Model:
    """A row for a model that only an official lane lists."""
    return Model(name, "", "", "", search=False, limits=OFFICIAL_LIMITS, on_web=False)


def find_model(table: Mapping[str, Model], name: str) -> Model:
    """The model called *name*.

    :raises ModelNotFound: if there is none; the message has the names near it, or all of them.
    """
    model = table.get(name)
    if model is not None:
        return model
    name = name[:SHOWN_NAME]
    near = difflib.get_close_matches(name, table, n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(table)}."
    raise ModelNotFound(f"The model {name!r} does not exist here. {hint}", param="model")
