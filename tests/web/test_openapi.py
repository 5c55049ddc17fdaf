"""``/openapi.json``, held against the standard, the routes, the errors, and what the server really
answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
import trio
from attrs import field, frozen
from openapi_spec_validator import OpenAPIV31SpecValidator
from quart_trio import QuartTrio
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import grokcore
from grokcore import errors
from grokcore.cli.assembly import Server
from grokcore.config import load_config
from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.openai_errors import error_type
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.account import AccountState
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.disk.state_file import StateFile
from grokcore.simulator import lines
from grokcore.simulator.assets import png
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    answer,
    drawing,
    error,
    page,
    play_lines,
    wrapped,
)
from grokcore.web import app as web_app
from grokcore.web import bodies
from grokcore.web.app import create_app
from grokcore.web.dashboard import FILES
from grokcore.web.doors import _EXPOSED
from grokcore.web.metrics import Metrics
from grokcore.web.openapi import ERRORS, build_document
from grokcore.web.routes import Marks, marks_of
from tests.examples import CITING, FIRST_TOKEN, THOUGHTS, TOOLS
from tests.servers import TOKENS, Site, chat, configured, on_site, run_on_site
from tests.web.media_site import on_media_site, run_on_media_site
from tests.wire import read_reply

Object: TypeAlias = dict[str, Any]

TEMPLATE = Path(web_app.__file__).parent / "openapi.json"

PAGE_FILES = {f"/status/{name}" for name in FILES}
"""Not described: only the page asks for them."""

LEAVES = [
    leaf
    for leaf in vars(errors).values()
    if isinstance(leaf, type) and issubclass(leaf, GrokApiError)
][1:]


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


# The document itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(("models", "keyed"), [(0, True), (1, False), (99, True)])
def test_the_document_is_valid(models: int, keyed: bool) -> None:
    """By the rules of OpenAPI 3.1 and of JSON Schema, whatever is filled in."""
    described = document(models=models, keyed=keyed)
    assert [found.message for found in OpenAPIV31SpecValidator(described).iter_errors()] == []
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_everything_that_is_shared_is_used() -> None:
    """What nothing refers to describes nothing."""
    described = document()
    text = json.dumps(described)
    shared = [
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers")
        for name in described["components"][kind]
    ]
    assert [reference for reference in shared if f'"{reference}"' not in text] == []


def test_what_only_the_code_knows_is_filled_in() -> None:
    """Version, address, models in force with the other names of the image model, and whether a key
    is asked for.
    """
    described, other = document(), document(models=1, keyed=False)
    schemas = described["components"]["schemas"]
    videos = {name for name, model in SHIPPED.items() if model.video}
    assert described["info"]["version"] == grokcore.__version__
    assert described["servers"] == [{"url": "http://127.0.0.1:8000/v1"}]
    assert schemas["ModelName"]["enum"] == list(SHIPPED)
    names, aliases = schemas["ImageModelName"]["anyOf"]
    assert set(names["enum"]) == {*SHIPPED, "", None} - videos
    assert re.match(aliases["pattern"], "gpt-image-1")
    assert {example["model"] for _, _, example in examples(other) if "model" in example} == {
        "grok-3-fast"
    }
    assert described["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert other["security"] == [{}, *described["security"]]


@on_site(
    config="""
[server]
public_url = "https://grok.example.com/x"
[grok]
api_key = "owner"
[[keys]]
name = "guest"
key = "guest"
models = ["grok-4.1"]
"""
)
async def test_each_key_is_told_its_own_models(site: Site) -> None:
    """Under the public address; and without a key nothing is told."""
    for key, names in (("owner", list(SHIPPED)), ("guest", ["grok-4.1"])):
        told = (await site.client.get("/openapi.json", headers={"x-api-key": key})).json()
        assert told["components"]["schemas"]["ModelName"]["enum"] == names
        assert told["servers"] == [{"url": "https://grok.example.com/x/v1"}]
    assert (await site.client.get("/openapi.json")).status_code == 401


# Routes, errors, words --------------------------------------------------------------------------


def whole_app(folder: Path) -> QuartTrio:
    """The app of a whole server, with all its routes."""

    async def main() -> QuartTrio:
        server = Server(configured(), TOKENS, StateFile(folder / "state.jsonl"))
        return create_app(server.services, Metrics(server.services))

    return trio.run(main)


def as_openapi(rule: str) -> str:
    """``/models/<path:name>`` as ``/models/{name}``."""
    return re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule)


def test_each_route_is_described_and_nothing_else_is(tmp_path: Path) -> None:
    """With its methods (OPTIONS is for all, HEAD goes with GET), and whether it asks for the
    key.
    """
    described = document()
    app = whole_app(tmp_path)
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule not in PAGE_FILES]
    routes = {
        (as_openapi(rule.rule), method.lower())
        for rule in rules
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}
    }
    assert {(path, method) for path, method, _ in operations(described)} == routes
    assert sorted(operation["operationId"] for _, _, operation in operations(described)) == sorted(
        ERRORS
    )
    keyless = {
        as_openapi(rule.rule) for rule in rules if not marks_of(app, rule.endpoint).needs_key
    }
    assert {
        path for path, _, operation in operations(described) if "security" in operation
    } == keyless
    asking = {as_openapi(rule.rule) for rule in rules if marks_of(app, rule.endpoint).asks_grok}
    asked = {path for path, _, operation in operations(described) if _asks_grok(operation)}
    assert asked == asking
    assert marks_of(app, None) == Marks(needs_key=True, asks_grok=False), (
        "an unknown path is no open door"
    )


def _asks_grok(operation: Object) -> bool:
    """Whether the description says that all tokens may be used up, which only a request to Grok can
    meet.
    """
    return errors.RateLimitExceeded in ERRORS[operation["operationId"]]


def test_each_act_on_a_token_is_described(tmp_path: Path) -> None:
    """They are part of the route's path."""
    (rule,) = [
        rule for rule in whole_app(tmp_path).url_map.iter_rules() if rule.endpoint == "act_on_token"
    ]
    parameters = document()["paths"][as_openapi(rule.rule)]["post"]["parameters"]
    (act,) = [parameter for parameter in parameters if parameter["name"] == "act"]
    assert set(act["schema"]["enum"]) == rule._converters["act"].items  # type: ignore[attr-defined]


def told_errors(described: Object) -> Iterator[tuple[str, str | None]]:
    """Status and code of each error that is described somewhere."""
    responses = [*described["components"]["responses"].items()]
    for _, _, operation in operations(described):
        responses += operation["responses"].items()
    for status, response in responses:
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref") == "#/components/schemas/Error" and "properties" in schema:
            for code in schema["properties"]["error"]["properties"]["code"]["enum"]:
                yield status, code


def test_each_error_is_told_under_its_status() -> None:
    """And none that does not exist."""
    assert set(told_errors(document())) == {(str(leaf.status), leaf.code) for leaf in LEAVES}


def test_words_that_clients_see_are_those_of_the_code() -> None:
    """Names of headers, states of tokens, types of errors."""
    components = document()["components"]
    schemas = components["schemas"]
    states = {state.value for state in AccountState}
    assert set(_EXPOSED) <= set(components["headers"])
    assert set(schemas["TokenCounts"]["properties"]) == states
    assert set(schemas["TokenRow"]["properties"]["state"]["enum"]) == states
    error_types = schemas["Error"]["properties"]["error"]["properties"]["type"]["enum"]
    assert set(error_types) == {error_type(leaf.status) for leaf in LEAVES}


# Holding requests and answers against it --------------------------------------------------------


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
        """Make sure that an answer is as described: its status, its headers, its content type, and
        what is in it.

        :param values: what is in it, if it was read already.
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
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "grok-4.1",
    "choices": [],
    "usage": {},
}
TOLD = {"x-request-id": "req_1", "x-should-retry": "false"}
REFUSED = {
    "error": {"message": "no", "type": "server_error", "param": None, "code": "upstream_error"}
}

WRONG: list[tuple[str, httpx.Response]] = [
    ("a status", httpx.Response(418, json=REFUSED, headers=TOLD, request=CHAT)),
    (
        "a method",
        httpx.Response(200, json={}, headers=TOLD, request=httpx.Request("PUT", CHAT.url)),
    ),
    (
        "a path",
        httpx.Response(
            200, json={}, headers=TOLD, request=httpx.Request("GET", "http://127.0.0.1/v1/files")
        ),
    ),
    (
        "a header",
        httpx.Response(502, json=REFUSED, headers={**TOLD, "x-grok2api-new": "1"}, request=CHAT),
    ),
    (
        "a header of another route",
        httpx.Response(502, json=REFUSED, headers={**TOLD, "etag": '"1"'}, request=CHAT),
    ),
    (
        "no request id",
        httpx.Response(502, json=REFUSED, headers={"x-should-retry": "false"}, request=CHAT),
    ),
    (
        "odd values",
        httpx.Response(502, json=REFUSED, headers={**TOLD, "retry-after": "0"}, request=CHAT),
    ),
    ("a code of another status", httpx.Response(503, json=REFUSED, headers=TOLD, request=CHAT)),
    ("another content type", httpx.Response(502, text="no", headers=TOLD, request=CHAT)),
    ("too little in it", httpx.Response(200, json=ANSWER, headers=TOLD, request=CHAT)),
    (
        "too much in it",
        httpx.Response(502, json={**REFUSED, "more": 1}, headers=TOLD, request=CHAT),
    ),
    (
        "no event",
        httpx.Response(
            200, text="", headers={**TOLD, "content-type": "text/event-stream"}, request=CHAT
        ),
    ),
]


@pytest.mark.parametrize("reply", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_not_described_does_not_pass(reply: httpx.Response) -> None:
    """Or the tests below could not fail."""
    described = Described(document())
    described.check(httpx.Response(502, json=REFUSED, headers=TOLD, request=CHAT))
    with pytest.raises((AssertionError, KeyError, ValueError, jsonschema.ValidationError)):
        described.check(reply)


# Requests ---------------------------------------------------------------------------------------


def test_the_examples_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are as their schemas say, nothing in them is without effect, and the answers are as
    described.
    """

    async def scenario(site: Site) -> None:
        described = await Described.by(site)
        found = list(examples(described.document))
        for path, schema, value in found:
            assert described.takes(value, schema["$ref"].rpartition("/")[2])
            reply = await site.client.post(path, json=value)
            assert reply.status_code == 200, reply.text
            assert "x-grok2api-ignored" not in reply.headers
            described.check(reply)
        assert len(found) == 6

    monkeypatch.setattr("grokcore.simulator.app.NATURAL_PACE_S", 0)
    run_on_media_site(scenario, tmp_path)


def parts(*content: Any) -> Object:
    """A chat request whose last message has these parts."""
    return chat(
        messages=[{"role": "user", "content": "hello"}, {"role": "user", "content": [*content]}]
    )


def told_part(part: Any) -> Object:
    """A chat request whose last message is this part, without a list around it."""
    return chat(messages=[{"role": "user", "content": "hello"}, {"role": "user", "content": part}])


ROUTES = {
    "ChatRequest": "/chat/completions",
    "ImageRequest": "/images/generations",
    "ImageEditRequest": "/images/edits",
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="
TEXT = {"file_data": "data:;base64,aGk=", "filename": "hi.txt"}

RIGHT: list[tuple[str, Object]] = [
    ("ChatRequest", parts("hello", {"type": "text", "text": "hello"}, {"type": "refusal", "refusal": "no"})),
    ("ChatRequest", parts({"type": "input_text", "text": "hello"}, {"type": "output_text", "text": "hi", "more": 1})),
    ("ChatRequest", parts({"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}})),
    ("ChatRequest", parts({"type": "input_image", "image_url": PICTURE})),
    ("ChatRequest", parts({"type": "file", "file": TEXT}, {"type": "input_file", **TEXT})),
    ("ChatRequest", parts({"type": "image", "image": PICTURE}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}})),
    ("ChatRequest", parts(None, {"type": "text", "text": None}, {"text": "hello"})),
    ("ChatRequest", told_part({"type": "text", "text": "hello"})),
    ("ChatRequest", told_part({"type": "image_url", "image_url": {"url": PICTURE}})),
    ("ChatRequest", chat(messages=[{"role": "user", "content": "Look."}, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "read", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]}])),
    ("ChatRequest", chat(messages=[{"role": "user", "content": "hi", "name": "Ann"}, {"role": "tool", "content": "", "tool_call_id": "1"}])),
    ("ChatRequest", chat(stream="false", stream_options=[], search=1, n="1", tool_choice={"type": "none"}, function_call="none")),
    ("ChatRequest", chat(web_search_options=[], modalities=["text"], audio=None, logprobs=False, top_logprobs=0)),
    ("ChatRequest", chat(messages=[{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]}])),
    ("ChatRequest", chat(messages=[{"role": role, "content": "hi"} for role in ("system", "developer", "tool", "function")])),
    ("ChatRequest", chat(stream=None, stream_options=None, search=None, n=None, tool_choice=None)),
    ("ChatRequest", chat(stream=True, stream_options={"include_usage": None}, search=True, n=1, tool_choice="auto")),
    ("ChatRequest", chat(temperature=0.5, tools=[], whatever={})),
    ("ImageRequest", {"prompt": "a cat", "model": None, "n": None, "response_format": None, "partial_ok": None}),
    ("ImageRequest", {"prompt": "a cat", "model": "grok-imagine-image", "stream": False, "mask": None, "size": "1x1"}),
    ("ImageRequest", {"prompt": "a cat", "model": "gpt-image-2", "n": "1.0", "partial_ok": "False", "mask": ""}),
    ("ImageRequest", {"prompt": "a cat", "model": "", "n": "", "partial_ok": 1, "images": [PICTURE], "image": ""}),
    ("ImageEditRequest", {"prompt": "a cat", "image": PICTURE.partition(",")[2].replace("=", "AAAADUlIRFIAA") + "AA"}),
    ("ImageEditRequest", {"prompt": "a cat", "image": [PICTURE, PICTURE], "response_format": "url"}),
    ("ImageEditRequest", {"prompt": "a cat", "image": {"image_url": PICTURE}}),
    ("ImageEditRequest", {"prompt": "a cat", "images": [{"image_url": PICTURE}]}),
]  # fmt: skip

BAD: list[tuple[str, Object]] = [
    ("ChatRequest", {}),
    ("ChatRequest", chat(model="gpt-4o")),
    ("ChatRequest", chat(model=None)),
    ("ChatRequest", chat(messages=[])),
    ("ChatRequest", chat(messages=[{"content": "hello"}])),
    ("ChatRequest", chat(messages=[{"role": "robot", "content": "hello"}])),
    ("ChatRequest", chat(messages=[{"role": "user", "content": 5}])),
    ("ChatRequest", parts({"type": "text", "words": "hello"})),
    ("ChatRequest", parts({"type": "text", "text": 5})),
    ("ChatRequest", parts({"type": "refusal", "text": "no"})),
    ("ChatRequest", parts({"type": "hologram"})),
    ("ChatRequest", parts({"type": "thinking", "thinking": "hm"})),
    ("ChatRequest", parts({"type": "input_audio", "input_audio": {}})),
    ("ChatRequest", parts({"type": "image_url", "image_url": {}})),
    ("ChatRequest", parts({"type": "image", "source": {"type": "file", "file_id": "f-1"}})),
    ("ChatRequest", parts({"type": "file", "file": {"file_id": "f-1"}})),
    ("ChatRequest", parts({"type": "input_file", "filename": "a.txt"})),
    ("ChatRequest", chat(stream="maybe")),
    ("ChatRequest", chat(stream_options=True)),
    ("ChatRequest", chat(stream_options={"include_usage": 2})),
    ("ChatRequest", chat(search="perhaps")),
    ("ChatRequest", chat(web_search_options="on")),
    ("ChatRequest", chat(n=2)),
    ("ChatRequest", chat(n=True)),
    ("ChatRequest", chat(tool_choice="required")),
    ("ChatRequest", chat(tool_choice={"type": "any"})),
    ("ChatRequest", chat(function_call={"name": "f"})),
    ("ChatRequest", chat(modalities=["text", "audio"])),
    ("ChatRequest", chat(audio={"voice": "x", "format": "wav"})),
    ("ChatRequest", chat(logprobs=True)),
    ("ChatRequest", chat(top_logprobs=3)),
    ("ImageRequest", {}),
    ("ImageRequest", {"prompt": " "}),
    ("ImageRequest", {"prompt": "a cat", "n": 5}),
    ("ImageRequest", {"prompt": "a cat", "n": 1.5}),
    ("ImageRequest", {"prompt": "a cat", "model": "midjourney"}),
    ("ImageRequest", {"prompt": "a cat", "model": "grok-imagine-0.9"}),
    ("ImageRequest", {"prompt": "a cat", "response_format": "png"}),
    ("ImageRequest", {"prompt": "a cat", "partial_ok": 2}),
    ("ImageRequest", {"prompt": "a cat", "stream": True}),
    ("ImageRequest", {"prompt": "a cat", "image": "a.png"}),
    ("ImageRequest", {"prompt": "a cat", "mask": PICTURE}),
    ("ImageRequest", {"prompt": "a cat", "output_format": "svg"}),
    ("ImageEditRequest", {"prompt": "a cat"}),
    ("ImageEditRequest", {"prompt": "a cat", "image": "a.png"}),
    ("ImageEditRequest", {"prompt": "a cat", "images": []}),
    ("ImageEditRequest", {"prompt": "a cat", "image": {"file_id": "f-1"}}),
    ("ImageEditRequest", {"prompt": "a cat", "image": PICTURE, "mask": PICTURE}),
]


@on_media_site
async def test_all_forms_of_a_request_that_are_described_are_answered(site: Site) -> None:
    """With 200."""
    described = await Described.by(site)
    for schema, body in RIGHT:
        site.simulator.always(
            drawing(["users/u/generated/a/image.jpg"]) if "prompt" in body else answer("fine")
        )
        assert described.takes(body, schema), body
        reply = await site.client.post(ROUTES[schema], json=body)
        assert reply.status_code == 200, (body, reply.text)
        described.check(reply)


@on_site
async def test_what_is_refused_is_not_described_as_a_request(site: Site) -> None:
    """The schemas know of the same faults as the server."""
    described = await Described.by(site)
    for schema, body in BAD:
        assert not described.takes(body, schema), body
        reply = await site.client.post(ROUTES[schema], json=body)
        assert reply.status_code in (400, 404), (body, reply.text)
        described.check(reply)
    assert site.simulator.calls == []


# Answers ----------------------------------------------------------------------------------------

ALL_OF_IT = play_lines([*map(wrapped, [*THOUGHTS, *TOOLS, *CITING, lines.soft_stop()])])
OWNER = '[grok]\napi_key = "owner"\nimage_mode = "cache"'


async def chats(site: Site) -> AsyncIterator[httpx.Response]:
    """Whole, streamed, broken off."""
    usage = {"include_usage": True}
    site.simulator.always(ALL_OF_IT)
    yield await site.ask(temperature=1)
    yield await site.ask(stream=True)
    yield await site.ask(stream=True, stream_options=usage)
    site.simulator.always(Script((*FIRST_TOKEN.steps[:1], CUT)))
    yield await site.ask(stream=True, stream_options=usage)


async def pictures(site: Site) -> AsyncIterator[httpx.Response]:
    """Drawn, edited, and fetched from here in all ways."""
    site.simulator.always(drawing(["users/u/generated/a/image.jpg"]))
    drawn = await site.client.post("/v1/images/generations", json={"prompt": "a cat"})
    yield drawn
    form = {"prompt": "redder", "n": "1", "response_format": "url"}
    yield await site.client.post("/v1/images/edits", data=form, files=[("image", ("a.png", png()))])
    url = drawn.json()["data"][0]["url"]
    whole = await site.client.get(url)
    yield whole
    yield await site.client.head(url)
    for name, value in (
        ("range", "bytes=0-9"),
        ("range", "bytes=9999999-"),
        ("if-none-match", whole.headers["etag"]),
    ):
        yield await site.client.get(url, headers={name: value})
    yield await site.client.get("/media/nothing.png")


async def acts(site: Site) -> AsyncIterator[httpx.Response]:
    """Everything that can be done with a token."""
    token = (await site.client.get("/status")).json()["tokens"]["rows"][0]["key"]
    for act in ("check", "disable", "enable", "clear"):
        yield await site.client.post(f"/status/tokens/{token}/{act}")
    yield await site.client.post("/status/tokens/ffffffff/check")


async def looks(site: Site) -> AsyncIterator[httpx.Response]:
    """Everything that can be read."""
    for path in (
        "/models",
        "/models/grok-4.1",
        "/models/gpt-4o",
        "/health",
        "/metrics",
        "/openapi.json",
        "/",
        "/status",
    ):
        yield await site.client.get(path)
    etag = (await site.client.get("/")).headers["etag"]
    yield await site.client.get("/", headers={"if-none-match": etag})
    yield await site.client.post("/status/ticket")


async def watch(site: Site) -> tuple[httpx.Response, list[Any]]:
    """A stream that ends with other settings, and what was in it."""
    text = ""
    async with site.client.stream("GET", "/status/events") as reply:
        async for piece in reply.aiter_text():
            text += piece
            site.server.state.adopt(site.server.state.config)
    return reply, events_in(text)


@on_media_site(config=OWNER)
async def test_every_operation_answers_as_described(site: Site) -> None:
    """With all that an answer can have: thinking, citations, usage, links, what is left, a fault in
    the last hour.
    """
    site.client.headers["authorization"] = "Bearer owner"
    described = await Described.by(site)
    seen = set()
    for answers in (chats, pictures, acts, looks):
        async for reply in answers(site):
            seen.add(described.check(reply))
    reply, reports = await watch(site)
    seen.add(described.check(reply, reports))
    assert seen == set(ERRORS)
    assert reports[0]["recent_faults"]
    assert [row for row in reports[0]["tokens"]["rows"] if row["groups"]]


@frozen
class Failure:
    """A request that fails."""

    name: str
    status: int
    code: str | None
    script: Script = field(factory=lambda: answer("fine"))
    path: str = "/v1/chat/completions"
    body: Object = field(factory=chat)
    headers: dict[str, str] = field(factory=dict)
    config: str = ""
    tokens: tuple[TokenEntry, ...] = TOKENS[:1]
    before: Callable[[Site], object] = lambda _: None


GUEST = '[[keys]]\nname = "guest"\nkey = "guest"\nmodels = ["grok-4.1"]\nrpm = 1\n[[keys]]\nname = "owner"\nkey = "owner"'
AS_GUEST = {"authorization": "Bearer guest"}


def draining(site: Site) -> None:
    site.server.state.draining = True


def spent(site: Site) -> None:
    """The guest's only request of this minute."""
    (guest,) = [caller for caller in site.server.state.keys.callers.values() if caller.allowance]
    assert guest.allowance
    guest.allowance.end(guest.allowance.begin(trio.current_time()))


FAILURES = [
    Failure("no field is right", 400, None, body={}),
    Failure("moderated", 400, "content_policy_violation", error(403, lines.ERROR_403_MODERATED)),
    Failure("too long", 400, "context_length_exceeded", config='[grok]\nlong_context = "error"\nlong_context_chars = 1000',
            body=chat("x" * 2000)),
    Failure("a file of no kind", 400, "invalid_attachment",
            body=chat(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:;base64,AAA="}}]}])),
    Failure("a wrong key", 401, "invalid_api_key", headers={"x-api-key": "x"}, config=GUEST),
    Failure("another's model", 403, "model_not_allowed", headers=AS_GUEST, config=GUEST),
    Failure("an odd name", 403, "host_not_allowed", headers={"host": "rebound.example.com"}),
    Failure("a page", 403, "origin_not_allowed", headers={"origin": "https://example.com"}),
    Failure("a page and a token", 403, "origin_not_allowed", path="/status/tokens/1/check", headers={"origin": "null"}),
    Failure("a guest and the state", 403, "permission_denied", path="/status/ticket", headers=AS_GUEST, config=GUEST),
    Failure("no such model", 404, "model_not_found", body=chat(model="gpt-4o")),
    Failure("too large", 413, "request_too_large", config="[server]\nmax_body_mb = 0.001", body=chat("x" * 2000)),
    Failure("used up", 429, "rate_limit_exceeded", error(429, lines.ERROR_429)),
    Failure("a guest too often", 429, "key_limit_exceeded", headers=AS_GUEST, config=GUEST, before=spent,
            body=chat(model="grok-4.1")),
    Failure("a bug", 500, "internal_error", before=lambda site: vars(site.gateway).update(completion=None)),
    Failure("a challenge", 502, "upstream_challenge", page()),
    Failure("anti-bot rules", 502, "upstream_antibot", error(403, lines.ERROR_403_ANTIBOT)),
    Failure("no answer", 502, "empty_upstream_response", play_lines([wrapped(lines.soft_stop())])),
    Failure("broken off", 502, "upstream_error", Script((CUT,))),
    Failure("no picture", 502, "upstream_refused", path="/v1/images/generations", body={"prompt": "a cat"}),
    Failure("no tokens", 503, "no_tokens", tokens=()),
    Failure("no session", 503, "no_valid_tokens", error(401, lines.ERROR_401)),
    Failure("load", 503, "upstream_overloaded", error(429, lines.ERROR_429_HEAVY)),
    Failure("stopping", 503, "shutting_down", before=draining),
    Failure("silence", 504, "timeout_first_response", Script((HANG,)), config="[grok]\nstream_first_response_timeout = 0.1"),
]  # fmt: skip


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.name)
@on_site(config=lambda case: case.config, tokens=lambda case: case.tokens)
async def test_failures_look_as_described(site: Site, case: Failure) -> None:
    """Each under its status, with its code among those that the operation names."""
    site.simulator.always(case.script)
    case.before(site)
    reply = await site.client.post(case.path, json=case.body, headers=case.headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (case.status, case.code)
    Described(document()).check(reply)


VISITS: list[tuple[str, str, dict[str, str], tuple[str, ...]]] = [
    ("nobody", GUEST, {}, ("get", "post")),
    ("a guest", GUEST, AS_GUEST, ("get", "post")),
    ("an odd name", "", {"host": "rebound.example.com"}, ("get", "post")),
    ("a page", "", {"origin": "https://example.com"}, ("post",)),
]


@pytest.mark.parametrize(
    ("config", "headers", "methods"), [row[1:] for row in VISITS], ids=[row[0] for row in VISITS]
)
@on_media_site(config=lambda config: config)
async def test_every_operation_refuses_as_described(
    site: Site, config: str, headers: dict[str, str], methods: tuple[str, ...]
) -> None:
    """Whoever may not use it."""
    described = Described(document())
    for path, method, _ in operations(described.document):
        if method in methods:
            url = path.format(name="nothing", token="1", act="check")
            body = {
                "model": "grok-3-fast",
                "messages": [{"role": "user", "content": "a cat"}],
                "prompt": "a cat",
            }
            described.check(await site.client.request(method, url, json=body, headers=headers))


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"

BROKEN: list[tuple[str, bytes, int]] = [
    ("no HTTP", HEAD + b"content-length: many\r\n\r\n", 400),
    ("two lengths", HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", 400),
    ("half a body", HEAD + b"content-length: 2\r\n\r\n{", 408),
]


@pytest.mark.parametrize(
    ("sent", "status"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_refusals_by_other_layers_look_as_described(
    sent: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the HTTP server, by the edge around the app, by Quart."""

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(sent)
            reply = await read_reply(stream)
        assert reply.status == status
        headers = {name.lower(): value for name, value in reply.headers.items()}
        found = httpx.Response(reply.status, headers=headers, content=reply.body, request=CHAT)
        Described(document()).check(found)

    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.1)
    run_on_site(scenario)


def test_no_name_stands_twice_in_an_object() -> None:
    """JSON allows it, and the last one would count without a word."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]
        return dict(pairs)

    document = Path(web_app.__file__).with_name("openapi.json").read_text("utf-8")
    json.loads(document, object_pairs_hook=once)
