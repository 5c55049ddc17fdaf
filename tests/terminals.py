"""Standard input that says it is a terminal."""

from __future__ import annotations

import io

__all__ = ["Terminal"]


class Terminal(io.StringIO):
    """A person at a terminal, with the keys that are typed."""

    def isatty(self) -> bool:
        """Whether a person can be asked."""
        return True
