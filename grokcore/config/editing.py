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

from ..errors import ConfigError
from .scan import Path, Scan

__all__ = ["Path", "document_of", "line_end", "quoted", "with_settings"]

Value: TypeAlias = "str | Mapping[str, str]"


def with_settings(text: str, settings: Mapping[Path, Value]) -> str:
    """*text* with these *settings*.

    A missing key goes behind the last one of its table. A missing section goes to the end.

    :param text: valid TOML, with line ends of either kind.
    :param settings: by path (section, key, …) a text, or a table of texts.
    :raises ConfigError: if the text is of a form in which a value can't be placed.
    """
    expected = document_of(text)
    for path, value in settings.items():
        _put(expected, path, value)
        text = _with_value(text, path, _literal(value))
    try:
        whole = document_of(text) == expected
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        keys = ", ".join(f"[{path[0]}] {path[1]}" for path in settings)
        raise ConfigError(f"can't be edited in the form it has: write {keys} there by hand")
    return text


def document_of(text: str) -> dict[str, Any]:
    """The document in a TOML *text*, for comparisons."""
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
    """*text* as a TOML string."""
    escaped = re.sub(r"[\\\"]", r"\\\g<0>", text)
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\u{ord(m.group()):04x}", escaped) + '"'


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


# Splicing ----------------------------------------------------------------------------------------


def _with_value(text: str, path: Path, literal: str) -> str:
    """*text* with *literal* as the value at *path*."""
    scan = Scan(text)
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
        return f"{text[:at]}{indent}{line}{line_end(text)}{text[at:]}"
    return f"{text}{line_end(text)}{indent}{line}"


def _with_section(text: str, name: str, line: str) -> str:
    end = line_end(text)
    if text and not text.endswith("\n"):
        text += end
    return f"{text}{end if text else ''}[{_key(name)}]{end}{line}{end}"


def line_end(text: str) -> str:
    """The end of the first line of *text*."""
    return "\r\n" if re.search(r"\r?\n", text + "\n").group() == "\r\n" else "\n"  # type: ignore[union-attr]
