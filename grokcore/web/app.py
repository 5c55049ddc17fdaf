"""The routes, in a Quart app that a factory builds.

The handlers of Responses, Messages, pictures and videos are imported late, by their first request:
a server whose clients speak Chat Completions does without their memory.
"""

from __future__ import annotations

import logging

from quart import Response, request
from quart.routing import QuartRule
from quart.wrappers.base import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from ..config import Config
from ..errors import (
    GrokApiError,
    InternalError,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    RequestTooLarge,
)
from ..protocol.dialects.anthropic_errors import REQUEST_ID
from ..protocol.dialects.error_forms import error_form
from ..runtime.disk.media_cache import MediaCache
from .answers.admission import chosen_model, most_body_bytes
from .answers.answering import answer
from .answers.chat import ChatRoute
from .answers.masking import mask_settings
from .condition import reason_rows, status_word
from .dashboard import add_dashboard_routes
from .edge.auth import KeyRing
from .edge.lifetime import current_lifetime
from .edge.public_url import public_base
from .edge.quart_requests import RequestConnection
from .edge.wording import worded
from .health import health_report, public_reasons, public_report
from .media import media_response
from .model_list import model_list, model_object
from .observing.metrics import CONTENT_TYPE_LATEST, Metrics
from .openapi import add_openapi_route
from .responses import json_response
from .routes import MatchingRule, marks_of, route
from .services import Services
from .unknown_paths import unknown_url
from .usage import usage_report

__all__ = ["create_app"]

_log = logging.getLogger(__name__)


class _App(QuartTrio):
    """Quart with four changes.

    Requests have no tasks of Quart's.

    Routes don't depend on the Host header: for one like ``.x`` Werkzeug raises outside of any
    handler. OPTIONS without CORS gets a 204: some proxies and monitors report a 200 without a body
    as a fault. Rules are only matched (:class:`~grokcore.web.routes.MatchingRule`).
    """

    asgi_http_class = RequestConnection
    url_rule_class: type[QuartRule] = MatchingRule

    def create_url_adapter(self, request: BaseRequestWebsocket | None) -> MapAdapter | None:
        """An adapter for the method and the path."""
        if request is None:
            return super().create_url_adapter(request)
        return self.url_map.bind("localhost", default_method=request.method, path_info=request.path)

    async def make_default_options_response(self) -> Response:
        """The methods of a route, and no body."""
        response = await super().make_default_options_response()
        response.status_code = 204
        for name in ("content-type", "content-length"):
            response.headers.pop(name, None)
        return response


def create_app(services: Services, metrics: Metrics) -> QuartTrio:
    """The Quart app. Requests must come through :class:`grokcore.web.edge.asgi.Edge`."""
    app = _App(__name__, static_folder=None)
    app.config.update(
        # Quart's default would cut off every answer after 60 s, without an error.
        RESPONSE_TIMEOUT=None,
    )

    def limit_bodies(config: Config) -> None:
        app.config["MAX_CONTENT_LENGTH"] = most_body_bytes(config)

    limit_bodies(services.state.config)
    services.state.on_settings.append(limit_bodies)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    _add_hooks(app, services)
    _add_routes(app, services)
    _add_asking_routes(app, services)
    _add_video_routes(app, services)
    _add_messages_routes(app, services)
    _add_response_routes(app, services)
    _add_metrics_route(app, services, metrics)
    add_dashboard_routes(app, services)
    add_openapi_route(app, services)
    if services.deliveries.cache is not None:
        _add_media_route(app, services.deliveries.cache)
    return app


def _asked_path() -> str:
    """The path as the client wrote it, cut to fit into a message."""
    return request.scope["raw_path"].decode("latin-1")[:200]


# Errors and authentication ----------------------------------------------------------------------


def _add_hooks(app: QuartTrio, services: Services) -> None:
    @app.before_request
    async def authenticate() -> None:
        """Check the key before the body is read, and before an unknown route is reported."""
        services.state.wall.look()  # limits must count the time for which the machine slept
        about_a_route = request.method == "OPTIONS" and request.routing_exception is None
        marks = marks_of(app, request.endpoint)
        if marks.needs_key and not about_a_route:
            headers = {name.lower(): value for name, value in request.headers.items()}
            caller = services.state.keys.identify(headers)
            asks = marks.asks_grok and request.method == "POST"
            current_lifetime().identify(caller, asks=asks)

    @app.errorhandler(GrokApiError)
    async def on_refusal(error: GrokApiError) -> Response:
        mask_settings(error, services.state.config)
        return _error_response(error, services.state.config)

    @app.errorhandler(HTTPException)
    async def on_http_exception(error: HTTPException) -> Response:
        return _of_http_exception(error, services.state.config)

    @app.errorhandler(Exception)
    async def on_bug(error: Exception) -> Response:  # boundary: the request's
        kind = {"fold": ("bug", repr(error)[:200])}
        _log.error(
            "a bug failed request %s", current_lifetime().request_id, exc_info=error, extra=kind
        )
        return _error_response(
            InternalError("An internal error; the server's log has it under this request id."),
            services.state.config,
        )


def _error_response(error: GrokApiError, config: Config, status: int | None = None) -> Response:
    lifetime = current_lifetime()
    lifetime.trace.fail(error)
    about = worded(error, config.global_.language, lifetime.accept_language)
    form = lifetime.error_form or error_form(request.path)
    reply = form(error, lifetime.request_id)
    response = json_response(reply.body, status or reply.status)
    response.headers.extend([*reply.headers, *about])
    return response


def _of_http_exception(error: HTTPException, config: Config) -> Response:
    """The answer to an error of Quart's own, which would be an HTML page."""
    match error.code:
        case 404:
            base = public_base(config.server, request.scope)
            unknown = unknown_url(request.method, request.path, _asked_path(), base)
            return _error_response(unknown, config)
        case 405:
            methods = sorted(getattr(error, "valid_methods", None) or ())
            only = f", only {' and '.join(methods)}" if methods else ""
            response = _error_response(
                MethodNotAllowed(f"{_asked_path()} does not take {request.method}{only}."), config
            )
            response.headers["allow"] = ", ".join(methods)
            return response
        case 413:
            return _error_response(
                RequestTooLarge("The request body is larger than [server] max_body_mb allows."),
                config,
            )
        case _:
            return _error_response(InvalidRequest(error.name), config, error.code)


# Routes -----------------------------------------------------------------------------------------


def _add_routes(app: QuartTrio, services: Services) -> None:
    state = services.state

    @app.get("/models")
    async def list_models() -> Response:
        return json_response(model_list(services, current_lifetime()))

    @app.get("/models/<path:name>")
    async def show_model(name: str) -> Response:
        model = chosen_model(services, name, current_lifetime())
        return json_response(model_object(services, model, current_lifetime()))

    @app.get("/usage")
    async def show_usage() -> Response:
        await services.fellows.refresh()
        return json_response(usage_report(services, current_lifetime().caller))

    @route(app, "GET", "/health", needs_key=False)
    async def health() -> Response:
        """The report; without an owner's key, faults are described in fewer words, and money is
        left out.
        """
        await services.fellows.refresh()
        condition = services.condition()
        report = services.fellows.health(
            health_report(services.gateway, state, services.census, condition, services.shared)
        )
        return json_response(report if _is_owner(state.keys) else public_report(report))

    @route(app, "GET", "/ready", needs_key=False)
    async def ready() -> Response:
        """For load balancers: 503 while a model that was asked for lately can't be answered."""
        current_lifetime().trace.reports = True
        condition = services.condition()
        able = condition.ready and not state.draining
        report = {
            "ready": able,
            "status": status_word(condition, draining=state.draining),
            "reasons": public_reasons(reason_rows(condition)),
        }
        return json_response(report, 200 if able else 503)


def _is_owner(keys: KeyRing) -> bool:
    """Whether the request at hand has an owner's key."""
    try:
        caller = keys.identify({name.lower(): value for name, value in request.headers.items()})
    except InvalidApiKey:
        return False
    return not keys.empty and caller.allowance is None


def _add_asking_routes(app: QuartTrio, services: Services) -> None:
    @route(app, "POST", "/chat/completions", asks_grok=True)
    async def chat_completions() -> Response:
        return await answer(services, ChatRoute())

    @route(app, "POST", "/responses", asks_grok=True)
    async def responses() -> Response:
        from .answers.responses import ResponsesRoute

        return await answer(services, ResponsesRoute())

    @route(app, "POST", "/images/generations", asks_grok=True)
    async def image_generations() -> Response:
        from .answers.official_images import draw

        return await draw(services, editing=False)

    @route(app, "POST", "/images/edits", asks_grok=True)
    async def image_edits() -> Response:
        from .answers.official_images import draw

        return await draw(services, editing=True)


def _add_video_routes(app: QuartTrio, services: Services) -> None:
    @route(app, "POST", "/videos", asks_grok=True)
    async def create_video() -> Response:
        from ..protocol.dialects.openai_videos.request import VideoTask
        from .videos import begin_video

        return await begin_video(services, VideoTask.GENERATE)

    @route(app, "POST", "/videos/generations", asks_grok=True)
    async def video_generations() -> Response:
        from ..protocol.dialects.openai_videos.request import VideoTask
        from .videos import begin_video

        return await begin_video(services, VideoTask.GENERATE)

    @route(app, "POST", "/videos/edits", asks_grok=True)
    async def video_edits() -> Response:
        from ..protocol.dialects.openai_videos.request import VideoTask
        from .videos import begin_video

        return await begin_video(services, VideoTask.EDIT)

    @route(app, "POST", "/videos/extensions", asks_grok=True)
    async def video_extensions() -> Response:
        from ..protocol.dialects.openai_videos.request import VideoTask
        from .videos import begin_video

        return await begin_video(services, VideoTask.EXTEND)

    @app.get("/videos/<name>")
    async def video(name: str) -> Response:
        from .videos import show_video

        return await show_video(services, name)

    @app.get("/videos/<name>/content")
    async def video_content(name: str) -> Response:
        from .videos import show_content

        return await show_content(services, name)


def _add_messages_routes(app: QuartTrio, services: Services) -> None:
    """Add the routes of Anthropic's Messages API.

    Claude Code asks for ``/`` and ``/api/hello`` without a key before its first request (tried with
    2.1.332, 2026-11). The status page answers the first.
    """

    @route(app, "POST", "/messages", asks_grok=True)
    async def create_message() -> Response:
        from .answers.messages import MessagesRoute

        return _named(await answer(services, MessagesRoute()))

    @route(app, "POST", "/messages/count_tokens")
    async def count_message_tokens() -> Response:
        from .answers.messages import message_tokens

        return _named(await message_tokens(services))

    @route(app, "HEAD", "/api/hello", needs_key=False)
    async def hello() -> Response:
        return Response(b"")


def _named(response: Response) -> Response:
    """*response* with the header by which Anthropic's clients report a request."""
    response.headers[REQUEST_ID] = current_lifetime().request_id
    return response


def _add_response_routes(app: QuartTrio, services: Services) -> None:
    @app.post("/responses/input_tokens")
    async def response_tokens() -> Response:
        from .stored_responses import input_tokens

        return await input_tokens(services)

    @app.post("/responses/compact")
    async def response_compaction() -> Response:
        from .stored_responses import compact

        return await compact()

    @app.get("/responses/<name>")
    async def show_kept_response(name: str) -> Response:
        from .stored_responses import show_response

        return await show_response(services, name)

    @app.delete("/responses/<name>")
    async def delete_kept_response(name: str) -> Response:
        from .stored_responses import delete_response

        return await delete_response(services, name)

    @app.get("/responses/<name>/input_items")
    async def response_input(name: str) -> Response:
        from .stored_responses import input_items

        return await input_items(services, name)

    @app.post("/responses/<name>/cancel")
    async def cancel_response(name: str) -> Response:
        from .stored_responses import cancel

        return await cancel(services, name)


def _add_media_route(app: QuartTrio, cache: MediaCache) -> None:
    # Browsers have no key: the name, which can't be guessed, is the secret.
    @route(app, "GET", "/media/<name>", needs_key=False)
    async def media(name: str) -> Response:
        return await media_response(
            cache, name, request.method, request.headers, current_lifetime()
        )


def _add_metrics_route(app: QuartTrio, services: Services, metrics: Metrics) -> None:
    @app.get("/metrics")
    async def show_metrics() -> Response:
        current_lifetime().caller.require_owner()
        return Response(
            await services.fellows.metrics_page(metrics), content_type=CONTENT_TYPE_LATEST
        )
