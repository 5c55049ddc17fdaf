"""The kinds of alerts, and how long a state lasts before it is one."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import frozen

from ..condition import Condition, Health, Matter, Reason

__all__ = ["KINDS", "LONGEST_SUBJECT", "AlertKind", "Span", "id_of", "reasons_by_kind", "span_of"]


class AlertKind(enum.Enum):
    """Kinds of alerts, as ``[alerts] kinds`` names them. ``TEST`` is for ``check --alert``."""

    DOWN = "down"
    SESSION_ENDED = "session_ended"
    CHALLENGE = "challenge"
    USED_UP = "used_up"
    SPENDING_CAP = "spending_cap"
    FILE = "file"
    LANE = "lane"
    EGRESS = "egress"
    MODEL = "model"
    TEST = "test"


@frozen
class Span:
    """The times of a kind, in seconds.

    :ivar begins_s: how long a state has to last before it is alerted.
    :ivar ends_s: how long it has to be gone before it counts as mended.
    """

    begins_s: float
    ends_s: float


_SPANS: Mapping[AlertKind, Span] = {
    AlertKind.SESSION_ENDED: Span(60.0, 120.0),
    AlertKind.CHALLENGE: Span(600.0, 600.0),
    AlertKind.USED_UP: Span(60.0, 120.0),
    AlertKind.SPENDING_CAP: Span(10.0, 120.0),
    AlertKind.FILE: Span(60.0, 60.0),
    AlertKind.LANE: Span(60.0, 120.0),
    AlertKind.EGRESS: Span(300.0, 300.0),
    # A failed request is evidence for five minutes. On a server with little traffic these two come
    # and go with each request, and are one state all the same.
    AlertKind.MODEL: Span(300.0, 600.0),
    AlertKind.DOWN: Span(300.0, 600.0),
}

KINDS = frozenset(_SPANS)
"""Kinds that an owner may choose from."""

_KINDS: Mapping[Matter, AlertKind] = {
    Matter.MODEL: AlertKind.MODEL,
    Matter.SESSION_ENDED: AlertKind.SESSION_ENDED,
    Matter.CHALLENGE: AlertKind.CHALLENGE,
    Matter.ANTIBOT: AlertKind.CHALLENGE,
    Matter.EGRESS: AlertKind.EGRESS,
    Matter.USED_UP: AlertKind.USED_UP,
    Matter.SPENDING_CAP: AlertKind.SPENDING_CAP,
    Matter.LANE: AlertKind.LANE,
    Matter.FILE: AlertKind.FILE,
}
"""The other matters are alerted only if nothing can be answered: they pass by themselves, or belong
to a server that is not set up yet.
"""

LONGEST_SUBJECT = 100


def span_of(kind: AlertKind) -> Span:
    """The times of *kind*."""
    return _SPANS[kind]


def id_of(reason: Reason) -> str:
    """A name for the state behind *reason*, the same at each look and after a restart."""
    return f"{reason.matter.value} {reason.subject[:LONGEST_SUBJECT]}"


def reasons_by_kind(condition: Condition) -> Mapping[AlertKind, Mapping[str, Reason]]:
    """The reasons of each kind that is there, by their ids. ``DOWN`` has those that keep everything
    from being answered, whatever their own kind.
    """
    found: dict[AlertKind, dict[str, Reason]] = {}
    for reason in condition.reasons:
        kind = _KINDS.get(reason.matter)
        if kind is not None:
            found.setdefault(kind, {}).setdefault(id_of(reason), reason)
        if reason.weight is Health.DOWN:
            found.setdefault(AlertKind.DOWN, {}).setdefault(id_of(reason), reason)
    return found
