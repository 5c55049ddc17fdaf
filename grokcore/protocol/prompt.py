"""A list of chat messages as the one string that Grok's payload has room for.

Theory
------
Grok's web protocol knows no roles: ``message`` is one string (grok-protocol.md §2.1). Joining the texts, as the original
did, loses who said what. So everything before the last user message goes up as a transcript, each turn in an element
named after its role, and the last user message follows it bare::

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
1. A conversation of one user message is sent exactly as it was written, to the character.
2. Inside the transcript a tag of ours that stands in somebody's text is written with ``&lt;``, so that nobody can close
   another's turn. The bare last message is left alone.
3. A conversation that does not end with the user's words (a tool's result, an unfinished assistant turn) is a transcript
   from end to end; system messages that come after the last user message are put before it.
4. Pictures and files of the last user message go up with the question. Earlier ones are named where they stood:
   ``[image 1]``, ``[file notes.pdf]``; Grok does not see them again.
5. A conversation that is too long for a message is never cut. Its turns go up as a text file in the same format;
   instructions and the user's last words stay in the message, unless they alone take up more than half of it.

The format is stable: golden files in ``tests/protocol/golden/prompt`` hold it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from attrs import frozen

from .request import Message

__all__ = ["TRANSCRIPT_NAME", "Prompt", "fit_prompt", "render_prompt"]

TRANSCRIPT_NAME = "conversation.txt"

SEE_ATTACHMENT = "See the attachment."
"""The question of a turn that is nothing but a picture: Grok wants a message."""

IN_FILE = f"The conversation so far is in the attached file {TRANSCRIPT_NAME}. Read all of it, then go on with it."

ALL_IN_FILE = f"The attached file {TRANSCRIPT_NAME} holds a conversation. Read all of it, then answer its last turn."

_INSTRUCTIONS = frozenset({"system", "developer"})
_OUR_TAG = re.compile(r"<(?=/?(?:system|developer|user|assistant|tool)\s*>)", re.IGNORECASE)


@frozen
class Prompt:
    """What Grok is given: a message, and what goes up as a file of the name :data:`TRANSCRIPT_NAME`, if anything."""

    message: str
    transcript: str = ""


def render_prompt(messages: Sequence[Message]) -> str:
    """The payload's ``message`` for *messages* (at least one, oldest first)."""
    history, question = _split(messages)
    turns = [turn for _, turn in _turns(history, messages)]
    return "\n\n".join(turns if question is None else [*turns, _bare(question)])


def fit_prompt(messages: Sequence[Message], most: int) -> Prompt:
    """*messages* as a message of at most *most* characters (and a line that says where the rest is), and a file."""
    whole = render_prompt(messages)
    if len(whole) <= most:
        return Prompt(whole)
    history, question = _split(messages)
    turns = _turns(history, messages)
    instructions = [turn for message, turn in turns if message.role in _INSTRUCTIONS]
    if sum(map(len, instructions)) > most // 2:
        instructions = []
    filed = [turn for message, turn in turns if not instructions or message.role not in _INSTRUCTIONS]
    if question is not None and len(_bare(question)) <= most // 2:
        if not filed:
            return Prompt(whole)  # two halves, and the gap between them
        return Prompt("\n\n".join([*instructions, IN_FILE, _bare(question)]), "\n\n".join(filed))
    if question is not None:
        filed.append(_turn(question, ""))
    return Prompt("\n\n".join([*instructions, ALL_IN_FILE]), "\n\n".join(filed))


def _bare(question: Message) -> str:
    return question.text or (SEE_ATTACHMENT if question.attachments else "")


def _turns(history: Sequence[Message], messages: Sequence[Message]) -> list[tuple[Message, str]]:
    """Each message of *history*, which is of *messages*, as a turn."""
    attached = next((message for message in reversed(messages) if message.role == "user"), None)
    pictures = itertools.count(1)
    return [(message, _turn(message, "" if message is attached else _named(message, pictures))) for message in history]


def _split(messages: Sequence[Message]) -> tuple[list[Message], Message | None]:
    """What is told as history, and the user's last words if the conversation ends with them."""
    last = next((i for i in reversed(range(len(messages))) if messages[i].role not in _INSTRUCTIONS), None)
    if last is None or messages[last].role != "user":
        return list(messages), None
    return [*messages[:last], *messages[last + 1 :]], messages[last]


def _turn(message: Message, named: str) -> str:
    text = _OUR_TAG.sub("&lt;", "\n".join(filter(None, (message.text, named))))
    return f"<{message.role}>\n{text}\n</{message.role}>"


def _named(message: Message, pictures: Iterator[int]) -> str:
    """What was attached to an earlier turn, a line each."""
    return "\n".join(
        f"[image {next(pictures)}]" if part.picture else f"[file {part.name or 'without a name'}]"
        for part in message.attachments
    )
