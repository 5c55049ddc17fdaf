"""Questions of the page about an account: whose it is, and which modes it may use."""

from __future__ import annotations

from typing import Any

from . import lines
from .scripts import Script, error

__all__ = ["MODES_PATH", "SESSION_PATH", "all_modes", "session_of"]

SESSION_PATH = "/api/auth/session"
MODES_PATH = "/rest/modes"

_TITLES = {"auto": "Auto", "fast": "Fast", "expert": "Expert", "heavy": "Heavy", "build": "Build"}


def session_of(user_id: str = lines.USER_ID) -> Script:
    """The user id of a session."""
    return error(200, {"session": {"userId": user_id}, "status": "active"})


def all_modes(**availability: str) -> Script:
    """The modes of an account, each available unless *availability* says otherwise by its id."""
    modes = [_mode(mode, availability.get(mode, "available")) for mode in _TITLES]
    return error(200, {"modes": modes, "defaultModeId": "auto"})


def _mode(mode: str, availability: str) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if availability == "requiresUpgrade":
        value = {"minimumSubscriptionTier": "TIER_SUPERGROK", "message": "Upgrade"}
    shown = {"id": mode, "title": _TITLES[mode], "description": "", "badgeText": "", "tags": []}
    return {**shown, "availability": {availability: value}}
