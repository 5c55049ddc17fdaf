"""What Grok is sent: the whole body and all headers, field for field."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from attrs import evolve

from grokcore.errors import ModelNotFound
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.payload import (
    CHAT_PATH,
    VIDEO_MODEL,
    UploadedFile,
    chat_body,
    chat_headers,
    post_body,
    post_id,
    upload_body,
    uploaded_file,
    video_body,
)
from grokcore.protocol.models import SHIPPED, Tier, find_model

# grok-protocol.md §2.1, in its order.
BODY: dict[str, Any] = {
    "temporary": True,
    "modelName": "grok-3",
    "modelMode": "MODEL_MODE_FAST",
    "message": "Hello",
    "fileAttachments": [],
    "imageAttachments": [],
    "disableSearch": False,
    "enableImageGeneration": True,
    "enableImageStreaming": True,
    "imageGenerationCount": 2,
    "returnImageBytes": False,
    "returnRawGrokInXaiRequest": False,
    "forceConcise": False,
    "toolOverrides": {},
    "enableSideBySide": True,
    "forceSideBySide": False,
    "sendFinalMetadata": True,
    "disableTextFollowUps": True,
    "isReasoning": False,
    "webpageUrls": [],
    "responseMetadata": {"requestModelDetails": {"modelId": "grok-3"}},
    "disableMemory": False,
    "isAsyncChat": False,
}

FAST = SHIPPED["grok-3-fast"]


def body(
    model: Any = FAST, message: str = "Hello", *, temporary: bool = True, memory: bool = True
) -> Any:
    return orjson.loads(chat_body(model, message, temporary=temporary, memory=memory))


def test_the_body_is_the_originals_field_for_field() -> None:
    """Nothing more, nothing less."""
    assert body() == BODY


def test_settings_change_just_their_fields() -> None:
    """Temporary chats, memory and search."""
    assert body(temporary=False) == {**BODY, "temporary": False}
    assert body(memory=False) == {**BODY, "disableMemory": True}
    no_search = chat_body(FAST, "Hello", temporary=True, memory=True, search=False)
    assert orjson.loads(no_search) == {**BODY, "disableSearch": True}


@pytest.mark.parametrize("search", [False, True])
def test_groks_own_tools_are_off_beside_those_of_the_client(search: bool) -> None:
    """It would draw, or search, where the client wants a call; a declared search stays."""
    sent = orjson.loads(
        chat_body(FAST, "Hello", temporary=True, memory=True, search=search, draw=False)
    )
    assert sent["enableImageGeneration"] is False
    assert sent["disableSearch"] is not search
    assert set(sent["toolOverrides"].values()) == {False}
    assert ("webSearch" in sent["toolOverrides"]) is not search


def test_a_mode_id_takes_the_place_of_name_and_mode() -> None:
    """As the page does since March 2026 (§2.3)."""
    expected = {**BODY, "modeId": "fast", "responseMetadata": {}}
    del expected["modelName"], expected["modelMode"]
    assert body(evolve(FAST, mode_id="fast")) == expected


@pytest.mark.parametrize("message", ["", "a\nb", "<b>&</b>", "你好 🙂\u2028", '"quoted" \\ \x00'])
def test_the_message_arrives_as_it_is(message: str) -> None:
    """One string, whatever is in it."""
    assert body(message=message)["message"] == message
    assert b"\n" not in chat_body(FAST, message, temporary=True, memory=True)


# The table of models ----------------------------------------------------------------------------


def test_the_models_are_the_originals() -> None:
    """Public name, modelName, modelMode, name of the allowance, cost, tier (§2.5)."""
    rows = [
        (m.name, m.grok_model, m.mode, m.rate_limit_name, m.cost, m.tier) for m in SHIPPED.values()
    ]
    tahoe = "grok-4-mini-thinking-tahoe"
    assert rows == [
        ("grok-3-fast", "grok-3", "MODEL_MODE_FAST", "grok-3", 1, Tier.BASIC),
        ("grok-4-fast", tahoe, "MODEL_MODE_GROK_4_MINI_THINKING", tahoe, 1, Tier.BASIC),
        ("grok-4-fast-expert", tahoe, "MODEL_MODE_EXPERT", tahoe, 4, Tier.BASIC),
        ("grok-4-expert", "grok-4", "MODEL_MODE_EXPERT", "grok-4", 4, Tier.BASIC),
        ("grok-4-heavy", "grok-4-heavy", "MODEL_MODE_HEAVY", "grok-4-heavy", 1, Tier.SUPER),
        ("grok-4.1", "grok-4-1-non-thinking-w-tool", "MODEL_MODE_GROK_4_1", "grok-4-1-non-thinking-w-tool", 1, Tier.BASIC),
        ("grok-4.1-thinking", "grok-4-1-thinking-1108b", "MODEL_MODE_AUTO", "grok-4-1-thinking-1108b", 1, Tier.BASIC),
        ("grok-imagine-0.9", "grok-3", "MODEL_MODE_FAST", "grok-3", 1, Tier.BASIC),
        ("grok-auto", "", "", "auto", 1, Tier.BASIC),
        ("grok-fast", "", "", "fast", 1, Tier.BASIC),
        ("grok-expert", "", "", "expert", 1, Tier.BASIC),
        ("grok-heavy", "", "", "heavy", 1, Tier.SUPER),
    ]  # fmt: skip
    assert list(SHIPPED) == [name for name, *_ in rows]
    assert all(
        model.search and bool(model.mode_id) != bool(model.mode) for model in SHIPPED.values()
    )


def test_an_unknown_model_is_answered_with_near_names() -> None:
    """Or with all of them."""
    assert find_model(SHIPPED, "grok-4.1") is SHIPPED["grok-4.1"]
    with pytest.raises(ModelNotFound, match=r"Did you mean grok-4-heavy") as near:
        find_model(SHIPPED, "grok-4-heavvy")
    with pytest.raises(
        ModelNotFound, match=r"There are: grok-3-fast, .*grok-imagine-0\.9, .*grok-heavy\."
    ) as far:
        find_model(SHIPPED, "claude")
    assert (near.value.status, near.value.param, far.value.code) == (
        404,
        "model",
        "model_not_found",
    )


def test_a_long_unknown_name_is_cut() -> None:
    """A client's megabyte does not come back to it."""
    with pytest.raises(ModelNotFound) as caught:
        find_model(SHIPPED, "x" * 100_000)
    assert len(caught.value.message) < 500


# Headers ----------------------------------------------------------------------------------------

URL = "https://grok.com" + CHAT_PATH

HEADERS = [
    ("Accept", "*/*"),
    ("Content-Type", "application/json"),
    ("Origin", "https://grok.com"),
    ("Referer", "https://grok.com/"),
    ("Sec-Fetch-Dest", "empty"),
    ("Sec-Fetch-Mode", "cors"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-User", ""),
    ("Upgrade-Insecure-Requests", ""),
    ("Priority", "u=1, i"),
    ("x-xai-request-id", "an-id"),
    ("Cookie", "sso=jwt; sso-rw=jwt"),
]


def headers(identity: Identity, url: str = URL) -> list[tuple[str, str]]:
    return chat_headers(identity, url=url, sso="jwt", request_id="an-id")


def test_the_headers_are_those_that_matter() -> None:
    """The minimum that was verified with plain curl (§1.2); what the page does not send is taken
    out.
    """
    assert headers(Identity("")) == HEADERS
    assert headers(Identity("signature")) == [*HEADERS, ("x-statsig-id", "signature")]


def test_the_clearance_is_a_cookie_behind_the_token() -> None:
    """In the order that newer clients use."""
    cookie = ("Cookie", "sso=jwt; sso-rw=jwt; cf_clearance=cleared")
    assert headers(Identity("", cf_clearance="cleared")) == [*HEADERS[:-1], cookie]


def test_another_browsers_user_agent_takes_the_client_hints_out() -> None:
    """They would contradict it."""
    hints = [("sec-ch-ua", ""), ("sec-ch-ua-mobile", ""), ("sec-ch-ua-platform", "")]
    assert headers(Identity("", user_agent="Mine/1")) == [
        *HEADERS,
        ("User-Agent", "Mine/1"),
        *hints,
    ]


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:9" + CHAT_PATH + "?x=1"])
def test_the_origin_is_the_pages_whatever_the_mirror(url: str) -> None:
    """A simulator or a mirror sees the same headers as Grok."""
    table = {CHAT_PATH: "for chat", "*": "for others"}
    assert headers(Identity(table), url) == [*HEADERS, ("x-statsig-id", "for chat")]


@pytest.mark.parametrize(
    ("statsig", "path", "value"),
    [
        ("one", "/a", "one"),
        ({"/a": "for a"}, "/a", "for a"),
        ({"/a": "for a"}, "/b", ""),
        ({"/a": "for a", "*": "others"}, "/b", "others"),
        ({}, "/a", ""),
    ],
)
def test_signatures_may_be_bound_to_a_path(
    statsig: str | dict[str, str], path: str, value: str
) -> None:
    """One for all, or one per path with ``*`` for the rest."""
    assert Identity(statsig).statsig_for(path) == value


# Uploads, posts and videos ----------------------------------------------------------------------


def test_an_upload_is_base64_within_json() -> None:
    """The three keys of the page (grok-protocol.md §1.4)."""
    assert orjson.loads(upload_body(b"a", "text/plain", "a.txt")) == {
        "fileName": "a.txt",
        "fileMimeType": "text/plain",
        "content": "YQ==",
    }


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b'{"fileMetadataId": "1", "fileUri": "u"}', UploadedFile("1", "u")),
        (b'{"fileMetadata": {"fileMetadataId": "1", "fileUri": 5}}', UploadedFile("1", "")),
        *((body, None) for body in (b"nonsense", b"[]", b"{}", b'{"fileMetadataId": ""}')),
    ],
)
def test_the_answer_to_an_upload_names_a_file_or_none(
    answer: bytes, found: UploadedFile | None
) -> None:
    """An answer that names none is a failed upload."""
    assert uploaded_file(answer) == found


def test_a_video_s_post_is_of_a_picture_or_of_words() -> None:
    """The picture's address wins."""
    assert orjson.loads(post_body("https://a.example/a.jpg", "x"))["mediaUrl"].endswith("a.jpg")
    assert orjson.loads(post_body(prompt="x"))["prompt"] == "x"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b'{"post": {"id": "1"}}', "1"),
        *((body, "") for body in (b"nonsense", b"[]", b'{"post": 5}', b'{"post": {"id": 5}}')),
    ],
)
def test_the_answer_to_a_post_names_its_id_or_nothing(answer: bytes, found: str) -> None:
    """Without one the video is asked for all the same."""
    assert post_id(answer) == found


def test_a_video_is_asked_for_with_five_keys() -> None:
    """Recorded in September 2025 (grok-protocol.md §2.4)."""
    assert orjson.loads(video_body("a", temporary=True, files=["1"])) == {
        "temporary": True,
        "modelName": VIDEO_MODEL,
        "message": "a",
        "fileAttachments": ["1"],
        "toolOverrides": {"videoGen": True},
    }
