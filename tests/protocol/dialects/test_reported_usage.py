"""The counts of the upstream in place of estimates."""

from __future__ import annotations

from typing import Any

from anthropic.types import Usage as AnthropicUsage
from openai.types import CompletionUsage
from openai.types.responses import ResponseUsage

from grokcore.protocol.conversation.events import Event, Finished, OfChoice, Text, Used
from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.dialects.anthropic_messages.content import AnswerContent, MessageHead
from grokcore.protocol.dialects.openai_chat.writers import AnswerWriter, ChatHead, ChunkWriter
from grokcore.protocol.dialects.openai_responses.response_object import usage_object
from grokcore.protocol.dialects.rendering import Renderer, Style, ThinkingStyle

STYLE = Style(ThinkingStyle.HIDDEN)
FULL = Used(Usage(100, 20, 64, 5, 7000, 2))
BARE = Used(Usage(100, 20))


def shown(*events: Event) -> dict[str, Any]:
    renderer = Renderer(STYLE, 9)
    list(renderer.pieces(events))
    return renderer.usage()


def of_choices(*events: Used | None) -> dict[str, Any]:
    """The usage of an answer with a choice for each of *events*."""
    head = ChatHead("chatcmpl-1", 1, "m", 9, STYLE, choices=len(events))
    written: list[Event] = []
    for index, used in enumerate(events):
        written += [OfChoice(index), Text("abcd"), *([used] if used else []), Finished()]
    body, chunks = AnswerWriter(head), ChunkWriter(head, include_usage=True)
    body.add(written)
    chunks.write(written)
    assert body.usage() == chunks.usage()
    CompletionUsage.model_validate(body.usage(), strict=True)
    return body.usage()


def test_reported_counts_replace_the_estimates() -> None:
    """Reported figures leave as they are, with cost and searches where known."""
    usage = shown(Text("abcd"), FULL)
    assert usage == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
        "cost_in_usd_ticks": 7000,
        "num_server_side_tools_used": 2,
    }
    CompletionUsage.model_validate(usage, strict=True)


def test_responses_have_the_same_counts_under_their_names() -> None:
    """Estimates too: readers demand the details."""
    renamed = usage_object(shown(FULL))
    assert renamed["input_tokens_details"]["cached_tokens"] == 64
    assert renamed["cost_in_usd_ticks"] == 7000
    for usage in (FULL, BARE, Text("abcd")):
        ResponseUsage.model_validate(usage_object(shown(usage)), strict=True)


def test_messages_count_cached_tokens_apart() -> None:
    """Anthropic's input excludes them; clients add the two."""
    for events, expected in (((FULL,), (36, 64, 20)), ((), (9, 0, 0))):
        content = AnswerContent(MessageHead("0" * 24, "m", 9, STYLE))
        list(content.pieces(events))
        usage = AnthropicUsage.model_validate(content.usage(), strict=True)
        found = (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens)
        assert found == expected


def test_unknown_cost_has_no_field() -> None:
    """A cost that the upstream does not report is no zero."""
    usage = shown(BARE)
    assert "cost_in_usd_ticks" not in usage
    assert "num_server_side_tools_used" not in usage


def test_without_a_report_estimates_stay() -> None:
    """An answer that was cut before the report keeps its estimates."""
    assert "prompt_tokens_details" not in shown(Text("abcd"))


def test_choices_are_added_up() -> None:
    """Reported figures count the question for each choice, as the upstream charges it."""
    usage = of_choices(FULL, FULL)
    assert usage == {
        "prompt_tokens": 200,
        "completion_tokens": 40,
        "total_tokens": 240,
        "prompt_tokens_details": {"cached_tokens": 128},
        "completion_tokens_details": {"reasoning_tokens": 10},
        "cost_in_usd_ticks": 14000,
        "num_server_side_tools_used": 4,
    }
    assert "cost_in_usd_ticks" not in of_choices(BARE, BARE)


def test_an_estimate_counts_the_question_once() -> None:
    """As OpenAI's usage of several choices does."""
    assert of_choices(None, None)["prompt_tokens"] == 9


def test_choices_of_which_some_report_are_added_up_too() -> None:
    """Choices may be answered over different lanes: whichever is first, nothing reported is lost."""
    for first, second in ((BARE, FULL), (FULL, None), (None, FULL)):
        usage = of_choices(first, second)
        assert usage["cost_in_usd_ticks"] == 7000
        assert usage["num_server_side_tools_used"] == 2
        assert usage["prompt_tokens_details"]["cached_tokens"] == 64
    # The estimate of the question that the other lane was asked counts as well.
    assert of_choices(FULL, None)["prompt_tokens"] == 109
    assert of_choices(None, FULL)["prompt_tokens"] == 109
    assert of_choices(None, FULL, None)["prompt_tokens"] == 109
