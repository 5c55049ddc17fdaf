"""The log's lines on the server's condition: one when a reason for it begins, one when it ends."""

from __future__ import annotations

import logging

from attrs import define, field

from ...protocol.condition import Condition, Health, Matter, Reason

__all__ = ["ConditionLog"]

_log = logging.getLogger(__name__)


@define
class ConditionLog:
    """Compares each condition with the one before.

    Faults of files are left out: the readers and writers of files log theirs, with the moment at
    which they are mended. A reason is the same while its matter and its subject are; its numbers
    may change.
    """

    _known: dict[tuple[Matter, str], Reason] = field(factory=dict)

    def look(self, condition: Condition) -> None:
        """Log the reasons that are new, and those that are over."""
        told = [reason for reason in condition.reasons if reason.matter is not Matter.FILE]
        reasons = {(reason.matter, reason.subject): reason for reason in told}
        for key in reasons.keys() - self._known.keys():
            _begun(reasons[key])
        for key in self._known.keys() - reasons.keys():
            _log.info("no longer: %s", self._known[key].words)
        self._known = reasons


def _begun(reason: Reason) -> None:
    if reason.weight is Health.OK:
        _log.info("notice: %s", reason.words)
    else:
        _log.warning("%s: %s", reason.weight.value, reason.words)
