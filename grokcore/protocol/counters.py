"""Counts of skipped input: of a decoder in one answer, or of all answers."""

from __future__ import annotations

from attrs import Factory, define

__all__ = ["MAX_KEY_CHARS", "MAX_UNKNOWN_KEYS", "Counters"]

MAX_UNKNOWN_KEYS = 100
"""Unknown keys that are counted one by one; an upstream that invents more is not worth more memory.
"""

MAX_KEY_CHARS = 100
"""Characters of an unknown key that are kept."""


@define
class Counters:
    """Counts of skipped input, shown by ``/health``."""

    junk_lines: int = 0
    unknown_keys: dict[str, int] = Factory(dict)
    odd_values: int = 0
    late_thoughts: int = 0
    other_side: int = 0

    def note_key(self, key: str, count: int = 1) -> None:
        """Count an unknown key that was seen *count* times."""
        name = key[:MAX_KEY_CHARS]
        if name in self.unknown_keys or len(self.unknown_keys) < MAX_UNKNOWN_KEYS:
            self.unknown_keys[name] = self.unknown_keys.get(name, 0) + count

    def add(self, other: Counters) -> None:
        """Add the counts of another answer."""
        self.junk_lines += other.junk_lines
        self.odd_values += other.odd_values
        self.late_thoughts += other.late_thoughts
        self.other_side += other.other_side
        for key, count in other.unknown_keys.items():
            self.note_key(key, count)
