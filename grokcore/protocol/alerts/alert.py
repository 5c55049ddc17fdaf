"""An alert, in no service's form."""

from __future__ import annotations

import enum

from attrs import frozen

from .kinds import AlertKind

__all__ = ["Alert", "AlertState"]


class AlertState(enum.Enum):
    """Whether the state has begun, or has ended."""

    BEGUN = "begun"
    MENDED = "mended"


@frozen
class Alert:
    """The beginning or the end of a state.

    :ivar subjects: models, files, egresses or lanes.
    :ivar words: whole sentences; none of them has a secret. *advice* likewise.
    :ivar at: the time in seconds since 1970.
    """

    kind: AlertKind
    state: AlertState
    subjects: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    at: float = 0.0
