"""Edits of a configuration's text: some values change, and every other character stays.

Method: a scan finds where the keys and values of a valid TOML text stand; the new value is spliced
in there. The result is parsed again, and refused if it differs from the old document in more than
the change: so the scan may be simple.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import define, field, frozen

from ..errors import ConfigError

__all__ = ["quoted", "with_settings"]

Path: TypeAlias = tuple[str, ...]
Value: TypeAlias = "str | Mapping[str, str]"


def with_settings(text: str, settings: Mapping[Path, Value]) -> str:
    """*text* with these *settings*.

    A missing key goes behind the last one of its table. A missing section goes to the end.

    :param text: valid TOML, with line ends of either kind.
    :param settings: by path (section, key, …) a text, or a table of texts.
    :raises ConfigError: if the text is of a form in which a value can't be placed.
    """
    expected = _document(text)
    for path, value in settings.items():
        _put(expected, path, value)
        text = _with_value(text, path, _literal(value))
    try:
        whole = _document(text) == expected
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        keys = ", ".join(f"[{path[0]}] {path[1]}" for path in settings)
        raise ConfigError(f"can't be edited in the form it has: write {keys} there by hand")
    return text


def _document(text: str) -> dict[str, Any]:
    # Numbers stay texts: nan, for one, equals nothing.
    return tomllib.loads(text.replace("\r\n", "\n"), parse_float=str)


def _put(document: dict[str, Any], path: Path, value: Value) -> None:
    table = document
    for key in path[:-1]:
        inner = table.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"[{path[0]}] {key} is no table")
        table = inner
    table[path[-1]] = value if isinstance(value, str) else dict(value)


def _literal(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    pairs = ", ".join(f"{_key(name)} = {quoted(text)}" for name, text in value.items())
    return f"{{ {pairs} }}"


def quoted(text: str) -> str:
    """*text* as a basic string of TOML."""
    escaped = re.sub(r"[\\\"]", r"\\\g<0>", text)
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m.group()):04x}", escaped) + '"'


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


# Splicing ----------------------------------------------------------------------------------------


def _with_value(text: str, path: Path, literal: str) -> str:
    """*text* with *literal* as the value at *path*."""
    scan = _Scan(text)
    scan.run()
    parent, assignment = path[:-1], f"{_key(path[-1])} = {literal}"
    for entry in scan.entries:
        if entry.path == path:
            return text[: entry.value_start] + literal + text[entry.value_end :]
    for inline in scan.inlines:
        if inline.path == parent:
            at, before, behind = inline.place()
            return text[:at] + before + assignment + behind + text[at:]
    lines = [entry for entry in scan.entries if not entry.is_inline]
    for table in scan.tables:
        if table.path == parent:
            own = [entry for entry in lines if entry.table is table]
            start, end = (own[-1].start, own[-1].value_end) if own else (table.start, table.end)
            return _with_line(text, start, end, assignment)
    dotted = [entry for entry in lines if entry.is_dotted_below(parent)]
    if dotted:
        last = dotted[-1]
        prefix = ".".join(map(_key, parent[len(last.table.path) :]))
        return _with_line(text, last.start, last.value_end, f"{prefix}.{assignment}")
    if len(parent) > 1:
        return _with_value(text, parent, f"{{ {assignment} }}")
    return _with_section(text, parent[0], assignment)


def _with_line(text: str, start: int, end: int, line: str) -> str:
    """*text* with a line behind that of a statement from *start* to *end*, indented as that one."""
    indent = text[text.rfind("\n", 0, start) + 1 : start]
    at = text.find("\n", end) + 1
    if at:
        return f"{text[:at]}{indent}{line}{_line_end(text)}{text[at:]}"
    return f"{text}{_line_end(text)}{indent}{line}"


def _with_section(text: str, name: str, line: str) -> str:
    end = _line_end(text)
    if text and not text.endswith("\n"):
        text += end
    return f"{text}{end if text else ''}[{_key(name)}]{end}{line}{end}"


def _line_end(text: str) -> str:
    return "\r\n" if re.search(r"\r?\n", text + "\n").group() == "\r\n" else "\n"  # type: ignore[union-attr]


# The scan ----------------------------------------------------------------------------------------

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_KEY_PART = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+')
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}#\r\n]*[^,\]}#\s]")


@frozen(eq=False)
class _Table:
    """A table with a header; the document itself has an empty path."""

    path: Path
    start: int
    end: int


@frozen
class _Entry:
    """A key with its value.

    :ivar path: from the document on.
    :ivar table: the table by whose header it stands.
    :ivar is_inline: it stands between braces.
    """

    path: Path
    table: _Table
    start: int
    value_start: int
    value_end: int
    is_inline: bool

    def is_dotted_below(self, parent: Path) -> bool:
        """Whether its own key, and not its table's header, leads into *parent*."""
        depth = len(parent)
        return len(self.table.path) < depth < len(self.path) and self.path[:depth] == parent


@frozen
class _Inline:
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
class _Scan:
    """A walk through a valid TOML text, which collects its tables and entries.

    Entries of tables within arrays are left out.
    """

    text: str
    tables: list[_Table] = field(factory=list)
    entries: list[_Entry] = field(factory=list)
    inlines: list[_Inline] = field(factory=list)
    at: int = 0

    def run(self) -> None:
        """Walk to the end.

        :raises ConfigError: if the text is not understood.
        """
        table = _Table((), 0, 0)
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

    def _header(self) -> _Table:
        start = self.at
        is_array = self.text.startswith("[[", start)
        self.at += 1 + is_array
        path = self._keys()
        self._expect("]]" if is_array else "]")
        table = _Table(path, start, self.at)
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

    def _entry(self, path: Path | None, table: _Table, *, is_inline: bool) -> None:
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
            self.entries.append(_Entry(whole, table, start, value_start, self.at, is_inline))

    def _value(self, path: Path | None, table: _Table) -> None:
        if self._is_at("["):
            self.at += 1
            while not self._is_at("]"):
                self._value(None, table)
                self.at += self._is_at(",")
            self.at += 1
        elif self._is_at("{"):
            self._inline(path, table)
        else:
            match = _STRING.match(self.text, self.at) or _PLAIN.match(self.text, self.at)
            if match is None:
                raise _Unknown
            self.at = match.end()

    def _inline(self, path: Path | None, table: _Table) -> None:
        start, last = self.at, None
        self.at += 1
        while not self._is_at("}"):
            self._skip()
            self._entry(path, table, is_inline=True)
            last = self.at
            self.at += self._is_at(",")
        self.at += 1
        if path is not None:
            self.inlines.append(_Inline(path, start, last))
