"""From a request in any dialect to its question and completion, with the contents of pictures and
files.
"""

from __future__ import annotations

from ...errors import ContextLengthExceeded
from ...protocol.conversation.bounds import Bounds
from ...protocol.conversation.enclosures import Enclosed
from ...protocol.conversation.question import Question, last_words
from ...protocol.conversation.tools import Toolbox
from ...protocol.dialects.ask import Ask
from ...protocol.models import LaneName, Model
from ..edge.lifetime import Lifetime
from ..services import Services
from .admission import (
    brought,
    chosen_model,
    open_choices,
    open_completion,
    require_served,
)
from .choices import AnyCompletion
from .key_use import begin_asking

__all__ = ["answering_lanes", "open_answer", "question_of", "token_count"]


async def open_answer(services: Services, ask: Ask, lifetime: Lifetime) -> AnyCompletion:
    """A completion for a conversation, or as many as there are choices, to be used like one. Each
    counts as a request of the key. A conversation that is too long for a prompt is uploaded as a
    text file.

    :raises GrokApiError: if the request can't be served.
    """
    if ask.choices == 1:
        return await open_completion(services, await _admitted(services, ask, lifetime), lifetime)
    begin_asking(services, lifetime, ask.choices)
    question = await _admitted(services, ask, lifetime)
    return await open_choices(services, question, lifetime, ask.choices)


async def _admitted(services: Services, ask: Ask, lifetime: Lifetime) -> Question:
    lifetime.trace.stream = ask.stream
    model = chosen_model(services, ask.model, lifetime, unlisted=True)
    require_served(services, model, lifetime, answering_lanes(model))
    return await question_of(services, ask, model, lifetime)


async def token_count(services: Services, ask: Ask, lifetime: Lifetime) -> int:
    """An estimate of the words of *ask* as they would be sent, also where they are too many. Grok
    is not asked, and no picture or file is fetched.

    :raises GrokApiError: if the request can't be served.
    """
    model = chosen_model(services, ask.model, lifetime, unlisted=True)
    try:
        question = _question(ask, model, Enclosed(), lifetime)
        return (await services.gateway.rendered(question)).rendering.prompt_tokens
    except ContextLengthExceeded as error:
        if error.excess is None:
            raise
        return error.excess[0]


async def question_of(services: Services, ask: Ask, model: Model, lifetime: Lifetime) -> Question:
    """The question of *ask*. A video is made of the user's last words: nothing else is fetched.

    :raises GrokApiError: if there is no room for another answer, or a picture or file of the user's
        last message can't be had.
    """
    heard = last_words(ask.messages) if model.video else ask.messages
    return _question(ask, model, await brought(services, heard, lifetime), lifetime)


def answering_lanes(model: Model) -> frozenset[LaneName]:
    """The lanes that can answer a conversation with *model*: grok.com alone makes a video of it."""
    return frozenset({LaneName.WEB} if model.video else LaneName)


def _question(ask: Ask, model: Model, enclosed: Enclosed, lifetime: Lifetime) -> Question:
    assert model.limits is not None, "a configuration's table has its clocks resolved"
    # A link to a video is no JSON: a check of its form would have a second video made, in vain.
    toolbox, bounds = (Toolbox(), Bounds()) if model.video else (ask.toolbox, ask.bounds)
    return Question(
        model,
        model.limits,
        ask.messages,
        enclosed,
        search=ask.search,
        toolbox=toolbox,
        bounds=bounds,
        extras=ask.extras,
        asker=lifetime.caller.name,
        lanes=lifetime.caller.lanes & answering_lanes(model),
    )
