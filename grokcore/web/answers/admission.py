"""Admission of requests that ask Grok: limits of keys and streams, the model, the attachments, and
the response headers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

import trio

from ...config import Config, EarlierPictures
from ...errors import (
    GrokApiError,
    ModelNotAllowed,
    ModeNotIncluded,
    NoTokens,
    NoValidTokens,
    Overloaded,
    RateLimitExceeded,
    ShuttingDown,
)
from ...protocol.conversation.attachment_part import AttachmentPart
from ...protocol.conversation.attachments import Attachment
from ...protocol.conversation.enclosures import MOST_EARLIER, Enclosed, find_enclosures
from ...protocol.conversation.messages import Message
from ...protocol.conversation.question import Question
from ...protocol.models import LaneName, Model, find_model
from ...protocol.pool.book import Need
from ...runtime.attachments.loading import load_attachments, load_enclosures
from ...runtime.completion.gateway import Completion
from ..edge.lifetime import Lifetime
from ..model_list import names_served
from ..services import Services
from .choices import AnyCompletion, Choices
from .limit_headers import limit_headers

__all__ = [
    "attached",
    "brought",
    "chosen_model",
    "described",
    "most_body_bytes",
    "open_choices",
    "open_completion",
    "require_served",
]


def most_body_bytes(config: Config) -> int:
    """Largest size of a request's body, in bytes."""
    return int(config.server.max_body_mb * 1024 * 1024)


def chosen_model(
    services: Services,
    name: str,
    lifetime: Lifetime,
    *,
    suggest: Callable[[Model], bool] = lambda _: True,
    unlisted: bool = False,
) -> Model:
    """The model that a request names.

    :param suggest: returns whether an error may suggest a model. Routes that refuse some models
        don't suggest them.
    :param unlisted: whether it may be one that xAI has not listed, as no list could be had yet.
    :raises ModelNotFound: if there is no such model.
    :raises ModelNotAllowed: if this key may not use it.
    """
    models = services.models
    if name not in models:  # suggest only models that this key may use
        models = {
            candidate: model
            for candidate, model in models.items()
            if lifetime.caller.may_use(candidate) and suggest(model)
        }
        models |= services.unlisted(name, lifetime.caller.lanes) if unlisted else {}
    model = find_model(models, name)
    lifetime.trace.model = model.name
    lifetime.caller.require_model(model.name)
    return model


def require_served(
    services: Services,
    model: Model,
    lifetime: Lifetime,
    lanes: frozenset[LaneName] = frozenset(LaneName),
) -> None:
    """Check that a lane may be asked for *model*, before anything is fetched for it.

    :param lanes: those that could answer such a question.
    :raises ModelNotAllowed: if only lanes may that this key may not use.
    :raises NoTokens: if none may; the message names the models that may be asked for.
    :raises NoValidTokens: if Grok has refused the credentials of all that may.
    """
    lending, caller = services.gateway.lending, lifetime.caller
    if lending.serves(model, caller.lanes & lanes):
        return
    if lending.serves(model, lanes) and not (model.on_web and LaneName.WEB in caller.lanes):
        raise _not_for_key(services, model, lifetime)
    need = Need(model, asker=caller.name, lanes=caller.lanes & lanes)
    error = lending.hopeless(need, trio.current_time())
    if error is not None:  # else an account is on trial, and the question will show
        lifetime.headers["x-grok2api-attempts"] = "0"
        _name_others(services, error, lifetime)
        raise error


def _not_for_key(services: Services, model: Model, lifetime: Lifetime) -> ModelNotAllowed:
    lanes, name = lifetime.caller.lanes, lifetime.caller.name
    allowed = ", ".join(lane.value for lane in LaneName if lane in lanes)
    names = ", ".join(names_served(services, lifetime)) or "none at the moment"
    return ModelNotAllowed(
        f"The key {name!r} may not use {model.name}: its lanes are {allowed}, and the model needs "
        f"another one. Models that it may use: {names}.",
        param="model",
    )


def _name_others(services: Services, error: GrokApiError, lifetime: Lifetime) -> None:
    names = names_served(services, lifetime)
    if names:
        error.amend(advice=f"This server can be asked for: {', '.join(names)}.")


async def attached(
    services: Services, parts: Sequence[AttachmentPart], lifetime: Lifetime
) -> tuple[Attachment, ...]:
    """The pictures and files of a request. Capacity is checked before anything is fetched.

    :raises GrokApiError: if no further answer can be opened, or a picture or file can't be loaded.
    """
    _refuse_more(services)
    return await load_attachments(parts, services.fetcher(lifetime.caller.name))


async def brought(services: Services, messages: Sequence[Message], lifetime: Lifetime) -> Enclosed:
    """The pictures and files that are uploaded with a conversation.

    :raises GrokApiError: as :func:`attached`, for attachments of the user's last message.
    """
    _refuse_more(services)
    earlier = (
        MOST_EARLIER if services.state.config.grok.earlier_pictures is EarlierPictures.ATTACH else 0
    )
    return await load_enclosures(
        find_enclosures(messages), services.fetcher(lifetime.caller.name), earlier=earlier
    )


async def open_completion(services: Services, question: Question, lifetime: Lifetime) -> Completion:
    """A completion that belongs to this request and is closed with it.

    :raises GrokApiError: if the question can't be asked, or no further answer can be opened.
    """
    [completion] = await _open_completions(services, question, lifetime, 1)
    lifetime.trace.completion = completion
    lifetime.on_end(completion.aclose)
    return completion


async def open_choices(
    services: Services, question: Question, lifetime: Lifetime, choices: int
) -> Choices:
    """Open *choices* answers to one question, to be used like one.

    :raises GrokApiError: as :func:`open_completion`.
    """
    completions = await _open_completions(services, question, lifetime, choices)
    together = Choices(completions, lifetime.nursery)
    lifetime.trace.completion = together
    lifetime.on_end(together.aclose)
    return together


async def _open_completions(
    services: Services, question: Question, lifetime: Lifetime, count: int
) -> list[Completion]:
    asked = await services.gateway.rendered(question)
    _refuse_more(services, count)
    return [
        services.gateway.completion(asked, lifetime.accepted, lifetime.request_id)
        for _ in range(count)
    ]


@contextlib.contextmanager
def described(
    services: Services,
    completion: AnyCompletion,
    lifetime: Lifetime,
    ignored: Callable[[Collection[str]], Collection[str]],
) -> Iterator[None]:
    """Write into the response headers, when the block ends, also with an error: names of fields
    without effect, the attempts, and the remaining allowance.

    :param ignored: returns all names, given those of parts that could not be passed on to Grok.
    """
    refused: RateLimitExceeded | None = None
    try:
        yield
    except RateLimitExceeded as error:
        refused = error
        raise
    except (NoTokens, NoValidTokens, ModeNotIncluded) as error:
        if not services.gateway.lending.serves(completion.model, lifetime.caller.lanes):
            _name_others(services, error, lifetime)
        raise
    finally:
        names = ignored(completion.ignored)
        if names:
            lifetime.headers["x-grok2api-ignored"] = ", ".join(names)
        _describe(services, completion, lifetime, refused)


def _describe(
    services: Services,
    completion: AnyCompletion,
    lifetime: Lifetime,
    refused: RateLimitExceeded | None,
) -> None:
    """Write the headers. A key with limits gets no figures of the owner's tokens; its own figures
    were written by :func:`~grokcore.web.answers.key_use.begin_asking`.
    """
    manner = completion.manner
    if manner.in_file:
        lifetime.headers["x-grok2api-long-context"] = "file"
    if manner.tools_note:
        lifetime.headers["x-grok2api-tools"] = manner.tools_note
    lifetime.headers["x-grok2api-usage"] = "reported" if manner.counts else "estimated"
    lifetime.headers["x-grok2api-lane"] = manner.lane.value
    lifetime.headers["x-grok2api-attempts"] = str(completion.attempts)
    if lifetime.caller.allowance is not None:
        return
    if completion.token_id:
        lifetime.headers["x-grok2api-token"] = completion.token_id
    lifetime.headers.update(limit_headers(services.gateway, completion.model, refused))


def _refuse_more(services: Services, wanted: int = 1) -> None:
    if services.state.draining:
        raise ShuttingDown("The server is stopping.")
    if services.gateway.open_count + wanted > services.state.config.server.max_streams:
        raise Overloaded(
            "The server has as many answers under way as [server] max_streams allows.",
            retry_after=1,
        )
