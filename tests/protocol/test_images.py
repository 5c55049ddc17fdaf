"""OpenAI's image requests: what is taken, and what is refused with which field."""

from __future__ import annotations

import base64
import contextlib
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.attachments import AttachmentPart
from grokcore.protocol.images import ALIASES, DEFAULT_MODEL, Made, images_body, parse_image_request

from .strategies import json_values

URL = "data:image/png;base64,AAAA"


@frozen
class Fault:
    """A request that is refused, and the field that is to blame."""

    fields: dict[str, Any]
    param: str
    editing: bool = False
    error: type[GrokApiError] = InvalidRequest


FAULTS = [
    Fault({}, "prompt"),
    Fault({"prompt": " "}, "prompt"),
    Fault({"prompt": ["a"]}, "prompt"),
    *(Fault({"prompt": "a", "n": n}, "n") for n in (0, 5, -1, True, 1.5, 0.0, "", "12", "x", [1])),
    Fault({"prompt": "a", "response_format": "png"}, "response_format"),
    Fault({"prompt": "a", "partial_ok": 1}, "partial_ok"),
    Fault({"prompt": "a", "stream": True}, "stream"),
    Fault({"prompt": "a", "model": 1}, "model"),
    Fault({"prompt": "a"}, "image", True, AttachmentRefused),
    Fault({"prompt": "a", "image": []}, "image", True, AttachmentRefused),
    Fault({"prompt": "a", "image": 1}, "image", True, AttachmentRefused),
    Fault({"prompt": "a", "images": [{"file_id": "f"}]}, "images[0]", True, AttachmentRefused),
    Fault({"prompt": "a", "image": URL, "mask": URL}, "mask", True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.param}: {fault.fields}")
def test_a_faulty_request_names_its_field(fault: Fault) -> None:
    """Nothing is guessed."""
    with pytest.raises(fault.error) as caught:
        parse_image_request(fault.fields, editing=fault.editing)
    assert caught.value.param == fault.param


def test_what_is_left_out_has_a_default() -> None:
    """One picture, in both formats: clients that name none expect the one or the other."""
    asked = parse_image_request({"prompt": "a cat", "size": "1024x1024", "quality": None}, editing=False)
    assert (asked.model, asked.n, asked.formats) == (DEFAULT_MODEL, 1, ("b64_json", "url"))
    assert (asked.partial_ok, asked.sources, asked.ignored) == (False, (), ("size",))
    assert asked.message == "Drawing: a cat"


@pytest.mark.parametrize("name", sorted(ALIASES))
def test_grok_s_image_models_go_by_many_names(name: str) -> None:
    """Each is the model that draws."""
    assert parse_image_request({"prompt": "a", "model": name}, editing=False).model == DEFAULT_MODEL


@pytest.mark.parametrize("fields", [
    {"image": URL},
    {"image": {"url": URL}},
    {"image": {"image_url": URL}},
    {"image": [URL]},
    {"images": [{"image_url": URL}]},
    {"images": [{"image_url": {"url": URL}}]},
])  # fmt: skip
def test_a_picture_to_edit_may_be_named_in_many_ways(fields: dict[str, Any]) -> None:
    """As the SDKs of 2026 do."""
    asked = parse_image_request({"prompt": "redder", **fields}, editing=True)
    assert [part.url for part in asked.sources] == [URL]
    assert asked.message == "Edit the attached image: redder"
    assert not asked.ignored


def test_a_form_s_files_come_first_and_its_fields_are_strings() -> None:
    """n and partial_ok too."""
    part = AttachmentPart(picture=True, url="", name="a.png", path="image", data=b"x")
    asked = parse_image_request({"prompt": "a", "n": "3", "partial_ok": "true"}, [part, part], editing=True)
    assert (asked.n, asked.partial_ok, asked.sources) == (3, True, (part, part))
    assert asked.message.startswith("Edit the attached images: ")


def test_pictures_are_ignored_where_none_is_edited() -> None:
    """/images/generations knows no sources."""
    assert parse_image_request({"prompt": "a", "image": URL}, editing=False).sources == ()


def test_the_answer_has_each_picture_as_it_is_wanted() -> None:
    """Content, address or both; an empty one is left out."""
    asked = parse_image_request({"prompt": "12345678"}, editing=False)
    body = images_body(asked, [Made(b"abc", "u"), Made(b"abc"), Made(url="u")], 7)
    content = base64.b64encode(b"abc").decode()
    assert body["data"] == [{"b64_json": content, "url": "u"}, {"b64_json": content}, {"url": "u"}]
    assert body["created"] == 7
    usage = body["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert usage["input_tokens_details"] == {"text_tokens": usage["input_tokens"], "image_tokens": 0}


NAMES = st.sampled_from(["prompt", "n", "image", "images", "image[]", "mask", "model", "response_format", "partial_ok"])


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(NAMES, json_values), st.booleans())
def test_whatever_comes_is_taken_or_refused(fields: dict[str, Any], editing: bool) -> None:
    """With an error of the family, never with another."""
    with contextlib.suppress(GrokApiError):
        asked = parse_image_request(fields, editing=editing)
        assert 1 <= asked.n <= 4
        assert asked.prompt.strip()
