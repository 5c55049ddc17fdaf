"""Twenty thousand requests with mistakes in them: each is a request or a fault with a path, and no
word of it is lost.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.conversation.enclosures import left_behind, paths_by_rule
from grokcore.protocol.dialects.fields import header_names
from grokcore.protocol.dialects.openai_chat.request import ChatRequest
from grokcore.protocol.dialects.openai_images.request import parse_image_request
from grokcore.protocol.grok_web.prompt import render_prompt
from tests.protocol.dialects.edges import fault_of, named

from ..grok_web.mutants import Leaf, Maker, leaves

REQUESTS = 20_000


def lost(fields: dict[str, Any], request: ChatRequest) -> list[Leaf]:
    """Texts that neither go to Grok nor are named."""
    up = paths_by_rule(request.messages)
    parts = [
        part for message in request.messages for part in message.attachments if part.path in up
    ]
    told = "\n".join(
        [render_prompt(request.messages, up), *(f"{part.url} {part.name}" for part in parts)]
    )
    names = {*request.ignored, *left_behind(request.messages, up)}
    return [
        leaf for leaf in leaves(fields) if leaf[1] not in told and not named(leaf, fields, names)
    ]


@pytest.mark.large
@pytest.mark.parametrize("seed", range(4))
def test_any_request_is_answered_or_refused_by_its_place(seed: int) -> None:
    """Never another exception. What is taken reaches Grok word by word, or the header names what
    does not.
    """
    maker = Maker(seed)
    taken = 0
    for _ in range(REQUESTS // 4):
        fields = maker.request()
        found = fault_of(json.loads(json.dumps(fields)))
        if isinstance(found, GrokApiError):
            assert found.param, fields
            assert found.param.split(".")[0].split("[")[0] in {*fields, "messages", "model"}, fields
            continue
        taken += 1
        assert lost(fields, found) == [], (found.ignored, json.dumps(fields))
        header = ", ".join(header_names(found.ignored))
        assert len(header) < 2000
        assert header.isascii()
        assert header.isprintable()
    assert taken > REQUESTS // 16, "too few were any good"


@pytest.mark.large
def test_what_was_an_error_in_the_question_is_none_in_the_history() -> None:
    """Whatever was in a message, the next question is answered."""
    maker = Maker(99)
    for _ in range(2000):
        content = [maker.part(), maker.part()]
        for role in ("user", "assistant", "tool", "system"):
            fields = {
                "model": "m",
                "messages": [{"role": role, "content": content}, {"role": "user", "content": "hi"}],
            }
            found = fault_of(fields)
            assert isinstance(found, ChatRequest), (found, fields)
            assert lost(fields, found) == [], (found.ignored, json.dumps(fields))


@pytest.mark.parametrize("editing", [False, True])
def test_any_fields_of_a_picture_s_form_are_a_request_or_a_fault(editing: bool) -> None:
    """With the field at fault."""
    maker = Maker(7)
    names = (
        "prompt",
        "image",
        "images",
        "image[]",
        "mask",
        "n",
        "size",
        "response_format",
        "model",
        "stream",
    )
    for _ in range(1000):
        fields = {name: maker.json() for name in names if maker.text()[-2] in "02468"} | {
            "prompt": "a"
        }
        try:
            parse_image_request(tuple(fields.items()), editing=editing)
        except (InvalidRequest, AttachmentRefused) as error:
            refusal = error
        else:
            continue
        assert refusal.param, fields
