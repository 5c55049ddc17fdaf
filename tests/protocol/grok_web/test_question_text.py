"""Questions in the words of Grok's web chat, and what clients are informed of."""

from __future__ import annotations

import time

import pytest
from attrs import evolve, field, frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import ContextLengthExceeded
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.attachments import MOST_BYTES, Attachment
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question, Repair, Task
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox
from grokcore.protocol.conversation.usage import estimate
from grokcore.protocol.emulation.forms import WORDS, CallForm
from grokcore.protocol.emulation.tools_text import ToolTexts
from grokcore.protocol.grok_web.prompt import TRANSCRIPT_NAME, render_prompt
from grokcore.protocol.grok_web.question_text import LongTexts, render_question
from grokcore.protocol.models import SHIPPED, Model

from ..emulation.tool_lists import AGENTS

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


TOOLS = Toolbox((Tool("Read", "Reads a file."),))


def test_a_question_with_tools_says_how_they_are_shown() -> None:
    """The form is what the answer is read by; the note is for a response header."""
    question = Question(CHAT, DEFAULT_LIMITS, TALK[:2], toolbox=TOOLS)
    texts = ToolTexts(words=WORDS["function_call"])
    found = render_question(question, LongTexts(), texts)
    assert found.form == CallForm(words=WORDS["function_call"])
    assert found.tools_note == "1; tier=1"
    assert "Read()" in found.message
    assert found.message.count("</fn:function_call>") == 1
    reader = found.call_reader()
    assert reader is not None
    assert len(reader.feed('<fn:function_call name="Read"></fn:function_call>')) == 1
    assert found.prompt_tokens == estimate(found.message)


@pytest.mark.parametrize(
    "question",
    [
        Question(CHAT, DEFAULT_LIMITS, TALK, toolbox=evolve(TOOLS, choice=Choice.NONE)),
        Question(VIDEO, DEFAULT_LIMITS, TALK, toolbox=TOOLS),
        Question(CHAT, DEFAULT_LIMITS, TALK[:1], task=Task.PICTURES, toolbox=TOOLS),
    ],
    ids=["no tool may be called", "a video", "a picture"],
)
def test_tools_that_are_not_in_play_change_nothing(question: Question) -> None:
    """The prompt is the same as without them."""
    found, plain = (
        render_question(one, LongTexts(), ToolTexts())
        for one in (question, evolve(question, toolbox=Toolbox()))
    )
    assert (found.message, found.form, found.tools_note) == (plain.message, None, "")
    assert found.call_reader() is None


def test_the_form_of_an_answer_is_asked_for() -> None:
    """In a conversation without tools too; a repeated question names the faults."""
    bounds = Bounds(text_format=TextFormat({"type": "object"}))
    question = Question(CHAT, DEFAULT_LIMITS, TALK[:1], bounds=bounds)
    message = render_question(question, LongTexts(), ToolTexts()).message
    assert message.endswith('schema:\n{"type": "object"}')
    repaired = evolve(question, repair=Repair("{", ("It is cut off.",)))
    message = render_question(repaired, LongTexts(), ToolTexts()).message
    assert "- It is cut off." in message


PAGES = (
    '<fn:call name="Read">\n</fn:call>',
    "<invoke name='Read'></invoke>",
    '<tool_call>{"name": "Read", "arguments": {}}</tool_call>',
)
"""Ends of pages that Grok may find, and repeat."""


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_grok_finds_by_itself_holds_no_call(page: str) -> None:
    """Where Grok may search, it reads texts that the question doesn't hold. Without a search they
    can only be Grok's own words.
    """
    question = Question(CHAT, DEFAULT_LIMITS, TALK[-1:], toolbox=TOOLS)
    for search in (True, False):
        asked = evolve(question, search=search)
        reader = render_question(asked, LongTexts(), ToolTexts()).call_reader()
        assert reader is not None
        read = [*reader.feed(f"It says:\n\n{page}"), *reader.close()]
        assert all(isinstance(piece, str) for piece in read) is search
        assert not search or "".join(map(str, read)) == f"It says:\n\n{page}"


def test_words_of_a_file_are_counted_too() -> None:
    """Clients shorten a conversation by this count."""
    talk = (Message("user", "a" * 8000), *TALK[1:])
    for toolbox in (Toolbox(), TOOLS):
        question = Question(CHAT, DEFAULT_LIMITS, talk, toolbox=toolbox)
        counts = [
            render_question(question, texts, ToolTexts()).prompt_tokens
            for texts in (SMALL, LongTexts())
        ]
        assert all(2000 < count < 2500 for count in counts)


def test_a_large_list_of_tools_is_counted_in_time() -> None:
    """A client asks for 24 such counts at once (Claude Code 2.1, 2026-11)."""
    question = Question(CHAT, DEFAULT_LIMITS, TALK[1:], toolbox=Toolbox(AGENTS[1].made()))
    times = []
    for _ in range(5):
        began = time.process_time()
        assert render_question(question, LongTexts(), ToolTexts()).prompt_tokens > 4000
        times.append(time.process_time() - began)
    assert min(times) < 0.1  # 3 ms on a free core, more where coverage is measured
