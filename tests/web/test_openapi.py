"""``/openapi.json``, compared with the standard, the routes and the errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import trio
from openapi_spec_validator import OpenAPIV31SpecValidator
from quart_trio import QuartTrio

import grokcore
from grokcore import errors
from grokcore.cli.assembly import Server
from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.error_forms import openai_form, responses_form
from grokcore.protocol.dialects.openai_errors import error_type
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.account import AccountState
from grokcore.runtime.disk.state_file import StateFile
from grokcore.web.app import create_app
from grokcore.web.dashboard import FILES
from grokcore.web.edge.doors import _EXPOSED
from grokcore.web.observing.metrics import Metrics
from grokcore.web.openapi import ERRORS
from grokcore.web.routes import Marks, marks_of
from tests.servers import TOKENS, Site, configured, on_site
from tests.web.openapi_document import (
    Object,
    document,
    examples,
    operations,
)

PAGE_FILES = {f"/status/{name}" for name in FILES}
"""Not described: only the page asks for them."""

GREETING = "/api/hello"
"""Not described: Claude Code asks for it, and gets nothing."""


LEAVES = [
    leaf
    for leaf in vars(errors).values()
    if isinstance(leaf, type) and issubclass(leaf, GrokApiError)
][1:]


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
    """Under the public address; without a key the description is refused."""
    for key, names in (("owner", list(SHIPPED)), ("guest", ["grok-4.1"])):
        told = (await site.client.get("/openapi.json", headers={"x-api-key": key})).json()
        assert told["components"]["schemas"]["ModelName"]["enum"] == names
        assert told["servers"] == [{"url": "https://grok.example.com/x/v1"}]
    assert (await site.client.get("/openapi.json")).status_code == 401


def whole_app(folder: Path) -> QuartTrio:
    """The app of a whole server, with all its routes."""

    async def main() -> QuartTrio:
        server = Server(configured(), TOKENS, StateFile(folder / "state.jsonl"))
        return create_app(server.services, Metrics(server.services.measured))

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
    left_out = {*PAGE_FILES, GREETING}
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule not in left_out]
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
    """And none that does not exist. Of the Responses API it is the status that its clients need."""
    assert set(told_errors(document())) == {
        (str(form(leaf(""), "").status), leaf.code)
        for leaf in LEAVES
        for form in (openai_form, responses_form)
        if form is openai_form or leaf in ERRORS["createResponse"]
    }


def test_errors_of_messages_are_anthropic_s() -> None:
    """In their form, under their statuses."""
    answers = document()["paths"]["/messages"]["post"]["responses"]
    schemas = {
        status: next(iter(answer["content"].values()))["schema"]["$ref"]
        for status, answer in answers.items()
        if status not in ("200", "408")
    }
    assert set(schemas.values()) == {"#/components/schemas/MessageError"}
    assert "529" in schemas
    assert "`content_policy_violation`" not in answers["400"]["description"]


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
