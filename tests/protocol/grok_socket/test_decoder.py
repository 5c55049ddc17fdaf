"""The decoder: one row for each kind of event, and one for each way in which an answer can end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import pytest
from attrs import field, frozen

from grokcore.errors import (
    AnswerTooLong,
    AntiBotRefusal,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    ModeNotIncluded,
    QuotaExhausted,
    UpstreamFailure,
    UpstreamOverloaded,
)
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    Event,
    Failed,
    File,
    Finished,
    Found,
    FoundPicture,
    Picture,
    Progress,
    Source,
    Text,
    Thinking,
    ToolUse,
    Video,
)
from grokcore.protocol.counters import Counters
from grokcore.protocol.grok_socket import answer as answer_module
from grokcore.protocol.grok_socket.answer import TRANSITIONS, Input, State
from grokcore.protocol.grok_socket.decoder import Decoder
from grokcore.protocol.grok_socket.event_keys import (
    CHUNK_KEYS,
    EVENT_TYPES,
    Channel,
    ChunkKind,
    EventKind,
    channel_of,
)
from grokcore.protocol.grok_web import answer_parts
from grokcore.protocol.grok_web.markup import parse_tag_names

from .frames_of import (
    HEADER,
    OTHER_ID,
    QUIET,
    RESPONSE_ID,
    SUMMARY,
    THINKING,
    Frame,
    attached,
    chunk,
    citation,
    created,
    done,
    event,
    failed,
    message,
    output,
    pages,
    picture,
    session_created,
    stream,
    stream_error,
    text,
    thought,
    tool,
    video,
    whole,
)

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")

Shown: TypeAlias = "Event | type[GrokApiError]"
"""An event that can be compared: of a failure only which one it is."""


def shown(events: Iterable[Event]) -> list[Shown]:
    return [type(event.error) if isinstance(event, Failed) else event for event in events]


def decoded(data: bytes, decoder: Decoder | None = None) -> list[Event]:
    """All events of a conversation whose connection ended behind *data*."""
    decoder = decoder or Decoder(TAGS)
    return decoder.receive(data) + decoder.close()


@frozen
class Scenario:
    """Frames behind ``response.created``, and their events."""

    name: str
    frames: Sequence[Frame]
    events: list[Shown]
    counters: Counters = field(factory=Counters)
    mode: str = ""


PAGE = "https://example.com/a"
OTHER_PAGE = "https://example.com/b"
A, B = Source(PAGE, "a"), Source(OTHER_PAGE, "b")
POST = {"userhandle": "@ann", "post_id": "21", "text": "hi", "view_count": 9}
FILE = {"id": "f", "file_name": "a.csv", "mime_type": "text/csv", "url": "users/u/a.csv"}
DONE_PICTURE = Picture("users/u/generated/c1/image.jpg")
CLIP = Video("users/u/generated/v1/generated_video.mp4")
SEARCHED = {"original": "https://example.com/x.png", "title": "X", "link": PAGE}
CARD = {"id": "7", "cardType": "citation_card", "url": PAGE}
ELEMENT = '<grok:render card_id="7" card_type="citation_card" type="render_inline_citation"></grok:render>'


def delta(words: object, *, thinking: bool = False) -> Frame:
    x_grok = {"is_thinking": thinking}
    return event("response.output_text.delta", response_id=RESPONSE_ID, delta=words, x_grok=x_grok)


def reasoning(words: str) -> Frame:
    return event("response.reasoning_text.delta", response_id=RESPONSE_ID, delta=words)


def of_agent(words: str, agent: object) -> Frame:
    frame = text(words)
    frame["event"]["chunk"]["metadata"] = {"step_id": 0, "rollout_id": agent}
    return frame


def odd() -> Counters:
    return Counters(odd_values=1)


def unknown(*keys: str) -> Counters:
    return Counters(unknown_keys=dict.fromkeys(keys, 1))


SCENARIOS = [
    # How an answer ends well, and how it only seems to.
    Scenario("text and done", [text("a"), text("b"), done()], [Text("a"), Text("b"), Finished()]),
    Scenario("quiet frames change nothing", [*QUIET, text("a"), *QUIET, done()], [Text("a"), Finished()]),
    Scenario("no ids anywhere", [text("a", name=None), event("response.done", response={"status": "completed"})], [Text("a"), Finished()]),
    Scenario("an id that is null", [event("response.chunk", response_id=None, chunk={"text": {"text": "a"}}), done()], [Text("a"), Finished()]),
    Scenario("without envelopes", [text("a")["event"], done()["event"]], [Text("a"), Finished()]),
    Scenario("a text without a channel", [text("a", None), text("b", "CHANNEL_UNSPECIFIED"), done()], [Text("a"), Text("b"), Finished()]),
    Scenario("no done", [text("a")], [Text("a"), IncompleteAnswer]),
    Scenario("no done, in the thinking", [thought("t")], [Thinking("t"), IncompleteAnswer]),
    Scenario("no done, in a search", [tool("web_search", query="q")], [ToolUse("web_search", "q"), IncompleteAnswer]),
    Scenario("no done, text complete", [text("a"), whole("a"), event("response.persisted", status="ok")], [Text("a"), IncompleteAnswer]),
    Scenario("nothing but the id", [], [EmptyAnswer]),
    Scenario("done and empty", [done()], [EmptyAnswer]),
    Scenario("done and invisible", [text(" \u200b\n"), done()], [Text(" \u200b\n"), EmptyAnswer]),
    Scenario("done with thinking only", [thought("t"), done()], [Thinking("t"), EmptyAnswer]),
    Scenario("done with a title only", [text("Thinking", HEADER), done()], [Activity(), EmptyAnswer]),
    Scenario("done without a status", [text("a"), done(None)], [Text("a"), IncompleteAnswer]),
    Scenario("done with an odd status", [text("a"), done(5)], [Text("a"), IncompleteAnswer]),
    Scenario("done without a response", [text("a"), event("response.done")], [Text("a"), IncompleteAnswer]),
    Scenario("cancelled", [text("a"), done("cancelled")], [Text("a"), IncompleteAnswer]),
    Scenario("incomplete", [text("a"), done("incomplete", incomplete_details={"reason": "max_output_tokens"})], [Text("a"), IncompleteAnswer]),
    Scenario("failed", [text("a"), failed("internal_error")], [Text("a"), UpstreamFailure]),
    Scenario("failed for a reason", [failed("content_moderated")], [ContentPolicyViolation]),
    Scenario("failed without a reason", [done("failed")], [UpstreamFailure]),
    Scenario("failed under its own name", [event("response.failed", response={"id": RESPONSE_ID, "error": {"code": "rate_limited"}})], [QuotaExhausted]),
    Scenario("failed, free account, heavy", [failed("stream_error")], [ModeNotIncluded], mode="heavy"),
    Scenario("failed, free account, expert, said before", [stream_error("x", severity="WARNING"), failed("stream_error")], [Activity(), UpstreamFailure], mode="expert"),
    Scenario("failed, heavy, in the answer", [text("a"), failed("stream_error")], [Text("a"), UpstreamFailure], mode="heavy"),
    Scenario("failed, fast", [failed("stream_error")], [UpstreamFailure], mode="fast"),
    Scenario("an error event", [text("a"), event("error", error={"code": "anti_bot", "message": "x"})], [Text("a"), AntiBotRefusal]),
    Scenario("an error event without its object", [event("error", message="Too many requests")], [QuotaExhausted]),
    Scenario("the session ends", [text("a"), event("session.ended")], [Text("a"), IncompleteAnswer]),
    Scenario("the session ends for a reason", [event("session.ended", reason="token expired")], [CredentialsRejected]),
    Scenario("a stream error", [text("a"), stream_error("x", usageLimitReached={})], [Text("a"), QuotaExhausted]),
    Scenario("a stream error in a chunk", [chunk(stream_error={"kind": "global_rate_limit"})], [UpstreamOverloaded]),
    Scenario("a stream error beside other keys", [chunk(stream_error={"kind": "global_rate_limit"}, tool_result={}, text={"text": "a"}, novelty={})], [UpstreamOverloaded]),
    Scenario("a stream error that is text", [output(stream_error="heavy usage")], [UpstreamOverloaded]),
    Scenario("a tool's error", [stream_error("x", kind="tool_call_failed"), text("a"), done()], [Activity(), Text("a"), Finished()]),
    Scenario("a passing error, and a cut", [stream_error("Too many requests", severity="STREAM_ERROR_SEVERITY_WARNING")], [Activity(), QuotaExhausted]),
    Scenario("a passing error, and a good end", [stream_error("heavy usage", severity="WARN"), text("a"), done()], [Activity(), Text("a"), Finished()]),
    # Frames of others, and late ones.
    Scenario("behind the end", [text("a"), done(), text("b"), chunk(follow_up_suggestions={}), failed("x")], [Text("a"), Finished()], Counters(other_side=3)),
    Scenario("another response", [text("x", name=OTHER_ID), text("a"), done("failed", OTHER_ID), created(OTHER_ID), done()], [Text("a"), Finished()], Counters(other_side=3)),
    Scenario("an empty id", [text("x", HEADER, name=""), text("x", name=""), text("a"), done()], [Text("a"), Finished()], Counters(other_side=2)),
    Scenario("another conversation", [text("x") | {"session_id": OTHER_ID}, text("a"), event("session.ended") | {"session_id": OTHER_ID}, done()], [Text("a"), Finished()], Counters(other_side=2)),
    Scenario("no conversation", [{"event": text("a")["event"]}, done()], [Text("a"), Finished()]),
    Scenario("done with an id that is null", [text("a"), done(name=None)], [Text("a"), Finished()]),
    Scenario("created twice", [created(), text("a"), done()], [Text("a"), Finished()]),
    Scenario("created without an id", [event("response.created", response={"id": 5}), event("response.created"), text("a"), done()], [Text("a"), Finished()], Counters(odd_values=2)),
    Scenario("acknowledgements again", [session_created(), attached(), text("a"), done()], [Text("a"), Finished()]),
    # Channels.
    Scenario("thinking, then the answer", [thought("t"), thought("u"), text("a"), done()], [Thinking("t"), Thinking("u"), Text("a"), Finished()]),
    Scenario("a text beside another key", [chunk(text={"text": "a"}, ui_layout={}), done()], [Text("a"), Finished()]),
    Scenario("each step begins a line", [thought("t"), thought("u"), text("v", SUMMARY), of_agent("w\n", "Agent 1"), of_agent("x", "Agent 2"), reasoning("y"), chunk(text={"text": "z", "channel": THINKING}, metadata=None), text("a"), done()], [Thinking("t"), Thinking("u"), Thinking("\nv"), Thinking("\nw\n"), Thinking("x"), Thinking("\ny"), Thinking("z"), Text("a"), Finished()]),
    Scenario("late thinking", [text("a"), thought("t"), done()], [Text("a"), Activity(), Finished()], Counters(late_thoughts=1)),
    Scenario("titles and summaries", [text("Reading", HEADER), text("I read.", SUMMARY), text("a"), done()], [Activity(), Thinking("I read."), Text("a"), Finished()]),
    Scenario("titles in the answer", [text("a"), text("Writing", HEADER), text("b"), done()], [Text("a"), Activity(), Text("b"), Finished()]),
    Scenario("names that hold a known word", [text("t", "CHANNEL_ANALYSIS"), text("a", "channel_final"), done()], [Thinking("t"), Text("a"), Finished()]),
    Scenario("an unknown channel is no answer", [text("t", "CHANNEL_COMMENTARY"), text("a"), done()], [Thinking("t"), Text("a"), Finished()], unknown("CHANNEL_COMMENTARY")),
    Scenario("a channel that is no name", [chunk(text={"text": "t", "channel": 3}), text("a"), done()], [Thinking("t"), Text("a"), Finished()], unknown("3")),
    Scenario("other agents only think", [of_agent("t", "Agent 2"), of_agent("a", "Grok"), of_agent("b", 5), done()], [Thinking("t"), Text("a"), Text("b"), Finished()]),
    Scenario("deltas", [delta("t", thinking=True), reasoning("u"), delta("a"), delta(""), done()], [Thinking("t"), Thinking("u"), Text("a"), Finished()]),
    Scenario("a delta that is no text", [delta(None), text("a"), done()], [Text("a"), Finished()], odd()),
    Scenario("empty texts", [text(""), chunk(text={"channel": "CHANNEL_ASSISTANT_RESPONSE"}), text("a"), done()], [Text("a"), Finished()]),
    Scenario("a delta of another form", [delta({"text": "b"}), text("a"), done()], [Text("a"), IncompleteAnswer], odd()),
    Scenario("a text of another form", [chunk(text={"text": 5}), text("a"), done()], [Text("a"), IncompleteAnswer], odd()),
    Scenario("a text of another form, and a copy", [chunk(text=["a"]), text("a"), whole("a"), done()], [Text("a"), Finished()], odd()),
    Scenario("a chunk of another form", [text("a"), event("response.chunk", response_id=RESPONSE_ID, chunk=[{"text": {"text": "b"}}]), done()], [Text("a"), IncompleteAnswer], odd()),
    Scenario("a picture of another form, and a copy", [chunk(render_generated_image="u"), text("a"), whole("a"), done()], [Text("a"), IncompleteAnswer], odd()),
    # The text once more.
    Scenario("the copy is the same", [text("a"), whole("a"), done()], [Text("a"), Finished()]),
    Scenario("the copy has more", [text("a"), whole("ab"), done()], [Text("a"), Text("b"), Finished()]),
    Scenario("the copy is all", [whole("ab"), done()], [Text("ab"), Finished()]),
    Scenario("the copy is all, behind thinking", [thought("t"), whole("a"), done()], [Thinking("t"), Text("a"), Finished()]),
    Scenario("a piece was lost", [text("one "), text("three"), whole("one two three"), done()], [Text("one "), Text("three"), IncompleteAnswer], Counters(other_side=1)),
    Scenario("copies of two parts", [text("a"), whole("a"), text("b"), whole("bc"), done()], [Text("a"), Text("b"), Text("c"), Finished()]),
    Scenario("copies of two parts, at the end", [text("a"), text("b"), whole("a"), whole("b"), done()], [Text("a"), Text("b"), Finished()]),
    Scenario("a copy twice", [text("a"), whole("a"), whole("a"), done()], [Text("a"), Finished()]),
    Scenario("a copy of all behind copies of parts", [text("a"), whole("a"), text("b"), whole("b"), whole("abc"), done()], [Text("a"), Text("b"), Text("c"), Finished()]),
    Scenario("another text proves nothing", [text("the colour"), whole("A color"), done()], [Text("the colour"), Finished()]),
    Scenario("a copy of another text behind a part", [text("a"), whole("a"), whole("b"), done()], [Text("a"), Finished()]),
    Scenario("links of citations prove nothing", [text("a"), citation(PAGE), text("b"), whole(f"a[[1]]({PAGE})b"), done()], [Text("a"), Cited(1, Source(PAGE)), Text("b"), Finished()]),
    Scenario("no copy at all", [text("a"), whole(""), event("response.output_text.done", response_id=RESPONSE_ID), done()], [Text("a"), Finished()]),
    Scenario("a copy of the thinking", [thought("t"), whole("t", x_grok={"is_thinking": True}), text("a"), done()], [Thinking("t"), Text("a"), Finished()]),
    # Tools, sources, citations.
    Scenario("tool calls", [tool("web_search", query="q"), tool("web_search", query="q"), tool("x_search", query="r"), tool("browse"), text("a"), done()], [ToolUse("web_search", "q"), Activity(), ToolUse("x_search", "r"), ToolUse("browse"), Text("a"), Finished()]),
    Scenario("a tool call without args", [chunk(tool_usage_card={"tool_usage_card_id": "t", "web_search": {"query": "q"}}), text("a"), done()], [ToolUse("web_search", "q"), Text("a"), Finished()]),
    Scenario("a tool call without a tool", [chunk(tool_usage_card={"tool_usage_card_id": "t"}), text("a"), done()], [Activity(), Text("a"), Finished()]),
    Scenario("a client's tool", [chunk(client_tool_call={"id": "c", "status": "S", "function": {"name": "lookUp", "arguments": '{"query":"q"}'}}), text("a"), done()], [ToolUse("look_up", "q"), Text("a"), Finished()]),
    Scenario("a client's tool with broken arguments", [chunk(client_tool_call={"function": {"name": "f", "arguments": "{"}}), chunk(client_tool_call={"function": {"name": "g", "arguments": {"query": "q"}}}), text("a"), done()], [ToolUse("f"), ToolUse("g", "q"), Text("a"), Finished()]),
    Scenario("pages", [pages(PAGE, OTHER_PAGE), pages(PAGE), text("a"), done()], [Found((A, B)), Activity(), Text("a"), Finished()]),
    Scenario("posts", [chunk(tool_result={"x_post": {"posts": [POST, 5]}}), text("a"), done()], [Found((Source("https://x.com/ann/status/21", "@ann"),)), Text("a"), Finished()]),
    Scenario("results of other tools", [chunk(tool_result={"code_execution": {"stdout": "1"}}), chunk(tool_partial_result={"bash": {}}), chunk(user_input_request={}), text("a"), done()], [Activity(), Activity(), Activity(), Text("a"), Finished()]),
    Scenario("a search result", [event("response.search.result", response_id=RESPONSE_ID, result={"url": PAGE, "title": "a"}), event("response.search.result", result={"web_results": [{"url": OTHER_PAGE, "title": "b"}]}), event("response.search.result"), text("a"), done()], [Found((A,)), Found((B,)), Activity(), Text("a"), Finished()]),
    Scenario("the form without chunks", [output(tool_usage_card={"web_search": {"query": "q"}}), output(tool_result={"web_search_results": [{"url": PAGE, "title": "a"}]}), delta("x"), done()], [ToolUse("web_search", "q"), Found((A,)), Text("x"), Finished()]),
    Scenario("citations", [pages(PAGE, OTHER_PAGE), text("a"), citation(OTHER_PAGE), citation(PAGE), citation(OTHER_PAGE), done()], [Found((A, B)), Text("a"), Cited(1, B), Cited(2, A), Cited(1, B), Finished()]),
    Scenario("a citation by its number", [chunk(tool_result={"web_search": {"webpages": [{"url": PAGE, "title": "a", "citation_id": 3}]}}), text("a"), citation(citation_id=3), citation(citation_id=4), citation("javascript:x"), citation(citation_id=True), done()], [Found((A,)), Text("a"), Cited(1, A), Activity(), Activity(), Activity(), Finished()]),
    Scenario("a citation before the text", [citation(PAGE), citation(), thought("t"), citation(PAGE), text("a"), done()], [Found((Source(PAGE),)), Activity(), Thinking("t"), Activity(), Text("a"), Finished()]),
    Scenario("a card as an object", [output(card_attachment=CARD), delta(f"a{ELEMENT}b"), done()], [Activity(), Text("a"), Cited(1, Source(PAGE)), Text("b"), Finished()]),
    Scenario("a card as text", [output(card_attachment={"jsonData": json.dumps(CARD)}), output(card_attachment={"json_data": "{"}), delta(f"a{ELEMENT}"), done()], [Activity(), Activity(), Text("a"), Cited(1, Source(PAGE)), Finished()]),
    Scenario("a card that comes too late", [delta(f"a{ELEMENT}"), output(card_attachment=CARD), done()], [Text("a"), Activity(), Found((Source(PAGE),)), Finished()]),
    Scenario("an element that nothing explains", [text("<grok:render>x</grok:render>"), text("a"), done()], [Activity(), Text("a"), Finished()]),
    Scenario("an element in the thinking", [thought("t<xai:tool_usage_card><xai:tool_name>web_search</xai:tool_name></xai:tool_usage_card>"), thought("<grok:render>x</grok:render>"), text("a"), done()], [ToolUse("web_search"), Thinking("t"), Activity(), Activity(), Text("a"), Finished()]),
    Scenario("held back to the end", [thought("2 <"), text("a <"), done()], [Thinking("2 "), Thinking("<"), Text("a "), Text("<"), Finished()]),
    Scenario("held-back thinking without an answer", [thought("2 <"), done()], [Thinking("2 "), Thinking("<"), EmptyAnswer]),
    # Pictures, videos, files.
    Scenario("a picture", [picture(0), picture(50), picture(50), picture(100), done()], [Progress(0), Progress(50), Progress(100), DONE_PICTURE, Finished()]),
    Scenario("an edited picture", [picture(100, edited=True), done()], [Progress(100), DONE_PICTURE, Finished()]),
    Scenario("two pictures", [picture(100), picture(100, card="c2"), picture(100), text("a"), done()], [Progress(100), DONE_PICTURE, Progress(100), Picture("users/u/generated/c2/image.jpg"), Text("a"), Finished()]),
    Scenario("a picture without its chunk", [chunk(render_generated_image={"id": "c1", "image_chunk": None}), picture(100), done()], [Progress(0), Progress(100), DONE_PICTURE, Finished()]),
    Scenario("a picture that is its chunk", [output(generated_image={"imageUrl": "users/u/generated/c1/image.jpg", "progress": 100}), done()], [Progress(100), DONE_PICTURE, Finished()]),
    Scenario("a picture in a card", [output(card_attachment={"id": "c1", "cardType": "generated_image_card", "image_chunk": {"imageUrl": "users/u/generated/c1/image.jpg", "progress": 100}}), done()], [Progress(100), DONE_PICTURE, Finished()]),
    Scenario("a picture that never came", [picture(50), text("Here it is."), done()], [Progress(50), Text("Here it is."), IncompleteAnswer]),
    Scenario("a picture that was only begun", [chunk(render_start={"id": "c1", "generated_image": {}}), text("a"), done()], [Progress(0), Text("a"), IncompleteAnswer]),
    Scenario("something else is begun", [chunk(render_start={"id": "f", "file_preview": {}}), text("a"), done()], [Activity(), Text("a"), Finished()]),
    Scenario("a moderated picture", [picture(50), picture(100, moderated=True), text("Sorry."), done()], [Progress(50), Progress(100), Text("Sorry."), ContentPolicyViolation]),
    Scenario("one of two is moderated", [picture(100, moderated=True), picture(100, card="c2"), done()], [Progress(100), Progress(100), Picture("users/u/generated/c2/image.jpg"), Finished()]),
    Scenario("moderated for good", [picture(50, moderated=True), picture(100), done()], [Progress(50), Activity(), ContentPolicyViolation]),
    Scenario("rejected for a reason", [picture(100, rejection_reason="MEDIA_REJECTION_REASON_POLICY"), done()], [Progress(100), ContentPolicyViolation]),
    Scenario("rejected by number", [picture(100, rejection_reason=2), done()], [Progress(100), ContentPolicyViolation]),
    Scenario("not rejected", [picture(100, rejection_reason="MEDIA_REJECTION_REASON_UNSPECIFIED", systemErrCode="ERR_CODE_UNSPECIFIED"), picture(100, card="c2", rejection_reason=0, systemErrCode=0), done()], [Progress(100), DONE_PICTURE, Progress(100), Picture("users/u/generated/c2/image.jpg"), Finished()]),
    Scenario("refused by a check", [picture(100, systemErrCode=1003), done()], [Progress(100), ContentPolicyViolation]),
    Scenario("refused by a check with a name", [picture(100, systemErrCode="ERR_CHECK_IMAGE"), done()], [Progress(100), ContentPolicyViolation]),
    Scenario("no pictures left", [picture(10, systemErrCode=1006), done()], [Progress(10), QuotaExhausted]),
    Scenario("no pictures left, by name", [picture(10, systemErrCode="ERR_RATE_LIMITED"), done()], [Progress(10), QuotaExhausted]),
    Scenario("a picture failed", [picture(10, systemErrCode=1007), done()], [Progress(10), UpstreamFailure]),
    Scenario("a picture failed with a new number", [picture(10, systemErrCode=1999), done()], [Progress(10), UpstreamFailure]),
    Scenario("a found picture", [chunk(render_searched_image={"id": "s", "image": SEARCHED}), done()], [FoundPicture("https://example.com/x.png", "X", PAGE), Finished()]),
    Scenario("found pictures of other forms", [chunk(render_searched_image={"image": {"image_url": "https://example.com/y.png"}}), chunk(render_searched_image={"id": "s"}), text("a"), done()], [FoundPicture("https://example.com/y.png"), Activity(), Text("a"), Finished()]),
    Scenario("a video", [video(5), video(100), done()], [Progress(5), Progress(100), CLIP, Finished()]),
    Scenario("a moderated video", [video(100, moderated=True), done()], [Progress(100), ContentPolicyViolation]),
    Scenario("a video that never came", [chunk(render_start={"id": "v", "generated_video": {}}), video(50), text("a"), done()], [Progress(0), Progress(50), Text("a"), IncompleteAnswer]),
    Scenario("a video without its chunk", [chunk(render_generated_video={"id": "v"}), text("a"), done()], [Activity(), Text("a"), IncompleteAnswer]),
    Scenario("a file", [text("a"), chunk(render_file_preview=FILE), chunk(render_file_preview=FILE), chunk(render_file_preview={"id": "g"}), done()], [Text("a"), File("users/u/a.csv", "a.csv"), Activity(), Activity(), Finished()]),
    Scenario("only a file", [chunk(render_file_preview=FILE), done()], [File("users/u/a.csv", "a.csv"), Finished()]),
    Scenario("a file in a card", [output(card_attachment={"id": "f", "cardType": "rendered_file_card", "file_name": "a.csv", "url": "users/u/a.csv"}), text("a"), done()], [Activity(), Text("a"), File("users/u/a.csv", "a.csv"), Finished()]),
    Scenario("progress", [chunk(progress_report={"category": "SEARCH", "state": "RUNNING"}), chunk(progress_report={"category": "SEARCH", "state": "RUNNING"}), text("a"), done()], [Activity(), Text("a"), Finished()]),
    Scenario("a board", [chunk(render_imagine_media_board={"id": "b"}), text("a"), done()], [Activity(), Text("a"), Finished()]),
    # Not understood.
    Scenario("unknown types", [event("response.new"), {"event": {"type": 5}}, {"event": {}}, text("a"), done()], [Text("a"), Finished()], Counters(unknown_keys={"response.new": 1, "5": 1, "None": 1})),
    Scenario("unknown keys", [chunk(novelty={}), {"news": 1}, {}, text("a"), done()], [Text("a"), Finished()], unknown("novelty", "news", "{}")),
    Scenario("odd chunks", [event("response.chunk", response_id=RESPONSE_ID, chunk=[]), chunk(text="", tool_result="x", render_citation=None), text("a"), done()], [Text("a"), Finished()], Counters(odd_values=3)),
]  # fmt: skip


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_frames_mean_these_events(case: Scenario) -> None:
    """Each kind of event, and each end, has its events; passed-over frames are counted."""
    decoder = Decoder(TAGS, mode=case.mode)
    frames = [session_created(), attached(), created(), *case.frames]
    assert shown(decoded(stream(frames), decoder)) == case.events
    assert decoder.counters == case.counters
    assert decoder.ended
    assert decoder.concluded is (case.events[-1] == Finished())
    assert not decoder.stopped


def test_names_of_scenarios_differ() -> None:
    """A row is found by its name."""
    assert len({case.name for case in SCENARIOS}) == len(SCENARIOS)


def test_each_kind_of_event_and_of_key_has_a_row() -> None:
    """A kind that no row shows is not protected."""
    frames = [frame.get("event", frame) for case in SCENARIOS for frame in case.frames]
    frames += [session_created()["event"], attached()["event"], created()["event"]]
    kinds = {EVENT_TYPES.get(frame.get("type")) for frame in frames}
    assert set(EventKind) <= kinds
    chunks = [frame.get(name) for frame in frames for name in ("chunk", "output")]
    keys = {key for value in chunks if isinstance(value, dict) for key in value}
    assert set(CHUNK_KEYS) <= keys
    assert set(ChunkKind) == set(CHUNK_KEYS.values())


def test_a_piece_before_its_answer_is_announced_is_not_left_out() -> None:
    """Without it a cut answer would look whole. Another id is another's, from then on too."""
    decoder = Decoder(TAGS)
    frames = [text("a"), created(), text("b"), text("x", name=OTHER_ID), done()]
    assert decoded(stream(frames), decoder) == [Text("a"), Text("b"), Finished()]
    assert decoder.counters == Counters(other_side=1)


def test_an_answer_that_was_never_announced_is_read() -> None:
    """Also if only some of its frames have its id; a frame with an empty id is nobody's."""
    frames = [text("x", HEADER, name=""), text("a", name=None), text("b"), done()]
    assert decoded(stream(frames)) == [Text("a"), Text("b"), Finished()]


def test_the_mode_that_grok_names_serves_if_none_was_given() -> None:
    """So that a free account's refusal can be read from a recording."""
    assert shown(decoded(stream([created(mode="heavy"), failed("stream_error")]))) == [
        ModeNotIncluded
    ]
    odd_mode = event("response.created", response={"id": RESPONSE_ID, "x_grok": {"model": 5}})
    assert shown(decoded(stream([odd_mode, failed("stream_error")]))) == [UpstreamFailure]


def test_the_model_that_answers_is_known_as_far_as_grok_names_it() -> None:
    """An owner sees whether Grok has put another model in the place of the one that was asked."""
    decoder = Decoder()
    assert decoder.answered_by == ""
    for frame, name in (
        (created(mode="auto"), "auto"),
        (chunk(ui_layout={"steer_model_id": "grok-5"}), "grok-5"),
        (chunk(ui_layout={"steer_model_id": ""}), "grok-5"),
        (chunk(ui_layout={"steer_model_id": 5}), "grok-5"),
        (chunk(ui_layout={"steer_model_id": "x" * 1000}), "x" * 100),
    ):
        assert decoder.receive(message(frame)) == []
        assert decoder.answered_by == name


def test_events_carry_absolute_addresses() -> None:
    """Only lanes know an upstream's hosts."""
    decoder = Decoder(TAGS, "https://assets.example.com")
    events = decoded(stream([created(), picture(100), video(100), done()]), decoder)
    base = "https://assets.example.com/users/u/generated"
    assert Picture(f"{base}/c1/image.jpg") in events
    assert Video(f"{base}/v1/generated_video.mp4") in events


# Damage -----------------------------------------------------------------------------------------

BROKEN_TEXT = message(text("lost"))[:-5]
BROKEN_PICTURE = message(picture(100))[:-5]


@frozen
class Damage:
    """A line that can't be read, the frames behind it, and how the answer ends."""

    name: str
    line: bytes
    behind: Sequence[Frame]
    end: Shown


DAMAGE = [
    Damage("broken text", BROKEN_TEXT, [done()], IncompleteAnswer),
    Damage("broken text, and a copy", BROKEN_TEXT, [whole("a"), done()], Finished()),
    Damage("broken text, and a copy with more", BROKEN_TEXT, [whole("a lost"), done()], Finished()),
    Damage("broken text, and another copy", BROKEN_TEXT, [whole("z"), done()], IncompleteAnswer),
    Damage("broken text, text behind the copy", BROKEN_TEXT, [whole("a"), text("b"), done()], IncompleteAnswer),
    Damage("broken text, and a close", BROKEN_TEXT, [], IncompleteAnswer),
    Damage("broken picture, and a copy", BROKEN_PICTURE, [whole("a"), done()], IncompleteAnswer),
    Damage("broken pong", b'{"event":{"type":"pong"', [done()], Finished()),
    Damage("noise", b"hello", [done()], Finished()),
    Damage("bytes", b"\0\xff", [done()], Finished()),
    Damage("too large", b'{"event":"' + b"x" * (4 * 1024 * 1024) + b'"}', [text("b"), whole("ab"), done()], LineTooLong),
]  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE, ids=lambda case: case.name)
def test_an_answer_of_which_frames_were_lost_never_looks_whole(case: Damage) -> None:
    """Only Grok's own copy of the text proves that none is missing, and never of a picture."""
    decoder = Decoder(TAGS)
    data = stream([created(), text("a")]) + case.line + b"\n" + stream(case.behind)
    assert shown(decoded(data, decoder))[-1] == case.end
    assert decoder.counters.junk_lines == 1


def test_damage_behind_the_end_changes_nothing() -> None:
    """However the bytes were cut, the end had come before."""
    data = stream([created(), text("a"), done()]) + BROKEN_TEXT + b"\n"
    assert decoded(data) == [Text("a"), Finished()]


def test_what_is_no_frame_at_all_is_said_to_be_none() -> None:
    """Grok may change its format, or a proxy may speak in its place."""
    assert shown(decoded(b"Bad gateway\n")) == [UpstreamFailure]
    assert shown(decoded(b"Bad gateway\n" + stream([attached()]))) == [EmptyAnswer]


def test_a_message_that_was_cut_off_ends_the_answer_as_incomplete() -> None:
    """The end of the connection within a frame is a cut."""
    decoder = Decoder(TAGS)
    assert shown(decoded(stream([created(), text("a")]) + message(done())[:-1], decoder)) == [
        Text("a"),
        IncompleteAnswer,
    ]
    assert decoder.counters.junk_lines == 1


@pytest.mark.parametrize(
    ("reason", "leaf"),
    [
        ("", IncompleteAnswer),
        ("going away", IncompleteAnswer),
        ("rate limit exceeded", QuotaExhausted),
        ("This page is out of date. Reload to continue.", AntiBotRefusal),
    ],
)
def test_the_reason_of_a_close_explains_it(reason: str, leaf: type[GrokApiError]) -> None:
    """Where it holds a known word; else it is a close."""
    decoder = Decoder(TAGS)
    decoder.receive(stream([created(), text("a")]))
    assert shown(decoder.close(reason)) == [leaf]
    assert decoder.close() == []


# Bounds and the machine -------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [text("1234567"), thought("1234567")])
def test_an_answer_beyond_the_cap_is_stopped(frame: Frame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and thinking together."""
    monkeypatch.setattr(answer_parts, "MAX_ANSWER_CHARS", 10)
    events = shown(decoded(stream([created(), thought("1234"), frame, done()])))
    assert events[-1] is AnswerTooLong


def test_tool_calls_and_citations_of_one_answer_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the cap they are activities."""
    monkeypatch.setattr(answer_parts, "MOST_TOOL_USES", 1)
    monkeypatch.setattr(answer_module, "MOST_CITATIONS", 1)
    frames = [tool("a"), tool("b"), text("x"), citation(PAGE), citation(OTHER_PAGE), done()]
    assert decoded(stream([created(), *frames])) == [
        ToolUse("a"),
        Activity(),
        Text("x"),
        Cited(1, Source(PAGE)),
        Activity(),
        Finished(),
    ]


def test_with_too_many_moderated_pictures_none_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is not kept may be that of a moderated one."""
    monkeypatch.setattr(answer_module, "MOST_MODERATED", 0)
    frames = [picture(100, moderated=True), picture(100, card="c2"), done()]
    assert shown(decoded(stream([created(), *frames]))) == [
        Progress(100),
        Activity(),
        ContentPolicyViolation,
    ]


def test_the_table_of_states_is_whole() -> None:
    """Each state but the last has a row for each input, and each row an action."""
    for state in State:
        rows = {what for at, what in TRANSITIONS if at is state}
        assert rows == (set() if state is State.ENDED else set(Input))
    assert all(callable(action) for _, action in TRANSITIONS.values())


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        (None, Channel.ANSWER),
        ("CHANNEL_ASSISTANT_RESPONSE", Channel.ANSWER),
        ("CHANNEL_TOOL_REASONING", Channel.THINKING),
        ("CHANNEL_RESPONSE_HEADER", Channel.TITLE),
        ("", Channel.UNKNOWN),
        ([], Channel.UNKNOWN),
    ],
)
def test_a_channel_is_known_by_its_name(name: Any, channel: Channel) -> None:
    """A title never becomes a text, whatever else its channel is called."""
    assert channel_of(name) is channel
