"""OpenAI's image requests: what is taken, and what is refused with which field."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.dialects.openai_images.request import (
    DEFAULT_MODEL,
    ImageRequest,
    Made,
    images_body,
    parse_image_request,
    resolve_model,
)
from grokcore.protocol.dialects.openai_images.sources import FormFile, holds_picture, is_absent
from grokcore.protocol.models import SHIPPED

URL = "data:image/png;base64,AAAA"


def parse(fields: Any, *, editing: bool = False) -> ImageRequest:
    """Of a JSON object, or of pairs."""
    return parse_image_request(
        tuple(fields.items()) if isinstance(fields, dict) else fields, editing=editing
    )


@frozen
class Fault:
    """A request that is refused, and the field that is to blame."""

    fields: Any
    param: str
    editing: bool = False
    error: type[GrokApiError] = InvalidRequest


FAULTS = [
    Fault({}, "prompt"),
    Fault({"prompt": " "}, "prompt"),
    Fault({"prompt": ["a"]}, "prompt"),
    Fault({"prompt": "a" * 1_000_001}, "prompt"),
    *(
        Fault({"prompt": "a", "n": n}, "n")
        for n in (0, 5, -1, True, 1.5, 0.0, "1.5", "12", "x", [1], "0")
    ),
    Fault({"prompt": "a", "response_format": "png"}, "response_format"),
    Fault({"prompt": "a", "response_format": {"type": "url"}}, "response_format"),
    *(
        Fault({"prompt": "a", "partial_ok": value}, "partial_ok")
        for value in (2, "maybe", ["true"], 0.5)
    ),
    *(
        Fault({"prompt": "a", "stream": value}, "stream")
        for value in (True, "True", 1, "1", "perhaps", [1])
    ),
    Fault({"prompt": "a", "model": 1}, "model"),
    Fault({"prompt": "a", "output_format": "svg"}, "output_format"),
    Fault({"prompt": "a", "output_format": "GIF"}, "output_format"),
    Fault((("prompt", "a"), ("prompt", "b")), "prompt"),
    Fault((("prompt", "a"), ("n", "1"), ("n", "2")), "n"),
    Fault((("prompt", FormFile("p.txt", b"\xff")),), "prompt"),
    Fault({"prompt": "a"}, "image", True, AttachmentRefused),
    Fault({"prompt": "a", "image": []}, "image", True, AttachmentRefused),
    Fault({"prompt": "a", "image": "None"}, "image", True, AttachmentRefused),
    Fault({"prompt": "a", "image": URL, "mask": URL}, "mask", True),
    Fault({"prompt": "a", "image": URL, "mask": FormFile("m.png", b"")}, "mask", True),
    Fault({"prompt": "a", "image": URL, "mask_image": [URL]}, "mask_image", True),
    Fault({"prompt": "a", "image": URL, "markup": {"image_url": URL}}, "markup", True),
    *(
        Fault({"prompt": "a", name: value}, path, editing, AttachmentRefused)
        for editing in (False, True)
        for name, value, path in (
            ("image", 1, "image"),
            ("image", "a.png", "image"),
            ("image", "file:///a.png", "image"),
            ("image", "[not JSON", "image"),
            ("image", "C:\\a.png", "image"),
            ("image", {"type": "image_url"}, "image"),
            ("image[]", "a.png", "image"),
            ("image", [[[[[[URL]]]]]], "image[0][0][0][0][0]"),
            ("images", [{"file_id": "f"}], "images[0]"),
            ("images", [URL, True], "images[1]"),
            ("image_id", "f-1", "image_id"),
            ("file_ids", ["f-1"], "file_ids"),
            ("image", FormFile("a.png", b""), "image"),
            ("attachment", FormFile("a.png", b"x"), "attachment"),
            ("style", {"reference": [URL]}, "style"),
            (
                "face",
                "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA",
                "face",
            ),
            ("image_prompt", "https://example.com/a.png", "image_prompt"),
        )
    ),
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{fault.param}: {str(fault.fields)[:60]}"
)
def test_a_faulty_request_names_its_field(fault: Fault) -> None:
    """Nothing is guessed."""
    with pytest.raises(fault.error) as caught:
        parse(fault.fields, editing=fault.editing)
    assert caught.value.param == fault.param


def test_a_refused_picture_is_answered_with_the_forms_that_are_taken() -> None:
    """A path of the client's own disk is the likeliest fault."""
    with pytest.raises(AttachmentRefused, match="data:"):
        parse({"prompt": "a", "image": "a.png"})


def test_what_is_left_out_has_a_default() -> None:
    """One picture, in both formats: clients that name none expect the one or the other."""
    asked = parse({"prompt": "a cat", "size": "1024x1024", "quality": None})
    assert (asked.model, asked.n, asked.formats) == ("", 1, ("b64_json", "url"))
    assert (asked.partial_ok, asked.sources, asked.ignored) == (False, (), ("size",))
    assert asked.prompt == "a cat"


ABSENT: list[Any] = [None, "", "  ", "None", "null", "undefined", [], {}, FormFile("", b"")]


@pytest.mark.parametrize("value", ABSENT, ids=repr)
def test_an_empty_value_is_an_absent_one(value: Any) -> None:
    """In every field: SDKs send null, forms send nothing or the word that the language has for
    it.
    """
    names = [
        "model",
        "n",
        "response_format",
        "partial_ok",
        "stream",
        "mask",
        "image",
        "images",
        "size",
        "user",
    ]
    asked = parse({"prompt": "a cat", **dict.fromkeys(names, value)})
    assert asked == parse({"prompt": "a cat"})


@pytest.mark.parametrize(("value", "meant"), [
    *((value, True) for value in (True, "true", "True", "TRUE", 1, "1", 1.0, "yes", "on")),
    *((value, False) for value in (False, "false", "False", "FALSE", 0, "0", 0.0, "no", "off", "None")),
])  # fmt: skip
def test_a_boolean_is_one_in_every_language(value: object, *, meant: bool) -> None:
    """A form has strings only, and each library writes them as its language does."""
    assert parse({"prompt": "a", "partial_ok": value}).partial_ok is meant
    if not meant:
        assert parse({"prompt": "a", "stream": value, "mask": value}).n == 1


@pytest.mark.parametrize("value", [3, 3.0, "3", "3.0", " 3 ", "03", "+3", "3."])
def test_a_number_is_one_in_every_language(value: object) -> None:
    """Whole numbers come as floats, and in forms as text."""
    assert parse({"prompt": "a", "n": value}).n == 3


@pytest.mark.parametrize("value", ["b64_json", "B64_JSON", " url", "URL"])
def test_a_format_is_known_whatever_its_case(value: str) -> None:
    """As everything that is chosen from a list."""
    assert parse({"prompt": "a", "response_format": value}).formats == (value.strip().lower(),)


NAMES_OF_MODELS = [
    *(
        "gpt-image-1",
        "gpt-image-1-mini",
        "gpt-image-1.5",
        "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-7",
        "gpt-image",
    ),
    *(
        "dall-e-2",
        "dall-e-3",
        "dall-e-9",
        "DALL-E-3",
        "chatgpt-image-latest",
        "openai/gpt-image-2",
        "xai/grok-2-image",
    ),
    *(
        "grok-2-image",
        "grok-2-image-1212",
        "grok-2-image-latest",
        "grok-3-image",
        "grok-imagine-image",
    ),
    *(
        "grok-imagine-image-pro",
        "grok-imagine-image-2027-01-01",
        "grok-imagine-1.0",
        "grok-imagine-1.0-edit",
    ),
    *("grok-imagine-1.0-fast", "", DEFAULT_MODEL),
]


@pytest.mark.parametrize("name", NAMES_OF_MODELS)
def test_image_models_go_by_many_names(name: str) -> None:
    """Those of OpenAI and xAI, also the versions to come, are the model that draws."""
    assert resolve_model(name, SHIPPED) == DEFAULT_MODEL


@pytest.mark.parametrize(
    "name",
    ["grok-imagine-0.9", "grok-3-fast", "gpt-4o", "grok-imagine-video", "sora-2", "x" * 9999],
)
def test_a_name_that_is_no_image_model_s_stays(name: str) -> None:
    """It is found in the table, or refused."""
    assert resolve_model(name, SHIPPED) == name


def test_a_name_of_the_table_comes_before_the_aliases() -> None:
    """Whoever adds a model under such a name means it."""
    assert resolve_model("dall-e-3", {"dall-e-3"}) == "dall-e-3"


PNG64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SOURCE_NAMES = [
    *(
        "image",
        "images",
        "image[]",
        "images[]",
        "image[0]",
        "images[1]",
        "image_1",
        "image1",
        "image-2",
        "image.0",
    ),
    *(
        "images[0][image_url]",
        "image[url]",
        "images[0][image_url][url]",
        "input_image",
        "image_url",
        "image_urls",
    ),
    *(
        "imageUrl",
        "init_image",
        "reference_images",
        "image_file",
        "image_base64",
        "Image",
        "input_images[3]",
    ),
]


@pytest.mark.parametrize("editing", [False, True])
@pytest.mark.parametrize("name", SOURCE_NAMES)
def test_a_picture_is_used_whatever_its_field_is_called(name: str, *, editing: bool) -> None:
    """In both routes: recent clients send pictures to generations too."""
    asked = parse({"prompt": "redder", name: URL}, editing=editing)
    assert [part.url for part in asked.sources] == [URL]
    assert asked.prompt == "redder"
    assert not asked.ignored
    file = parse((("prompt", "redder"), (name, FormFile("a.png", b"\x89PNG"))), editing=editing)
    assert [part.data for part in file.sources] == [b"\x89PNG"]


@pytest.mark.parametrize("value", [
    URL,
    {"url": URL},
    {"type": "image_url", "url": URL},
    {"image_url": URL},
    {"image_url": {"url": URL, "detail": "high"}},
    {"type": "input_image", "image_url": URL},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}},
    {"inlineData": {"mimeType": "image/png", "data": PNG64}},
    {"b64_json": PNG64},
    PNG64,
    PNG64[:40] + "\n" + PNG64[40:],
    FormFile("a.txt", PNG64.encode()),
    FormFile("a.txt", URL.encode()),
    {"0": URL},
    f'["{URL}"]',
    f' {{"url": "{URL}"}}',
], ids=lambda value: str(value)[:60])  # fmt: skip
def test_a_picture_is_used_whatever_is_around_it(value: Any) -> None:
    """A URL, base64, and the objects of all dialects; alone and in a list."""
    for fields in ({"image": value}, {"images": [value]}, {"image": {"image": value}}):
        (part,) = parse({"prompt": "a", **fields}, editing=True).sources
        assert part.url.startswith("data:")


def urls(*numbers: int) -> list[str]:
    return [f"https://example.com/{number}" for number in numbers]


@pytest.mark.parametrize("fields", [
    [("image", urls(0, 1, 2))],
    [("image", url) for url in urls(0, 1, 2)],
    [("image[]", url) for url in urls(0, 1, 2)],
    [(f"image[{number}]", url) for number, url in enumerate(urls(0, 1, 2))],
    [("image_10", urls(2)[0]), ("image_2", urls(1)[0]), ("image", urls(0)[0])],
    [("image", urls(0)[0]), ("images", urls(1, 2))],
    [("image", {"10": urls(2)[0], "2": urls(1)[0], "0": urls(0)[0]})],
], ids=str)  # fmt: skip
def test_pictures_keep_their_order(fields: list[tuple[str, Any]]) -> None:
    """That in which they came, or that of their numbers; and each has a path of its own."""
    sources = parse((("prompt", "a"), *fields), editing=True).sources
    assert [part.url for part in sources] == urls(0, 1, 2)
    assert len({part.path for part in sources}) == 3


def test_what_has_no_effect_is_named() -> None:
    """Whatever its name: it goes into a header."""
    names = [
        "size",
        "quality",
        "background",
        "moderation",
        "user",
        "style",
        "output_compression",
        "partial_images",
    ]
    asked = parse(
        {
            "prompt": "a",
            **dict.fromkeys(names, "x"),
            "größe": 1,
            "a b\r\n": 1,
            "": 1,
            "output_format": "png",
        }
    )
    assert set(asked.ignored) == {
        *names,
        "gr%C3%B6%C3%9Fe",
        "a%20b%0D%0A",
        "unnamed",
        "output_format",
    }
    many = parse({"prompt": "a", **{f"f{number:03}": 1 for number in range(100)}}).ignored
    assert many == (*(f"f{number:03}" for number in range(40)), "60-more")


def test_the_answer_has_each_picture_as_it_is_wanted() -> None:
    """Content, address or both; an empty one is left out."""
    body = images_body([Made(b"abc", "u"), Made(b"abc"), Made(url="u")], 7, tokens=5)
    content = base64.b64encode(b"abc").decode()
    assert body["data"] == [{"b64_json": content, "url": "u"}, {"b64_json": content}, {"url": "u"}]
    assert body["created"] == 7
    assert body["usage"] == {
        "input_tokens": 5,
        "input_tokens_details": {"text_tokens": 5, "image_tokens": 0},
        "output_tokens": 0,
        "total_tokens": 5,
    }


USED = [
    "prompt",
    "n",
    "image",
    "images",
    "image[]",
    "image_1",
    "mask",
    "model",
    "response_format",
    "partial_ok",
    "stream",
]
NAMES = st.sampled_from(
    [*USED, "size", "images[0][url]", "output_format", "file_id", "attachment"]
) | st.text(max_size=8)
SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        2.0,
        "",
        "None",
        "1",
        "true",
        "url",
        URL,
        PNG64,
        "https://example.com/a",
    ]
)
LEAVES = SCALARS | st.text(max_size=20) | st.floats(allow_nan=False) | st.integers()
KEYS = st.sampled_from(["url", "image_url", "data", "0", "file_id", "type"]) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
FILES = st.builds(
    FormFile,
    st.sampled_from(["", "a.png"]),
    st.sampled_from([b"", b"\x89PNG", b"text", URL.encode()]),
)


def leaves(value: Any) -> Iterator[str]:
    """The texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value if isinstance(value, list) else value.values():
            yield from leaves(item)


def is_hollow(value: Any) -> bool:
    """Whether there is nothing in a value, however deep one looks."""
    if isinstance(value, list | dict):
        return all(map(is_hollow, value if isinstance(value, list) else value.values()))
    return is_absent(value) or value is False


def test_a_field_may_be_there_twice_with_one_value() -> None:
    """Forms of some clients repeat a field; an empty one beside a value is no other value."""
    fields = (("prompt", "a"), ("prompt", "a"), ("n", "2"), ("n", "2"), ("n", ""))
    assert (parse(fields).prompt, parse(fields).n) == ("a", 2)


@settings(deadline=None, max_examples=500)
@given(fields=st.lists(st.tuples(NAMES, VALUES | FILES), max_size=6), editing=st.booleans())
@example(fields=[("images[0][url]", {"url": False, "data": "0"})], editing=False)
def test_whatever_comes_is_taken_named_or_refused(
    fields: list[tuple[str, Any]], *, editing: bool
) -> None:
    """No other error than one with the field to blame, and no field is passed over."""
    fields = (
        [*fields, ("prompt", "a")] if not any(name == "prompt" for name, _ in fields) else fields
    )
    try:
        asked = parse(tuple(fields), editing=editing)
    except GrokApiError as error:
        assert error.param is not None  # noqa: PT017
        return
    assert 1 <= asked.n <= 4
    assert asked.prompt.strip()
    assert all(name.isascii() and name.isprintable() and name for name in asked.ignored)
    for name, value in fields:
        if is_hollow(value) or name in USED:
            continue
        assert asked.sources or asked.ignored, f"{name} is passed over"
    given = sum(
        text == URL for name, value in fields if holds_picture(name) for text in leaves(value)
    )
    if given and not any(isinstance(value, dict) for _, value in fields):
        assert sum(part.url == URL for part in asked.sources) >= given
