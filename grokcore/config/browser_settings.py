"""The settings that an owner copies from a browser, and whether they are an owner's own."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ..protocol.advice import rest_warning
from ..protocol.browser_values import GivenValue, Source
from ..protocol.grok_web.identity import Identity
from ..protocol.grok_web.payload import CHAT_PATH
from ..protocol.models import WebLane
from .sections import DEFAULT_STATSIG_ID, Config

__all__ = ["given_values", "warnings_of"]


def given_values(config: Config) -> Mapping[str, GivenValue]:
    """The browser values, by the names of their settings."""
    grok = config.grok
    texts = {
        "cf_clearance": grok.cf_clearance,
        "user_agent": grok.user_agent,
        "x_statsig_id": grok.x_statsig_id
        if isinstance(grok.x_statsig_id, str)
        else json.dumps(grok.x_statsig_id, sort_keys=True),
    }
    return {name: GivenValue(text, _source(text)) for name, text in texts.items()}


def _source(text: str) -> Source:
    if text == DEFAULT_STATSIG_ID:
        return Source.SHIPPED
    return Source.OWN if text else Source.NONE


def warnings_of(config: Config) -> dict[str, str]:
    """Warnings of ``/health``, by the key of the setting: chats go over REST with a value that Grok
    refuses.

    A model for videos does not count: it can't go another way.
    """
    statsig = Identity(config.grok.x_statsig_id).statsig_for(CHAT_PATH)
    if statsig not in ("", DEFAULT_STATSIG_ID):
        return {}
    on_rest = [
        model
        for model in config.models.values()
        if model.web_lane is WebLane.REST and not model.video
    ]
    return {"x_statsig_id": rest_warning(len(on_rest))} if on_rest else {}
