"""Results of the actions that a token's owner may take on the pool.

The actions are methods of :class:`~grokcore.protocol.pool.book.TokenBook`;
:func:`~grokcore.protocol.pool.view.in_words` has a sentence on each result.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

from attrs import frozen

__all__ = ["ActionResult", "Cleared", "Disabled", "Enabled", "Rechecked"]


class Cleared(enum.Enum):
    """The token's state after ``clear``."""

    USABLE = enum.auto()
    ON_TRIAL = enum.auto()
    DISABLED = enum.auto()


class Disabled(enum.Enum):
    """The effect of ``disable``; ``BUSY`` is a token with requests under way."""

    IDLE = enum.auto()
    BUSY = enum.auto()
    ALREADY = enum.auto()


class Enabled(enum.Enum):
    """The effect of ``enable``, which does not overrule the token file."""

    ENABLED = enum.auto()
    DISABLED_IN_FILE = enum.auto()


@frozen
class Rechecked:
    """The polls that ``recheck`` planned.

    :ivar groups: groups of models that Grok is asked for; none if the token is disabled.
    :ivar within_s: seconds until the last poll; zero or less if all are due.
    """

    groups: tuple[str, ...] = ()
    within_s: float = 0.0


ActionResult: TypeAlias = Cleared | Disabled | Enabled | Rechecked
