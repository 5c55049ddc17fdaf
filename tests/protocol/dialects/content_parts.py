"""Content parts of all SDKs: one example of each public type, from the installed packages or from a
dated list.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterator
from typing import Any

import anthropic.types
import anthropic.types.beta
import openai.types.chat
import openai.types.responses
from attrs import frozen

__all__ = ["AI_SDK", "FOREIGN", "Example", "anthropic_parts", "openai_parts"]

PNG_BASE64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG_URL = f"data:image/png;base64,{PNG_BASE64}"


@frozen
class Example:
    """A part, and the name of the type it is one of."""

    name: str
    part: dict[str, Any]


AI_SDK = [
    Example("TextPart", {"type": "text", "text": "a"}),
    Example("ImagePart, base64", {"type": "image", "image": PNG_BASE64, "mediaType": "image/png"}),
    Example("ImagePart, data URL", {"type": "image", "image": PNG_URL}),
    Example("ImagePart, URL", {"type": "image", "image": "https://example.com/a.png"}),
    Example("FilePart", {"type": "file", "data": PNG_BASE64, "mediaType": "image/png", "filename": "a.png"}),
    Example("FilePart, PDF", {"type": "file", "data": "JVBERi0xLjQK", "mediaType": "application/pdf"}),
    Example("FilePart, sound", {"type": "file", "data": "AAAA", "mediaType": "audio/wav"}),
    Example("FilePart, tagged", {"type": "file", "data": {"type": "data", "data": PNG_BASE64}, "mediaType": "image/png"}),
    Example("FilePart, text", {"type": "file", "data": {"type": "text", "text": "a"}, "mediaType": "text/plain"}),
    Example("ReasoningPart", {"type": "reasoning", "text": "a"}),
    Example("ReasoningFilePart", {"type": "reasoning-file", "data": PNG_BASE64, "mediaType": "image/png"}),
    Example("CustomPart", {"type": "custom", "kind": "x.y", "providerOptions": {"x": {"z": "a"}}}),
    Example("ToolCallPart", {"type": "tool-call", "toolCallId": "1", "toolName": "f", "input": {"x": "a"}}),
    *(
        Example(f"ToolResultPart, {output['type']}", {"type": "tool-result", "toolCallId": "1", "toolName": "f", "output": output})
        for output in (
            {"type": "text", "value": "a"},
            {"type": "json", "value": {"x": ["a"]}},
            {"type": "execution-denied", "reason": "a"},
            {"type": "error-text", "value": "a"},
            {"type": "error-json", "value": ["a"]},
            {"type": "content", "value": [{"type": "text", "text": "a"}, {"type": "media", "data": PNG_BASE64, "mediaType": "image/png"}]},
            {"type": "content", "value": [{"type": "file-data", "data": PNG_BASE64, "mediaType": "image/png", "filename": "a.png"}]},
            {"type": "content", "value": [{"type": "file-url", "url": "https://example.com/a.pdf"}, {"type": "file-id", "fileId": "1"}]},
            {"type": "content", "value": [{"type": "image-data", "data": PNG_BASE64, "mediaType": "image/png"}]},
            {"type": "content", "value": [{"type": "image-url", "url": "https://example.com/a.png"}, {"type": "image-file-id", "fileId": {"openai": "1"}}]},
            {"type": "content", "value": [{"type": "custom"}]},
        )
    ),
    Example("ToolApprovalRequest", {"type": "tool-approval-request", "approvalId": "1", "toolCallId": "1"}),
    Example("ToolApprovalResponse", {"type": "tool-approval-response", "approvalId": "1", "approved": True, "reason": "a"}),
]  # fmt: skip
"""vercel/ai, packages/provider-utils/src/types/content-part.ts, read on 2026-11-28."""

FOREIGN = [
    Example("Gemini", {"inline_data": {"mime_type": "image/png", "data": PNG_BASE64}}),
    Example("Gemini, camel case", {"inlineData": {"mimeType": "image/png", "data": PNG_BASE64}}),
    Example(
        "LangChain 0",
        {"type": "image", "source_type": "base64", "data": PNG_BASE64, "mime_type": "image/png"},
    ),
    Example(
        "LangChain 0, URL",
        {"type": "image", "source_type": "url", "url": "https://example.com/a.png"},
    ),
    Example("LangChain 0, text", {"type": "file", "source_type": "text", "text": "a"}),
    Example("LangChain 1", {"type": "image", "base64": PNG_BASE64, "mime_type": "image/png"}),
    Example(
        "LangChain 1, file",
        {"type": "file", "base64": "JVBERi0xLjQK", "mime_type": "application/pdf"},
    ),
    Example("MCP", {"type": "image", "data": PNG_BASE64, "mimeType": "image/png"}),
    Example("MCP, sound", {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}),
    Example(
        "MCP, text",
        {"type": "resource", "resource": {"uri": "x:y", "mimeType": "text/plain", "text": "a"}},
    ),
    Example(
        "MCP, blob",
        {
            "type": "resource",
            "resource": {"uri": "x:y", "mimeType": "image/png", "blob": PNG_BASE64},
        },
    ),
    Example("MCP, link", {"type": "resource_link", "uri": "https://example.com/", "name": "a"}),
    Example("OpenRouter", {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}),
    Example("bare address", {"type": "image_url", "image_url": PNG_URL}),
    Example("untyped picture", {"image_url": {"url": PNG_URL}}),
    Example("untyped text", {"text": "a"}),
    Example("a type of tomorrow", {"type": "hologram", "data": "a"}),
    Example("a text of tomorrow", {"type": "hologram", "text": "a"}),
]


def openai_parts() -> list[Example]:
    """The content parts of the chat API and of the Responses API, and what tools may return
    there.
    """
    chat, responses = openai.types.chat, openai.types.responses
    unions = [
        chat.ChatCompletionContentPartParam,
        chat.chat_completion_assistant_message_param.ContentArrayOfContentPart,
        responses.ResponseInputContentParam,
        responses.ResponseOutputTextParam,
        responses.ResponseOutputRefusalParam,
        responses.ResponseInputAudioParam,
        responses.ResponseFunctionCallOutputItemParam,
    ]
    return [example for union in unions for example in _examples(union)]


def anthropic_parts() -> list[Example]:
    """Everything that is called a block param, also what stands only in others."""
    found = {}
    for module in (anthropic.types.beta, anthropic.types):
        for name, value in vars(module).items():
            if name.endswith(("BlockParam", "BlockParamParam")):
                found.update({example.name: example for example in _examples(value)})
    return list(found.values())


def _examples(annotation: Any) -> Iterator[Example]:
    """One example of each form of each typed dictionary in *annotation*."""
    for declared in _typed_dicts(annotation):
        hints = typing.get_type_hints(declared)
        if "type" in hints:
            yield Example(declared.__name__, {key: _value(hint, 0) for key, hint in hints.items()})
        for key, hint in hints.items():
            for other in list(_typed_dicts(hint))[1:]:
                part = {name: _value(told, 0) for name, told in hints.items()}
                yield Example(
                    f"{declared.__name__}, {other.__name__}", {**part, key: _value(other, 1)}
                )


def _typed_dicts(annotation: Any) -> Iterator[Any]:
    if typing.is_typeddict(annotation) or (
        inspect.isclass(annotation) and hasattr(annotation, "__required_keys__")
    ):
        yield annotation
    else:
        for inner in typing.get_args(annotation):
            yield from _typed_dicts(inner)


def _value(hint: Any, depth: int) -> Any:
    """A value of a type: the first of several; a text is ``a``, an address or content one of a
    picture.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return arguments[0]
    if origin in (typing.Union, types.UnionType):
        return _value(next(inner for inner in arguments if inner is not type(None)), depth)
    if typing.is_typeddict(hint) or hasattr(hint, "__required_keys__"):
        return _dict(hint, depth)
    if origin is not None and origin is not dict and arguments:
        return [_value(arguments[0], depth + 1)] if depth < 5 else []
    return {str: "a", int: 1, bool: True, float: 1.0}.get(hint, {})


def _dict(declared: Any, depth: int) -> dict[str, Any]:
    hints = typing.get_type_hints(declared)
    wanted = hints if depth < 2 else {key: hints[key] for key in declared.__required_keys__}
    made = {key: _value(hint, depth + 1) for key, hint in wanted.items()}
    special = {
        "url": "https://example.com/a.png",
        "data": PNG_BASE64,
        "file_data": PNG_URL,
        "image_url": PNG_URL,
    }
    return {
        key: special[key] if value == "a" and key in special else value
        for key, value in made.items()
    }
