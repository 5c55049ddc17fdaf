"""Other names for ids, so that a reference in a recording still leads to its target."""

from __future__ import annotations

import hashlib
import string

from .covering import covered

__all__ = ["Pseudonyms"]

MOST_REMEMBERED = 1000
"""Pseudonyms that are kept, so that an id on every line is worked out once."""

_ALPHABETS = ("0123456789abcdef", "ghijklmnopqrstuvwxyz", string.ascii_uppercase)
"""A character becomes another of the same alphabet, so that a uuid stays one."""


class Pseudonyms:
    """Pseudonyms of the same length and shape: one for one, throughout a recording.

    A character moves on in its alphabet by a number that follows from the secret key and the
    letters and digits before it. So an address that begins with an id begins with its pseudonym.

    :param key: secret bytes, made for one recording and forgotten with it.
    """

    def __init__(self, key: bytes) -> None:
        self._start = hashlib.blake2b(key=key, digest_size=8)
        self._remembered: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the pseudonym of an id."""
        pseudonym = self._remembered.get(name)
        if pseudonym is None:
            before = self._start.copy()
            pseudonym = "".join(_moved(char, before) for char in name)
            if len(self._remembered) < MOST_REMEMBERED:
                self._remembered[name] = pseudonym
        return pseudonym

    def of_citation(self, name: str) -> str:
        """As :meth:`of`; but short numbers, by which Grok counts its sources, stay."""
        short_number = len(name) <= 4 and name.isascii() and name.isdigit()
        return name if short_number else self.of(name)


def _moved(char: str, before: hashlib.blake2b) -> str:
    alphabet = next((letters for letters in _ALPHABETS if char in letters), "")
    if not alphabet:
        return covered(char)
    # Never by 0: no character stays.
    distance = 1 + int.from_bytes(before.digest()) % (len(alphabet) - 1)
    before.update(char.encode())
    return alphabet[(alphabet.index(char) + distance) % len(alphabet)]
