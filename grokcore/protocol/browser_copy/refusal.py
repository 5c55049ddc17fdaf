"""The error of this package."""

from __future__ import annotations

from ...errors import ConfigError

__all__ = ["CopyRefused", "CutOff"]


class CopyRefused(ConfigError):
    """The text is no copied request to Grok, or has no value for us. The message quotes nothing."""


class CutOff(CopyRefused):
    """The text ends within a quotation, so a value in it may be a part of one."""

    def __init__(self) -> None:
        super().__init__("ends within a quotation, so it is not whole: copy and paste it again")
