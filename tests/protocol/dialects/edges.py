"""Where a text of a request may go: to Grok, or into the header that names what was not passed
on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.dialects.openai_chat.request import ChatRequest, parse_chat_fields
from tests.protocol.grok_web.mutants import Leaf

NO_CONTENT = {
    *(
        "type",
        "id",
        "index",
        "status",
        "phase",
        "format",
        "detail",
        "cache_control",
        "prompt_cache_breakpoint",
    ),
    *(
        "citations",
        "annotations",
        "logprobs",
        "caller",
        "signature",
        "providerOptions",
        "providerMetadata",
        "extras",
    ),
    *(
        "source_type",
        "transformations",
        "retrieved_at",
        "page_age",
        "file_type",
        "stop_reason",
        "toolset_name",
    ),
    *(
        "encrypted_content",
        "encrypted_stdout",
        "server_name",
        "mediaType",
        "mimeType",
        "mime_type",
        "media_type",
    ),
    *("contentType", "uri"),
}
"""Keys of messages and parts below which nothing is said."""

OPTIONS = {
    "model",
    "stream",
    "stream_options",
    "n",
    "search",
    *("tools", "tool_choice", "functions", "function_call", "stop", "response_format"),
    "modalities",
    "audio",
    "logprobs",
}
"""Parameters that hold no content of the conversation, or are read in full."""


def fault_of(fields: Any) -> GrokApiError | ChatRequest:
    try:
        return parse_chat_fields(fields)
    except (InvalidRequest, AttachmentRefused) as error:
        return error


def named(leaf: Leaf, fields: Any, names: Collection[str]) -> bool:
    """Whether the header says that this text, or what it stands in, was not passed on; or it says
    nothing anyhow.
    """
    path, _ = leaf
    if path[0] != "messages":
        return path[0] in OPTIONS or str(path[0])[:40] in names or f"{path[0]}.{path[1]}" in names
    if NO_CONTENT & {*path}:
        return True
    candidates = {"earlier_pictures", "earlier_files", "parts.audio", "parts.video"}
    kinds, value = (
        {"", "file", "image"},
        fields,
    )  # beside the content a part may do without its type
    for step in path:
        if isinstance(value, dict):
            kinds |= {kind.strip() for kind in (value.get("type"),) if isinstance(kind, str)}
            candidates |= {f"messages.{step}", f"messages.{path[2]}.{step}"} | {
                name for kind in kinds for name in (f"parts.{kind}", f"parts.{kind}.{step}")
            }
        value = value[step]
    return not {re.sub(r"[^A-Za-z0-9_.-]", "", name)[:40] for name in candidates}.isdisjoint(names)
