"""Questions in the words of Grok's web chat, and what clients are informed of."""

from __future__ import annotations

import pytest
from attrs import evolve, field, frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import ContextLengthExceeded
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.attachments import MOST_BYTES, Attachment
from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question, Task
from grokcore.protocol.conversation.usage import estimate
from grokcore.protocol.emulation.tools_text import ToolTexts
from grokcore.protocol.grok_web.prompt import TRANSCRIPT_NAME, render_prompt
from grokcore.protocol.grok_web.question_text import LongTexts, render_question
from grokcore.protocol.models import SHIPPED, Model

CHAT, VIDEO = SHIPPED["grok-3-fast"], SHIPPED["grok-imagine-0.9"]
OLD, NEW = AttachmentPart(True, "u", "", "old"), AttachmentPart(True, "v", "", "new")
SENT = Attachment(b"new", "image/png", "image.png", "new")
TALK = (
    Message("user", "a cat", (OLD,)),
    Message("assistant", "Here."),
    Message("user", "redder --mode=normal", (NEW,)),
)
SMALL = LongTexts(1000)


@frozen
class Said:
    """A question, the words that Grok reads, and names of what it does not get."""

    name: str
    messages: tuple[Message, ...]
    message: str
    ignored: set[str] = field(factory=set)
    model: Model = CHAT
    task: Task = Task.ANSWER


SAID = [
    Said("a conversation", TALK, render_prompt(TALK, {"new"}), {"earlier_pictures"}),
    Said("a video", TALK[2:], "redder --mode=normal", model=VIDEO),
    Said(
        "a video after other turns",
        TALK,
        "redder --mode=normal",
        {"earlier_messages", "earlier_pictures"},
        VIDEO,
    ),
    Said(
        "a video after an empty turn",
        (Message("system", " "), *TALK[2:]),
        "redder --mode=normal",
        model=VIDEO,
    ),
    Said("a video of nothing", TALK[1:2], "", {"earlier_messages"}, VIDEO),
    Said("a picture", (Message("user", "a cat"),), "Drawing: a cat", task=Task.PICTURES),
    Said(
        "an edit",
        (Message("user", "redder", (NEW,)),),
        "Edit the attached image: redder",
        task=Task.PICTURES,
    ),
    Said(
        "an edit of two",
        (Message("user", "redder", (NEW, NEW)),),
        "Edit the attached images: redder",
        task=Task.PICTURES,
    ),
    Said(
        "a picture of many words",
        (Message("user", "a" * 1001),),
        "Drawing: " + "a" * 1001,
        task=Task.PICTURES,
    ),
]


@pytest.mark.parametrize("case", SAID, ids=lambda case: case.name)
def test_each_kind_of_question_has_its_words(case: Said) -> None:
    """The estimate is of these words; names are of what the model does not get to read or see."""
    question = Question(case.model, DEFAULT_LIMITS, case.messages, Enclosed.needed([SENT]))
    found = render_question(evolve(question, task=case.task), SMALL, ToolTexts())
    assert found.message == case.message
    assert found.ignored == case.ignored
    assert (found.attachments, found.in_file) == ((SENT,), False)
    assert found.prompt_tokens == estimate(case.message)


def test_a_long_conversation_goes_up_as_a_file_before_its_pictures() -> None:
    """The client is informed; its owner may refuse it instead."""
    talk = (Message("user", "a" * 1000), *TALK[1:])
    question = Question(CHAT, DEFAULT_LIMITS, talk, Enclosed.needed([SENT]))
    found = render_question(question, SMALL, ToolTexts())
    assert found.in_file
    assert [one.name for one in found.attachments] == [TRANSCRIPT_NAME, "image.png"]
    assert "a" * 1000 in found.attachments[0].data.decode()
    assert "a" * 1000 not in found.message
    assert found.prompt_tokens > 250, "the file's words count, too"
    with pytest.raises(ContextLengthExceeded, match="the 1000 characters of") as raised:
        render_question(question, evolve(SMALL, refused=True), ToolTexts())
    tokens, most = raised.value.excess or (0, 0)
    assert tokens > most == 250


def test_no_file_is_larger_than_grok_takes() -> None:
    """The owner's bound counts characters, Grok's counts bytes."""
    talk = (Message("user", "a" * (MOST_BYTES + 1)), Message("user", "and?"))
    with pytest.raises(ContextLengthExceeded, match="20 MB"):
        render_question(Question(CHAT, DEFAULT_LIMITS, talk), SMALL, ToolTexts())


def test_a_question_without_a_spare_picture_says_so() -> None:
    """The words that name it as attached go with it."""
    enclosed = evolve(Enclosed.needed([SENT]), spare=frozenset({"new"}))
    talk = (*TALK[2:], Message("assistant", "Done."), Message("user", "and?"))
    question = Question(CHAT, DEFAULT_LIMITS, talk, enclosed)
    whole, less = (
        render_question(one, SMALL, ToolTexts()) for one in (question, question.without({"new"}))
    )
    assert "(attached)" in whole.message
    assert "(attached)" not in less.message
    assert not whole.ignored
    assert less.ignored == {"earlier_pictures"}
    assert less.attachments == ()
