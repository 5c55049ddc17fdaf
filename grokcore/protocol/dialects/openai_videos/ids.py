"""Names of videos that bind them to the key that asked, and outlive the server.

A name holds xAI's id, the time, and a check over both and the key's name. So nothing has to be
kept: any later process with the same secret knows the video's owner by it. The check keeps a guest
from the videos of others, although all of them are one account's at xAI.

The secret is made from the API key of xAI. It needs no place in the state file, which a server may
lack; a server with another key can't ask for the video as a rule.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from attrs import frozen

__all__ = ["PREFIX", "NamedVideo", "parse_video_name", "video_name"]

PREFIX = "video_"
"""Begins the name that OpenAI's clients get. xAI's clients get the rest of it alone."""

CHECK_BYTES = 10

_NAME = re.compile(
    rf"(?:{PREFIX})?([A-Za-z0-9._-]{{1,200}}?)(?:_([0-9a-f]{{8}})([0-9a-f]{{{2 * CHECK_BYTES}}}))?"
)


@frozen
class NamedVideo:
    """A name, taken apart.

    :ivar request_id: xAI's id.
    :ivar created: seconds since 1970; 0 if the name does not say.
    :ivar check: of the key's name; empty if the name is xAI's own.
    :ivar ours: whether it begins as names for OpenAI's clients do.
    """

    request_id: str
    created: int = 0
    check: str = ""
    ours: bool = False

    def belongs_to(self, key: str, secret: str) -> bool:
        """Whether it was made for the key of this name."""
        return hmac.compare_digest(self.check, _check(self.request_id, self.created, key, secret))

    @property
    def rest(self) -> str:
        """The name without :data:`PREFIX`."""
        return (
            f"{self.request_id}_{self.created:08x}{self.check}" if self.check else self.request_id
        )


def video_name(request_id: str, created: int, key: str, secret: str) -> NamedVideo:
    """The name of a video that a key has asked for.

    :param created: seconds since 1970.
    :param key: the key's name; empty for the owner's.
    """
    created &= 0xFFFFFFFF
    return NamedVideo(request_id, created, _check(request_id, created, key, secret), ours=True)


def parse_video_name(name: str) -> NamedVideo | None:
    """Take a name apart: one of this server's, or xAI's own. None if it can be neither."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    request_id, created, check = found.groups()
    return NamedVideo(request_id, int(created or "0", 16), check or "", name.startswith(PREFIX))


def _check(request_id: str, created: int, key: str, secret: str) -> str:
    own = hashlib.sha256(b"grok2api videos\0" + secret.encode()).digest()
    said = f"{request_id}\0{created:08x}\0{key}".encode()
    return hmac.new(own, said, hashlib.sha256).hexdigest()[: 2 * CHECK_BYTES]
