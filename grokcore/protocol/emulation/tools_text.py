"""The client's tools as a text for the model: name, parameters and comments of each.

Theory
------
A coding agent declares up to 60 kB of tools with every request, most of it descriptions (Claude
Code 2.1, 2026-11). Models overlook parts of so long a preamble. So the descriptions are cut, in
steps, until the list fits. A name without its parameters would only teach wrong calls.

Rules
-----
1. There are four tiers: everything; then shorter descriptions, twice; then the beginning of each
   description with the signature alone. The first tier is taken whose list fits.
2. A tool keeps one tier more for one of three reasons: the conversation called it already, it has
   to be called, or it has three or more required parameters. The third one does not count if the
   list would not fit with it.
3. A tool that may not be called now is shown in the last tier: the conversation may speak of it.
   Where one tool has to be called, no other is shown.
4. The list does not depend on the answer's form, and the last lists are kept, found by content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator
from functools import cached_property

from attrs import asdict, define, field, frozen

from ..conversation.tools import Tool, Toolbox, ToolKind
from .forms import DEFAULT_WORDS, WORDS, CallWords
from .signatures import Detail, comments, required_keys, resolved, signature

__all__ = ["ToolList", "ToolTexts"]

MANY_REQUIRED = 3
MOST_GRAMMAR_CHARS = 2000
KEPT = 32
"""Lists that are kept. An agent's conversation needs one or two at a time."""

_SENTENCE_SHARE = 0.6
"""A cut text ends with a sentence if so much of it remains, else with a word."""


@frozen
class _Tier:
    """How much of a tool is shown.

    :ivar description: most characters of it; None for all.
    :ivar comment: most characters of a parameter's comment; None for all, 0 for no comments.
    """

    description: int | None
    comment: int | None
    detail: Detail


_TIERS = (
    _Tier(None, None, Detail()),
    _Tier(1000, 160, Detail()),
    _Tier(300, 80, Detail()),
    _Tier(100, 0, Detail(levels=1, values=8)),
)
_LAST = len(_TIERS) - 1


@frozen
class ToolList:
    """The tools of a request as a text.

    :ivar note: number of the tools and their tier, for a response header: ``12; tier=2``.
    """

    text: str
    note: str


@define(eq=False)
class ToolTexts:
    """Writes lists of tools. Safe in several threads.

    :ivar most_chars: of a list; only the last tier may be longer.
    :ivar words: of the form in which the model is asked to write calls.
    """

    most_chars: int = 24_000
    words: CallWords = WORDS[DEFAULT_WORDS]
    _kept: tuple[tuple[bytes, ToolList], ...] = field(default=(), init=False, repr=False)

    def listed(self, toolbox: Toolbox, called: Collection[str] = ()) -> ToolList:
        """The tools of *toolbox*, of which at least one may be called.

        :param called: full names of the tools that the conversation called already.
        """
        key = _digest(toolbox, called)
        kept = self._kept  # replaced as a whole: a thread sees the lists of before, or of after
        found = next((listed for name, listed in kept if name == key), None)
        if found is None:
            found = _fitted(toolbox, frozenset(called), self.most_chars)
            self._kept = ((key, found), *kept[: KEPT - 1])
        return found


def _digest(toolbox: Toolbox, called: Collection[str]) -> bytes:
    """A key for the list: it differs if anything differs that the list shows."""
    shown = [asdict(tool, recurse=False) for tool in _shown(toolbox)]
    allowed = sorted(tool.full_name for tool in toolbox.callable)
    names = {tool.full_name for tool in toolbox.tools}
    content = [shown, allowed, sorted(names.intersection(called)), toolbox.only]
    return hashlib.sha256(json.dumps(content, default=_kind_name).encode()).digest()


def _kind_name(kind: ToolKind) -> str:
    return kind.name


def _shown(toolbox: Toolbox) -> tuple[Tool, ...]:
    return toolbox.callable if toolbox.only else toolbox.tools


def _fitted(toolbox: Toolbox, called: frozenset[str], most: int) -> ToolList:
    sketches = [_Sketch(tool) for tool in _shown(toolbox)]
    named = called | {toolbox.only}
    allowed = {tool.full_name for tool in toolbox.callable}

    def at(tier: int, keeps: Callable[[_Sketch], bool]) -> str:
        return "\n\n".join(
            sketch.at(max(tier - keeps(sketch), 0) if sketch.name in allowed else _LAST)
            for sketch in sketches
        )

    for tier in range(len(_TIERS)):
        text = at(tier, lambda sketch: sketch.name in named or sketch.has_many_required)
        if len(text) <= most:
            break
    else:
        text = at(_LAST, lambda sketch: sketch.name in named)
    return ToolList(text, f"{len(sketches)}; tier={tier + 1}")


class _Sketch:
    """A tool that is to be shown."""

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._signatures: dict[Detail, str] = {}
        self.name = tool.full_name

    @property
    def has_many_required(self) -> bool:
        parameters = self._tool.parameters
        return len(required_keys(resolved(parameters, parameters))) >= MANY_REQUIRED

    def _signature(self, detail: Detail) -> str:
        if detail not in self._signatures:
            self._signatures[detail] = signature(self._tool, detail)
        return self._signatures[detail]

    @cached_property
    def _comments(self) -> tuple[tuple[str, str], ...]:
        return comments(self._tool)

    def at(self, tier: int) -> str:
        """The tool in a tier."""
        return "\n".join(self._lines(_TIERS[tier]))

    def _lines(self, tier: _Tier) -> Iterator[str]:
        yield self._signature(tier.detail)
        if said := _cut(self._tool.description.strip(), tier.description):
            yield _indented(said)
        if tier.comment != 0:
            for path, comment in self._comments:
                yield f"  - {path}: {_cut(comment, tier.comment)}"
        if grammar := self._tool.grammar.strip():
            yield "  Its text follows this grammar:"
            yield _indented(_cut(grammar, MOST_GRAMMAR_CHARS))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))


def _cut(text: str, most: int | None) -> str:
    """The beginning of *text*, up to the end of a sentence or word."""
    if most is None or len(text) <= most:
        return text
    begun = text[: most - 2]  # the mark of a cut is a part of it
    sentence = max(begun.rfind(end) for end in (". ", ".\n", "\n"))
    if sentence >= most * _SENTENCE_SHARE:
        return f"{begun[: sentence + 1].rstrip()} …"
    word = begun.rfind(" ")
    return f"{begun[:word].rstrip() if word > 0 else begun}…"
