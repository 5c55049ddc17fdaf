"""The words of a request for a video (grok-protocol.md §1.5, §2.4)."""

from __future__ import annotations

import re

from attrs import frozen

from .identity import ORIGIN
from .payload import UploadedFile

__all__ = ["VideoWords", "picture_address", "split_mode"]

_MODE = re.compile(r"\s*--mode=(\S*)")


@frozen
class VideoWords:
    """The words for a video, and its subject.

    :ivar text: the client's words, without flags.
    :ivar mode: ``normal`` or ``custom``.
    :ivar picture: the picture that is set in motion; None makes a video of words alone.
    :ivar post: the id of the post that the video belongs to; empty without one.
    :ivar assets_url: the address of Grok's assets, without a slash at its end.
    """

    text: str
    mode: str
    picture: UploadedFile | None
    post: str
    assets_url: str

    @property
    def message(self) -> str:
        """The payload's ``message``: the subject's address, the words, the mode as a flag."""
        return f"{self._subject}{self.text} --mode={self.mode}"

    @property
    def referer(self) -> str:
        """The page that such a request comes from."""
        place = self.post or (self.picture.id if self.picture else "")
        return f"{ORIGIN}/imagine/{place}".rstrip("/")

    @property
    def _subject(self) -> str:
        if self.picture is None:
            return ""
        if self.post:
            return f"{ORIGIN}/imagine/{self.post}  "
        return f"{self.assets_url}/post/{self.picture.uri}  "


def split_mode(message: str) -> tuple[str, str]:
    """The words for a video, and its mode: ``normal`` if they end with that flag, else ``custom``.

    Other modes that Grok's page knows are not passed on.
    """
    modes = _MODE.findall(message)
    mode = "normal" if modes and modes[-1] == "normal" else "custom"
    return _MODE.sub("", message).strip(), mode


def picture_address(picture: UploadedFile | None, assets_url: str) -> str:
    """The address of an uploaded picture; empty if there is none, or Grok gave none."""
    return f"{assets_url}/{picture.uri}" if picture is not None and picture.uri else ""
