"""``/v1/chat/completions``: how a conversation becomes a question to Grok."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import field, frozen
from quart import request

from ..config import Config, LongContext
from ..errors import ContextLengthExceeded
from ..protocol.conversation.attachments import text_attachment
from ..protocol.conversation.enclosures import left_behind
from ..protocol.conversation.messages import Message
from ..protocol.conversation.question import Question
from ..protocol.dialects.openai_chat.dialect import ChatDialect
from ..protocol.dialects.openai_chat.request import ChatRequest, header_names, last_words
from ..protocol.dialects.openai_chat.writers import AnswerWriter
from ..protocol.grok_web.prompt import TRANSCRIPT_NAME, Prompt, fit_prompt
from ..runtime.completion.gateway import Completion
from .admission import Services, brought, chosen_model, open_completion
from .delivery import Delivery
from .edge import Lifetime

__all__ = ["ChatRoute"]


@frozen
class ChatRoute:
    """See :class:`~grokcore.web.answering.AskingRoute`."""

    dialect: ChatDialect = field(factory=ChatDialect)

    async def open(self, services: Services, asked: ChatRequest, lifetime: Lifetime) -> Completion:
        """A completion for the conversation, as a transcript in a file if it is too long for a prompt."""
        lifetime.trace.stream = asked.stream
        model = chosen_model(services, asked.model, lifetime)
        assert model.limits is not None, "a configuration's table has its clocks resolved"
        messages = last_words(asked.messages) if model.video else asked.messages
        enclosed = await brought(services, messages, lifetime)
        prompt = Prompt(asked.question) if model.video else _prompt(asked, services.state.config, enclosed.paths)
        attachments = enclosed.attachments
        if prompt.transcript:
            attachments = (text_attachment(prompt.transcript, TRANSCRIPT_NAME, "messages"), *attachments)
            lifetime.headers["x-grok2api-long-context"] = "file"
        question = Question(model, model.limits, prompt.message, attachments, search=asked.search)
        ignored = {*asked.ignored, *left_behind(asked.messages, enclosed.paths), *_unheard(asked, messages)}
        return open_completion(services, question, lifetime, header_names(ignored))

    def delivery(self, services: Services) -> Delivery | None:
        """As ``[grok] image_mode`` has it."""
        return services.deliveries.of_answer(services.state.config, request.scope)

    async def finish(
        self, services: Services, asked: ChatRequest, collector: AnswerWriter, completion: Completion
    ) -> None:
        """Nothing is left to do: media were delivered with their events."""


def _unheard(chat: ChatRequest, messages: Sequence[Message]) -> list[str]:
    """What a video model does not get to hear, named for the response header."""
    heard = sum(not message.empty for message in messages)
    return [] if heard == sum(not message.empty for message in chat.messages) else ["earlier_messages"]


def _prompt(chat: ChatRequest, config: Config, up: Collection[str]) -> Prompt:
    most = config.grok.long_context_chars
    prompt = fit_prompt(chat.messages, most, up)
    if prompt.transcript and config.grok.long_context is LongContext.ERROR:
        raise ContextLengthExceeded(
            f"The conversation is longer than the {most} characters of [grok] long_context_chars."
        )
    return prompt
