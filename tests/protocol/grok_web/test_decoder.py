"""The decoder: recorded shapes and every anomaly known of them, however the bytes are cut."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AnswerTooLong,
    AntiBotRefusal,
    AttachmentRefused,
    ContentPolicyViolation,
    ContextLengthExceeded,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    QuotaExhausted,
    UpstreamFailure,
    UpstreamOverloaded,
)
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    Event,
    Failed,
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
from grokcore.protocol.counters import MAX_UNKNOWN_KEYS, Counters
from grokcore.protocol.grok_web import answer_parts
from grokcore.protocol.grok_web.answer import TRANSITIONS, Input, State
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.lines import MAX_LINE_BYTES
from grokcore.protocol.grok_web.markup import parse_tag_names
from grokcore.protocol.grok_web.stream_keys import KEYS, Kind
from grokcore.simulator import lines
from grokcore.simulator.lines import empty, response, soft_stop, thought, token
from grokcore.simulator.scripts import answer_lines, wrapped

from ..strategies import answers, chunked, cut_everywhere, stream_bytes

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
FIXTURES = Path(__file__).parent / "fixtures"

Shown: TypeAlias = "Event | type[GrokApiError]"
"""An event that can be compared: of a failure only which one it is."""


def shown(events: Iterable[Event]) -> list[Shown]:
    return [type(event.error) if isinstance(event, Failed) else event for event in events]


def decoded(pieces: Iterable[bytes], decoder: Decoder | None = None) -> list[Shown]:
    """All events of a stream that came in *pieces* and then ended."""
    decoder = decoder or Decoder(TAGS)
    events = [event for piece in pieces for event in decoder.receive(piece)]
    return shown(events + decoder.close())


def bytes_of(objects: Iterable[object]) -> bytes:
    return b"".join(map(lines.line, objects))


# Recorded shapes --------------------------------------------------------------------------------


@frozen
class Recording:
    """A fixture, and what it means."""

    file: str
    events: list[Shown]


_PLACE = "users/9f1d3a52-0c44-4b6e-8f0a-6a1de0a70001/generated"
_FIRST = Picture(f"{_PLACE}/9f1d3a52-0c44-4b6e-8f0a-6a1de0a70005/image.jpg")
_SECOND = Picture(f"{_PLACE}/9f1d3a52-0c44-4b6e-8f0a-6a1de0a70006/image.jpg")
_CLIP = Video(f"{_PLACE}/9f1d3a52-0c44-4b6e-8f0a-6a1de0a70007/generated_video.mp4")

RECORDINGS = [
    Recording(
        "chat_2026",
        [*map(Text, ["晴", "天", "，", "去", "走走", " 🌤️", " & more"]), Finished()],
    ),
    Recording("chat_seed_2025", [Text("Seven"), Text(" is"), Text(" a prime."), Finished()]),
    Recording("follow_up_2026", [Text("Eleven"), Text("."), Finished()]),
    # The answer is in the modelResponse only.
    Recording(
        "thinking_2025",
        [
            Thinking("Right"),
            Thinking(", they want me to"),
            Text("Done thinking. It’s 7 < 11."),
            Finished(),
        ],
    ),
    # Headers, summaries, a search, a citation, an empty result that says it is the end, and a
    # thought that is late.
    Recording(
        "thinking_2026",
        [
            Thinking("Thinking about your request\n"),
            Thinking("- Listing"),
            Thinking(" primes."),
            Thinking("\nSearching\n"),
            ToolUse("web_search", "primes < 20"),
            Activity(),  # the same call as an element
            Found((Source("https://example.org/primes", "Primes"),)),
            Activity(),  # the card
            Text("2 to 19"),
            Cited(1, Source("https://example.org/primes", "Primes")),
            Text("."),
            Activity(),
            Finished(),
        ],
    ),
    # The record ends behind the card.
    Recording(
        "tool_card_2026", [ToolUse("web_search", "primes < 20"), Activity(), IncompleteAnswer]
    ),
    # Progress 1, 50, 50, 100 with heartbeats between them.
    Recording(
        "video_2025", [*map(Progress, (1, 50, 100)), _CLIP, Text("I generated a video"), Finished()]
    ),
    # No heartbeats, the soft stop on the last token.
    Recording(
        "video_2026",
        [
            Activity(),
            Activity(),
            *map(Progress, (1, 66, 100)),
            _CLIP,
            Text("I generated a video with the prompt: 'waves'"),
            Finished(),
        ],
    ),
    Recording(
        "images_seed_2025",
        [
            *map(Progress, (50, 50, 100, 100)),
            Text("I generated images with the prompt: 'a kite'"),
            _FIRST,
            _SECOND,
            Finished(),
        ],
    ),
    Recording(
        "image_edit_2026",
        [Activity(), Progress(50), Progress(100), Text("I edited the image"), _FIRST, Finished()],
    ),
    Recording("error_admission_2026", [UpstreamOverloaded]),
    Recording("error_usage_limit_2026", [QuotaExhausted]),
    Recording("error_top_level", [QuotaExhausted]),
]


@pytest.mark.parametrize("case", RECORDINGS, ids=lambda case: case.file)
def test_recorded_shapes_mean_what_they_mean_however_they_are_cut(case: Recording) -> None:
    """Whole, byte by byte, and without its last newline, a recording is the same events; nothing in
    it is unknown.
    """
    data = (FIXTURES / f"{case.file}.ndjson").read_bytes()
    decoder = Decoder(TAGS)
    assert decoded([data], decoder) == case.events
    late = int(case.file == "thinking_2026")
    assert decoder.counters == Counters(late_thoughts=late)
    assert decoded(cut_everywhere(data)) == case.events
    assert decoded([data.rstrip(b"\n")]) == case.events
    assert decoded([data.replace(b"\n", b"\r\n")]) == case.events


def test_every_fixture_is_used() -> None:
    """A fixture without its golden events protects nothing."""
    assert sorted(case.file for case in RECORDINGS) == sorted(
        path.stem for path in FIXTURES.iterdir()
    )


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_events_do_not_depend_on_framing_or_cuts(data: st.DataObject) -> None:
    """CRLF, ``data:``, ``[DONE]``, blank lines, glue, no last newline, cuts in UTF-8: the events
    are those of the plain stream.
    """
    objects = data.draw(answers())
    plain = Decoder(TAGS)
    expected = decoded([bytes_of(objects)], plain)
    assert expected[-1] == Finished()
    reframed = Decoder(TAGS)
    assert decoded(data.draw(chunked(data.draw(stream_bytes(objects)))), reframed) == expected
    assert reframed.counters == plain.counters


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_short_way_of_a_token_means_what_the_long_way_means(data: st.DataObject) -> None:
    """Whatever stands between and in the tokens, and however the stream is cut or broken off."""
    near = st.fixed_dictionaries(
        {"token": st.sampled_from(["a", " ", "", "<", "<grok:render>", "é\u2028", 7, None, ["b"]])},
        optional={
            "isThinking": st.sampled_from([True, False, None, 1]),
            "isSoftStop": st.sampled_from([True, False, None]),
            "messageTag": st.sampled_from(["final", "header", "tool_usage_card", None, 3]),
            "responseId": st.just("r"),
            "unknown": st.just(1),
            "error": st.sampled_from([None, {"message": "m"}]),
        },
    )
    odd = data.draw(st.lists(near.map(wrapped), max_size=12))
    objects = data.draw(st.permutations([*data.draw(answers()), *odd]))
    objects[:0] = [wrapped(token("begun"))] if data.draw(st.booleans()) else []
    if data.draw(st.booleans()):
        objects.insert(0, {"result": "?", "error": None})
    stream = bytes_of(objects)

    class LongWay(Decoder):
        def _read_plain(self, line: dict[str, Any]) -> bool:
            return False

    long, short = LongWay(TAGS), Decoder(TAGS)
    assert decoded(data.draw(chunked(stream)), short) == decoded([stream], long)
    assert short.counters == long.counters


# Scenarios --------------------------------------------------------------------------------------


@frozen
class Scenario:
    """Response-level objects (played in both envelopes), and what they mean."""

    name: str
    payloads: Sequence[dict[str, Any]]
    events: list[Shown]
    counters: Counters = field(factory=Counters)


def final(message: str, **changes: Any) -> dict[str, Any]:
    return lines.model_response(message, "grok-3", **changes)


def picture(percent: int, **changes: Any) -> dict[str, Any]:
    url = f"users/u/generated/img1{'' if percent == 100 else '-part-0'}/image.jpg"
    image = {"imageId": "img1", "imageUrl": url, "progress": percent, "imageIndex": 0, **changes}
    return response({"streamingImageGenerationResponse": image})


INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\u2063\ufeff\u00ad\u034f\u180e\u3164\u2800\ufe0f\U000e0101\U000e0041\u0000\u0007\u0085\u00a0\u2028\u202e\u2066\u3000"
PNG_URL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="


def card_picture(url: str) -> dict[str, Any]:
    chunk = {"imageUuid": "img1", "imageUrl": url, "progress": 100}
    card = {"id": "c", "cardType": "generated_image_card", "image_chunk": chunk}
    return response({"cardAttachment": {"jsonData": json.dumps(card)}})


CARD = '{"id":"%d","cardType":"image_card","image":{"original":"https://example.com/%d.png"}}'
CITATION = '{"id":"7","cardType":"citation_card","url":"https://example.com/7"}'
DONE_PICTURE = "users/u/generated/img1/image.jpg"
STREAM_ERROR = lines.stream_error("contentModerated", "no")
TOOL_ERROR = lines.stream_error("toolCallFailed", "the tool broke")

SCENARIOS = [
    # How an answer ends.
    Scenario("soft stop, no modelResponse", [token("a"), soft_stop()], [Text("a"), Finished()]),
    Scenario("soft stop on a token", [token("a"), response({"token": "b"}, stop=True)], [Text("a"), Text("b"), Finished()]),
    Scenario("modelResponse, no soft stop", [token("a"), final("a")], [Text("a"), Finished()]),
    Scenario("soft stop twice", [token("a"), soft_stop(), soft_stop()], [Text("a"), Finished()]),
    Scenario("tokens after the soft stop", [token("a"), soft_stop(), token("b")], [Text("a"), Text("b"), IncompleteAnswer]),
    Scenario("tokens after the soft stop, and another", [token("a"), soft_stop(), token("b"), soft_stop()], [Text("a"), Text("b"), Finished()]),
    Scenario("tokens after the soft stop, and the modelResponse", [token("a"), soft_stop(), token("b"), final("abc")], [Text("a"), Text("b"), Text("c"), Finished()]),
    Scenario("tokens after the soft stop, which it holds itself", [token("a"), response({"token": "b"}, stop=True), token("c")], [Text("a"), Text("b"), Text("c"), IncompleteAnswer]),
    Scenario("work after the soft stop", [token("a"), soft_stop(), lines.search_results("https://example.org", "t")], [Text("a"), Found((Source("https://example.org", "t"),)), IncompleteAnswer]),
    Scenario("a picture begun after the soft stop", [token("a"), soft_stop(), picture(50)], [Text("a"), Progress(50), IncompleteAnswer]),
    Scenario("quiet lines after the soft stop", [token("a"), soft_stop(), empty(), lines.final_metadata(), lines.ui_layout(), response({"keepAlive": {}})], [Text("a"), Finished()]),
    Scenario("a part of an answer is no end", [token("a"), final("a", partial=True)], [Text("a"), IncompleteAnswer]),
    Scenario("a part of an answer, and the whole", [token("a"), final("a", partial=True), token("b"), final("ab")], [Text("a"), Text("b"), Finished()]),
    Scenario("a part that failed", [token("a"), final("a", partial=True, streamErrors=[STREAM_ERROR])], [Text("a"), ContentPolicyViolation]),
    Scenario("an empty modelResponse is no end", [token("a"), final("")], [Text("a"), IncompleteAnswer]),
    Scenario("a modelResponse of white space is no end", [token("a"), final(" \u200b\n")], [Text("a"), IncompleteAnswer]),
    Scenario("an empty modelResponse takes no soft stop back", [token("a"), soft_stop(), final("")], [Text("a"), Finished()]),
    Scenario("a modelResponse without a message is no end", [token("a"), response({"modelResponse": {"responseId": "r"}})], [Text("a"), IncompleteAnswer]),
    Scenario("anything after the modelResponse", [token("a"), final("a"), token("b"), thought("t"), lines.tool_call("x"), soft_stop(), final("ab"), picture(50)], [Text("a"), Finished()]),
    Scenario("an error after the modelResponse", [token("a"), final("a"), empty(), lines.nested_error("internalError", "x")], [Text("a"), UpstreamFailure]),
    Scenario("moderation after the modelResponse", [token("a"), final("a"), final("", streamErrors=[STREAM_ERROR])], [Text("a"), ContentPolicyViolation]),
    Scenario("a tool's error after the modelResponse", [token("a"), final("a"), lines.nested_error("toolCallFailed", "x")], [Text("a"), Finished()]),
    Scenario("an empty result is no end", [token("a"), response({"token": ""}, stop=True, tag="raw_function_result"), token("b"), soft_stop()], [Text("a"), Text("b"), Finished()]),
    Scenario("the end of a thinking step is no end", [thought("t"), response({"token": ""}, thinking=True, stop=True), token("a"), soft_stop()], [Thinking("t"), Text("a"), Finished()]),
    Scenario("broken off behind an empty result", [token("a"), response({"token": ""}, stop=True, tag="raw_function_result")], [Text("a"), IncompleteAnswer]),
    Scenario("broken off behind a thinking step", [thought("t"), response({"token": ""}, thinking=True, stop=True)], [Thinking("t"), IncompleteAnswer]),
    Scenario("an empty token is no end", [token("a"), empty(), token("b"), final("ab")], [Text("a"), Text("b"), Finished()]),
    # How it does not end.
    Scenario("nothing at all", [], [EmptyAnswer]),
    Scenario("only quiet lines", [lines.user_response("q", "m"), lines.ui_layout(), lines.llm_info(), empty(), lines.final_metadata(), response({"keepAlive": {}})], [EmptyAnswer]),
    Scenario("broken off in the answer", [token("a")], [Text("a"), IncompleteAnswer]),
    Scenario("broken off in the thinking", [thought("t")], [Thinking("t"), IncompleteAnswer]),
    Scenario("broken off in a tool call", [lines.search_results("https://example.org", "t")], [Found((Source("https://example.org", "t"),)), IncompleteAnswer]),
    Scenario("complete and empty", [soft_stop(), final("")], [EmptyAnswer]),
    Scenario("complete and blank", [token(" \n"), soft_stop()], [Text(" \n"), EmptyAnswer]),
    Scenario("complete and invisible", [token(INVISIBLE), soft_stop()], [Text(INVISIBLE), EmptyAnswer]),
    Scenario("invisible, and in the modelResponse too", [token(INVISIBLE), soft_stop(), final(INVISIBLE)], [Text(INVISIBLE), EmptyAnswer]),
    Scenario("invisible but for one", [*map(token, INVISIBLE), token("."), soft_stop()], [*map(Text, INVISIBLE), Text("."), Finished()]),
    Scenario("thinking, and no answer", [thought("t"), soft_stop(), final("")], [Thinking("t"), EmptyAnswer]),
    Scenario("markup, and no answer", [token("<grok:render>x</grok:render>"), soft_stop()], [Activity(), EmptyAnswer]),
    # What the modelResponse adds.
    Scenario("the answer only there", [final("the answer")], [Text("the answer"), Finished()]),
    Scenario("the rest only there", [token("the "), final("the answer")], [Text("the "), Text("answer"), Finished()]),
    Scenario("the rest, behind a soft stop", [token("the "), soft_stop(), final("the answer")], [Text("the "), Text("answer"), Finished()]),
    Scenario("less than the tokens", [token("the answer"), final("the")], [Text("the answer"), Finished()]),
    Scenario("a piece is missing", [token("the "), token("answer"), final("the whole answer")], [Text("the "), Text("answer"), IncompleteAnswer]),
    Scenario("the first piece is missing", [token("answer"), final("the answer")], [Text("answer"), IncompleteAnswer]),
    Scenario("two pieces are missing", [token("a"), token("c"), token("e"), final("abcde")], [Text("a"), Text("c"), Text("e"), IncompleteAnswer]),
    Scenario("a piece came twice", [token("a "), token("b "), token("b "), token("c"), final("a b c")], [Text("a "), Text("b "), Text("b "), Text("c"), IncompleteAnswer]),
    Scenario("two pieces changed places", [token("b"), token("a"), token("c"), final("abc")], [Text("b"), Text("a"), Text("c"), IncompleteAnswer]),
    Scenario("other white space proves nothing", [token("a  b\n"), token("c"), final("a b\r\nc")], [Text("a  b\n"), Text("c"), Finished()]),
    Scenario("elements prove nothing", [token("a"), token("b"), final('a<grok:render card_id="1">x</grok:render>b')], [Text("a"), Text("b"), Finished()]),
    Scenario("citations prove nothing", [token("a"), token("b"), final("a[[1]](https://example.org/)b")], [Text("a"), Text("b"), Finished()]),
    Scenario("a corrected answer proves nothing", [token("the colour"), token(" red"), final("The color red")], [Text("the colour"), Text(" red"), Finished()]),
    Scenario("another answer", [token("an answer"), final("the whole answer")], [Text("an answer"), Finished()]),
    Scenario("the rest is filtered too", [token("a<grok:"), final("a<grok:render>x</grok:render>b")], [Text("a"), Text("b"), Finished()]),
    Scenario("what was filtered is no rest", [token("a<grok:render>x</grok:render>"), final("a<grok:render>x</grok:render>b")], [Text("a"), Text("b"), Finished()]),
    Scenario("thinking is no part of it", [thought("hm"), token("a"), final("ab")], [Thinking("hm"), Text("a"), Text("b"), Finished()]),
    Scenario("emoji are counted right", [token("🙂é"), final("🙂é!")], [Text("🙂é"), Text("!"), Finished()]),
    # Thinking.
    Scenario("late thoughts are dropped and counted", [thought("t"), token("a"), thought("u"), lines.thought("v", tag="header"), token("b"), soft_stop()], [Thinking("t"), Text("a"), Activity(), Activity(), Text("b"), Finished()], Counters(late_thoughts=2)),
    Scenario("late thoughts after the soft stop, and the modelResponse", [token("a"), soft_stop(), thought("u"), final("a")], [Text("a"), Activity(), Finished()], Counters(late_thoughts=1)),
    Scenario("late thoughts after the soft stop", [token("a"), soft_stop(), thought("u")], [Text("a"), Activity(), IncompleteAnswer], Counters(late_thoughts=1)),
    Scenario("untagged and tagged thoughts", [thought("a", tag=""), thought("b", tag="assistant"), response({"token": "c"}, tag="summary"), token("d"), soft_stop()], [Thinking("a"), Thinking("b"), Thinking("c"), Text("d"), Finished()]),
    Scenario("headers stand on lines of their own", [lines.thought("One", tag="header"), thought("- x\n"), lines.thought("Two", tag="header"), thought("- y"), lines.thought("Three", tag="header"), token("a"), soft_stop()], [Thinking("One\n"), Thinking("- x\n"), Thinking("Two\n"), Thinking("- y"), Thinking("\nThree\n"), Text("a"), Finished()]),
    # Markup over token borders, and text that only looked like it.
    Scenario("an element over many tokens", [token("a<gro"), token("k:render>x</grok:"), token("render>b"), soft_stop()], [Text("a"), Activity(), Text("b"), Finished()]),
    Scenario("held back to the end", [token("a <"), soft_stop()], [Text("a "), Text("<"), Finished()]),
    Scenario("held back over a soft stop", [token("a <"), soft_stop(), token("b"), final("a <b")], [Text("a "), Text("<b"), Finished()]),
    Scenario("a thought held back until the answer", [thought("2 <"), token("a"), soft_stop()], [Thinking("2 "), Thinking("<"), Text("a"), Finished()]),
    Scenario("tool calls are never text", [lines.tool_call("print(1)"), token("a"), soft_stop()], [ToolUse("code_execution"), Activity(), Text("a"), Finished()]),
    # Progress.
    Scenario("progress counts when it changed", [lines.video_progress(1), lines.video_progress(1), lines.video_progress(5), token("a"), soft_stop()], [Progress(1), Progress(5), Text("a"), IncompleteAnswer]),
    Scenario("a video that never came", [lines.video_progress(5), token("I made it"), soft_stop(), final("I made it")], [Progress(5), Text("I made it"), IncompleteAnswer]),
    Scenario("a picture that never came", [picture(50), final("I drew it")], [Progress(50), Text("I drew it"), IncompleteAnswer]),
    Scenario("pictures that interleave", [picture(50), picture(50, imageId="img2"), picture(50), picture(100), token("a"), final("a")], [Progress(50), Progress(50), Progress(100), Text("a"), Picture(DONE_PICTURE), Finished()]),
    # Media.
    Scenario("pictures come with the modelResponse", [picture(50), picture(100), final("", generatedImageUrls=[DONE_PICTURE, DONE_PICTURE])], [Progress(50), Progress(100), Picture(DONE_PICTURE), Finished()]),
    Scenario("odd pictures are passed over", [token("a"), final("a", generatedImageUrls=[None, 1, "", {}])], [Text("a"), Finished()]),
    Scenario("a video is an answer", [lines.video_progress(100, url="users/u/v.mp4"), soft_stop()], [Progress(100), Video("users/u/v.mp4"), Finished()]),
    Scenario("a video is shown once", [lines.video_progress(100, url="v.mp4"), lines.video_progress(100, url="v.mp4"), soft_stop()], [Progress(100), Video("v.mp4"), Finished()]),
    Scenario("a picture behind its reference", [token('a<grok:render card_id="7" card_type="image_card"/>'), response({"cardAttachment": {"jsonData": CARD % (7, 7)}}), final("a")], [Text("a"), Activity(), FoundPicture("https://example.com/7.png"), Finished()]),
    Scenario("a citation behind its reference", [token('a<grok:render card_id="7" card_type="citation_card"/>'), response({"cardAttachment": {"jsonData": CITATION}}), soft_stop()], [Text("a"), Activity(), Found((Source("https://example.com/7"),)), Finished()]),
    Scenario("a found picture is an answer", [response({"cardAttachment": {"jsonData": CARD % (7, 7)}}), token('<grok:render card_id="7" card_type="image_card"/>'), soft_stop()], [Activity(), FoundPicture("https://example.com/7.png"), Finished()]),
    Scenario("a picture within the answer", [card_picture(PNG_URL), token("a"), final("a")], [Progress(100), Picture(PNG_URL), Text("a"), Finished()]),
    Scenario("a page within the answer", [card_picture("data:text/html,<script>"), final("a")], [Progress(100), Text("a"), UpstreamFailure]),
    Scenario("SVG within the answer", [card_picture("data:image/svg+xml,<svg/>"), token("a"), soft_stop()], [Progress(100), Text("a"), UpstreamFailure]),
    Scenario("words within the answer", [token("a"), final("a", generatedImageUrls=["data:image/png;base64,bm8="])], [Text("a"), UpstreamFailure]),
    Scenario("no video within the answer", [lines.video_progress(100, url=PNG_URL), soft_stop()], [Progress(100), UpstreamFailure]),
    Scenario("a moderated picture", [picture(50), picture(100, moderated=True), token("I drew it"), final("I drew it", generatedImageUrls=[DONE_PICTURE])], [Progress(50), Progress(100), Text("I drew it"), ContentPolicyViolation]),
    Scenario("a moderated picture without an url", [response({"streamingImageGenerationResponse": {"imageId": "img1", "progress": 100, "moderated": True}}), final("", generatedImageUrls=[DONE_PICTURE])], [Progress(100), ContentPolicyViolation]),
    Scenario("one of two moderated", [picture(100, moderated=True), picture(100, imageId="img2", imageUrl="img2.jpg"), final("", generatedImageUrls=[DONE_PICTURE, "img2.jpg"])], [Progress(100), Progress(100), Picture("img2.jpg"), Finished()]),
    Scenario("a moderated video", [lines.video_progress(50), lines.video_progress(100, moderated=True), token("I made it"), soft_stop()], [Progress(50), Progress(100), Text("I made it"), ContentPolicyViolation]),
    Scenario("a moderated video with an url", [lines.video_progress(100, url="v.mp4", moderated=True), soft_stop()], [Progress(100), ContentPolicyViolation]),
    # Nested errors: first, in the middle, last.
    Scenario("an error first", [lines.nested_error("modelNotAvailable", "Admission denied"), final("", streamErrors=[STREAM_ERROR])], [UpstreamOverloaded]),
    Scenario("an error in the middle", [token("a"), lines.nested_error("usageLimitReached", "limit"), token("b")], [Text("a"), QuotaExhausted]),
    Scenario("an error after the soft stop", [token("a"), soft_stop(), lines.nested_error("internalError", "x")], [Text("a"), UpstreamFailure]),
    Scenario("an error without a known detail", [lines.nested_error("newInvention", "nobody knows")], [UpstreamFailure]),
    Scenario("an error that is a string", [response({"error": "context length exceeded"})], [ContextLengthExceeded]),
    Scenario("no error", [response({"error": None, "token": "a"}), response({"error": {}}), soft_stop()], [Text("a"), Finished()]),
    Scenario("a tool's error is Grok's own business", [response({"error": TOOL_ERROR}), token("a"), soft_stop()], [Text("a"), Finished()]),
    Scenario("an attachment's error", [lines.nested_error("attachmentImageTooLarge", "too large")], [AttachmentRefused]),
    Scenario("errors in the modelResponse", [token("a"), soft_stop(), final("", streamErrors=[STREAM_ERROR])], [Text("a"), ContentPolicyViolation]),
    Scenario("a tool's error in the modelResponse", [token("a"), final("a", streamErrors=[TOOL_ERROR])], [Text("a"), Finished()]),
    Scenario("a tool's and another", [final("", streamErrors=[TOOL_ERROR, STREAM_ERROR])], [ContentPolicyViolation]),
    Scenario("an error as the modelResponse's string", [final("", error="Too many requests")], [QuotaExhausted]),
    Scenario("no errors in the modelResponse", [token("a"), final("a", streamErrors=None, error="")], [Text("a"), Finished()]),
    # What nobody knows, and what has an odd type.
    Scenario("unknown keys", [response({"brandNew": 1}), response({"brandNew": {}, "token": "a"}), soft_stop()], [Text("a"), Finished()], Counters(unknown_keys={"brandNew": 2})),
    Scenario("every known key as null", [dict.fromkeys(KEYS), token("a"), soft_stop()], [Text("a"), Finished()]),
    Scenario("every known key as a number", [dict.fromkeys(KEYS.keys() - {"error", "modelResponse", "sideBySideIndex"}, 7), token("a"), soft_stop()], [Activity(), Text("a"), Finished()], Counters(odd_values=1)),
    Scenario("tokens that are no strings", [response({"token": 5}), response({"token": ["a"]}), response({"token": None}), token("a"), soft_stop()], [Text("a"), Finished()], Counters(odd_values=2)),
    Scenario("a search call of 2025", [response({"token": {"action": "webSearch", "action_input": {"query": "q"}}}), token("a"), soft_stop()], [Activity(), Text("a"), Finished()]),
    Scenario("tags that are no strings", [response({"token": "a"}, after={"messageTag": ["final"]}), soft_stop()], [Text("a"), Finished()]),
    Scenario("a modelResponse that is none", [token("a"), response({"modelResponse": "done"})], [Text("a"), IncompleteAnswer], Counters(odd_values=1)),
    Scenario("a modelResponse with odd fields", [token("a"), response({"modelResponse": {"message": 5, "generatedImageUrls": "x", "streamErrors": 5, "error": 5}})], [Text("a"), IncompleteAnswer]),
    # A second answer for comparison is interleaved with the first.
    Scenario("side by side", [response({"token": "a"}, after={"sideBySideIndex": 0}), response({"token": "x"}, after={"sideBySideIndex": 1}), token("b"), final("ab")], [Text("a"), Text("b"), Finished()], Counters(other_side=1)),
]  # fmt: skip


@pytest.mark.parametrize("flat", [False, True], ids=["new", "follow-up"])
@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_what_a_stream_means(case: Scenario, flat: bool) -> None:
    """In both envelopes, whole and byte by byte, a stream means the same; what is odd is counted
    and skipped.
    """
    data = bytes_of(wrapped(payload, flat=flat) for payload in case.payloads)
    for pieces in ([data], cut_everywhere(data)):
        decoder = Decoder(TAGS)
        assert decoded(pieces, decoder) == case.events
        assert decoder.counters == case.counters


@frozen
class Raw:
    """Whole lines, and what they mean."""

    name: str
    data: bytes
    events: list[Shown]
    counters: Counters = field(factory=Counters)


_A = bytes_of([wrapped(token("a"))])
_STOP = bytes_of([wrapped(soft_stop())])
_FINAL = bytes_of([wrapped(final("a"))])
_TITLE = b'{"result":{"title":{"newTitle":"t"}}}\n'

RAW = [
    Raw("top-level error first", bytes_of([lines.ERROR_429]) + _A, [QuotaExhausted]),
    Raw("top-level error in the middle", _A + bytes_of([lines.ERROR_403_ANTIBOT]) + _A, [Text("a"), AntiBotRefusal]),
    Raw("top-level error last", _A + _STOP + bytes_of([lines.ERROR_429_HEAVY]), [Text("a"), UpstreamOverloaded]),
    Raw("top-level error after the end", _A + _FINAL + bytes_of([lines.ERROR_429]), [Text("a"), QuotaExhausted]),
    Raw("top-level error after the title", _A + _FINAL + _TITLE + bytes_of([lines.ERROR_429]), [Text("a"), QuotaExhausted]),
    Raw("junk after the end", _A + _FINAL + b'oops\n{"result":{"resp', [Text("a"), Finished()], Counters(junk_lines=2)),
    Raw("a damaged token, and nothing to prove it", _A + b'{"result":{"response":{"token":"b",#}}}\n' + _STOP, [Text("a"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("a damaged token, proven", _A + b'{"result":{"response":{"token":"b",#}}}\n' + bytes_of([wrapped(token("c")), wrapped(final("abc"))]), [Text("a"), Text("c"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("a damaged token, made good", _A + b'{"result":{"response":{"token":"b",#}}}\n' + _STOP + bytes_of([wrapped(final("ab"))]), [Text("a"), Text("b"), Finished()], Counters(junk_lines=1)),
    Raw("junk, and another text", _A + b"oops\n" + bytes_of([wrapped(final("x y z"))]), [Text("a"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("a damaged token behind the soft stop", _A + _STOP + b'{"result":{"response":{"tok', [Text("a"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("a damaged title behind the soft stop", _A + _STOP + _TITLE[:-9], [Text("a"), Finished()], Counters(junk_lines=1)),
    Raw("a damaged modelResponse behind the soft stop", _A + _STOP + _FINAL[:-9], [Text("a"), Finished()], Counters(junk_lines=1)),
    Raw("a damaged modelResponse alone", _A + _FINAL[:-9], [Text("a"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("top-level error as text", b'{"error":"content-moderated"}', [ContentPolicyViolation]),
    Raw("top-level error null", b'{"error":null,' + _A[1:] + _STOP, [Text("a"), Finished()]),
    Raw("conversation and response in one", b'{"result":{"conversation":{},"response":{"token":"a","isSoftStop":true}}}', [Text("a"), Finished()]),
    Raw("title and null response", b'{"result":{"title":{"newTitle":"t"},"response":null}}' + _A + _STOP, [Text("a"), Finished()]),
    Raw("a result that is none", b'{"result":5}\n{"result":null}\n{"results":{}}\n{}\n' + _A + _STOP, [Text("a"), Finished()], Counters(unknown_keys={"result": 2, "results": 1, "{}": 1})),
    Raw("junk lines between", b"<html>\n" + _A + b"[1]\noops\n" + _STOP, [Text("a"), Finished()], Counters(junk_lines=3)),
    Raw("junk behind a line", _A[:-1] + b" tail\n" + _STOP, [Text("a"), Finished()], Counters(junk_lines=1)),
    Raw("only junk", b"Bad gateway\nreally\n", [UpstreamFailure], Counters(junk_lines=2)),
    Raw("junk and quiet lines", b"oops\n" + bytes_of([wrapped(lines.llm_info())]), [EmptyAnswer], Counters(junk_lines=1)),
    Raw("cut in the middle of a line", _A + _A[:-9], [Text("a"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("cut in the middle of an emoji", _A + bytes_of([wrapped(token("🙂"))]).split(b"\x99")[0], [Text("a"), IncompleteAnswer], Counters(junk_lines=1)),
    Raw("half an emoji, escaped", b'{"result":{"response":{"token":"\\ud83d","isSoftStop":true}}}', [Text("\ufffd"), Finished()]),
]  # fmt: skip


@pytest.mark.parametrize("case", RAW, ids=lambda case: case.name)
def test_lines_that_are_no_answer_lines(case: Raw) -> None:
    """Errors end the answer wherever they stand; everything else that is odd is counted and
    skipped.
    """
    for pieces in ([case.data], cut_everywhere(case.data)):
        decoder = Decoder(TAGS)
        assert decoded(pieces, decoder) == case.events
        assert decoder.counters == case.counters


def test_events_come_with_the_bytes_that_complete_them() -> None:
    """Nothing waits for the next line, and what Grok says of the end is known at once; the end
    itself is the stream's.
    """
    decoder = Decoder(TAGS)
    seen = []
    for payload in [thought("t"), token("a"), soft_stop(), final("a!")]:
        events = shown(decoder.receive(lines.line(wrapped(payload))))
        seen.append((events, decoder.stopped, decoder.concluded))
    assert seen == [
        ([Thinking("t")], False, False),
        ([Text("a")], False, False),
        ([], True, False),
        ([Text("!")], False, True),
    ]
    assert decoder.receive(lines.line(wrapped(token("more")))) == []
    assert not decoder.ended
    assert decoder.close() == [Finished()]
    assert decoder.ended
    assert decoder.receive(lines.line(wrapped(token("more")))) == decoder.close() == []


@pytest.mark.parametrize("name", ["grok-4-auto", "x" * 1000, 5])
def test_the_model_that_answered_is_known_as_far_as_grok_names_it(name: object) -> None:
    """An owner sees whether Grok has put another model in the place of the one that was asked."""
    decoder = Decoder(TAGS)
    assert decoder.answered_by == ""
    response = {"message": "a", "model": name}
    decoder.receive(lines.line(wrapped({"modelResponse": response})))
    assert decoder.answered_by == (name[:100] if isinstance(name, str) else "")


@pytest.mark.parametrize(
    "end",
    [[final("answer")], [soft_stop(), token("answer"), soft_stop()]],
    ids=["modelResponse", "soft stop"],
)
def test_a_thought_that_was_held_back_comes_before_the_answer(end: list[dict[str, Any]]) -> None:
    """Text may be late, but is never lost."""
    data = bytes_of(map(wrapped, [thought("if 1 <"), *end]))
    assert decoded([data]) == [Thinking("if 1 "), Thinking("<"), Text("answer"), Finished()]


def test_a_finished_picture_is_shown_without_a_model_response_too() -> None:
    """A stream may end at the soft stop (the recorded picture edit does): what is finished by then
    is the answer.
    """
    data = bytes_of(
        map(wrapped, [picture(50), picture(100, moderated=False), token("Here."), soft_stop()])
    )
    events = decoded([data])
    assert [event for event in events if isinstance(event, Picture)] == [Picture(DONE_PICTURE)]


def test_the_addresses_of_all_media_are_absolute() -> None:
    """Whichever form brings them; none is shown twice for having become another address."""
    urls = [DONE_PICTURE, "https://imgen.x.ai/b.jpg"]
    whole = response({"modelResponse": {"message": "", "generatedImageUrls": urls}})
    data = bytes_of(map(wrapped, [picture(100, moderated=False), whole]))
    decoder = Decoder(TAGS, "https://assets.example.com/mirror")
    found = [event for event in decoded([data], decoder) if isinstance(event, Picture)]
    assert found == [
        Picture(f"https://assets.example.com/mirror/{DONE_PICTURE}"),
        Picture("https://imgen.x.ai/b.jpg"),
    ]


def test_a_line_over_the_cap_ends_the_answer_with_a_failure_that_nobody_repeats() -> None:
    """What came before it has been given out; the same line would come again just as long."""
    decoder = Decoder(TAGS)
    assert shown(decoder.receive(_A)) == [Text("a")]
    (last,) = decoder.receive(b"x" * (MAX_LINE_BYTES + 1))
    assert isinstance(last, Failed)
    assert isinstance(last.error, LineTooLong)
    assert (last.error.again, last.error.should_retry) == (False, False)
    assert decoder.close() == []


@pytest.mark.parametrize(
    ("tokens", "events"),
    [
        (
            [token("a" * 50), token("b" * 50), soft_stop()],
            [Text("a" * 50), Text("b" * 50), Finished()],
        ),
        ([token("a" * 50), token("b" * 51), soft_stop()], [Text("a" * 50), AnswerTooLong]),
        ([thought("a" * 50), token("b" * 51), soft_stop()], [Thinking("a" * 50), AnswerTooLong]),
        ([thought("a" * 101)], [AnswerTooLong]),
        ([token("🙂" * 100), soft_stop()], [Text("🙂" * 100), Finished()]),
        ([token("a" * 50), final("a" * 101)], [Text("a" * 50), AnswerTooLong]),
        ([final("a" * 101)], [AnswerTooLong]),
        ([token("a" * 101), token("b"), soft_stop(), final("a")], [AnswerTooLong]),
    ],
)
def test_an_answer_over_the_cap_ends_with_a_failure_that_nobody_repeats(
    monkeypatch: pytest.MonkeyPatch, tokens: list[dict[str, Any]], events: list[Shown]
) -> None:
    """Text and thinking count together, whether tokens bring them or the modelResponse."""
    monkeypatch.setattr(answer_parts, "MAX_ANSWER_CHARS", 100)
    data = bytes_of(map(wrapped, tokens))
    assert decoded([data]) == decoded(cut_everywhere(data)) == events
    assert (AnswerTooLong.code, AnswerTooLong.again, AnswerTooLong.sdk_may_repeat) == (
        "upstream_error",
        False,
        False,
    )


def test_the_cap_on_an_answer_is_8_million_characters() -> None:
    """More than any answer has; less than what would hurt a small server."""
    assert answer_parts.MAX_ANSWER_CHARS == 8 * 1024 * 1024


MANY = 3000
ENDLESS = {
    "keys": [{f"key{number}" + "x" * 5000: 1} for number in range(MANY)],
    "pages": [
        lines.search_results(f"https://example.com/{number}", "t" * 2000) for number in range(MANY)
    ],
    "long addresses": [
        lines.search_results(f"https://example.com/{number}" + "x" * 9000, "t")
        for number in range(MANY)
    ],
    "cards": [
        response({"cardAttachment": {"jsonData": CARD % (number, number)}})
        for number in range(MANY)
    ],
    "pictures": [
        picture(100, imageId=f"{number}", imageUrl=f"{number}.jpg") for number in range(MANY)
    ],
    "pictures in the making": [
        picture(50, imageId=f"{number}" + "x" * 5000) for number in range(MANY)
    ],
    "moderated pictures": [
        picture(100, imageId=f"{number}", moderated=True) for number in range(MANY)
    ],
    "videos": [lines.video_progress(100, url=f"{number}.mp4") for number in range(MANY)],
    "tools": [
        response({"toolUsageCard": {"x" * 5000: {"args": {"query": f"{number}"}}}})
        for number in range(MANY)
    ],
    "references": [
        token(f'<grok:render card_id="{number}"></grok:render>') for number in range(MANY)
    ],
}


@pytest.mark.large
@pytest.mark.parametrize("name", ENDLESS)
def test_whatever_an_upstream_invents_without_end_takes_a_bounded_amount_of_memory(
    name: str,
) -> None:
    """Of all that is not text there is a most that is kept of one answer; the rest of it goes on
    being read.
    """
    reader = Decoder(TAGS)
    for payload in [*ENDLESS[name][:10], token("a")]:
        reader.receive(lines.line(wrapped(payload)))
    tracemalloc.start()
    try:
        for payload in ENDLESS[name]:
            reader.receive(lines.line(wrapped(payload)))
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_500_000
    assert not reader.ended
    assert len(reader._answer.gallery.rest()) <= 100


def test_unknown_keys_cost_a_bounded_amount_of_memory() -> None:
    """An upstream that invents keys without end is counted without end, but not remembered."""
    decoder = Decoder()
    for number in range(3 * MAX_UNKNOWN_KEYS):
        decoder.receive(lines.line(wrapped({f"key{number}": 1})))
    assert len(decoder.counters.unknown_keys) == MAX_UNKNOWN_KEYS
    total = Counters(unknown_keys={"other": 1})
    total.add(decoder.counters)
    assert len(total.unknown_keys) == MAX_UNKNOWN_KEYS


def test_counters_add_up() -> None:
    """The sum over streams is what ``/health`` shows."""
    total = Counters(1, {"a": 1}, 2, 3, 4)
    total.add(Counters(10, {"a": 1, "b": 2}, 20, 30, 40))
    assert total == Counters(11, {"a": 2, "b": 2}, 22, 33, 44)


# Garbage ----------------------------------------------------------------------------------------


def check_invariants(pieces: Iterable[bytes]) -> None:
    """Garbage in: no exception, and one final event, the last."""
    decoder = Decoder(TAGS)
    events: list[Event] = []
    for piece in pieces:
        events += decoder.receive(piece)
    events += decoder.close()
    assert decoder.ended
    assert [isinstance(event, (Finished, Failed)) for event in events] == [False] * (
        len(events) - 1
    ) + [True]
    assert all(event.text for event in events if isinstance(event, (Text, Thinking)))
    answering = [isinstance(event, Text) for event in events if isinstance(event, (Text, Thinking))]
    assert answering == sorted(answering), "thinking after the answer has begun"
    assert decoder.close() == []


@settings(deadline=None, max_examples=80)
@given(st.lists(st.binary(max_size=30), max_size=8))
def test_garbage_raises_nothing(pieces: list[bytes]) -> None:
    """Bytes of any kind end in exactly one failure."""
    check_invariants(pieces)


FIXTURE_BYTES = [path.read_bytes() for path in sorted(FIXTURES.iterdir())]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_mutated_streams_raise_nothing(data: st.DataObject) -> None:
    """A valid stream with pieces taken out, put in or swapped, bytes overwritten or lines moved,
    ends once.
    """
    stream = bytearray(data.draw(st.sampled_from(FIXTURE_BYTES)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(stream)))
        end = min(len(stream), start + data.draw(st.sampled_from([0, 1, 5, 300])))
        inserted = data.draw(
            st.sampled_from([b"", b"\n", b"}", b'"', b"{", b"null", b"[]", b"\xff"])
            | st.binary(max_size=3)
        )
        stream[start:end] = inserted
    check_invariants(data.draw(chunked(bytes(stream))))


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "<grok:render>", "final", "header", "img"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*KEYS, "imageId", "progress", "videoUrl", "moderated", "message", "streamErrors", "generatedImageUrls", "code"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.dictionaries(st.sampled_from(list(KEYS)), JSON_LIKE, max_size=4), max_size=6),
    st.booleans(),
)
def test_values_of_any_type_raise_nothing(payloads: list[dict[str, Any]], flat: bool) -> None:
    """Right keys with wrong values are counted and skipped."""
    check_invariants([lines.line(wrapped(payload, flat=flat)) for payload in payloads])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_stream_cut_off_anywhere_never_looks_complete(data: st.DataObject) -> None:
    """Up to the soft stop or the modelResponse every break is a failure: no answer at all, or an
    incomplete one.
    """
    objects = answer_lines(["Hello", ",", " wörld 🙂"], thoughts=[thought("hm")])
    whole = bytes_of(objects)
    end = whole.index(b'"isSoftStop":true')
    cut = data.draw(st.integers(0, end))
    assert decoded([whole[:cut]])[-1] in (EmptyAnswer, IncompleteAnswer, UpstreamFailure)
    assert decoded([whole])[-1] == Finished()


# The tables -------------------------------------------------------------------------------------


def test_every_transition_can_happen_and_has_an_action() -> None:
    """The table is the machine: nothing in it is out of reach, and ENDED has no way out."""
    reached = {State.OPEN}
    while (
        more := {after for (before, _), (after, _) in TRANSITIONS.items() if before in reached}
        - reached
    ):
        reached |= more
    assert reached == set(State)
    assert {before for before, _ in TRANSITIONS} == set(State) - {State.ENDED}
    assert {what for _, what in TRANSITIONS} == set(Input)
    assert all(callable(action) for _, action in TRANSITIONS.values())
    ends = {what for (_, what), (after, _) in TRANSITIONS.items() if after is State.ENDED}
    assert ends == {Input.ERROR, Input.END}


def test_every_state_but_the_last_knows_every_way_to_end() -> None:
    """close() always ends, so does an error; and there is only one modelResponse that counts."""
    for state in set(State) - {State.ENDED}:
        for what in (Input.ERROR, Input.END):
            assert TRANSITIONS[state, what][0] is State.ENDED
        if state is not State.CONCLUDED:
            assert TRANSITIONS[state, Input.FINAL][0] is State.CONCLUDED


def test_keys_that_simulated_lines_use_are_known() -> None:
    """The table of keys covers the recorded shapes (grok-protocol.md §3.3)."""
    assert {KEYS[key] for key in ("token", "modelResponse", "error")} == {
        Kind.TOKEN,
        Kind.FINAL,
        Kind.ERROR,
    }
    payloads = [token("a"), thought("a"), lines.tool_call("x"), lines.search_results("u", "t"), lines.final_metadata(), lines.video_progress(1), lines.llm_info(), lines.ui_layout()]  # fmt: skip
    assert {key for payload in payloads for key in payload} <= KEYS.keys()


# Small cases ------------------------------------------------------------------------------------


def test_a_tool_call_within_thinking_is_a_tool_call() -> None:
    """It is taken out of the thinking, and shown as what it is."""
    call = "<xai:tool_usage_card><xai:tool_name>web_search</xai:tool_name></xai:tool_usage_card>"
    stream = bytes_of(
        [wrapped(thought(f"Hm. {call}")), *answer_lines(["Yes."])],
    )
    events = decoded([stream])
    assert Thinking("Hm. ") in events
    assert ToolUse("web_search", "") in events


def test_a_soft_stop_before_anything_else_is_no_answer() -> None:
    """An answer that goes on behind it is read all the same."""
    assert decoded([bytes_of([wrapped(soft_stop())])]) == [EmptyAnswer]
    events = decoded([bytes_of([wrapped(soft_stop()), *answer_lines(["Yes."])])])
    assert events[-1] == Finished()


def test_a_damaged_line_beside_pictures_leaves_nothing_proven() -> None:
    """It may have held a picture, or the word that one is moderated."""
    picture = lines.picture_card("1", 100, "users/u/generated/1/image.jpg")
    stream = bytes_of([wrapped(picture)]) + b'{"result":{"response":{"image_chunk":{"a":\n'
    events = decoded([stream + bytes_of([wrapped(token("Yes.")), wrapped(soft_stop())])])
    assert events[-1] is IncompleteAnswer


def test_a_card_that_can_not_be_read_is_counted() -> None:
    """The answer goes on without it."""
    decoder = Decoder(TAGS)
    card = {"cardAttachment": {"jsonData": "nonsense"}}
    events = decoded([bytes_of([wrapped(response(card)), *answer_lines(["Yes."])])], decoder)
    assert events[-1] == Finished()
    assert decoder.counters.odd_values == 1
