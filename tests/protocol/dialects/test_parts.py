"""Content parts: every type that a public SDK knows has its place, strict in the question and mild
in the history.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import frozen

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.enclosures import find_enclosures, left_behind, paths_by_rule
from grokcore.protocol.conversation.messages import Call
from grokcore.protocol.dialects.openai_chat.request import ChatRequest, parse_chat_fields
from grokcore.protocol.dialects.part_table import TABLE, Becomes
from grokcore.protocol.dialects.parts import Dropped, Result, parse_parts
from grokcore.protocol.grok_web.prompt import render_prompt

from .content_parts import (
    AI_SDK,
    FOREIGN,
    PNG_BASE64,
    PNG_URL,
    Example,
    anthropic_parts,
    openai_parts,
)

EXAMPLES = [*openai_parts(), *anthropic_parts(), *AI_SDK, *FOREIGN]
WEB = "https://example.com/a.png"


def asked(*messages: dict[str, Any]) -> ChatRequest:
    return parse_chat_fields({"model": "m", "messages": list(messages)})


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_there_are_as_many_examples_as_there_were() -> None:
    """The packages are still looked through: more types may come, none may be missed."""
    names = {example.name.partition(",")[0] for example in EXAMPLES}
    assert len([name for name in names if name.endswith(("BlockParam", "BlockParamParam"))]) >= 60
    assert {"ChatCompletionContentPartInputAudioParam", "ResponseInputFileParam", "File"} <= names


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_part_of_history_never_fails(example: Example) -> None:
    """In earlier turns and in all roles but the last user's: an answer, whatever the part, alone or
    in a list.
    """
    for content in (example.part, [{"type": "text", "text": "b"}, example.part]):
        for role in ("system", "developer", "user", "assistant", "tool"):
            request = asked(
                {"role": role, "content": content, "tool_call_id": "1"}, user("and now?")
            )
            prompt = render_prompt(request.messages)
            assert prompt.endswith("and now?")
            assert prompt != "and now?" or request.ignored, (
                "nothing of it is left, and no word about it"
            )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_part_of_the_question_is_passed_on_or_refused_by_its_path(example: Example) -> None:
    """Never dropped: it is in the prompt, it goes up, or the request fails."""
    refusal = None
    try:
        request = asked(user([{"type": "text", "text": "What is this?"}, example.part]))
    except (InvalidRequest, AttachmentRefused) as error:
        refusal = error
    if refusal is None:
        assert (
            find_enclosures(request.messages) or render_prompt(request.messages) != "What is this?"
        )
    else:
        assert (refusal.param or "").startswith("messages[0].content[1]")
        assert (refusal.param or "") in refusal.message


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_tool_may_return_any_part(example: Example) -> None:
    """Also as the newest message: it is sent again until there is an answer."""
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [user("Look."), {"role": "assistant", "content": None, "tool_calls": [call]}]
    request = asked(*turns, {"role": "tool", "tool_call_id": "1", "content": [example.part]})
    assert request.messages[2].role == "tool"
    nested = asked(
        *turns, user([{"type": "tool_result", "tool_use_id": "1", "content": [example.part]}])
    )
    assert nested.messages[2].role == "tool"
    assert nested.messages[2].call_id == "1"


def test_each_row_of_the_table_is_of_use() -> None:
    """Types are written as they are looked up, and what is refused says what would work."""
    for kind, row in TABLE.items():
        assert kind == kind.lower().replace("-", "_")
        assert (row.becomes is Becomes.TEXT) == bool(row.fields)
        assert (row.becomes in (Becomes.NOTE, Becomes.DROPPED)) == bool(row.hint)


# Pictures and files -----------------------------------------------------------------------------

PICTURES: list[Any] = [
    {"type": "image_url", "image_url": {"url": PNG_URL}},
    {"type": "image_url", "image_url": PNG_URL},
    {"type": "image_url", "url": PNG_URL},
    {"type": "input_image", "image_url": PNG_URL, "detail": "auto"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}},
    {"type": "image", "image": PNG_URL},
    {"type": "image", "image": PNG_BASE64, "mediaType": "image/png"},
    {"type": "image", "source_type": "base64", "data": PNG_BASE64, "mime_type": "image/png"},
    {"type": "image", "base64": PNG_BASE64, "mime_type": "image/png"},
    {"type": "image", "data": PNG_BASE64, "mimeType": "image/png"},
    {"type": "file", "data": PNG_BASE64, "mediaType": "image/png"},
    {"type": "file", "data": {"type": "data", "data": PNG_BASE64}, "mimeType": "image/png"},
    {"type": "image-data", "data": PNG_BASE64, "mediaType": "image/png"},
    {"inline_data": {"mime_type": "image/png", "data": PNG_BASE64}},
    {"inlineData": {"mimeType": "image/png", "data": PNG_BASE64}},
    {"image_url": {"url": PNG_URL}},
]


@pytest.mark.parametrize("part", PICTURES, ids=lambda part: json.dumps(part)[:60])
def test_a_picture_in_every_shape_is_a_picture(part: dict[str, Any]) -> None:
    """In the question and in the history, where it has a number."""
    for content in (part, [part]):
        (picture,) = asked(user(content)).messages[0].attachments
        assert picture.picture
        assert picture.url.rpartition(",")[2] == PNG_BASE64
    request = asked(user([part]), {"role": "assistant", "content": "Yes."}, user("Sure?"))
    assert "[image 1]\n" in render_prompt(request.messages)


FILES: list[tuple[Any, str]] = [
    ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}}, "a.pdf"),
    ({"type": "input_file", "file_data": "JVBE", "filename": "a.pdf"}, "a.pdf"),
    ({"type": "input_file", "file_url": "https://example.com/a.pdf"}, ""),
    ({"type": "file", "data": "JVBE", "mediaType": "application/pdf", "filename": "a.pdf"}, "a.pdf"),
    ({"type": "file", "base64": "JVBE", "mime_type": "application/pdf"}, ""),
    ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"}, "a.pdf"),
    ({"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}, ""),
    ({"type": "file", "fileData": {"fileUri": "https://example.com/a.pdf", "mimeType": "application/pdf"}}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("part", "name"), FILES, ids=lambda value: json.dumps(value)[:60])
def test_a_file_in_every_shape_is_a_file(part: dict[str, Any], name: str) -> None:
    """It has its name in the history."""
    (file,) = asked(user([part])).messages[0].attachments
    assert (file.picture, file.name) == (False, name)
    request = asked(user([part]), {"role": "assistant", "content": "Yes."}, user("Sure?"))
    assert f"[file {name or 'without a name'}]\n" in render_prompt(request.messages)


def test_a_document_of_words_is_text() -> None:
    """Also one of parts, with its pictures; title and context go along."""
    plain = {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "words"},
        "title": "T",
        "context": "C",
    }
    assert asked(user([plain])).messages[0].text == "T\nC\nwords"
    mixed = {
        "type": "document",
        "source": {"type": "content", "content": [{"type": "text", "text": "words"}, PICTURES[4]]},
    }
    message = asked(user([mixed])).messages[0]
    assert (message.text, len(message.attachments)) == ("words", 1)


@frozen
class Unusable:
    """A part that can't be passed on, what stands for it in the history, and what its refusal must
    say.
    """

    part: dict[str, Any]
    note: str
    hint: str


UNUSABLE = [
    Unusable(
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        "[audio]",
        "as text",
    ),
    Unusable({"type": "audio_url", "audio_url": {"url": WEB}}, "[audio]", "as text"),
    Unusable({"type": "file", "data": "AAAA", "mediaType": "audio/wav"}, "[audio]", "as text"),
    Unusable({"type": "video_url", "video_url": {"url": WEB}}, "[video]", "frames"),
    Unusable({"type": "file", "data": "AAAA", "mediaType": "video/mp4"}, "[video]", "frames"),
    Unusable({"type": "file", "file": {"file_id": "file-1"}}, "[file without a name]", "file_id"),
    Unusable(
        {"type": "file", "file": {"file_id": "file-1", "filename": "a.pdf"}},
        "[file a.pdf]",
        "file_id",
    ),
    Unusable({"type": "input_image", "file_id": "file-1"}, "[image 1]", "file_id"),
    Unusable(
        {"type": "image", "source": {"type": "file", "file_id": "file-1"}}, "[image 1]", "file_id"
    ),
    Unusable({"type": "container_upload", "file_id": "file-1"}, "[file without a name]", "file_id"),
    Unusable({"type": "image_url", "image_url": {"url": ""}}, "[image 1]", "https:"),
    Unusable({"type": "image_url", "image_url": None}, "[image 1]", "https:"),
    Unusable({"type": "image_url", "image_url": {"url": "a cat, please!"}}, "[image 1]", "base64"),
    Unusable({"type": "hologram", "data": "x"}, "[hologram]", "image_url"),
]


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: json.dumps(case.part)[:60])
def test_what_can_t_be_passed_on(case: Unusable) -> None:
    """Refused in the question, with what would work; in the history a note stands for it, and the
    header names it.
    """
    with pytest.raises(GrokApiError) as caught:
        asked(user("a"), user([case.part]))
    assert (caught.value.status, caught.value.param) == (400, "messages[1].content[0]")
    assert case.hint in caught.value.message
    for role in ("user", "assistant", "tool", "system"):
        request = asked({"role": role, "content": [case.part]}, user("and now?"))
        assert case.note in render_prompt(request.messages)
        assert request.ignored or left_behind(request.messages, paths_by_rule(request.messages))


def test_the_history_of_a_refused_question_is_mild() -> None:
    """A person goes on after a refusal; many clients then send the refused message along, without
    an answer to it.
    """
    request = asked(user([UNUSABLE[0].part, PICTURES[0]]), user("Never mind. Hi!"))
    assert (
        render_prompt(request.messages)
        == "<user>\n[audio]\n[image 1] (attached)\n</user>\n\nNever mind. Hi!"
    )


# Tools ------------------------------------------------------------------------------------------


def test_results_of_tools_are_turns_of_their_own() -> None:
    """In whatever form: each knows its call, pictures are the turn's, and what else the user says
    follows.
    """
    call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a.png"}}
    results = [
        {"type": "text", "text": "Go on."},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": "a file"}, PICTURES[4]],
        },
        {
            "type": "tool_result",
            "tool_use_id": "toolu_2",
            "is_error": True,
            "content": "no such file",
        },
        {"type": "tool_result", "tool_use_id": "toolu_3"},
    ]
    request = asked(
        user("Look."),
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "…", "signature": "x"}, call],
        },
        user(results),
    )
    picture = AttachmentPart(
        True, f"data:image/png;base64,{PNG_BASE64}", "", "messages[2].content[1].content[1]"
    )
    told = [
        (m.role, m.text, m.attachments, m.name, m.call_id, m.failed) for m in request.messages[1:]
    ]
    assert told == [
        ("assistant", "", (), "", "", False),
        ("tool", "a file", (picture,), "read", "toolu_1", False),
        ("tool", "no such file", (), "", "toolu_2", True),
        ("tool", "", (), "", "toolu_3", False),
        ("user", "Go on.", (), "", "", False),
    ]
    assert request.messages[1].calls == (Call("toolu_1", "read", '{"path": "a.png"}'),)
    assert request.ignored == ("parts.thinking",)
    assert [one.part for one in find_enclosures(request.messages)] == [picture]


def test_json_that_a_tool_returned_is_shown_in_full() -> None:
    """An object is no part because a key of it is called like one's."""
    for value in (
        {"text": "a", "score": 1},
        {"url": WEB, "title": "b"},
        {"image_url": WEB},
        [{"x": 1}, {"y": "a"}],
    ):
        message = asked(user("a"), {"role": "tool", "content": value}).messages[1]
        assert message.attachments == ()
        shown = (
            [json.dumps(item) for item in value] if isinstance(value, list) else [json.dumps(value)]
        )
        assert message.text == "\n".join(shown)


def test_what_a_server_s_tool_did_stays_in_the_assistant_s_turn() -> None:
    """The call, then what it found, then what was said."""
    content = [
        {
            "type": "server_tool_use",
            "id": "srvtoolu_1",
            "name": "web_search",
            "input": {"query": "a"},
        },
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [
                {"type": "web_search_result", "title": "T", "url": WEB, "encrypted_content": "x"}
            ],
        },
        {"type": "text", "text": "Found."},
    ]
    (_, message, _) = asked(
        user("a"), {"role": "assistant", "content": content}, user("b")
    ).messages
    assert message.calls == ()
    assert (
        message.text
        == f'[called web_search (srvtoolu_1) with {{"query": "a"}}]\n[result of srvtoolu_1]\nT\n{WEB}\nFound.'
    )


def test_in_the_history_a_part_may_be_any_value() -> None:
    """Shown as JSON; in the question it is a fault with its path."""
    content = ["a", 1, None, True]
    message = asked({"role": "tool", "content": content}, user("b")).messages[0]
    assert message.text == "a\n1\ntrue"
    with pytest.raises(InvalidRequest) as caught:
        asked(user(content))
    assert caught.value.param == "messages[0].content[1]"


def test_pictures_beside_the_content_may_be_parts_with_a_type() -> None:
    """Or none, or bare addresses; in the history anything else is shown."""
    items = [WEB, {"url": WEB}, {"type": "image", "image": WEB}, 7]
    message = asked({**user("a"), "images": items}, user("b")).messages[0]
    assert [part.url for part in message.attachments] == [WEB] * 3
    assert message.text == "a\n7"


def test_parts_nested_beyond_reason_are_no_exception() -> None:
    """They are shown as JSON from some depth on."""
    part: dict[str, Any] = {"type": "tool_result", "content": "a"}
    for _ in range(400):
        part = {"type": "tool_result", "content": [part]}
    (result,) = parse_parts(part, "x", strict=True)
    assert isinstance(result, Result)
    assert "tool_result" in render_prompt(asked(user("a"), user(part)).messages)


def test_a_mark_for_what_is_dropped_has_its_type() -> None:
    """As the client wrote it."""
    assert parse_parts([{"type": "redacted-thinking", "data": "x"}], "x", strict=False) == [
        Dropped("parts.redacted-thinking")
    ]
