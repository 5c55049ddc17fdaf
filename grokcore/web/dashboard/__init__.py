"""The status page and its routes: the page without data, the data, its stream, and actions on
tokens.

The page itself needs no key, since a browser that opens an address sends none. The page asks the
owner for the key and sends it with its requests. Its Content-Security-Policy allows files of this
server only, nothing inline, and no text that becomes markup.
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Callable

import trio
from attrs import frozen
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.datastructures import Headers
from werkzeug.http import parse_etags

from ...errors import OriginNotAllowed, UnknownUrl
from ...protocol.languages.negotiate import Language
from ...protocol.pool.book import UnknownToken
from ...protocol.pool.owner_actions import ActionResult, Rechecked
from ...protocol.pool.view import in_words
from ...runtime.pool.leases import TokenPool
from ..edge.lifetime import current_lifetime
from ..responses import SteppedBody, json_response, not_modified, stepped_response
from ..routes import route
from ..services import Services
from ..state import ServerState
from .edit_routes import add_edit_routes
from .headers import DATA_HEADERS
from .history_route import add_history_route
from .overview import Overview, Snapshot, token_row
from .tickets import Tickets
from .wording import page_language, worded_report

__all__ = ["add_dashboard_routes"]

FILES = (
    "index.html",
    "page.css",
    "board.css",
    "plots.css",
    "tokens.css",
    "allowances.js",
    "axes.js",
    "checks.js",
    "conditions.js",
    "dom.js",
    "edits.js",
    "failures.js",
    "figures.js",
    "first.js",
    "head.js",
    "history.js",
    "keeping.js",
    "lanes.js",
    "language.js",
    "link.js",
    "models.js",
    "page.js",
    "plots.js",
    "times.js",
    "token-details.js",
    "token-row.js",
    "tokens.js",
    "ways.js",
    "words.js",
)

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}

PAGE_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

EVENT_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    # nginx and Caddy would otherwise collect a stream before passing it on.
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


NOT_KEPT = "It could not be written to the disk ({fault}), so a restart would undo it."


def add_dashboard_routes(app: QuartTrio, services: Services) -> None:
    """Add the page and its routes.

    The page needs no key; the handler of its stream checks a ticket or a key itself.
    """
    _add_page(app)
    _add_data(app, services)
    _add_actions(app, services)
    add_history_route(app, services)
    add_edit_routes(app, services)


# The page ---------------------------------------------------------------------------------------


@frozen
class _File:
    body: bytes
    media_type: str
    etag: str


def _load(name: str) -> _File:
    body = (importlib.resources.files(__package__) / "page" / name).read_bytes()
    return _File(body, MEDIA_TYPES[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:32])


def _add_page(app: QuartTrio) -> None:
    files = {"/" if name == "index.html" else f"/status/{name}": _load(name) for name in FILES}

    async def page() -> Response:
        return _page_response(files[request.path])

    for path in files:
        route(app, "GET", path, needs_key=False)(page)


def _page_response(file: _File) -> Response:
    headers = {**PAGE_HEADERS, "etag": f'"{file.etag}"'}
    if not parse_etags(request.headers.get("if-none-match", "")).contains_weak(file.etag):
        return Response(file.body, headers=headers, content_type=file.media_type)
    return not_modified(headers)


# The data ---------------------------------------------------------------------------------------


def _add_data(app: QuartTrio, services: Services) -> None:
    overview, tickets, state = Overview(services), Tickets(), services.state
    state.on_settings.append(lambda _: tickets.void())
    state.wall.on_missed.append(tickets.shift)

    @app.get("/status")
    async def status() -> Response:
        current_lifetime().caller.require_owner()
        await services.fellows.refresh()
        return _data_response(overview.take(_page_language(state)).body)

    @app.post("/status/ticket")
    async def status_ticket() -> Response:
        current_lifetime().caller.require_owner()
        return _data_response({"ticket": tickets.issue(trio.current_time())})

    def require_owner() -> None:
        state.keys.identify(
            {name.lower(): value for name, value in request.headers.items()}
        ).require_owner()

    @route(app, "GET", "/status/events", needs_key=False)
    async def status_events() -> Response:
        """The stream; a ticket may take the place of the key."""
        if request.method == "HEAD":
            require_owner()
            return Response(b"", headers=EVENT_HEADERS)
        if not tickets.redeem(request.args.get("ticket", ""), trio.current_time()):
            require_owner()
            _refuse_pages(request.headers)
        overview.enter()
        current_lifetime().on_end(overview.leave)
        return stepped_response(_Events(overview, _page_language(state)), EVENT_HEADERS)


def _refuse_pages(headers: Headers) -> None:
    """Refuse web pages without a ticket: any page could take up all streams, though it can't read
    them.

    Programs send none of these headers. The status page gets a ticket first, by a POST.

    :raises OriginNotAllowed: if a web page sent the request.
    """
    if headers.get("sec-fetch-site", "none") != "none" or "origin" in headers:
        raise OriginNotAllowed(
            "A web page needs a ticket for this stream: POST /status/ticket gives one."
        )


def _page_language(state: ServerState) -> Language:
    """The language of a report for the request at hand."""
    return page_language(state.config.global_.language, current_lifetime().accept_language)


def _data_response(value: object) -> Response:
    response = json_response(value)
    response.headers.update(DATA_HEADERS)
    return response


class _Events(SteppedBody):
    """The body of ``/status/events``: a report at once, and further reports after changes.

    Quart iterates over it; no cancel scope spans two steps.
    """

    def __init__(self, overview: Overview, language: Language) -> None:
        self._overview = overview
        self._language = language
        self._ending = overview.ending
        self._last: Snapshot | None = None
        self._sent_at = 0.0
        self._over = False

    async def __anext__(self) -> bytes:
        if self._last is not None:
            await self._overview.wait(self._last, self._sent_at, self._ending)
        if self._over or (self._ending.is_set() and not self._overview.draining):
            raise StopAsyncIteration
        await self._overview.refresh()
        self._over = self._ending.is_set()  # the last report shows that the server stops
        report = self._overview.take if self._over else self._overview.share
        self._last = report(self._language)
        self._sent_at = trio.current_time()
        return b"event: status\ndata: %b\n\n" % self._last.body


# Actions ----------------------------------------------------------------------------------------


def _add_actions(app: QuartTrio, services: Services) -> None:
    pool, state = services.gateway.pool, services.state

    def check(token: str) -> Rechecked:
        """Poll the token's allowance; of a token that was never used, that for the first model."""
        return pool.recheck(token, group=next(iter(state.config.models.values())).rate_limit_name)

    actions: dict[str, Callable[[str], ActionResult]] = {
        "check": check,
        "clear": pool.clear,
        "disable": pool.disable,
        "enable": pool.enable,
    }

    @app.post("/status/tokens/<token>/<any(check, clear, disable, enable):act>")
    async def act_on_token(token: str, act: str) -> Response:
        """The token's new row, with the result in words as ``said``. The change is on the disk
        before the response is sent.
        """
        current_lifetime().caller.require_owner()
        row = _row_after(pool, token, actions[act])
        fault = await pool.written()
        if fault:
            row["said"] = f"{row['said']} {NOT_KEPT.format(fault=fault)}"
        return _data_response(worded_report(row, _page_language(state)))


def _row_after(
    pool: TokenPool, token: str, action: Callable[[str], ActionResult]
) -> dict[str, object]:
    try:
        result = in_words(action(token))
        return {**token_row(pool.view(token)), "said": result}
    except UnknownToken as error:
        raise UnknownUrl(str(error)) from None
