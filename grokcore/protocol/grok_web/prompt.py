"""A list of chat messages as the one string that Grok's payload has room for.

Theory
------
Grok's web protocol knows no roles: ``message`` is one string (grok-protocol.md §2.1). Joining the
texts, as the original did, loses the speakers. So everything before the last user message goes up
as a transcript, each turn in an element named after its role. The last user message follows bare::

    <system>
    You are terse.
    </system>

    <user>
    Name a prime.
    </user>

    <assistant>
    7
    </assistant>

    Another one?

Rules
-----
1. A conversation of one user message is sent exactly as it was written, to the character. An empty
   message is no turn.
2. Inside the transcript a tag of ours that stands in a text is written with ``&lt;``, so that no
   speaker can close another's turn. The bare last message is left alone.
3. A conversation that ends with a tool's result, or with a call, is a transcript from end to end;
   system messages that come after the last user message are put before it.
4. A speaker's name stands in the tag, as do the name of a tool and the call that its result
   answers: ``<tool name="weather" call="call_1">``. Before the bare last message a line says whose
   it is.
5. The assistant's words at the end are the beginning of its answer: that turn stays open, and a
   line before it says so.
6. Pictures and files of the last user message go up with the question, as may others. Those of
   other messages are named where they stood: ``[image 1]``, ``[file notes.pdf]``, with
   ``(attached)`` if they go up.
7. A conversation that is too long for a message is never cut. Its turns go up as a text file in the
   same format. Instructions and the end (the user's last words, or an open turn) stay in the
   message, unless they take up more than half of it.

The format is stable: golden files in ``tests/protocol/grok_web/golden/prompt`` hold it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from attrs import field, frozen

from ..conversation.enclosures import Use, find_enclosures, paths_by_rule
from ..conversation.messages import Message
from .attachment_names import AttachmentNames, one_line

__all__ = [
    "ALL_IN_FILE",
    "GO_ON",
    "GO_ON_IN_FILE",
    "INSTRUCTIONS",
    "IN_FILE",
    "SEE_ATTACHMENT",
    "TRANSCRIPT_NAME",
    "Prompt",
    "fit_prompt",
    "joined",
    "render_prompt",
]

TRANSCRIPT_NAME = "conversation.txt"

SEE_ATTACHMENT = "See the attachment."
"""The question of a turn that is nothing but a picture: Grok wants a message."""

IN_FILE = (
    f"The conversation so far is in the attached file {TRANSCRIPT_NAME}. Read all of it, "
    "then go on with it."
)

ALL_IN_FILE = (
    f"The attached file {TRANSCRIPT_NAME} holds a conversation. Read all of it, then "
    "answer its last turn."
)

GO_ON = (
    "The turn of the assistant that begins below is yours, and it is not finished. "
    "Go on from exactly where it ends, and repeat nothing of it."
)

GO_ON_IN_FILE = (
    f"The attached file {TRANSCRIPT_NAME} holds a conversation. Read all of it. Its last turn is "
    "yours, and it is not "
    "finished. Go on from exactly where it ends, and repeat nothing of it."
)

INSTRUCTIONS = frozenset({"system", "developer"})
"""The roles whose turns instruct the model."""

_OUR_TAG = re.compile(r"<(?=/?(?:system|developer|user|assistant|tool)[\s/>])", re.IGNORECASE)
"""The beginning of a tag of ours. Its end is not looked for: that would cost seconds where it does
not end.
"""

_LONGEST_TAG = len("</developer>")
_PIECE_CHARS = 256 * 1024
"""Size of the pieces in which tags are escaped, each in 10 ms at worst."""


@frozen
class Prompt:
    """A conversation in Grok's words.

    :ivar message: the payload's ``message``.
    :ivar transcript: the content of a file called :data:`TRANSCRIPT_NAME`; empty without a file.
    """

    message: str
    transcript: str = ""


@frozen
class _Layout:
    """The parts of a rendered conversation.

    :ivar turns: role and text of each turn of the transcript.
    :ivar end: the text after the transcript: the user's last words, or the assistant's open turn.
        May be empty.
    :ivar end_turn: the end as a turn of a transcript.
    :ivar open: whether the end is an open turn.
    """

    turns: list[tuple[str, str]] = field(factory=list)
    end: str = ""
    end_turn: str = ""
    open: bool = False

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.turns]


def render_prompt(messages: Sequence[Message], up: Collection[str] | None = None) -> str:
    """The payload's ``message`` for *messages* (at least one, oldest first).

    :param up: the paths of the pictures and files that go up; None for those that go up by rule.
    """
    layout = _laid_out(messages, up)
    return joined(*layout.texts, GO_ON if layout.open else "", layout.end)


def fit_prompt(messages: Sequence[Message], most: int, up: Collection[str] | None = None) -> Prompt:
    """Render *messages* as a message of at most *most* characters and, if they are longer, a file.
    A line of the message refers to the file.
    """
    layout = _laid_out(messages, up)
    go_on = GO_ON if layout.open else ""
    whole = joined(*layout.texts, go_on, layout.end)
    if len(whole) <= most:
        return Prompt(whole)
    instructions = [text for role, text in layout.turns if role in INSTRUCTIONS]
    if sum(map(len, instructions)) > most // 2:
        instructions = []
    filed = [text for role, text in layout.turns if not instructions or role not in INSTRUCTIONS]
    if layout.end and len(layout.end) <= most // 2:
        if not filed:
            return Prompt(whole)  # two halves, and the gap between them
        return Prompt(joined(*instructions, IN_FILE, go_on, layout.end), joined(*filed))
    rest = GO_ON_IN_FILE if layout.open else ALL_IN_FILE
    return Prompt(joined(*instructions, rest), joined(*filed, layout.end_turn))


def joined(*texts: str) -> str:
    """The texts that are not empty, with an empty line between them."""
    return "\n\n".join(filter(None, texts))


def _laid_out(messages: Sequence[Message], up: Collection[str] | None) -> _Layout:
    turns = [message for message in messages if not message.empty] or list(messages[-1:])
    up = paths_by_rule(turns) if up is None else up
    needed = {item.part.path for item in find_enclosures(turns) if item.use is Use.NEEDED}
    own = needed if needed.issuperset(up) else set()
    history, end = _split(turns)
    names = AttachmentNames(up, own)
    texts = [(message.role, _turn(message, names.of(message))) for message in history]
    if end is None:
        return _Layout(texts)
    if end.role == "assistant":
        opened = _opened(end, names.of(end))
        return _Layout(texts, opened, opened, open=True)
    return _Layout(texts, _question(end, alone=not texts), _turn(end, ""))


def _split(messages: Sequence[Message]) -> tuple[list[Message], Message | None]:
    """The history, and the end: the user's last words, or the beginning of an answer. None if the
    conversation ends with neither.
    """
    last = next(
        (i for i in reversed(range(len(messages))) if messages[i].role not in INSTRUCTIONS), None
    )
    if last is None or messages[last].role == "tool" or messages[last].calls:
        return list(messages), None
    return [*messages[:last], *messages[last + 1 :]], messages[last]


def _question(message: Message, *, alone: bool) -> str:
    text = message.text or (SEE_ATTACHMENT if message.attachments else "")
    return text if alone or not message.name else f"{one_line(message.name)} says:\n\n{text}"


def _turn(message: Message, named: str) -> str:
    text = _escaped("\n".join(filter(None, (message.text, *map(str, message.calls), named))))
    return f"{_tag(message)}\n{text}\n</{message.role}>"


def _opened(message: Message, named: str) -> str:
    text = _escaped("\n".join(filter(None, (named, message.text))))
    return f"{_tag(message)}\n{text}"


def _escaped(text: str) -> str:
    """*text* without tags of ours. Escaped in pieces, so that other threads run meanwhile."""
    pieces, at = [], 0
    while at < len(text):
        end = at + _PIECE_CHARS
        bracket = text.rfind("<", end - _LONGEST_TAG, end) if end < len(text) else -1
        end = end if bracket < 0 else bracket  # no tag is cut in two
        pieces.append(_OUR_TAG.sub("&lt;", text[at:end]))
        at = end
    return "".join(pieces)


def _tag(message: Message) -> str:
    attributes = [
        ("name", message.name),
        ("call", message.call_id),
        ("failed", "true" if message.failed else ""),
    ]
    written = [f'{key}="{_quoted(value)}"' for key, value in attributes if value]
    return f"<{' '.join([message.role, *written])}>"


def _quoted(text: str) -> str:
    return one_line(text).replace('"', "'").replace("<", "&lt;").replace(">", "&gt;")
