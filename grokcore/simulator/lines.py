"""Single lines of Grok's stream, in the recorded shapes of November 2025 to March 2026."""

from __future__ import annotations

import json
from typing import Any

__all__ = [
    "ERROR_400",
    "ERROR_401",
    "ERROR_403_ANTIBOT",
    "ERROR_403_BLOCKED",
    "ERROR_403_MODERATED",
    "ERROR_404_POST",
    "ERROR_429",
    "ERROR_429_HEAVY",
    "PAGE_CHALLENGE",
    "RESPONSE_ID",
    "USER_ID",
    "card",
    "citation",
    "citation_card",
    "conversation",
    "empty",
    "final_metadata",
    "image_count",
    "image_progress",
    "line",
    "llm_info",
    "model_response",
    "nested_error",
    "picture",
    "picture_card",
    "response",
    "search_results",
    "soft_stop",
    "stream_error",
    "thought",
    "title",
    "token",
    "tool_call",
    "ui_layout",
    "user_response",
    "video_progress",
]

USER_ID = "11111111-2222-4333-8444-555555555555"
CONVERSATION_ID = "0b5a1c1e-6f7d-4d0e-9a53-2f1c7f7f0001"
QUESTION_ID = "0b5a1c1e-6f7d-4d0e-9a53-2f1c7f7f0002"
RESPONSE_ID = "0b5a1c1e-6f7d-4d0e-9a53-2f1c7f7f0003"

ERROR_400 = {"code": 3, "message": "invalid argument", "details": []}
ERROR_401 = {
    "error": {
        "code": 16,
        "message": "Failed to look up session ID. [WKE=unauthenticated:invalid-credentials]",
        "details": [],
    }
}
ERROR_403_ANTIBOT = {
    "error": {"code": 7, "message": "Request rejected by anti-bot rules.", "details": []}
}
ERROR_403_BLOCKED = {
    "code": 7,
    "message": "User is blocked [WKE=unauthorized:blocked-user]",
    "details": [],
}
ERROR_403_MODERATED = {"error": {"code": "content-moderated", "message": "rejected"}}
ERROR_404_POST = {
    "code": 5,
    "message": "Source post not found [WKE=imagine:invalid-parent-post]",
    "details": [],
}
ERROR_429 = {"error": {"code": 8, "message": "Too many requests", "details": []}}
ERROR_429_HEAVY = {
    "error": {
        "code": 8,
        "message": "Grok is under heavy usage right now. Please try again later.",
        "details": [],
    }
}
PAGE_CHALLENGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a '
    "moment...</title></head><body><noscript>Enable JavaScript "
    "and cookies to continue</noscript><script>window._cf_chl_opt = {cZone: 'grok.com', cType: "
    "'managed'};"
    "</script></body></html>"
)


def line(value: object) -> bytes:
    """A JSON value as Grok writes it: compact, raw UTF-8, with ``<``, ``>`` and ``&`` escaped, one
    line.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode() + b"\n"


def response(
    payload: dict[str, Any],
    *,
    thinking: bool = False,
    stop: bool = False,
    tag: str = "",
    after: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A response-level object: payload first, then the fields of every line, in the
    recorded order.
    """
    return {
        **payload,
        "isThinking": thinking,
        "isSoftStop": stop,
        **({"messageTag": tag} if tag else {}),
        "responseId": RESPONSE_ID,
        **(after or {}),
    }


def token(text: str, *, tag: str = "final") -> dict[str, Any]:
    """A token of the answer; ``tag=""`` is the form of early 2025."""
    return response({"token": text}, tag=tag)


def thought(text: str, *, tag: str = "summary") -> dict[str, Any]:
    """A token of thinking."""
    return response({"token": text}, thinking=True, tag=tag)


def empty() -> dict[str, Any]:
    """The heartbeat of 2025 video streams."""
    return response({"token": ""})


def soft_stop() -> dict[str, Any]:
    """The end of the text."""
    return response({"token": ""}, stop=True)


def ui_layout(kind: str = "SPLIT", *, long: bool = False) -> dict[str, Any]:
    """A hint for the page's layout."""
    return response(
        {
            "uiLayout": {
                "reasoningUiLayout": kind,
                "willThinkLong": long,
                "effort": "LOW",
                "rolloutIds": [],
            }
        }
    )


def llm_info() -> dict[str, Any]:
    """The name of the answering model."""
    return response({"llmInfo": {"modelHash": "c2ltdWxhdGVkLW1vZGVsLWhhc2gtb2YtMzItYnl0ZXM="}})


def final_metadata() -> dict[str, Any]:
    """Follow-up suggestions; only without ``disableTextFollowUps``."""
    return response(
        {
            "finalMetadata": {
                "followUpSuggestions": [],
                "feedbackLabels": [],
                "toolsUsed": None,
                "disclaimer": "",
            }
        }
    )


def nested_error(detail: str, message: str) -> dict[str, Any]:
    """A StreamError of 2026."""
    return response({"error": stream_error(detail, message)})


def stream_error(detail: str, message: str) -> dict[str, Any]:
    """The error object itself, as it also stands in ``streamErrors``."""
    return {"message": message, detail: {}, "severity": "STREAM_ERROR_SEVERITY_NORMAL"}


def tool_call(code: str) -> dict[str, Any]:
    """A tool card: whole in one token, and once more as an object behind the ids."""
    card_id = "5d0b7c1a-0000-4000-8000-00000000c0de"
    arguments = json.dumps({"code": code})
    xml = (
        f"<xai:tool_usage_card>\n  <xai:tool_usage_card_id>{card_id}</xai:tool_usage_card_id>\n"
        f"  <xai:tool_name>code_execution</xai:tool_name>\n"
        f"  <xai:tool_args><![CDATA[{arguments}]]></xai:tool_args>\n</xai:tool_usage_card>"
    )
    card = {"toolUsageCardId": card_id, "codeExecution": {"args": {"code": code, "language": ""}}}
    after = {"toolUsageCardId": card_id, "toolUsageCard": card}
    return response({"token": xml}, thinking=True, tag="tool_usage_card", after=after)


def search_results(url: str, page_title: str) -> dict[str, Any]:
    """The results of a search."""
    found = {"url": url, "title": page_title, "preview": "", "siteName": "", "citationId": "1"}
    return response(
        {"token": "", "webSearchResults": {"results": [found]}},
        thinking=True,
        tag="raw_function_result",
    )


def card(data: dict[str, Any]) -> dict[str, Any]:
    """A card: a JSON string in a line of its own."""
    return response({"cardAttachment": {"jsonData": json.dumps(data)}})


def citation_card(card_id: str, url: str) -> dict[str, Any]:
    """The source that a citation in the text will refer to."""
    return card(
        {"id": card_id, "type": "render_inline_citation", "cardType": "citation_card", "url": url}
    )


def citation(card_id: str) -> str:
    """The citation in the text."""
    return (
        f'<grok:render card_id="{card_id}" card_type="citation_card" type="render_inline_citation">'
        '<argument name="citation_id">1</argument></grok:render>'
    )


def picture_card(
    card_id: str, percent: int | None = None, url: str = "", **more: Any
) -> dict[str, Any]:
    """A picture that is being made, as a card of 2026: without a chunk first, then with its
    progress.
    """
    chunk = {
        "imageUuid": card_id,
        "imageUrl": url,
        "seq": 0,
        "progress": percent,
        "moderated": False,
        **more,
    }
    whole = None if percent is None else chunk
    return card(
        {
            "id": card_id,
            "type": "render_file",
            "cardType": "generated_image_card",
            "image_chunk": whole,
        }
    )


def picture(card_id: str) -> str:
    """The picture's place in the text."""
    return (
        f'<grok:render card_id="{card_id}" card_type="generated_image_card" '
        'type="render_file"></grok:render>'
    )


def image_count(count: int) -> dict[str, Any]:
    """The announcement of pictures."""
    return response({"imageAttachmentInfo": {"imageAttachmentCount": count}})


def image_progress(
    index: int, percent: int, url: str, *, moderated: bool = False
) -> dict[str, Any]:
    """Progress of one of several pictures; before 100 the url is a preview's."""
    picture = {
        "imageId": f"5d0b7c1a-0000-4000-8000-00000000000{index}",
        "imageUrl": url,
        "seq": 0,
        "progress": percent,
        "imageModel": "imagine_x_1",
        "moderated": moderated,
        "imageIndex": index,
    }
    return response({"streamingImageGenerationResponse": picture})


def video_progress(percent: int, *, url: str = "", moderated: bool = False) -> dict[str, Any]:
    """Progress of a video; the url comes with 100 only."""
    video = {
        "videoId": "5d0b7c1a-0000-4000-8000-0000000071de",
        "progress": percent,
        **({"assetId": "5d0b7c1a-0000-4000-8000-0000000071de", "videoUrl": url} if url else {}),
        "audioUrls": [],
        "videoPrompt": "",
        "moderated": moderated,
        "mode": "custom",
        "modelName": "imagine_w_1",
    }
    return response({"streamingVideoGenerationResponse": video})


def conversation() -> dict[str, Any]:
    """The first line's object; it sits beside ``response``, not in it."""
    return {
        "conversationId": CONVERSATION_ID,
        "title": "New conversation",
        "starred": False,
        "createTime": "2026-01-02T03:04:05.225697Z",
        "modifyTime": "2026-01-02T03:04:05.226608Z",
        "systemPromptName": "",
        "temporary": True,
        "mediaTypes": [],
        "workspaces": [],
        "taskResult": None,
    }


def user_response(message: str, model: str) -> dict[str, Any]:
    """The echo of the question, under the question's own id."""
    return {
        "userResponse": {
            **_message(QUESTION_ID, message, "human"),
            "metadata": {},
            "model": model,
            "streamErrors": [],
        },
        "isThinking": False,
        "isSoftStop": False,
        "responseId": QUESTION_ID,
    }


def model_response(message: str, model: str, **changes: Any) -> dict[str, Any]:
    """The whole answer once more."""
    whole = {
        **_message(RESPONSE_ID, message, "assistant"),
        "parentResponseId": QUESTION_ID,
        "metadata": {
            "deepsearchPreset": "",
            "request_metadata": {"effort": "low", "mode": "auto", "model": model},
        },
        "citedWebSearchResults": [],
        "toolResponses": [],
        "model": model,
        "requestMetadata": {"model": model, "mode": "MODEL_MODE_AUTO", "effort": "LOW"},
        "streamErrors": [],
        **changes,
    }
    return response({"modelResponse": whole})


def title(text: str) -> dict[str, Any]:
    """The last line's object; beside ``response`` again."""
    return {"newTitle": text}


def _message(response_id: str, message: str, sender: str) -> dict[str, Any]:
    return {
        "responseId": response_id,
        "message": message,
        "sender": sender,
        "createTime": "2026-01-02T03:04:05.249Z",
        "manual": False,
        "partial": False,
        "shared": False,
        "query": "",
        "queryType": "",
        "webSearchResults": [],
        "xpostIds": [],
        "xposts": [],
        "generatedImageUrls": [],
        "imageAttachments": [],
        "fileAttachments": [],
        "cardAttachmentsJson": [],
        "fileUris": [],
        "fileAttachmentsMetadata": [],
        "isControl": False,
        "steps": [],
        "imageEditUris": [],
        "mediaTypes": [],
        "webpageUrls": [],
    }
