"""From a chat request to the question that Grok is asked: its prompt, what goes up with it, and
what has no effect.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

from attrs import frozen

from ..config import Config, LongContext
from ..errors import ContextLengthExceeded
from ..protocol.conversation.attachments import text_attachment
from ..protocol.conversation.enclosures import left_behind
from ..protocol.conversation.messages import Message
from ..protocol.conversation.question import Question
from ..protocol.dialects.openai_chat.request import ChatRequest, header_names, last_words
from ..protocol.grok_web.prompt import TRANSCRIPT_NAME, Prompt, fit_prompt
from ..protocol.models import Model
from ..runtime.attachments.loading import Brought
from ..runtime.threads import in_thread
from .admission import Services, brought
from .edge import Lifetime

__all__ = ["chat_question"]


async def chat_question(
    services: Services, chat: ChatRequest, model: Model, lifetime: Lifetime
) -> Question:
    """The question of *chat*, with the pictures and files that go up.

    :raises GrokApiError: there is no room for another answer, the conversation is too long, or a
        picture or file of the user's last message can't be had.
    """
    messages = last_words(chat.messages) if model.video else chat.messages
    enclosed = await brought(services, messages, lifetime)
    writer = _Writer(chat, model, services.state.config, messages, lifetime.caller.name)
    question = (
        await in_thread(lambda: writer.write(enclosed))
        if writer.has_much_to_write
        else writer.write(enclosed)
    )
    if any(one.name == TRANSCRIPT_NAME and one.path == "messages" for one in question.attachments):
        lifetime.headers["x-grok2api-long-context"] = "file"
    return question


MUCH_CHARS = 1024 * 1024
"""Of a conversation that is written in some 20 ms."""

MESSAGE_CHARS = 1024
"""What a message costs beside its text, and what a part does, in characters."""


@frozen
class _Writer:
    """Writes a question, and writes it anew if something does not go up after all.

    :ivar messages: those that the model gets to hear.
    """

    chat: ChatRequest
    model: Model
    config: Config
    messages: Sequence[Message]
    asker: str

    @property
    def has_much_to_write(self) -> bool:
        """Whether all other answers would wait for it."""
        chars = sum(len(message.text) for message in self.messages)
        return chars > MUCH_CHARS or len(self.messages) > MUCH_CHARS // MESSAGE_CHARS

    def write(self, enclosed: Brought) -> Question:
        """:raises ContextLengthExceeded: if the conversation is too long."""
        chat, model = self.chat, self.model
        assert model.limits is not None, "a configuration's table has its clocks resolved"
        prompt = Prompt(chat.question) if model.video else self._prompt(enclosed.paths)
        attachments = enclosed.attachments
        if prompt.transcript:
            attachments = (
                text_attachment(prompt.transcript, TRANSCRIPT_NAME, "messages"),
                *attachments,
            )
        return Question(
            model,
            model.limits,
            prompt.message,
            attachments,
            search=chat.search,
            asker=self.asker,
            ignored=header_names(
                {*chat.ignored, *left_behind(chat.messages, enclosed.paths), *self._unheard()}
            ),
            spare=enclosed.spare,
            without=functools.partial(self._write_without, enclosed) if enclosed.spare else None,
        )

    def _write_without(self, enclosed: Brought, paths: Collection[str]) -> Question:
        return self.write(enclosed.without(paths))

    def _prompt(self, up: Collection[str]) -> Prompt:
        most = self.config.grok.long_context_chars
        prompt = fit_prompt(self.chat.messages, most, up)
        if prompt.transcript and self.config.grok.long_context is LongContext.ERROR:
            raise ContextLengthExceeded(
                f"The conversation is longer than the {most} characters of [grok] "
                "long_context_chars."
            )
        return prompt

    def _unheard(self) -> list[str]:
        """What a video model does not get to hear, named for the response header."""
        heard = sum(not message.empty for message in self.messages)
        return (
            []
            if heard == sum(not message.empty for message in self.chat.messages)
            else ["earlier_messages"]
        )
