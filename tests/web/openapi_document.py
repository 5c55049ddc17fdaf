"""The description of the server, and checks of requests and answers against it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
import jsonschema
from attrs import field, frozen
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from grokcore.config import load_config
from grokcore.web import app as web_app
from grokcore.web.openapi import build_document
from tests.servers import Site

Object: TypeAlias = dict[str, Any]


TEMPLATE = Path(web_app.__file__).parent / "openapi.json"


def document(*, models: int = 99, keyed: bool = True) -> Object:
    """The description of a server with the first *models* of the table."""
    shipped = list(load_config("")[0].models.values())
    base_url = "http://127.0.0.1:8000"
    return build_document(
        TEMPLATE.read_bytes(), base_url=base_url, models=shipped[:models], keyed=keyed
    )


def operations(described: Object) -> Iterator[tuple[str, str, Object]]:
    """Path, method and operation."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def examples(described: Object) -> Iterator[tuple[str, Object, Any]]:
    """Path, schema and value of the example requests."""
    for path, _, operation in operations(described):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for example in media.get("examples", {}).values():
                yield path, media["schema"], example["value"]


def closed(value: Any) -> Any:
    """The same schemas, but what an object has beside what they name is wrong: nothing is sent that
    is not described.
    """
    if isinstance(value, list):
        return [closed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: closed(item) for name, item in value.items()}
    if "properties" in value and value.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def pointer(*names: str) -> str:
    """Where something is in the document, as a reference."""
    escaped = (quote(name.replace("~", "~0").replace("/", "~1"), safe="~") for name in names)
    return "urn:described#/" + "/".join(escaped)


@frozen
class Described:
    """A description to hold things against."""

    document: Object = field(repr=False)

    @classmethod
    async def by(cls, site: Site) -> Described:
        """What a server says of itself."""
        return cls((await site.client.get("/openapi.json")).json())

    def takes(self, value: Any, schema: str) -> bool:
        """Whether a request's body is as described."""
        return bool(
            self._validator(self.document, pointer("components", "schemas", schema)).is_valid(value)
        )

    def check(self, reply: httpx.Response, values: list[Any] | None = None) -> str:
        """Check that an answer is as described: its status, its headers, its content type, and its
        content.

        :param values: the content, if it was read already.
        :returns: the operation's id.
        """
        place = [*self._operation(reply.request), "responses", str(reply.status_code)]
        response = self._at(place)
        if "$ref" in response:
            place = response["$ref"].removeprefix("#/").split("/")
            response = self._at(place)
        self._check_headers(reply, response["headers"])
        content = response.get("content", {})
        if content and reply.request.method != "HEAD":
            sent = reply.headers["content-type"].partition(";")[0]
            (name,) = [name for name in content if re.fullmatch(name.replace("*", ".*"), sent)]
            self._check_values(
                values_of(reply) if values is None else values, [*place, "content", name]
            )
        return str(self._at(self._operation(reply.request))["operationId"])

    def _operation(self, request: httpx.Request) -> list[str]:
        asked = request.url.path.removeprefix("/v1")
        fitting = [
            path
            for path in self.document["paths"]
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), asked)
        ]
        return [
            "paths",
            min(fitting, key=lambda path: path.count("{")),
            request.method.lower().replace("head", "get"),
        ]

    def _check_headers(self, reply: httpx.Response, described: Object) -> None:
        shared = self.document["components"]["headers"]
        sent = {name for name in reply.headers if name in shared or name.startswith("x-grok2api-")}
        assert sent <= set(described), f"not described: {sent - set(described)}"
        assert {name for name in described if shared[name].get("required")} <= sent
        for name in sent:
            text, schema = reply.headers[name], shared[name]["schema"]
            jsonschema.validate(int(text) if schema["type"] == "integer" else text, schema)

    def _check_values(self, values: list[Any], place: list[str]) -> None:
        if "schema" not in self._at(place):
            return
        validator = self._validator(
            closed(self.document), pointer(*place, "schema", *self._of_events(place))
        )
        assert values
        for value in values:
            validator.validate(value)

    def _of_events(self, place: list[str]) -> list[str]:
        """Where the schema of an event has that of its data."""
        if place[-1] != "text/event-stream":
            return []
        data = self._at([*place, "schema", "properties", "data"])
        return ["properties", "data", *(("anyOf", "1") if "anyOf" in data else ()), "contentSchema"]

    def _at(self, place: list[str]) -> Any:
        found = self.document
        for name in place:
            found = found[name]
        return found

    def _validator(self, whole: Object, reference: str) -> Any:
        registry = Registry().with_resource("urn:described", DRAFT202012.create_resource(whole))
        return jsonschema.Draft202012Validator({"$ref": reference}, registry=registry)


def values_of(reply: httpx.Response) -> list[Any]:
    """What the schema of an answer is about: its JSON, the data of its events, or its text."""
    match reply.headers["content-type"].partition(";")[0]:
        case "application/json":
            return [reply.json()]
        case "text/event-stream":
            return events_in(reply.text)
        case _:
            return [reply.text]


def events_in(text: str) -> list[Any]:
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(one) for one in data if one != "[DONE]"]


CHAT = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")
