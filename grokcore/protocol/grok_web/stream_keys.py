"""The keys of a response line in Grok's stream, and what kind of news each is (grok-protocol.md
§3.3).
"""

from __future__ import annotations

import enum

__all__ = ["KEYS", "THINKING_TAGS", "WORK_TAGS", "Kind"]

THINKING_TAGS = frozenset({"header", "summary"})
"""Values of ``messageTag`` whose tokens are thinking."""

WORK_TAGS = frozenset({"raw_function_result", "tool_usage_card"})
"""Values of ``messageTag`` whose tokens are a tool's call or result, never text (an empty result
token is not the end either: §3.2).
"""


class Kind(enum.Enum):
    """Kinds of news that a key of a response line can be."""

    TOKEN = enum.auto()
    FINAL = enum.auto()
    ERROR = enum.auto()
    WORK = enum.auto()
    """A tool or a search: meaningful, nothing to show."""
    TOOL = enum.auto()
    """A tool call, shown in the reasoning."""
    SEARCH = enum.auto()
    """The results of a search."""
    CARD = enum.auto()
    """A target of an element in the text, or a picture that is being made."""
    PROGRESS = enum.auto()
    """Meaningful when it differs from the last."""
    QUIET = enum.auto()
    """Known, and says nothing about the answer."""


# Keys of result.response (grok-protocol.md §3.3). Other keys are counted as unknown.
KEYS: dict[str, Kind] = {
    "token": Kind.TOKEN,
    "modelResponse": Kind.FINAL,
    "error": Kind.ERROR,
    "toolUsageCard": Kind.TOOL,
    **dict.fromkeys(("webSearchResults", "citedWebSearchResults", "xSearchResults"), Kind.SEARCH),
    "cardAttachment": Kind.CARD,
    **dict.fromkeys(
        (
            "codeExecutionResult",
            "ragResults",
            "connectorSearchResults",
            "collectionSearchResults",
            "searchProductResults",
            "cachedImageGenerationResponse",
            "imageGenerationResponse",
        ),
        Kind.WORK,
    ),
    **dict.fromkeys(
        ("progressReport", "streamingImageGenerationResponse", "streamingVideoGenerationResponse"),
        Kind.PROGRESS,
    ),
    **dict.fromkeys(
        (
            # Bookkeeping of every line.
            "isThinking",
            "isSoftStop",
            "responseId",
            "messageTag",
            "messageStepId",
            "toolUsageCardId",
            "rolloutId",
            "sideBySideIndex",
            # Lines about the conversation and the page's layout.
            "userResponse",
            "uiLayout",
            "llmInfo",
            "finalMetadata",
            "queryAction",
            "imageAttachmentInfo",
            "imageDimensions",
            "keepAlive",
            "throttle",
            "sideBySideConfig",
            "streamingMetadata",
            "effortDecision",
            "bannerMessage",
            "disclaimer",
            "memoryReferences",
            "followUpSuggestions",
            "followUpSuggestedMode",
            "authNotification",
            "toolRequest",
            "fastToolResponse",
            "survey",
            "memoryV2UpdateResult",
            "generatedTitle",
            "streamingAudioGenerationResponse",
            "grokInXaiRequest",
            # Keys of the envelope that the flat form puts beside them.
            "conversation",
            "title",
        ),
        Kind.QUIET,
    ),
}
