"""Requests for a form of the answer, or for a corrected answer, as turns of a conversation without
tools.

Rules
-----
1. The form is the end of the user's last words; after any other turn it is a turn of its own. It
   stands as an instruction before an answer whose beginning the client gave.
2. An answer that has to be corrected is a turn of the assistant, with the client's beginning if
   there is one. The user's next turn names its faults and repeats the form.
3. A conversation that needs neither is left as it is.
"""

from __future__ import annotations

from attrs import evolve

from ..conversation.messages import Message
from ..conversation.question import Question, Repair
from ..emulation.requests_for_form import ask_for_correction, ask_for_json
from .prompt import INSTRUCTIONS, SEE_ATTACHMENT, joined

__all__ = ["with_requests"]


def with_requests(question: Question) -> tuple[Message, ...]:
    """The messages of *question*, with what it asks for beside them."""
    text_format = question.bounds.text_format
    form = ask_for_json(text_format) if text_format is not None else ""
    if question.repair is not None:
        return _repaired(question.messages, question.repair, form)
    return _with_form(question.messages, form) if form else question.messages


def _with_form(messages: tuple[Message, ...], form: str) -> tuple[Message, ...]:
    last = _last_turn(messages)
    turn = messages[last]
    if turn.role == "user":
        text = turn.text or (SEE_ATTACHMENT if turn.attachments else "")
        asked = evolve(turn, text=joined(text, form))
        return (*messages[:last], asked, *messages[last + 1 :])
    if _is_begun(turn):
        return (*messages[:last], Message("system", form), *messages[last:])
    return (*messages, Message("user", form))


def _repaired(messages: tuple[Message, ...], repair: Repair, form: str) -> tuple[Message, ...]:
    last = _last_turn(messages)
    answer = Message("assistant", repair.said)
    if _is_begun(messages[last]):
        answer = evolve(messages[last], text=messages[last].text + repair.said)
        messages = (*messages[:last], *messages[last + 1 :])
    wanted = "the corrected JSON" if form else "the corrected answer"
    asked = joined(ask_for_correction(repair, wanted), form)
    return (*messages, answer, Message("user", asked))


def _last_turn(messages: tuple[Message, ...]) -> int:
    """The place of the last turn that is not empty, and no instruction; else of the last one."""
    places = reversed(range(len(messages)))
    spoken = (i for i in places if messages[i].role not in INSTRUCTIONS and not messages[i].empty)
    return next(spoken, len(messages) - 1)


def _is_begun(turn: Message) -> bool:
    return turn.role == "assistant" and not turn.calls and not turn.empty
