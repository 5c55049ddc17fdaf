"""Alerts in words."""

from __future__ import annotations

from grokcore.protocol.alerts.alert import Alert, AlertState
from grokcore.protocol.alerts.kinds import AlertKind
from grokcore.protocol.alerts.message import Message, Words, message_of

BEGUN = Alert(
    AlertKind.USED_UP,
    AlertState.BEGUN,
    ("grok-4", "grok-3"),
    ("grok-4 can't be answered now.", "grok-3 can't be answered now."),
    ("Wait, or add a token.",),
    1_764_000_000.5,
)
MENDED = Alert(AlertKind.USED_UP, AlertState.MENDED, ("grok-4",), at=1_764_000_060.0)


def told(alert: Alert = BEGUN, server: str = "vps") -> Message:
    return message_of(alert, Words(server))
