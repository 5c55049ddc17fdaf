"""``/openapi.json``: the description of this server for programs (OpenAPI 3.1).

Routes and schemas are written by hand in the file ``openapi.json`` beside this module. This module
adds the rest: version and address, the current models, whether a key is needed, and for each route
its errors and the headers of all its responses. Tests compare the result with the routes and with
real responses.
"""

from __future__ import annotations

import importlib.resources
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from quart import Response, request
from quart_trio import QuartTrio

from .. import __version__, errors
from ..errors import GrokApiError
from ..protocol.dialects.error_forms import (
    ErrorForm,
    anthropic_form,
    openai_form,
    responses_form,
)
from ..protocol.models import Model
from .edge.lifetime import current_lifetime
from .edge.public_url import public_base
from .responses import json_response
from .services import Services

__all__ = ["ERRORS", "add_openapi_route", "build_document"]

Object: TypeAlias = dict[str, Any]

_ANYWHERE = (errors.InvalidRequest, errors.HostNotAllowed, errors.InternalError)
_KEYED = (*_ANYWHERE, errors.InvalidApiKey)
_OWNED = (*_KEYED, errors.PermissionDenied)
_EDITING = (*_OWNED, errors.OriginNotAllowed, errors.RequestTooLarge, errors.UnsupportedEncoding)
_ASKING = (
    *_KEYED,
    errors.OriginNotAllowed,
    errors.KeyLimitExceeded,
    errors.ModelNotFound,
    errors.ModelNotAllowed,
    errors.RequestTooLarge,
    errors.UnsupportedEncoding,
    errors.AttachmentRefused,
    errors.ContentPolicyViolation,
    errors.ContextLengthExceeded,
    errors.NoTokens,
    errors.NoValidTokens,
    errors.RateLimitExceeded,
    errors.Overloaded,
    errors.SharedPoolUnreachable,
    errors.ShuttingDown,
    errors.Challenge,
    errors.AntiBotRefusal,
    errors.UpstreamRefused,
    errors.UpstreamFailure,
    errors.UploadFailed,
    errors.EmptyAnswer,
    errors.IncompleteAnswer,
    errors.UpstreamOverloaded,
    errors.TimeoutFirstResponse,
    errors.TimeoutChunk,
    errors.TimeoutTotal,
)

_ASKING_FOR_WORDS = (*_ASKING, errors.ToolCallFailed, errors.InvalidStructuredOutput)
_REFERRING = (errors.PreviousResponseNotFound, errors.ItemNotFound)
_FILMING = (*_ASKING, errors.PermissionDenied, errors.NotImplementedHere)
_FILMED = (
    *_KEYED,
    errors.PermissionDenied,
    errors.NotImplementedHere,
    errors.VideoNotFound,
    errors.OfficialCredentialRejected,
    errors.Challenge,
    errors.UpstreamRefused,
    errors.UpstreamFailure,
    errors.UpstreamOverloaded,
    errors.TimeoutTotal,
)
_KEPT = (*_KEYED, errors.ResponseNotFound)
_COUNTING = (
    *_KEYED,
    errors.OriginNotAllowed,
    errors.ModelNotFound,
    errors.ModelNotAllowed,
    errors.RequestTooLarge,
    errors.UnsupportedEncoding,
    errors.AttachmentRefused,
    errors.ContextLengthExceeded,
)

ERRORS: Mapping[str, tuple[type[GrokApiError], ...]] = {
    "createChatCompletion": (*_ASKING_FOR_WORDS, *_REFERRING),
    "createResponse": (*_ASKING_FOR_WORDS, *_REFERRING),
    "countResponseTokens": (*_COUNTING, *_REFERRING),
    "compactResponse": (*_KEYED, errors.OriginNotAllowed, errors.UnknownUrl),
    "getResponse": _KEPT,
    "deleteResponse": (*_KEPT, errors.OriginNotAllowed),
    "listResponseInputItems": _KEPT,
    "cancelResponse": (*_KEPT, errors.OriginNotAllowed),
    # Moderated questions are answered with a refusal.
    "createMessage": tuple(
        leaf for leaf in _ASKING_FOR_WORDS if leaf is not errors.ContentPolicyViolation
    ),
    "countMessageTokens": _COUNTING,
    "createImage": _ASKING,
    "createImageEdit": _ASKING,
    "createVideo": _FILMING,
    "generateVideo": _FILMING,
    "editVideo": _FILMING,
    "extendVideo": _FILMING,
    "getVideo": _FILMED,
    "getVideoContent": (*_FILMED, errors.VideoNotReady, errors.ContentPolicyViolation),
    "listModels": _KEYED,
    # UnknownUrl: a name with a line end leads to no route.
    "retrieveModel": (*_KEYED, errors.ModelNotFound, errors.ModelNotAllowed, errors.UnknownUrl),
    "getUsage": _KEYED,
    "getHealth": _ANYWHERE,
    "getReadiness": _ANYWHERE,
    "getMetrics": _OWNED,
    "getMedia": (*_ANYWHERE, errors.UnknownUrl),
    "getDescription": _KEYED,
    "getStatusPage": _ANYWHERE,
    "getStatus": _OWNED,
    "getStatusHistory": (*_OWNED, errors.Overloaded),
    "watchStatus": (*_OWNED, errors.Overloaded, errors.OriginNotAllowed),
    "createStatusTicket": (*_OWNED, errors.OriginNotAllowed),
    "addToken": _EDITING,
    "replaceToken": (*_EDITING, errors.UnknownUrl),
    "removeToken": (*_EDITING, errors.UnknownUrl),
    "takeBrowserValues": _EDITING,
    "actOnToken": (*_OWNED, errors.OriginNotAllowed, errors.UnknownUrl),
}
"""Errors by operation. Each operation needs an entry."""

_ASKED = (
    "server-timing",
    "x-grok2api-attempts",
    "x-grok2api-token",
    "x-grok2api-usage",
    "x-grok2api-lane",
    "x-grok2api-ignored",
    *(
        f"x-ratelimit-{what}-{of}"
        for of in ("requests", "tokens")
        for what in ("limit", "remaining", "reset")
    ),
)

_ASKED_FOR_WORDS = (*_ASKED, "x-grok2api-long-context", "x-grok2api-tools")

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "createChatCompletion": _ASKED_FOR_WORDS,
    "createResponse": _ASKED_FOR_WORDS,
    "createMessage": (*_ASKED_FOR_WORDS, "request-id"),
    "countMessageTokens": ("request-id",),
    "createImage": _ASKED,
    "createImageEdit": _ASKED,
    **dict.fromkeys(("createVideo", "generateVideo", "editVideo", "extendVideo"), _ASKED),
    **dict.fromkeys(("getVideo", "getVideoContent"), ("x-grok2api-lane",)),
}
"""Headers of all responses of an operation, beside ``x-request-id``."""

_FORMS: Mapping[str, ErrorForm] = {
    **dict.fromkeys(
        (
            "createResponse",
            "countResponseTokens",
            "compactResponse",
            "getResponse",
            "deleteResponse",
            "listResponseInputItems",
            "cancelResponse",
        ),
        responses_form,
    ),
    **dict.fromkeys(("createMessage", "countMessageTokens"), anthropic_form),
}
"""The forms of errors, with their statuses; OpenAI's of the chat API for all other operations."""

_NO_CODE = "`null`: The request is not valid. `param` names the field at fault, if there is one."


def add_openapi_route(app: QuartTrio, services: Services) -> None:
    """Add ``/openapi.json``."""
    text = (importlib.resources.files(__package__) / "openapi.json").read_bytes()
    packed = zlib.compress(text)  # 23 kB instead of 142
    state = services.state

    @app.get("/openapi.json")
    async def description() -> Response:
        may_use = current_lifetime().caller.may_use
        return json_response(
            build_document(
                zlib.decompress(packed),
                base_url=public_base(state.config.server, request.scope),
                models=[model for model in state.config.models.values() if may_use(model.name)],
                keyed=not state.keys.empty,
            )
        )


def build_document(
    template: bytes, *, base_url: str, models: Sequence[Model], keyed: bool
) -> Object:
    """The complete document.

    :param template: the content of the file ``openapi.json``.
    :param base_url: this server's address, without ``/v1``.
    :param models: the models that the client may use.
    :param keyed: whether the server asks for an API key.
    """
    document: Object = orjson.loads(template)
    document["info"]["version"] = __version__
    document["servers"] = [{"url": f"{base_url}/v1"}]
    _fill_models(document, models)
    for operation in _operations(document):
        _fill_responses(operation, document["components"]["responses"])
    refused = _refusal([errors.MethodNotAllowed], ("x-request-id", "allow"))
    document["components"]["responses"][str(errors.MethodNotAllowed.status)] = refused
    absent = _refusal([errors.NotImplementedHere], ("x-request-id",))
    document["components"]["responses"][str(errors.NotImplementedHere.status)] = absent
    if not keyed:
        for place in (document, *_operations(document)):
            if place.get("security"):
                place["security"].insert(0, {})  # no key is allowed, too
    return document


def _operations(document: Object) -> Iterator[Object]:
    for path in document["paths"].values():
        yield from path.values()


# Models -----------------------------------------------------------------------------------------


def _fill_models(document: Object, models: Sequence[Model]) -> None:
    # Late, since a server does without its memory until the document or a picture is asked for.
    from ..protocol.dialects.openai_images.request import ALIAS_PATTERN

    names = [model.name for model in models]
    if not names:
        return
    schemas = document["components"]["schemas"]
    schemas["ModelName"]["enum"] = names
    drawing = [model.name for model in models if not model.video]
    aliases = {"type": "string", "pattern": ALIAS_PATTERN, "not": {"enum": names}}
    schemas["ImageModelName"]["anyOf"] = [{"enum": [*drawing, "", None]}, aliases]
    for example in _examples(document):
        if example.get("model", names[0]) not in names:
            example["model"] = names[0]


def _examples(document: Object) -> Iterator[Object]:
    for operation in _operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            yield from (example["value"] for example in media.get("examples", {}).values())


# Responses --------------------------------------------------------------------------------------


def _fill_responses(operation: Object, shared: Mapping[str, Object]) -> None:
    """Add the operation's errors, and to each response the operation's common headers."""
    name = operation["operationId"]
    headers = ("x-request-id", *_HEADERS.get(name, ()))
    responses = {
        status: _whole(response, shared) for status, response in operation["responses"].items()
    }
    for response in responses.values():
        response["headers"] = {**_header_refs(headers), **response.get("headers", {})}
    form = _FORMS.get(name, openai_form)
    by_status: dict[int, list[type[GrokApiError]]] = {}
    for leaf in ERRORS[name]:
        by_status.setdefault(form(leaf(""), "").status, []).append(leaf)
    schema = "MessageError" if form is anthropic_form else "Error"
    for status, leaves in by_status.items():
        responses[str(status)] = _refusal(leaves, headers, schema)
    operation["responses"] = dict(sorted(responses.items()))


def _whole(response: Object, shared: Mapping[str, Object]) -> Object:
    """A copy of the response, or of the shared response that it refers to. Headers are added to the
    copy, for one operation only.
    """
    name = response.get("$ref", "").rpartition("/")[2]
    return dict(shared[name] if name else response)


def _refusal(
    leaves: Sequence[type[GrokApiError]], headers: Iterable[str], name: str = "Error"
) -> Object:
    """The response with one status, for one or several errors.

    :param name: of the schema.
    """
    schema: Object = {"$ref": f"#/components/schemas/{name}"}
    if name == "Error":
        codes = {"code": {"enum": [leaf.code for leaf in leaves]}}
        schema["properties"] = {"error": {"properties": codes}}
    return {
        "description": "\n".join(f"* {_described(leaf)}" for leaf in leaves),
        "headers": _header_refs((*headers, "x-should-retry", "retry-after")),
        "content": {"application/json": {"schema": schema}},
    }


def _described(leaf: type[GrokApiError]) -> str:
    """A line on an error, from its class's docstring (which ``python -OO`` removes)."""
    if leaf.code is None:
        return _NO_CODE
    words = " ".join((leaf.__doc__ or "").replace("``", "`").split())
    return f"`{leaf.code}`: {words}" if words else f"`{leaf.code}`"


def _header_refs(names: Iterable[str]) -> Object:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
