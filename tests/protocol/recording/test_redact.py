"""Redaction: nothing of a person stays, and the decoder finds the same events."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import GrokApiError
from grokcore.protocol.conversation.events import Event, Text, Thinking, ToolUse
from grokcore.protocol.counters import Counters
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.markup import Element, TagFilter, parse_tag_names
from grokcore.protocol.grok_web.refusals import refusal_of_response
from grokcore.protocol.recording import pseudonyms, redact, vocabulary
from grokcore.protocol.recording.masks import TextMask
from grokcore.protocol.recording.pseudonyms import Pseudonyms
from grokcore.simulator import lines
from grokcore.simulator.lines import response, thought, token
from grokcore.simulator.scripts import answer_lines, wrapped

from ..strategies import (
    answers,
    chunked,
    cut_everywhere,
    json_objects,
    marked_up_text,
    plain_text,
    stream_bytes,
)
from .shapes import shape

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
FIXTURES = sorted((Path(__file__).parents[1] / "grok_web" / "fixtures").iterdir())
KEY = b"a key of the tests"


def redacted(data: bytes, tag_names: frozenset[str] = frozenset()) -> bytes:
    return redact.redacted(data, KEY, tag_names)


def redacted_line(value: object) -> Any:
    return json.loads(redacted(lines.line(value)))


def bytes_of(objects: Sequence[object]) -> bytes:
    return b"".join(map(lines.line, objects))


# The same events --------------------------------------------------------------------------------


def named_shape(event: Event) -> tuple[object, ...]:
    """The shape of an event; names of tools are Grok's own, and stay."""
    return (*shape(event), event.name) if isinstance(event, ToolUse) else shape(event)


def shapes(data: bytes, tags: frozenset[str] = TAGS) -> tuple[list[tuple[object, ...]], Counters]:
    """The shapes of a stream's events, and what was passed over; of unknown keys only how many."""
    decoder = Decoder(tags)
    events = decoder.receive(data) + decoder.close()
    counters = decoder.counters
    counters.unknown_keys = {"": sum(counters.unknown_keys.values())}
    return [named_shape(event) for event in events], counters


def texts(data: bytes) -> list[str]:
    decoder = Decoder(TAGS)
    return [
        event.text
        for event in decoder.receive(data) + decoder.close()
        if isinstance(event, (Text, Thinking))
    ]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_recorded_shapes_are_decoded_to_the_same_events(path: Path) -> None:
    """Kinds, counts, lengths of texts and the error that ends it, whatever the filter takes out."""
    data = path.read_bytes()
    for tags in (TAGS, frozenset[str]()):
        assert shapes(redacted(data), tags) == shapes(data, tags)
    assert not {
        text
        for text in texts(redacted(data))
        if any(char.isalnum() and char != "x" for char in text)
    }


_IDS = ("c1", "92b206", "9f1d3a52-0c44-4b6e-8f0a-6a1de0a70008")
_citations = st.builds(
    '<grok:render card_id="{}" card_type="citation_card" type="render_inline_citation"><argument name="citation_id">{}'
    "</argument></grok:render>".format,
    st.sampled_from(_IDS),
    st.integers(1, 30),
)
_calls = st.builds(
    lambda query, cdata: (
        "<xai:tool_usage_card>\n <xai:tool_name>web_search</xai:tool_name>\n <xai:tool_args>"
        + ("<![CDATA[" if cdata else "")
        + json.dumps(
            {"num_results": 5, "query": query, "other": [query, {"query": True}]},
            ensure_ascii=False,
        )
        + ("]]>" if cdata else "")
        + "</xai:tool_args></xai:tool_usage_card>"
    ),
    # Each of another shape: those of one shape may look alike when they are masked.
    st.sampled_from(["", "a", "éa", '"b"', "\\c\n/", "primes < 20", "a <b", "日本 語"]),
    st.booleans(),
)
_rich_text = st.lists(marked_up_text | _citations | _calls, max_size=4).map("".join)


@st.composite
def rich_streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Answers whose elements are cut over tokens, with cards, sources, pictures and keys that
    nobody knows.
    """
    tokens = draw(_rich_text.flatmap(chunked))
    thinking = draw(_rich_text.flatmap(chunked))
    card = json.dumps(
        {
            "id": draw(st.sampled_from(_IDS)),
            "cardType": "citation_card",
            "url": "https://example.com/a",
        }
    )
    pages = [
        {"url": f"https://example.com/{name}", "title": draw(plain_text), "citationId": str(number)}
        for number, name in enumerate("ab", 1)
    ]
    payloads = [
        *(
            thought(text, tag=draw(st.sampled_from(["summary", "header", "odd one"])))
            for text in thinking
        ),
        response({"webSearchResults": {"results": pages}}),
        response({"cardAttachment": {"jsonData": card}}),
        response(draw(json_objects)),
        token("Well:"),
        *(token(text) for text in tokens),
        thought("late"),
        lines.model_response(
            "".join(["Well:", *tokens, " the rest"]), "grok-3", cardAttachmentsJson=[card]
        ),
    ]
    return [wrapped(payload) for payload in payloads]


@settings(deadline=None, max_examples=100)
@given(
    rich_streams() | answers(),
    st.sampled_from([TAGS, frozenset({"grok:render"}), frozenset[str]()]),
)
def test_a_redacted_stream_is_decoded_to_the_same_events(
    objects: list[dict[str, Any]], tags: frozenset[str]
) -> None:
    """In the same order, with texts of the same lengths, also where elements are cut or only look
    like some.
    """
    data = bytes_of(objects)
    assert shapes(redacted(data), tags) == shapes(data, tags)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_the_framing_stays(data: st.DataObject) -> None:
    """Prefixes, ends of line and glue stay."""
    whole = data.draw(stream_bytes(data.draw(answers())))
    found = redacted(whole)
    assert found.count(b"\n") == whole.count(b"\n")
    # Within a string the quote would be escaped: only a prefix of a line looks so.
    prefix = re.compile(rb'data: ?(?:\{"|\[DONE\])')
    assert prefix.findall(found) == prefix.findall(whole)
    assert shapes(found) == shapes(whole)


# Nothing of a person ----------------------------------------------------------------------------

PIECE = 6
"""Letters and digits in a row that would be recognised."""


def pieces_of(text: str) -> set[str]:
    """Its words, in pieces. (An x is what a masked text is made of.)"""
    windows = {text[at : at + PIECE] for at in range(len(text) - PIECE + 1)}
    return {window for window in windows if window.isalnum() and "x" not in window.lower()}


def _skeleton() -> str:
    """Everything that stays in answers of the simulator's, and the words that are spelled out."""
    spelled_out = [*vocabulary.TAGS, *vocabulary.KINDS, *vocabulary.ARGUMENTS]
    objects = answer_lines(
        [], thoughts=[thought(""), lines.tool_call(""), lines.search_results("https://a.b", "")]
    )
    return redacted(bytes_of(objects)).decode() + " ".join(spelled_out)


SKELETON = _skeleton().lower()


@settings(deadline=None, max_examples=100)
@given(
    st.lists(marked_up_text | plain_text | st.text("abcdef12 <>\"'", max_size=30), max_size=4),
    st.lists(marked_up_text | st.text("abcdef12 ", max_size=30), max_size=3),
)
def test_no_piece_of_a_text_stays(tokens: list[str], thoughts: list[str]) -> None:
    """Neither of the answer nor of the thinking, of what was asked, of a tool's arguments, or of a
    page that was found.
    """
    said = [*map(thought, thoughts), *map(lines.tool_call, thoughts)]
    said += [lines.search_results(f"https://example.com/{text}", text) for text in thoughts]
    stream = bytes_of(answer_lines(tokens, thoughts=said, question="".join(tokens)))
    found = redacted(stream).decode()
    for text in (*tokens, *thoughts):
        assert not [
            piece for piece in pieces_of(text) if piece in found and piece.lower() not in SKELETON
        ]


SECRET = "Alice4711Wonder"
UUID = "4f0c1b2a-9d3e-4c5f-8a7b-6c5d4e3f2a1b"


@frozen
class Leak:
    """A line that has something of a person at a certain place."""

    name: str
    line: object
    secret: str = SECRET


def said(**payload: Any) -> dict[str, Any]:
    return wrapped(response(payload))


def card(**fields: Any) -> dict[str, Any]:
    return said(cardAttachment={"jsonData": json.dumps(fields)})


LEAKS = [
    Leak("token", said(token=SECRET)),
    Leak("token that looks like an id", said(token=UUID), UUID),
    Leak("token that is an address", said(token=f"https://{SECRET}.example.com/{SECRET}")),
    Leak("token that is JSON", said(token=json.dumps({"type": SECRET}))),
    Leak("token in capitals", said(token="ALICE_IN_WONDERLAND"), "ALICE_IN"),
    Leak("token of a search of 2025", said(token={"action": "webSearch", "action_input": {"query": SECRET, "type": SECRET}})),
    Leak("question", said(userResponse={"message": SECRET, "sender": "human", "fileAttachments": [UUID]})),
    Leak("id", said(responseId=UUID), UUID),
    Leak("short id", said(toolUsageCardId=SECRET)),
    Leak("ids", said(userResponse={"fileIds": [SECRET]})),
    Leak("number as an id", said(userId=4711081547), "4711081547"),
    Leak("uuid as a key", said(x={UUID: 1}), UUID),
    Leak("address as a key", said(x={f"{SECRET}@example.com": 1})),
    Leak("number as a key", said(x={"n4711081547": 1}), "4711081547"),
    Leak("unknown key", said(brandNew=SECRET)),
    Leak("unknown keys, deep", said(brandNew=[{"a": [{"b": SECRET}]}])),
    Leak("title", {"result": {"title": {"newTitle": SECRET}}}),
    Leak("conversation", {"result": {"conversation": {"conversationId": UUID, "title": SECRET}}}),
    Leak("page: address", said(webSearchResults={"results": [{"url": f"https://{SECRET.lower()}.example.com/"}]}), SECRET.lower()),
    Leak("page: path", said(webSearchResults={"results": [{"url": f"https://example.com/a/{SECRET}.html?q={SECRET}#{SECRET}"}]})),
    Leak("page: user and password", said(webSearchResults={"results": [{"url": f"https://u:{SECRET}@example.com:99/"}]})),
    Leak("page: one name", said(webSearchResults={"results": [{"url": f"http://{SECRET}/"}]})),
    Leak("page: long path", said(webSearchResults={"results": [{"url": f"https://example.com/{SECRET * 20}"}]})),
    Leak("page: title", said(webSearchResults={"results": [{"title": SECRET, "siteName": SECRET, "favicon": SECRET}]})),
    Leak("post", said(xSearchResults={"results": [{"username": SECRET, "name": SECRET, "text": SECRET, "postId": "1989471108154711999"}]})),
    Leak("post's number", said(xSearchResults={"results": [{"postId": "1989471108154711999"}]}), "1989471108154711999"),
    Leak("tool: arguments", said(toolUsageCard={"toolUsageCardId": UUID, "webSearch": {"args": {"query": SECRET, "type": SECRET}}})),
    Leak("tool: arguments in JSON", said(toolUsageCard={"mcp": {"args": {"toolArgsJson": json.dumps({"type": SECRET})}}})),
    Leak("tool: what it printed", said(codeExecutionResult={"stdout": SECRET, "stderr": SECRET, "exitCode": 0})),
    Leak("tool: element", said(token=f'<xai:tool_args><![CDATA[{{"query":"{SECRET}","{SECRET}":"{SECRET}"}}]]></xai:tool_args>')),
    Leak("tool: element with numbers", said(token='<xai:tool_args>{"to":4711081547,"a":[4711081547]}</xai:tool_args>'), "47110815"),
    Leak("tool: escaped", said(token='<xai:tool_args>{"query":"\\u0041\\u006c\\u0069\\u0063\\u0065\\ud83d\\ude09"}'), "\\u006c"),
    Leak("element: what is in it", said(token=f"<grok:render>{SECRET}</grok:render>")),
    Leak("element: attribute", said(token=f'<grok:render note="{SECRET}" {SECRET}="1" {SECRET}>')),
    Leak("element: card", said(token=f'<grok:render card_id="{SECRET}" type="{SECRET}">')),
    Leak("element: its name", said(token=f"<grok:{SECRET} <xai:{SECRET}> <{SECRET}>")),
    Leak("element: runs on", said(token="<grok:renderalicewonder>"), "alicewonder"),
    Leak("element: an artefact's title", said(token=f'<xaiArtifact title="{SECRET}" artifact_id="{UUID}">')),
    Leak("card: title", card(id=SECRET, cardType="image_card", image={"title": SECRET, "source": SECRET, "image_id": SECRET})),
    Leak("card: address", card(url=f"https://example.com/{SECRET}", image={"original": f"https://example.com/{SECRET}.png"})),
    Leak("card: file", card(file_name=f"{SECRET}.txt", url=f"users/{UUID}/generated/{SECRET}/{SECRET}.txt")),
    Leak("card: not JSON", said(cardAttachment={"jsonData": f"{{{SECRET}"})),
    Leak("cards of the whole answer", said(modelResponse={"cardAttachmentsJson": [json.dumps({"title": SECRET})]})),
    Leak("steps", said(modelResponse={"steps": [{"text": [SECRET], "tags": ["header"]}]})),
    Leak("picture", said(streamingImageGenerationResponse={"imageUrl": f"users/{UUID}/generated/{UUID}/image.jpg"}), UUID),
    Leak("picture as bytes", said(imageGenerationResponse={"generatedImageBytes": SECRET, "contentType": "image/png"})),
    Leak("picture in an address", said(modelResponse={"imageUrl": f"data:image/png;base64,{SECRET * 400}"})),
    Leak("video's prompt", said(streamingVideoGenerationResponse={"videoPrompt": SECRET, "audioTranscripts": [SECRET]})),
    Leak("progress", said(progressReport={"message": SECRET, "state": SECRET + " "})),
    Leak("a word that is none", said(uiLayout={"effort": f"{SECRET} at home"})),
    Leak("error", {"error": {"code": 3, "message": f"{SECRET} is not found", "details": [{"x": SECRET}]}}),
    Leak("error in an answer", said(error={"message": SECRET, "usageLimitReached": {"x": SECRET}})),
    Leak("error of the whole answer", said(modelResponse={"error": SECRET, "streamErrors": [{"message": SECRET}]})),
    Leak("refusal", {"code": 7, "message": f"User {SECRET} is blocked"}),
    Leak("refusal in words", {"code": SECRET, "error": SECRET}),
    Leak("no envelope", {"strange": SECRET}),
    Leak("a list", [SECRET, {"token": SECRET}]),
    Leak("a string", SECRET),
]  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_wherever_something_personal_stands_it_goes(leak: Leak) -> None:
    """Whole or in pieces; and so it does where the line is not quite JSON."""
    for data in (
        lines.line(leak.line),
        b"data: " + lines.line(leak.line),
        lines.line(leak.line) * 2,
    ):
        found = redacted(data).decode()
        pieces = {leak.secret[at : at + PIECE] for at in range(len(leak.secret) - PIECE + 1)}
        assert not [piece for piece in pieces if piece.lower() in found.lower()], found
    cut_off = redacted(lines.line(leak.line)[:-2]).decode()
    assert leak.secret not in cut_off


def test_what_is_no_json_becomes_a_row_of_x() -> None:
    """Of the same length, line by line; what the line reader passes over stays."""
    page = f"<html>\r\n<p>{SECRET}</p>\n\ndata: [DONE]\n \n{{}} {SECRET}é\n"
    assert (
        redacted(page.encode()).decode()
        == "xxxxxx\r\n" + "x" * 22 + "\n\ndata: [DONE]\n \n{} " + "x" * 16 + "\n"
    )
    assert redacted(b"\xff\xfe") == b"xx"


# What stays -------------------------------------------------------------------------------------


@frozen
class Kept:
    """A line, and what becomes of it."""

    name: str
    line: dict[str, Any]
    becomes: dict[str, Any]


KEPT = [
    Kept("text", {"message": "Hi, I'm 30 €.\n- ok"}, {"message": "xx, x'x xx x.\n- xx"}),
    Kept("numbers and the like", {"a": 1, "b": 1.5, "c": True, "d": None, "citationId": 9, "e": []}, {"a": 1, "b": 1.5, "c": True, "d": None, "citationId": 9, "e": []}),
    Kept("words", {"messageTag": "final", "sender": "ASSISTANT", "modelName": "grok-4.1", "mime_type": "text/plain"}, {"messageTag": "final", "sender": "ASSISTANT", "modelName": "grok-4.1", "mime_type": "text/plain"}),
    Kept("capitals", {"brandNew": "BRAND_NEW_STATE", "other": "LOUD"}, {"brandNew": "BRAND_NEW_STATE", "other": "xxxx"}),
    Kept("Grok's errors", {"error": {"code": 8, "message": "Too many requests, Bob! [WKE=a:b-c]"}}, {"error": {"code": 8, "message": "Too many requests, xxx! [WKE=a:b-c]"}}),
    Kept("keys that look like none", {"a b": 1, "c d": 2, "": 3}, {"xxx": 1, "xxxx": 2, "": 3}),
]  # fmt: skip


@pytest.mark.parametrize("case", KEPT, ids=lambda case: case.name)
def test_what_is_nobodys_stays(case: Kept) -> None:
    """The shape, numbers, Grok's own words, white space and punctuation."""
    assert redacted_line({"result": case.line}) == {"result": case.becomes}


def test_ids_are_the_same_wherever_they_stand() -> None:
    """In keys of their own, in addresses, in cards and in the elements that refer to them; another
    file has others.
    """
    objects = [
        said(imageId=UUID, imageUrl=f"users/{UUID}/generated/{UUID}-part-0/image.jpg"),
        card(id="92b206", image={"original": f"https://assets.grok.com/users/{UUID}/content"}),
        said(token='<grok:render card_id="92b206" card_type="image_card"></grok:render>'),
    ]
    first, second, third = (json.loads(line) for line in redacted(bytes_of(objects)).splitlines())
    picture = first["result"]["response"]
    name = picture["imageId"]
    assert [len(part) for part in name.split("-")] == [8, 4, 4, 4, 12]
    assert picture["imageUrl"] == f"users/{name}/generated/{name}-part-0/image.jpg"
    shown = json.loads(second["result"]["response"]["cardAttachment"]["jsonData"])
    assert shown["image"]["original"] == f"https://assets.grok.com/users/{name}/content"
    assert f'card_id="{shown["id"]}" card_type="image_card"' in third["result"]["response"]["token"]
    assert redact.redacted(bytes_of(objects), b"another") != redacted(bytes_of(objects))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text("abz019-_AZ./", max_size=12), unique=True, max_size=30))
def test_different_ids_stay_different(names: list[str]) -> None:
    """One for one, of the same length, with no letter or digit where it was."""
    pseudonyms = Pseudonyms(KEY)
    others = [pseudonyms.of(name) for name in names]
    assert [pseudonyms.of(name) for name in names] == others
    assert len(set(others)) == len(names)
    for name, other in zip(names, others, strict=True):
        assert [char for char in name if not char.isalnum()] == [
            char for char in other if not char.isalnum()
        ]
        assert not [
            char for char, new in zip(name, other, strict=True) if char.isalnum() and char == new
        ]


def test_new_elements_keep_their_names() -> None:
    """A report is about what is new: a whole tag of Grok's own kind stays readable, with its
    attributes' names.
    """
    text = 'a <grok:timeline tl_id="Bob" type="render_timeline">Bob</grok:timeline> b'
    kept = 'x <grok:timeline tl_id="xxx" type="render_timeline">xxx</grok:timeline> x'
    assert redacted_line({"result": {"message": text}}) == {"result": {"message": kept}}


def test_tags_of_a_configuration_keep_their_names() -> None:
    """They decide what the filter takes out."""
    data = bytes_of(answer_lines(["a<think>b</think>c"]))
    tags = frozenset({"think"})
    assert shapes(redacted(data, tags), tags) == shapes(data, tags)
    assert b"<think>x</think>" in redacted(data, tags)
    assert b"think" not in redacted(data)


# Robustness -------------------------------------------------------------------------------------


def tokens_in(stream: bytes) -> list[str]:
    return [json.loads(line)["result"]["response"]["token"] for line in stream.splitlines()]


def filtered(pieces: Sequence[str], tags: frozenset[str]) -> list[list[tuple[bool, int]]]:
    """For each piece the lengths of the texts and elements that the filter passes on."""
    tag_filter = TagFilter(tags)
    passed = [tag_filter.split(piece) for piece in pieces]
    return [
        *(
            [
                (False, len(each.text)) if isinstance(each, Element) else (True, len(each))
                for each in some
            ]
            for some in passed
        ),
        [(True, len(tag_filter.close()))],
    ]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(marked_up_text | _rich_text, max_size=3).map("".join),
    st.sampled_from([TAGS, frozenset({"grok:render"}), frozenset({"ax"}), frozenset[str]()]),
    st.data(),
)
def test_tokens_are_masked_as_one_text_wherever_they_are_cut(
    text: str, tags: frozenset[str], data: st.DataObject
) -> None:
    """Each keeps its length, the filter does the same with each, and together they are the mask of
    the whole text, of the answer as of the thinking.
    """
    whole = TextMask(Pseudonyms(KEY), tags).of(text)
    assert [len(line) for line in whole.split("\n")] == [len(line) for line in text.split("\n")]
    for pieces in (data.draw(chunked(text)), cut_everywhere(text)):
        for kind in (token, thought):
            masked = tokens_in(redacted(bytes_of([wrapped(kind(piece)) for piece in pieces]), tags))
            assert "".join(masked) == whole
            assert filtered(masked, tags) == filtered(pieces, tags)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=30) | json_objects.map(lines.line), max_size=6))
def test_garbage_raises_nothing(pieces: list[bytes]) -> None:
    """And has the lines that it had."""
    data = b"".join(pieces)
    assert redacted(data).count(b"\n") == data.count(b"\n")


@pytest.mark.parametrize("inner", [b"[", b'{"a":', b'{"jsonData":"[[[[', b'{"args":{"error":'])
def test_nests_without_end_raise_nothing(inner: bytes) -> None:
    """Neither deep ones nor those that are cut off."""
    for depth in (50, 150, 400, 5000):
        closing = b"".join(b"]" if inner == b"[" else b"}" for _ in range(depth))
        redacted(inner * depth + b"1" + closing)
        redacted(inner * depth)


# Errors -----------------------------------------------------------------------------------------


@frozen
class Refused:
    """A refusal of Grok's."""

    status: int
    body: object
    headers: dict[str, str] = field(factory=dict)


REFUSED = [
    Refused(401, lines.ERROR_401),
    Refused(403, lines.ERROR_403_ANTIBOT),
    Refused(403, lines.ERROR_403_BLOCKED),
    Refused(403, lines.ERROR_403_MODERATED),
    Refused(429, lines.ERROR_429),
    Refused(429, lines.ERROR_429_HEAVY),
    *(
        Refused(400, {"error": {"code": 3, "message": message}})
        for message in (
            "account is suspended",
            "account suspended",
            "session not found",
            "bad-credentials",
            "email-domain-rejected",
            "Token expired",
            "token revoked",
            "This violates our content policy",
            "content moderation",
            "content_moderated",
            "Admission denied by perf_based_admission_controller: load_shed_probability=0.8",
            "concurrency limit reached",
            "The model is not available",
            "usage limit",
            "rate limit exceeded",
            "quota exhausted",
            "context length exceeded",
            "The prompt is too long",
            "prompt too long",
            "beyond context",
            "something else",
        )
    ),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: json.dumps(case.body)[:60])
def test_a_refusal_means_what_it_meant(case: Refused) -> None:
    """The words by which it is told apart stay."""

    def meaning(body: bytes) -> type[GrokApiError]:
        return type(refusal_of_response(case.status, case.headers, body))

    body = json.dumps(case.body).encode()
    assert meaning(redacted(body)) is meaning(body)


def test_the_beginning_of_a_name_keeps_its_letters_and_no_more() -> None:
    """A decoder waits for the rest of it, as in the text itself."""
    mask = TextMask(Pseudonyms(KEY), TAGS)
    assert mask.of("a <grok:rendzz") == "x <grok:rend?x"
    assert mask.of("a < b") == "x < x"


def test_a_pseudonym_is_the_same_beyond_the_number_that_is_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is derived from the key and the name alone."""
    monkeypatch.setattr(pseudonyms, "MOST_REMEMBERED", 1)
    names = Pseudonyms(KEY)
    assert [names.of(name) for name in ("ab", "cd")] == [names.of(name) for name in ("ab", "cd")]


def test_a_whole_text_that_differs_from_its_pieces_is_masked_by_itself() -> None:
    """It proves nothing of the pieces."""
    stream = b"".join(
        lines.line(wrapped(value))
        for value in (token("abc"), lines.model_response("something else", "grok-3"))
    )
    (first, last) = redact.redacted(stream, KEY, TAGS).splitlines()
    assert json.loads(first)["result"]["response"]["token"] == "xxx"
    assert "something" not in last.decode()


def test_an_attribute_outside_of_a_tag_is_masked_like_one_within() -> None:
    """A tag that was cut may have left it behind: ids are pseudonyms, unknown kinds are covered."""
    masked = TextMask(Pseudonyms(KEY), TAGS).of('a < b type="secret kind" card_id="abc" c')
    assert "abc" not in masked
    assert masked.startswith('x < x type="xxxxxx xxxx" card_id="')
