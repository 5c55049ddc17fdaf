"""A question in the one string, and the files, that Grok's web chat takes; whichever connection
carries them.

Rules
-----
1. A conversation is a transcript (:mod:`.prompt`); one that is too long goes up as a file, or is
   refused.
2. A video is made of the user's last words alone, with their pictures.
3. Where the client's tools may be called, the transcript is another (:mod:`.tool_prompt`).
4. Grok's chat has no call that draws: a prompt that wants a picture begins with a word for it
   (grok-protocol.md §2.4).
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from ...errors import ContextLengthExceeded
from ..conversation.attachments import Attachment, text_attachment
from ..conversation.enclosures import left_behind
from ..conversation.messages import Message
from ..conversation.question import Question, Rendering, Task, last_words
from ..conversation.usage import CHARS_PER_TOKEN, estimate
from ..emulation.calls import ToolSieve
from ..emulation.forms import CallForm
from ..emulation.reading import CallReader
from ..emulation.tools_text import ToolTexts
from .plain_requests import with_requests
from .prompt import TRANSCRIPT_NAME, Prompt, fit_prompt
from .tool_prompt import fit_tool_prompt

__all__ = ["LongTexts", "WebRendering", "render_question"]


@frozen
class LongTexts:
    """The treatment of long conversations.

    :ivar most_chars: characters of the longest conversation that is sent as a message.
    :ivar refused: whether a longer one is refused; else it is sent as a file.
    """

    most_chars: int = 100_000
    refused: bool = False


@frozen
class WebRendering(Rendering):
    """A question in the words of Grok's web chat.

    :ivar message: the payload's ``message``; of a video, its words and perhaps a mode.
    :ivar form: the form in which calls of the client's tools are written; None without tools.
    """

    message: str = field(default="", repr=False)
    form: CallForm | None = None

    def call_reader(self) -> CallReader | None:
        """A reader of the calls in one answer; None without tools."""
        if self.form is None:
            return None
        return ToolSieve(
            self.question.toolbox,
            self.form,
            self.question.repair,
            text_in_form=self.question.bounds.text_format is not None,
        )


@frozen
class _Words:
    """The words of a question, and the form of calls in its answer."""

    prompt: Prompt
    form: CallForm | None = None

    note: str = ""


def render_question(
    question: Question, long_texts: LongTexts, tool_texts: ToolTexts
) -> WebRendering:
    """The words and files of *question*.

    :raises ContextLengthExceeded: if the conversation is too long.
    """
    words = _words(question, long_texts.most_chars, tool_texts)
    prompt = words.prompt
    transcript: tuple[Attachment, ...] = ()
    if prompt.transcript:
        _check_length(prompt, long_texts)
        transcript = (text_attachment(prompt.transcript, TRANSCRIPT_NAME, "messages"),)
    return WebRendering(
        question,
        (*transcript, *question.enclosed.attachments),
        _ignored(question),
        bool(transcript),
        _tokens(prompt),
        words.note,
        message=prompt.message,
        form=words.form,
    )


def _words(question: Question, most_chars: int, tool_texts: ToolTexts) -> _Words:
    if question.model.video:
        words = next((message.text for message in last_words(question.messages)), "")
        return _Words(Prompt(words))
    if question.task is Task.PICTURES:
        return _Words(Prompt(_picture_words(question.messages[-1])))
    if question.toolbox.in_play:
        found = fit_tool_prompt(question, tool_texts, most_chars)
        return _Words(found.prompt, found.form, found.note)
    return _Words(fit_prompt(with_requests(question), most_chars, question.enclosed.paths))


def _check_length(prompt: Prompt, long_texts: LongTexts) -> None:
    if long_texts.refused:
        raise ContextLengthExceeded(
            f"The conversation is longer than the {long_texts.most_chars} characters of [grok] "
            "long_context_chars.",
            excess=_excess(prompt, long_texts.most_chars),
        )


def _excess(prompt: Prompt, most_chars: int) -> tuple[int, int]:
    """Estimates of the conversation's tokens, and of the most that a message holds."""
    most = most_chars // CHARS_PER_TOKEN
    return max(_tokens(prompt), most + 1), most


def _tokens(prompt: Prompt) -> int:
    """An estimate of all words that are sent, also of those in the file: clients shorten a
    conversation by this number.
    """
    return estimate(prompt.message) + estimate(prompt.transcript)


def _picture_words(message: Message) -> str:
    pictures = len(message.attachments)
    if not pictures:
        return f"Drawing: {message.text}"
    return f"Edit the attached image{'s' if pictures > 1 else ''}: {message.text}"


def _ignored(question: Question) -> frozenset[str]:
    behind = left_behind(question.messages, question.enclosed.paths)
    return frozenset({*behind, *_unheard(question), *question.extras.names})


def _unheard(question: Question) -> list[str]:
    """The name of the messages that are left out of a request for a video, if there are any."""
    if not question.model.video or _turns(last_words(question.messages)) == _turns(
        question.messages
    ):
        return []
    return ["earlier_messages"]


def _turns(messages: Sequence[Message]) -> int:
    return sum(not message.empty for message in messages)
