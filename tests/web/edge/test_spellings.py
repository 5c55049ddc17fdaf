"""Each route at every spelling of its path."""

from __future__ import annotations

import json

import pytest

from grokcore.protocol.model_order import BEST_FIRST
from grokcore.web import model_list
from tests.servers import chat
from tests.wire import http, reply_to


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v1/models",
            "/models",
            "/v1/models/",
            "/models/",
            "//v1//models",
            "/v1/v1/models",
            "/v1/models?limit=5",
        ),
        *("http://localhost/v1/models", "http://localhost:8000/models/", "/v1/%6dodels"),
    ],
)
def test_the_models_are_at_every_spelling_of_their_path(path: str) -> None:
    """With or without ``/v1``, or with two; slashes don't matter; absolute as proxies send it."""
    reply = reply_to(http("GET", path))
    assert reply.status == 200
    assert [model["id"] for model in json.loads(reply.body)["data"]] == list(BEST_FIRST)


@pytest.mark.parametrize(
    "path",
    [
        "/chat/completions",
        "/v1/chat/completions/",
        "/v1/v1/chat//completions",
        "http://a/v1/chat/completions",
    ],
)
def test_a_chat_is_at_every_spelling_of_its_path(path: str) -> None:
    """Base URLs are mistyped in many ways."""
    reply = reply_to(http("POST", path, body=json.dumps(chat()).encode()))
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == "ok"


def test_one_model_is_shown() -> None:
    """``GET /v1/models/NAME``, as SDKs ask for it."""
    reply = reply_to(http("GET", "/v1/models/grok-4.1"))
    shown = json.loads(reply.body)
    anthropics = {"type", "display_name", "created_at"}
    assert {name: value for name, value in shown.items() if name not in anthropics} == {
        "id": "grok-4.1",
        "object": "model",
        "created": model_list.MODELS_CREATED,
        "owned_by": "xai",
        "available": True,
    }
