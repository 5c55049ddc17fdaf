"""Tools of a client: functions that run on the user's machine, and that the model may call."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

__all__ = ["Choice", "Tool", "ToolKind", "Toolbox"]


class ToolKind(enum.Enum):
    """The form of a tool's arguments."""

    FUNCTION = "a JSON object"
    CUSTOM = "one raw text"


class Choice(enum.Enum):
    """Whether the answer has to be a call."""

    AUTO = "the model decides"
    NONE = "no tool may be called"
    REQUIRED = "at least one tool has to be called"


@frozen
class Tool:
    """A declared tool.

    :ivar name: as the client calls it, without its namespace.
    :ivar parameters: the JSON schema of the arguments; an empty one takes no arguments. Of a custom
        tool it is empty.
    :ivar namespace: may be empty.
    :ivar strict: whether arguments that break the schema must not reach the client.
    :ivar grammar: of a custom tool, the grammar of its text; may be empty.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(factory=dict, repr=False)
    namespace: str = ""
    kind: ToolKind = ToolKind.FUNCTION
    strict: bool = False
    grammar: str = field(default="", repr=False)

    @property
    def full_name(self) -> str:
        """The name in prompts: ``namespace.name``, or the bare name."""
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@frozen
class Toolbox:
    """The tools of one question, and the rules for their use.

    :ivar tools: all that the model is shown; full names are unique.
    :ivar only: the full name of the tool that has to be called; empty leaves the choice. *choice*
        is REQUIRED then.
    :ivar allowed: full names of the tools that may be called; None allows all.
    :ivar parallel: whether one answer may hold more than one call.
    """

    tools: tuple[Tool, ...] = ()
    choice: Choice = Choice.AUTO
    only: str = ""
    allowed: frozenset[str] | None = None
    parallel: bool = True

    @property
    def in_play(self) -> bool:
        """Whether a tool may be called."""
        return bool(self.callable) and self.choice is not Choice.NONE

    @property
    def callable(self) -> tuple[Tool, ...]:
        """The tools that may be called, if calls are allowed at all."""
        if self.only:
            return tuple(tool for tool in self.tools if tool.full_name == self.only)
        if self.allowed is None:
            return self.tools
        return tuple(tool for tool in self.tools if tool.full_name in self.allowed)
