"""The client's functions by what they are good for, whatever they are called.

A function's parameters show its use: a path with old and new text is an edit. So the same model
works with ``Bash`` and ``Write``, with ``exec_command``, and with ``run_commands`` and ``editor``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from attrs import frozen

from .notation import WantedCall
from .prompts import Function, Parameter

__all__ = ["Kit", "filled"]

_PATH = frozenset({"path", "filepath", "file", "filename", "targetfile", "abspath"})
_CONTENT = frozenset({"content", "contents", "text", "filetext", "newcontent"})
_OLD = frozenset({"oldstring", "oldtext", "oldstr", "old", "search", "find"})
_NEW = frozenset({"newstring", "newtext", "newstr", "new", "replace", "replacement"})
_ALL = frozenset({"replaceall", "all", "allowmultiple"})
_COMMAND = frozenset({"command", "cmd", "commands", "script", "commandline"})
_READS = re.compile(r"(?i)(?!.*(?:image|dir|folder|list)).*(?:read|view|cat|open|show)")
_RUNS = re.compile(r"(?i)bash|shell|exec|run|command|terminal|console")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


@frozen
class _Use:
    """A function in one of its uses: the parameters that the use needs."""

    function: Function
    parameters: tuple[Parameter, ...]

    def call(self, *values: str) -> WantedCall:
        """A call with a value for each parameter of the use; others get plain ones."""
        given = {
            parameter.name: _fit(parameter, value)
            for parameter, value in zip(self.parameters, values, strict=False)
        }
        return filled(self.function, given)


def _fit(parameter: Parameter, value: str) -> Any:
    """*value* as the parameter's type wants it: texts may be wanted in a list."""
    if parameter.kind.endswith("[]") or parameter.kind.startswith("array"):
        return [value]
    return True if parameter.kind == "boolean" else value


def filled(function: Function, given: dict[str, Any]) -> WantedCall:
    """A call with the given values, and with plain ones for what else is required."""
    values = [
        (parameter.name, given.get(parameter.name, _plain_value(parameter)))
        for parameter in function.parameters
        if parameter.name in given or parameter.required
    ]
    return WantedCall(function.name, tuple(values))


def _plain_value(parameter: Parameter) -> Any:
    kind = parameter.kind
    if kind.startswith('"'):
        return kind[1:].split('"', 1)[0]  # the first value of an enumeration
    if kind.endswith("[]"):
        return []
    plain = {"integer": 1, "number": 1, "boolean": False, "object": {}, "null": None}
    return plain.get(kind, {} if kind.startswith("{") else "the next step")


@frozen
class Kit:
    """The functions of one prompt."""

    functions: tuple[Function, ...]
    folder: str = ""

    def shell(self, command: str) -> WantedCall | None:
        """A command of the shell."""
        for use in self._uses((_COMMAND,), but_not=_PATH):
            if _RUNS.search(use.function.name):
                return use.call(command)
        return None

    def read(self, path: str) -> WantedCall | None:
        """The text of a file, by a function for it or by the shell."""
        for use in self._uses((_PATH,), but_not=_CONTENT | _OLD | _COMMAND):
            if _READS.match(use.function.name):
                return use.call(self._placed(path))
        return self.shell(f"cat {path}")

    def write(self, path: str, text: str) -> tuple[WantedCall, ...]:
        """The ways to write a file, the best first."""
        uses = self._uses((_PATH, _CONTENT), but_not=_OLD | _COMMAND)
        own = [use.call(self._placed(path), text) for use in uses]
        by_shell = self.shell(f"cat > {path} <<'END'\n{text.rstrip(chr(10))}\nEND")
        return (*own, *([by_shell] if by_shell else []))

    def replace(self, path: str, old: str, new: str) -> tuple[WantedCall, ...]:
        """The ways to replace all of a word in a file, the best first."""
        uses = self._uses((_PATH, _OLD, _NEW, _ALL), but_not=_COMMAND)
        own = [use.call(self._placed(path), old, new, "all") for use in uses]
        by_shell = self.shell(f"sed -i 's/\\b{old}\\b/{new}/g' {path}")
        single = self._uses((_PATH, _OLD, _NEW), but_not=_COMMAND | _ALL)
        own += [use.call(self._placed(path), old, new) for use in single]
        return (*own, *([by_shell] if by_shell else []))

    def _uses(self, wanted: Sequence[Collection[str]], *, but_not: Collection[str]) -> list[_Use]:
        """The functions that have a parameter of each wanted kind, and none of the others."""
        uses = []
        for function in self.functions:
            found = [
                next((one for one in function.parameters if _plain(one.name) in names), None)
                for names in wanted
            ]
            others = {_plain(one.name) for one in function.parameters} & set(but_not)
            if all(found) and not others:
                uses.append(_Use(function, tuple(one for one in found if one is not None)))
        return uses

    def _placed(self, path: str) -> str:
        """*path* from the root, for functions of clients that say where they work."""
        return f"{self.folder}/{path}" if self.folder and not path.startswith("/") else path
