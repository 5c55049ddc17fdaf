"""The client's bounds for an answer: where it stops, how long it may be, the form of its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import InvalidRequest
from ..conversation.bounds import TextFormat
from ..json_values.schema import check
from .fields import number_field, object_field

__all__ = ["parse_most_tokens", "parse_stop", "parse_text_format"]


def parse_stop(value: Any, param: str = "stop", *, most: int | None = None) -> tuple[str, ...]:
    """Stop sequences: a string, or a list of them. Empty ones do not count.

    :param most: the most sequences that the API takes; None for any number.
    :raises InvalidRequest: if it is something else, or holds more.
    """
    listed = [value] if isinstance(value, str) else [] if value in (None, {}) else value
    if not isinstance(listed, list) or not all(isinstance(one, str | None) for one in listed):
        raise InvalidRequest(f"{param} must be a string or a list of strings.", param=param)
    stops = tuple(dict.fromkeys(filter(None, listed)))
    if most is not None and len(stops) > most:
        raise InvalidRequest(f"{param} must hold {most} sequences at most.", param=param)
    return stops


def parse_most_tokens(fields: Mapping[str, Any], *names: str) -> int | None:
    """The smallest of the limits that the fields *names* set; None if they set none.

    :raises InvalidRequest: if one is no whole number of 1 or more.
    """
    given = [number_field(fields, name) for name in names]
    return min((number for number in given if number is not None), default=None)


def parse_text_format(value: Any, param: str) -> TextFormat | None:
    """The form that the text must have; None for free text.

    Forms: ``text``, ``json_object`` and ``json_schema`` as a type or, of some clients, as a bare
    string. The schema stands flat (Responses, Messages) or within ``json_schema`` (chat
    completions). A ``json_object`` may have a schema too (llama.cpp).

    :raises InvalidRequest: if it has none of the known forms, or the schema can't be read.
    """
    if value in (None, "", [], {}):
        return None
    form = {"type": value} if isinstance(value, str) else value
    if not isinstance(form, dict):
        raise InvalidRequest(f"{param} must be an object.", param=param)
    within = "json_schema" if isinstance(form.get("json_schema"), dict) else ""
    kind = form.get("type") or ("json_schema" if within or "schema" in form else None)
    if kind == "text":
        return None
    if kind not in ("json_object", "json_schema"):
        message = f"{param}.type must be text, json_object or json_schema."
        raise InvalidRequest(message, param=f"{param}.type")
    inner = form["json_schema"] if within else form
    if kind == "json_schema" and not within and form.get("schema") is None:
        place = f"{param}.json_schema" if param == "response_format" else f"{param}.schema"
        raise InvalidRequest(f"{place} is required and must be an object.", param=place)
    path = f"{param}.{within}." if within else f"{param}."
    schema = object_field(inner, "schema", path) or None
    if schema is not None:
        check(schema, f"{path}schema")
    return TextFormat(schema, _text(inner, "name"), _text(inner, "description"))


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
