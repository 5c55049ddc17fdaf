"""The seam of changes that the owner makes on the status page."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from ..protocol.models import Tier

__all__ = ["Edited", "Edits"]


@frozen
class Edited:
    """The result of a change.

    :ivar said: the result, in whole sentences.
    :ivar token: id of the token that it concerns; empty for none.
    :ivar in_use: whether the server uses the files as they are now.
    """

    said: str
    token: str = ""
    in_use: bool = True


class Edits(Protocol):
    """Changes of the owner's files, as the commands ``tokens`` and ``import-curl`` make them.

    All methods answer when the server has taken the files over, or can't.

    :raises ConfigError: if a text or a file is at fault; nothing was written then.
    """

    async def add_token(self, text: str, tier: Tier, note: str) -> Edited:
        """Add a token to the token file."""

    async def replace_token(self, key: str, text: str) -> Edited:
        """Put a token in the place of the one with this whole *key*."""

    async def remove_token(self, key: str) -> Edited:
        """Remove a token from the token file."""

    async def take_copy(self, text: str, tier: Tier) -> Edited:
        """Take session and browser values out of a copied request."""

    async def take_value(self, setting: str, text: str) -> Edited:
        """Set one of ``cf_clearance``, ``user_agent`` and ``x_statsig_id``."""
