"""A conversation with tools as the one string that Grok's payload has room for.

Theory
------
The client's tools are shown as text, and the model answers with elements
(:mod:`grokcore.protocol.emulation.forms`). A tool's arguments must reach the client to the
character: an agent that is shown ``&lt;`` for ``<`` writes edits that match nothing. So no text is
escaped here. The tags of turns have the prefix of the calls, which begins no tag in any text of the
request. So no text can end a turn, or make up a call::

    <fn:system>
    You are a coding agent.
    </fn:system>

    (the tools)

    <fn:user>
    Read a.txt.
    </fn:user>

    <fn:assistant>
    <fn:call name="Read">
    <fn:arg name="path">a.txt</fn:arg>
    </fn:call>
    </fn:assistant>

    <fn:outcome of="1" name="Read">
    hello
    </fn:outcome>

    (the closing line)

Rules
-----
1. The order is: instructions that stand before all other turns, tools, turns, the form of the
   answer if the client set one, closing line. Later instructions stay where they stood.
2. Every turn stands in an element, and its text is in it unaltered. Earlier calls are written as
   the model would write them.
3. An outcome has the number of its call within the turn that made it, if there is one, and the
   tool's name. It says if it is a failure.
4. The assistant's words at the end are the beginning of its answer: that turn stays open, behind
   the closing line.
5. An answer that has to be corrected follows as a turn. Its faults stand in place of the closing
   line. It has no influence on the prefix, since it has elements with that prefix.
6. All pictures and files are named where they stood, with ``(attached)`` if they go up.
7. A conversation that is too long for a message is never cut. Its turns go up as a text file, up to
   the assistant's last one. Instructions, tools, the last calls, the turns since then, and the
   closing line stay in the message. The instructions go into the file if they take up more than
   half of the message; so does the last round.

The format is stable: golden files in ``tests/protocol/grok_web/golden/tool_prompt`` hold it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from ..conversation.messages import Call, Message
from ..conversation.question import Question
from ..conversation.tools import Choice, ToolKind
from ..emulation.forms import CallForm, CallWords, free_prefix, render_call
from ..emulation.requests_for_form import ask_for_correction, ask_for_json
from ..emulation.spellings import FOREIGN, quoted_elements
from ..emulation.tools_block import closing_line, tools_block
from ..emulation.tools_text import ToolTexts
from .attachment_names import AttachmentNames, one_line
from .prompt import (
    ALL_IN_FILE,
    GO_ON,
    GO_ON_IN_FILE,
    IN_FILE,
    INSTRUCTIONS,
    Prompt,
    joined,
)

__all__ = ["ToolPrompt", "fit_tool_prompt"]

_NO_MARKS = str.maketrans({'"': "'", "<": "(", ">": ")"})
"""For names within tags."""


@frozen
class ToolPrompt:
    """A conversation with tools, in Grok's words.

    :ivar form: in which the model writes calls.
    :ivar note: number of the tools and their tier, for a response header.
    """

    prompt: Prompt
    form: CallForm
    note: str


@frozen
class _Turn:
    """A message; the arguments of its calls are read.

    :ivar calls: full name and arguments of each.
    """

    message: Message
    calls: tuple[tuple[str, Mapping[str, Any] | str], ...] = ()

    @property
    def instructs(self) -> bool:
        return self.message.role in INSTRUCTIONS

    def texts(self) -> Iterator[str]:
        """Everything of it that a prompt holds."""
        yield from (self.message.text, self.message.name)
        yield from (part.name for part in self.message.attachments)
        for name, arguments in self.calls:
            yield name
            yield (
                arguments
                if isinstance(arguments, str)
                else json.dumps(arguments, ensure_ascii=False)
            )


@frozen
class _Layout:
    """The parts of a prompt, in their order, each rendered.

    :ivar past: turns before the last round, with whether they are instructions.
    :ivar round: the assistant's last calls, the turns since, and an answer that has to be
        corrected.
    :ivar closing: the form of the answer, and the closing line.
    :ivar opened: the assistant's open turn; may be empty.
    """

    instructions: list[str]
    tools: str
    past: list[tuple[bool, str]]
    round: str
    closing: str
    opened: str = ""


def fit_tool_prompt(question: Question, tool_texts: ToolTexts, most: int) -> ToolPrompt:
    """Render *question*, with tools in play, as a message of at most *most* characters and, if it
    is longer, a file.
    """
    toolbox = question.toolbox
    turns = _turns(question)
    called = {name for turn in turns for name, _ in turn.calls}
    tools = tool_texts.listed(toolbox, called)
    wanted_form = _wanted_form(question)
    texts = [tools.text, wanted_form, *(text for turn in turns for text in turn.texts())]
    form = _form(texts, tool_texts.words, searching=question.may_search)
    layout = _laid_out(
        question,
        turns,
        _Writer(form, question.enclosed.paths),
        tools_block(toolbox, tools.text, form),
        joined(wanted_form, _closing(question, form)),
    )
    return ToolPrompt(_fitted(layout, most), form, tools.note)


def _form(texts: Sequence[str], words: CallWords, *, searching: bool) -> CallForm:
    """The form of calls; of *texts* none can be one. Pages that Grok finds are not among them. So
    if it searches, no author of a page can know the prefix, and other spellings are no calls.
    """
    if searching:
        return CallForm(free_prefix(texts, secret=True), words, frozenset(FOREIGN))
    return CallForm(free_prefix(texts), words, quoted_elements(texts))


def _turns(question: Question) -> list[_Turn]:
    messages = [message for message in question.messages if not message.empty]
    custom = {tool.full_name for tool in question.toolbox.tools if tool.kind is ToolKind.CUSTOM}
    return [
        _Turn(message, tuple(_read(call, custom) for call in message.calls))
        for message in messages or question.messages[-1:]
    ]


def _read(call: Call, custom: Collection[str]) -> tuple[str, Mapping[str, Any] | str]:
    """Name and arguments of *call*, raw if they are no JSON object."""
    if call.name not in custom:
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            arguments = None
        if isinstance(arguments, dict):
            return call.name, arguments
    return call.name, call.arguments


def _wanted_form(question: Question) -> str:
    """The form of a text answer, unless there may be none."""
    text_format = question.bounds.text_format
    if text_format is None or question.toolbox.choice is Choice.REQUIRED:
        return ""
    return ask_for_json(text_format)


def _closing(question: Question, form: CallForm) -> str:
    has_form = bool(_wanted_form(question))
    if question.repair is None:
        otherwise = "answer with the JSON alone" if has_form else "just answer"
        return closing_line(question.toolbox, form, otherwise)
    either = "the correction: the whole element, or the whole JSON"
    return ask_for_correction(question.repair, either if has_form else "the corrected element")


def _laid_out(
    question: Question, turns: Sequence[_Turn], writer: _Writer, tools: str, closing: str
) -> _Layout:
    repair = question.repair
    opened, rest = _without_open(turns)
    first = next((i for i, turn in enumerate(rest) if not turn.instructs), len(rest))
    since = _last_round(rest)
    written = [(turn.instructs, writer.turn(turn)) for turn in rest]
    recent = [text for _, text in written[max(first, since) :]]
    if repair is not None:
        begun = opened.message.text if opened else ""
        recent.append(writer.answer(begun + repair.said))
    return _Layout(
        [text for _, text in written[:first]],
        tools,
        written[first:since],
        joined(*recent),
        closing,
        writer.opened(opened) if opened and repair is None else "",
    )


def _without_open(turns: Sequence[_Turn]) -> tuple[_Turn | None, list[_Turn]]:
    """The beginning of an answer at the end, if there is one, and the other turns."""
    last = next((i for i in reversed(range(len(turns))) if not turns[i].instructs), None)
    if last is None or turns[last].message.role != "assistant" or turns[last].calls:
        return None, list(turns)
    return turns[last], [*turns[:last], *turns[last + 1 :]]


def _last_round(turns: Sequence[_Turn]) -> int:
    """The place of the assistant's last turn if it has calls, whose outcomes follow; else of the
    turn behind it.
    """
    places = reversed(range(len(turns)))
    last = next((i for i in places if turns[i].message.role == "assistant"), None)
    return 0 if last is None else last if turns[last].calls else last + 1


def _fitted(layout: _Layout, most: int) -> Prompt:
    past = [text for _, text in layout.past]
    go_on = GO_ON if layout.opened else ""
    end = (layout.round, layout.closing, go_on, layout.opened)
    whole = joined(*layout.instructions, layout.tools, *past, *end)
    if len(whole) <= most:
        return Prompt(whole)
    instructions = [*layout.instructions, *(text for told, text in layout.past if told)]
    filed = [text for told, text in layout.past if not told]
    if sum(map(len, instructions)) > most // 2:
        instructions, filed = [], [*layout.instructions, *past]
    if len(layout.round) + len(layout.opened) <= most // 2:
        if not filed:
            return Prompt(whole)
        return Prompt(joined(*instructions, layout.tools, IN_FILE, *end), joined(*filed))
    rest = GO_ON_IN_FILE if layout.opened else ALL_IN_FILE
    return Prompt(
        joined(*instructions, layout.tools, rest, layout.closing),
        joined(*filed, layout.round, layout.opened),
    )


class _Writer:
    """Writes turns, in their order.

    :param up: the paths of the pictures and files that go up.
    """

    def __init__(self, form: CallForm, up: Collection[str]) -> None:
        self._form = form
        self._names = AttachmentNames(up, ())
        self._places: dict[str, tuple[int, str]] = {}

    def turn(self, turn: _Turn) -> str:
        """A whole turn."""
        message = turn.message
        named = self._names.of(message)
        if message.role == "tool":
            return self._element("outcome", self._outcome_of(message), message.text, named)
        calls = [render_call(self._form, *call) for call in turn.calls]
        for place, call in enumerate(message.calls):
            if call.id:
                self._places[call.id] = (place + 1, call.name)
        return self._element(message.role, _named(message.name), message.text, *calls, named)

    def opened(self, turn: _Turn) -> str:
        """The beginning of a turn of the assistant, with its names first."""
        named = self._names.of(turn.message)
        tag = f"<{self._form.prefix}:assistant{_named(turn.message.name)}>"
        return "\n".join(filter(None, (tag, named, turn.message.text)))

    def answer(self, said: str) -> str:
        """An answer of the assistant that has to be corrected; nothing if it is empty."""
        return self._element("assistant", "", said) if said.strip() else ""

    def _outcome_of(self, message: Message) -> str:
        place, name = self._places.get(message.call_id, (0, ""))
        of = f' of="{place}"' if place else ""
        return f"{of}{_named(message.name or name)}{' error' if message.failed else ''}"

    def _element(self, name: str, attributes: str, *lines: str) -> str:
        tag = f"{self._form.prefix}:{name}"
        return "\n".join([f"<{tag}{attributes}>", *filter(None, lines), f"</{tag}>"])


def _named(name: str) -> str:
    return f' name="{one_line(name).translate(_NO_MARKS)}"' if name else ""
