"""Forms and corrections of answers, asked for in a conversation without tools."""

from __future__ import annotations

import pytest
from attrs import frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.conversation.question import Question, Repair
from grokcore.protocol.grok_web.plain_requests import with_requests
from grokcore.protocol.grok_web.prompt import GO_ON, SEE_ATTACHMENT, render_prompt
from grokcore.protocol.models import SHIPPED

FORM = (
    "Answer with the JSON alone, without words or a code fence around it. It must be a JSON object."
)
FAULTS = "The last answer can't be used:\n- It is no JSON.\n\nSend only the corrected JSON, and nothing else."
HI, RULE = Message("user", "Hi"), Message("system", "Be terse.")
BEGUN = Message("assistant", "{")
CALLING = Message("assistant", "", calls=(Call("", "f", "{}"),))
PICTURE = Message("user", "", (AttachmentPart(True, "u", "", "p"),))


@frozen
class Asked:
    """A conversation, and the end of the prompt that asks for a form; with an answer to correct, or
    without.
    """

    name: str
    messages: tuple[Message, ...]
    end: str
    said: str | None = None


ASKED = [
    Asked("the user's words", (RULE, HI), f"</system>\n\nHi\n\n{FORM}"),
    Asked("instructions after them", (HI, RULE), f"</system>\n\nHi\n\n{FORM}"),
    Asked("a picture alone", (PICTURE,), f"{SEE_ATTACHMENT}\n\n{FORM}"),
    Asked("nothing", (Message("user", ""),), FORM),
    Asked("instructions alone", (RULE,), f"</system>\n\n{FORM}"),
    Asked("an outcome", (HI, CALLING, Message("tool", "1")), f"<tool>\n1\n</tool>\n\n{FORM}"),
    Asked("a call", (HI, CALLING), f"[called f with {{}}]\n</assistant>\n\n{FORM}"),
    Asked("a begun answer", (HI, BEGUN), f"<system>\n{FORM}\n</system>\n\n{GO_ON}\n\n<assistant>\n{{"),
    Asked("a correction", (HI,), f"<user>\nHi\n</user>\n\n<assistant>\n[]\n</assistant>\n\n{FAULTS}\n\n{FORM}", "[]"),
    Asked("of a begun answer", (HI, BEGUN), f"</user>\n\n<assistant>\n{{]\n</assistant>\n\n{FAULTS}\n\n{FORM}", "]"),
    Asked("of an empty answer", (HI,), f"<user>\nHi\n</user>\n\n{FAULTS}\n\n{FORM}", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.name)
def test_the_form_stands_at_the_end(case: Asked) -> None:
    """Where models keep best to it, but not behind an answer that has begun."""
    repair = None if case.said is None else Repair(case.said, ("It is no JSON.",))
    bounds = Bounds(text_format=TextFormat())
    question = Question(
        SHIPPED["grok-3-fast"], DEFAULT_LIMITS, case.messages, bounds=bounds, repair=repair
    )
    assert render_prompt(with_requests(question), {"p"}).endswith(case.end)


def test_without_requests_nothing_changes() -> None:
    """The plain prompt stays as it was; without a form the answer itself is asked for."""
    plain = Question(SHIPPED["grok-3-fast"], DEFAULT_LIMITS, (HI,))
    assert with_requests(plain) is plain.messages
    repaired = Question(
        SHIPPED["grok-3-fast"], DEFAULT_LIMITS, (HI,), repair=Repair("No", ("It is wrong.",))
    )
    assert with_requests(repaired)[-1].text.endswith(
        "Send only the corrected answer, and nothing else."
    )
