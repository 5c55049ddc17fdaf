"""A picture or file that a request names."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["AttachmentPart"]


@frozen
class AttachmentPart:
    """A part of a message that names a picture or file.

    :ivar picture: whether it must be a picture.
    :ivar url: a ``data:`` URL, or where it is on the web. (A picture may be private; a URL may hold
        a secret.)
    :ivar name: what the client calls it; may be empty.
    :ivar path: where it stands in the request, for messages.
    :ivar data: the content, if it came along with the request; there is no URL then.
    """

    picture: bool
    url: str = field(repr=False)
    name: str
    path: str
    data: bytes = field(default=b"", repr=False)

    @property
    def usable(self) -> bool:
        """Whether there is a URL or content, so that it can go up."""
        return bool(self.url or self.data)
