"""The use of a media cache, in numbers."""

from __future__ import annotations

from attrs import frozen

__all__ = ["CacheUse"]


@frozen
class CacheUse:
    """The use of a media cache.

    :ivar size: bytes of the files that are kept.
    :ivar hits: files that were opened since the start.
    :ivar misses: names that were asked for and led to no file.
    """

    entries: int = 0
    size: int = 0
    hits: int = 0
    misses: int = 0
