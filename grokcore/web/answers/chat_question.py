"""From a chat request to its question, with the contents of pictures and files."""

from __future__ import annotations

from ...protocol.conversation.question import Question, last_words
from ...protocol.dialects.openai_chat.request import ChatRequest
from ...protocol.models import Model
from ..edge.lifetime import Lifetime
from ..services import Services
from .admission import brought

__all__ = ["chat_question"]


async def chat_question(
    services: Services, chat: ChatRequest, model: Model, lifetime: Lifetime
) -> Question:
    """The question of *chat*. A video is made of the user's last words: nothing else is fetched.

    :raises GrokApiError: if there is no room for another answer, or a picture or file of the user's
        last message can't be had.
    """
    assert model.limits is not None, "a configuration's table has its clocks resolved"
    heard = last_words(chat.messages) if model.video else chat.messages
    return Question(
        model,
        model.limits,
        chat.messages,
        await brought(services, heard, lifetime),
        search=chat.search,
        asker=lifetime.caller.name,
    )
