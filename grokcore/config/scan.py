"""A walk through a valid TOML text, which finds the places of its tables, keys and values.

It is simple, since its users parse their result again and compare.
"""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

from attrs import define, field, frozen

from ..errors import ConfigError

__all__ = ["Array", "Path", "Scan", "Table"]

Path: TypeAlias = tuple[str, ...]

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEY_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\r\n]*[^,\]}#\s]")


@frozen(eq=False)
class Table:
    """A table with a header; the document itself has an empty path.

    :ivar is_element: it is one of an array of tables.
    """

    path: Path
    start: int
    end: int
    is_element: bool = False


@frozen
class Array:
    """An array in brackets, from *start* to *end*, with the places of its values."""

    path: Path
    start: int
    end: int
    values: tuple[tuple[int, int], ...]


@frozen
class Entry:
    """A key with its value.

    :ivar path: from the document on.
    :ivar table: the table by whose header it stands.
    :ivar is_inline: it stands between braces.
    """

    path: Path
    table: Table
    start: int
    value_start: int
    value_end: int
    is_inline: bool

    def is_dotted_below(self, parent: Path) -> bool:
        """Whether its own key, and not its table's header, leads into *parent*."""
        depth = len(parent)
        return len(self.table.path) < depth < len(self.path) and self.path[:depth] == parent


@frozen
class Inline:
    """A table between braces.

    :ivar last: the end of its last value; None if it is empty.
    """

    path: Path
    start: int
    last: int | None

    def place(self) -> tuple[int, str, str]:
        """The place for another entry, and what goes before and behind it."""
        return (self.start + 1, " ", " ") if self.last is None else (self.last, ", ", "")


class _Unknown(ConfigError):
    """The scan met something that it does not understand."""

    def __init__(self) -> None:
        super().__init__("can't be edited in the form it has: write the settings there by hand")


@define
class Scan:
    """A walk through a valid TOML text, which collects what it meets.

    Entries of tables within arrays in brackets are left out.

    :ivar headers: all tables with a header, *tables* those that are no element of an array.
    """

    text: str
    headers: list[Table] = field(factory=list)
    tables: list[Table] = field(factory=list)
    arrays: list[Array] = field(factory=list)
    entries: list[Entry] = field(factory=list)
    inlines: list[Inline] = field(factory=list)
    at: int = 0

    def run(self) -> None:
        """Walk to the end.

        :raises ConfigError: if the text is not understood.
        """
        table = Table((), 0, 0)
        self._skip()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._entry(table.path, table, is_inline=False)
            self._skip()

    def _skip(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _expect(self, mark: str) -> None:
        self._skip()
        if not self.text.startswith(mark, self.at):
            raise _Unknown
        self.at += len(mark)

    def _is_at(self, mark: str) -> bool:
        self._skip()
        return self.text.startswith(mark, self.at)

    def _pass_comma(self) -> None:
        if self._is_at(","):
            self.at += 1

    def _header(self) -> Table:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 1 + is_array
        path = self._keys()
        self._expect("]]" if is_array else "]")
        table = Table(path, start, self.at, is_array)
        self.headers.append(table)
        if not is_array:
            self.tables.append(table)
        return table

    def _keys(self) -> Path:
        keys = []
        while True:
            self._skip()
            match = _KEY_PART.match(self.text, self.at)
            if match is None:
                raise _Unknown
            part = match.group()
            keys.append(tomllib.loads(f"k = {part}")["k"] if part[0] in "\"'" else part)
            self.at = match.end()
            if not self._is_at("."):
                return tuple(keys)
            self.at += 1

    def _entry(self, path: Path | None, table: Table, *, is_inline: bool) -> None:
        """Read an entry.

        :param path: that of its table; None within an array.
        """
        start = self.at
        keys = self._keys()
        self._expect("=")
        self._skip()
        value_start = self.at
        whole = None if path is None else path + keys
        self._value(whole, table)
        if whole is not None:
            self.entries.append(Entry(whole, table, start, value_start, self.at, is_inline))

    def _value(self, path: Path | None, table: Table) -> None:
        if self._is_at("["):
            self._array(path, table)
        elif self._is_at("{"):
            self._inline(path, table)
        else:
            match = _STRING.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
            if match is None:
                raise _Unknown
            self.at = match.end()

    def _array(self, path: Path | None, table: Table) -> None:
        start, values = self.at, []
        self.at += 1
        while not self._is_at("]"):
            value_start = self.at
            self._value(None, table)
            values.append((value_start, self.at))
            self._pass_comma()
        self.at += 1
        if path is not None:
            self.arrays.append(Array(path, start, self.at, tuple(values)))

    def _inline(self, path: Path | None, table: Table) -> None:
        start, last = self.at, None
        self.at += 1
        while not self._is_at("}"):
            self._skip()
            self._entry(path, table, is_inline=True)
            last = self.at
            self._pass_comma()
        self.at += 1
        if path is not None:
            self.inlines.append(Inline(path, start, last))
