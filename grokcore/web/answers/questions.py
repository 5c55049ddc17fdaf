"""From a request in any dialect to its question and completion, with the contents of pictures and
files.
"""

from __future__ import annotations

from ...protocol.conversation.question import Question, last_words
from ...protocol.dialects.ask import Ask
from ...protocol.models import Model
from ...runtime.completion.gateway import Completion
from ..edge.lifetime import Lifetime
from ..services import Services
from .admission import (
    begin_asking,
    brought,
    chosen_model,
    open_choices,
    open_completion,
    require_served,
)
from .choices import AnyCompletion

__all__ = ["open_answer", "open_answers", "question_of"]


async def open_answer(services: Services, ask: Ask, lifetime: Lifetime) -> Completion:
    """A completion for a conversation. One that is too long for a prompt is uploaded as a text
    file.

    :raises GrokApiError: if the request can't be served.
    """
    question = await _admitted(services, ask, lifetime)
    return await open_completion(services, question, lifetime)


async def open_answers(
    services: Services, ask: Ask, lifetime: Lifetime, choices: int
) -> AnyCompletion:
    """So many answers to a conversation, each of which counts as a request of the key.

    :raises GrokApiError: if the request can't be served.
    """
    if choices == 1:
        return await open_answer(services, ask, lifetime)
    begin_asking(lifetime, choices)
    question = await _admitted(services, ask, lifetime)
    return await open_choices(services, question, lifetime, choices)


async def _admitted(services: Services, ask: Ask, lifetime: Lifetime) -> Question:
    lifetime.trace.stream = ask.stream
    model = chosen_model(services, ask.model, lifetime)
    require_served(services, model, lifetime)
    return await question_of(services, ask, model, lifetime)


async def question_of(services: Services, ask: Ask, model: Model, lifetime: Lifetime) -> Question:
    """The question of *ask*. A video is made of the user's last words: nothing else is fetched.

    :raises GrokApiError: if there is no room for another answer, or a picture or file of the user's
        last message can't be had.
    """
    assert model.limits is not None, "a configuration's table has its clocks resolved"
    heard = last_words(ask.messages) if model.video else ask.messages
    return Question(
        model,
        model.limits,
        ask.messages,
        await brought(services, heard, lifetime),
        search=ask.search,
        toolbox=ask.toolbox,
        bounds=ask.bounds,
        asker=lifetime.caller.name,
    )
