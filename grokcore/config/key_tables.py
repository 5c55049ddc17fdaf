"""Edits of a configuration's ``[[keys]]``: a key is added or removed, and every other character
stays.

The result is parsed again, and refused if it differs from the old document in more than the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..errors import ConfigError
from .editing import document_of, line_end, quoted
from .scan import Array, Scan
from .sections import KeyConfig

__all__ = ["with_key", "without_keys"]

_LAST = ("key", "sha256")
"""Fields that stand last: a file that is cut off within a table has no key without its limits."""

Fields = dict[str, "str | int | list[str]"]


def with_key(text: str, key: KeyConfig) -> str:
    """*text* with another key at the end: a table of its own, or one in the array in brackets.

    :param text: valid TOML, with line ends of either kind.
    :raises ConfigError: if the text is of a form in which a key can't be placed.
    """
    fields = _fields(key)
    expected = document_of(text)
    keys = expected.setdefault("keys", [])
    if not isinstance(keys, list):
        raise _cannot(fields)
    keys.append(fields)
    array = _array(text)
    new = _with_table(text, fields) if array is None else _with_element(text, array, fields)
    return _checked(new, expected, _cannot(fields))


def without_keys(text: str, name: str) -> tuple[str, int]:
    """*text* without the keys of this name, and their number.

    :raises ConfigError: if the text is of a form in which they can't be found.
    """
    expected = document_of(text)
    keys = expected.get("keys", [])
    listed = keys if isinstance(keys, list) else []
    gone = [
        number
        for number, key in enumerate(listed)
        if isinstance(key, dict) and key.get("name") == name
    ]
    if not gone:
        return text, 0
    expected["keys"] = [key for number, key in enumerate(listed) if number not in gone]
    array, new = _array(text), text
    for number in reversed(gone):
        new = _without_element(new, number) if array else _without_table(new, number)
    if not expected["keys"] and array is None:
        del expected["keys"]
    fault = ConfigError(f"can't be edited in the form it has: remove the key {name!r} by hand")
    return _checked(new, expected, fault), len(gone)


def _checked(text: str, expected: dict[str, Any], fault: ConfigError) -> str:
    try:
        whole = document_of(text) == expected
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise fault
    return text


def _cannot(fields: Fields) -> ConfigError:
    lines = " ; ".join(_lines(fields))
    return ConfigError(
        f"can't be edited in the form it has: write it there by hand, as [[keys]] ; {lines}"
    )


def _fields(key: KeyConfig) -> Fields:
    """The fields of a key that are not the default, in the order of the file."""
    found: Fields = {"name": key.name}
    if key.models:
        found["models"] = list(key.models)
    for name in ("rpm", "per_day", "tokens_per_day", "concurrent", "expires"):
        value = getattr(key, name)
        if value:
            found[name] = value
    if key.lanes is not None:
        found["lanes"] = [lane.value for lane in key.lanes]
    return found | {name: value for name in _LAST if (value := getattr(key, name))}


def _lines(fields: Fields) -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, list):
            yield f"{name} = [{', '.join(map(quoted, value))}]"
        else:
            yield f"{name} = {quoted(value) if isinstance(value, str) else value}"


# Tables with a header ----------------------------------------------------------------------------


def _with_table(text: str, fields: Fields) -> str:
    end = line_end(text)
    if text and not text.endswith("\n"):
        text += end
    return text + "".join(f"{line}{end}" for line in ("", "[[keys]]", *_lines(fields))[not text :])


def _without_table(text: str, number: int) -> str:
    """*text* without the table of a key, and without one of the blank lines around it. A comment
    above it stays, and so do those behind its last line: they may belong to what follows.
    """
    scan = _scan(text)
    own = [header for header in scan.headers if header.path[:1] == ("keys",)]
    firsts = [at for at, header in enumerate(own) if header.is_element and header.path == ("keys",)]
    end_at = firsts[number + 1] if number + 1 < len(firsts) else len(own)
    tables = own[firsts[number] : end_at]
    ends = [table.end for table in tables]
    ends += [entry.value_end for entry in scan.entries if entry.table in tables]
    start = text.rfind("\n", 0, tables[0].start) + 1
    behind = text.find("\n", max(ends)) + 1 or len(text)
    before, after = text[:start], text[behind:]
    blank_before = re.search(r"(?:\A|\n)(\r?\n)\Z", before)
    if blank_before and (not after or re.match(r"\r?\n", after)):
        before = before[: blank_before.start(1)]
    return before + after if before else re.sub(r"\A\r?\n", "", after)


# Elements of an array in brackets ----------------------------------------------------------------


def _array(text: str) -> Array | None:
    return next((array for array in _scan(text).arrays if array.path == ("keys",)), None)


def _with_element(text: str, array: Array, fields: Fields) -> str:
    element = f"{{ {', '.join(_lines(fields))} }}"
    if not array.values:
        return f"{text[: array.start + 1]}{element}{text[array.start + 1 :]}"
    end = array.values[-1][1]
    return f"{text[:end]}, {element}{text[end:]}"


def _without_element(text: str, number: int) -> str:
    array = _array(text)
    assert array is not None
    (start, end), values = array.values[number], array.values
    if number + 1 < len(values):
        end = values[number + 1][0]
    elif number:
        start = values[number - 1][1]
    else:  # the only one, which may have a comma behind it
        end += len(re.match(r"(?:\s*,)?", text[end:]).group())  # type: ignore[union-attr]
    return text[:start] + text[end:]


def _scan(text: str) -> Scan:
    scan = Scan(text)
    scan.run()
    return scan
