"""Routes: their marks, whether one needs a key and whether it asks Grok, and their rules.

A route is marked where it is added.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from attrs import frozen
from quart import Quart, Response
from quart.routing import QuartRule

__all__ = ["Marks", "MatchingRule", "marks_of", "route"]

_KEY = "grok2api.marks"

_Handler = TypeVar("_Handler", bound=Callable[..., Awaitable[Response]])


@frozen
class Marks:
    """Properties of one route; the defaults hold for routes that are added without marks.

    :ivar needs_key: requests without a valid key are refused before the handler is called.
    :ivar asks_grok: a POST here is logged and counted as a request to Grok.
    """

    needs_key: bool = True
    asks_grok: bool = False


class MatchingRule(QuartRule):
    """A rule that is only matched.

    Werkzeug compiles two functions for each rule that would build its URL. No URL is built here,
    and they are most of the time in which the app is made.
    """

    def _compile_builder(self, *_: bool) -> Callable[..., tuple[str, str]]:
        return _no_url


def _no_url(rule: MatchingRule, **_values: object) -> tuple[str, str]:
    raise RuntimeError(f"URLs of routes are not built here: {rule.rule}")


def route(
    app: Quart, method: str, path: str, *, needs_key: bool = True, asks_grok: bool = False
) -> Callable[[_Handler], _Handler]:
    """A decorator that adds a handler to *app* as a marked route. The endpoint is named after the
    handler.
    """

    def add(handler: _Handler) -> _Handler:
        endpoint = handler.__name__
        app.add_url_rule(path, endpoint, handler, methods=[method])
        _marks(app)[endpoint] = Marks(needs_key, asks_grok)
        return handler

    return add


def marks_of(app: Quart, endpoint: str | None) -> Marks:
    """The marks of an endpoint; an unknown one needs a key."""
    return _marks(app).get(endpoint or "", Marks())


def _marks(app: Quart) -> dict[str, Marks]:
    return cast(dict[str, Marks], app.extensions.setdefault(_KEY, {}))
