"""Calls in writing: the notation that a prompt teaches."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve, frozen

__all__ = ["Notation", "WantedCall", "as_text"]


@frozen
class WantedCall:
    """A call that the simulated model wants to make; values are those of JSON."""

    name: str
    values: tuple[tuple[str, Any], ...] = ()


@frozen
class Notation:
    """The elements of a prompt: ``<fn:call name="…"><fn:arg name="…">…``.

    :ivar prefix: of all elements; may be empty, for elements without one.
    :ivar call: the local name of a call's element; *arg*: of an argument's.
    :ivar hermes: a call is one JSON object in an element ``tool_call`` instead.
    """

    prefix: str = "fn"
    call: str = "call"
    arg: str = "arg"
    hermes: bool = False

    def tag(self, name: str) -> str:
        """The name of an element with the prefix."""
        return f"{self.prefix}:{name}" if self.prefix else name

    def with_prefix(self, prefix: str, call: str, arg: str) -> Notation:
        """Elements of other names."""
        return evolve(self, prefix=prefix, call=call, arg=arg, hermes=False)

    def opener(self, call: WantedCall) -> str:
        """The beginning of a call."""
        return f'<{self.tag(self.call)} name="{call.name}">'

    @property
    def closer(self) -> str:
        """The end of a call."""
        return f"</{self.tag(self.call)}>"

    def argument(self, key: str, text: str, closer: str = "") -> str:
        """An argument. Text of several lines stands on lines of its own.

        :param closer: the end tag, if it is not the right one.
        """
        framed = f"\n{text}\n" if "\n" in text else text
        return f'<{self.tag(self.arg)} name="{key}">{framed}{closer or f"</{self.tag(self.arg)}>"}'

    def written(self, call: WantedCall) -> str:
        """The whole call."""
        if self.hermes:
            value = {"name": call.name, "arguments": dict(call.values)}
            return f"<tool_call>\n{json.dumps(value, ensure_ascii=False)}\n</tool_call>"
        arguments = [self.argument(key, as_text(value)) for key, value in call.values]
        return "\n".join((self.opener(call), *arguments, self.closer))


def as_text(value: Any) -> str:
    """A value between tags: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
