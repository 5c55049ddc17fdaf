"""Chat completions end to end: real sockets, a simulated Grok, the real OpenAI SDK and curl."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import socket
from typing import Any

import openai
import pytest
import trio
from attrs import field, frozen

from grokcore.protocol.models import SHIPPED, WebLane
from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    Send,
    answer,
    answer_lines,
    error,
    gzipped,
    paced,
    page,
    play_lines,
    recut,
    tokens_of,
    wrapped,
)
from tests.examples import CITING, DRAWING, THOUGHTS, TOOLS, token_line
from tests.lanes import each_lane, on_lanes
from tests.servers import TOKENS, Site, chat, on_site, run_on_site
from tests.wire import data_lines, text_of

TEXT = "Hello 世界 — <b>bold</b> & 😄 done."


# The real clients -------------------------------------------------------------------------------


def sdk(site: Site, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{site.url}/v1", **{"api_key": "any", "max_retries": 0, **options}
    )


@each_lane
@pytest.mark.parametrize("model", SHIPPED)
@on_site(lane=lambda lane: lane)
async def test_the_openai_sdk_gets_every_model_whole_and_streamed(site: Site, model: str) -> None:
    """Both forms have the same text, the model's name as asked for, and an end that the SDK takes
    for one.
    """

    def ask(site: Site) -> None:
        request: Any = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        with sdk(site) as client:
            whole = client.chat.completions.create(**request)
            with client.chat.completions.stream(
                **request, stream_options={"include_usage": True}
            ) as stream:
                final = stream.get_final_completion()
        assert (whole.choices[0].message.content, whole.choices[0].finish_reason, whole.model) == (
            TEXT,
            "stop",
            model,
        )
        assert (final.choices[0].message.content, final.choices[0].message.role) == (
            TEXT,
            "assistant",
        )
        assert final.usage == whole.usage
        assert whole.usage.completion_tokens > 0

    site.play(answer(TEXT))
    await trio.to_thread.run_sync(ask, site)


@frozen
class SdkFailure:
    """What Grok does, and the exception that a person's program sees."""

    script: Script
    exception: type[openai.APIError]
    code: str
    calls: int = 1
    rest_only: bool = False

    @property
    def name(self) -> str:
        return self.code


@on_lanes(
    "case",
    [
        SdkFailure(
            error(403, lines.ERROR_403_MODERATED),
            openai.BadRequestError,
            "content_policy_violation",
            rest_only=True,
        ),
        SdkFailure(page(), openai.InternalServerError, "upstream_challenge"),
        SdkFailure(
            play_lines(answer_lines(["a"])[:-3]), openai.InternalServerError, "upstream_incomplete"
        ),
        SdkFailure(
            play_lines(answer_lines([])), openai.InternalServerError, "empty_upstream_response", 3
        ),
    ],
)
@on_site(lane=lambda lane: lane)
async def test_the_openai_sdk_raises_what_happened_and_does_not_multiply_our_attempts(
    site: Site, case: SdkFailure
) -> None:
    """The right exception with our code; ``x-should-retry`` keeps the SDK from repeating what would
    not help.
    """

    def ask(site: Site) -> None:
        with sdk(site, max_retries=2) as client, pytest.raises(case.exception) as caught:
            client.chat.completions.create(
                model="grok-3-fast", messages=[{"role": "user", "content": "hi"}]
            )
        assert caught.value.code == case.code

    site.play(case.script)
    await trio.to_thread.run_sync(ask, site)
    assert len(site.asked) == case.calls


@each_lane
@on_site(lane=lambda lane: lane)
async def test_an_answer_that_breaks_off_is_an_exception_in_the_sdk_not_an_end(site: Site) -> None:
    """The text so far arrives, then an APIError; never a silent end that looks complete."""

    def ask(site: Site) -> None:
        seen = ""
        with sdk(site) as client, pytest.raises(openai.APIError) as caught:
            for chunk in client.chat.completions.create(
                model="grok-3-fast", stream=True, messages=[{"role": "user", "content": "hi"}]
            ):
                seen += chunk.choices[0].delta.content or ""
        assert (seen, caught.value.code) == ("one two", "upstream_error")

    site.play(Script((token_line("one"), token_line(" two"), CUT)))
    await trio.to_thread.run_sync(ask, site)


@each_lane
def test_curl_gets_an_answer_without_saying_what_it_sends(lane: WebLane) -> None:
    """Any JSON body is taken, whatever its content type."""
    curl = shutil.which("curl")
    assert curl is not None

    async def scenario(site: Site) -> None:
        site.play(answer(TEXT))
        command = [
            curl,
            "-sSN",
            f"{site.url}/v1/chat/completions",
            "-d",
            json.dumps(chat("hi", stream=True)),
        ]
        output = (await trio.run_process(command, capture_stdout=True)).stdout.decode()
        assert text_of(output) == TEXT

    run_on_site(scenario, lane=lane)


# Questions --------------------------------------------------------------------------------------


@frozen
class Asked:
    """Fields of a request, and whether it is answered as a stream."""

    fields: dict[str, Any]
    streamed: bool
    ignored: str | None = None


@pytest.mark.parametrize(
    "case",
    [
        Asked({}, streamed=False),
        Asked({"stream": None}, streamed=False),
        Asked({"stream": False, "n": 1, "stop": None}, streamed=False),
        Asked({"stream": True}, streamed=True),
        Asked(
            {"stream": True, "temperature": 0.7, "tools": [{"type": "code_interpreter"}]},
            True,
            "temperature, tools.code_interpreter",
        ),
        Asked(
            {"tool_choice": "auto", "max_completion_tokens": 5000, "x\r\ny": 1},
            False,
            "xy",
        ),
    ],
    ids=lambda case: repr(case.fields),
)
@on_site
async def test_a_stream_is_only_sent_when_asked_for_and_what_has_no_effect_is_named(
    site: Site, case: Asked
) -> None:
    """``stream`` absent or null is false; unknown parameters never fail."""
    site.simulator.always(answer(TEXT))
    response = await site.ask(**case.fields)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(
        "text/event-stream" if case.streamed else "application/json"
    )
    assert response.headers.get("x-grok2api-ignored") == case.ignored
    assert response.headers["x-grok2api-usage"] == "estimated"
    assert response.headers["x-grok2api-attempts"] == "1"
    said = (
        text_of(response.text)
        if case.streamed
        else response.json()["choices"][0]["message"]["content"]
    )
    assert said == TEXT


@on_site(config='[grok]\ncf_clearance = "cf_clearance=cleared;"\nx_statsig_id = "mine"')
async def test_grok_is_sent_the_page_s_own_request(site: Site) -> None:
    """Cookies, statsig, clearance, ids and fetch metadata; the message as written; no header of a
    page visit.
    """
    await site.ask("  exactly\nas  written ")
    (call,) = site.simulator.calls
    assert call.body["message"] == "  exactly\nas  written "
    assert (call.body["modelName"], call.body["modelMode"]) == ("grok-3", "MODEL_MODE_FAST")
    assert call.headers["cookie"] == f"sso={call.sso}; sso-rw={call.sso}; cf_clearance=cleared"
    assert call.headers["x-statsig-id"] == "mine"
    assert len(call.headers["x-xai-request-id"]) == 36
    assert call.headers["origin"] == "https://grok.com"
    assert call.headers["sec-fetch-mode"] == "cors"
    assert "Chrome/" in call.headers["user-agent"]
    assert call.headers["sec-ch-ua"]
    assert not {"upgrade-insecure-requests", "sec-fetch-user", "expect", "upgrade"} & set(
        call.headers
    )


@on_site(config='[grok]\nuser_agent = "Mine/1.0"')
async def test_a_configured_user_agent_leaves_no_contradicting_client_hints(site: Site) -> None:
    """The user's own User-Agent goes out, the impersonated browser's hints about itself do not."""
    await site.ask()
    (call,) = site.simulator.calls
    assert call.headers["user-agent"] == "Mine/1.0"
    assert not [name for name in call.headers if name.startswith("sec-ch-ua")]


@on_site(
    config='[models."grok-3-fast"]\nmode_id = "fast"\n[models.mine]\ngrok_model = "m"\nmode = "MODEL_MODE_X"\nsearch = false'
)
async def test_models_can_be_changed_and_added(site: Site) -> None:
    """A mode id replaces name and mode; a new model is listed and served."""
    await site.ask()
    await site.ask(model="mine")
    first, second = (call.body for call in site.simulator.calls)
    assert first["modeId"] == "fast"
    assert "modelName" not in first
    assert (second["modelName"], second["modelMode"], second["disableSearch"]) == (
        "m",
        "MODEL_MODE_X",
        True,
    )
    assert (await site.client.get("/v1/models/mine")).json()["id"] == "mine"


# Answers ----------------------------------------------------------------------------------------

HEADING = "Considering\n"
MARKUP = [
    "see ",
    "<grok:re",
    'nder card_id="1">',
    "<argument>9</argument></grok:",
    "render>",
    " a < b ",
    "<xaiArtifact>x=1</xaiArtifact>",
]


@frozen
class Shape:
    """A form that Grok's stream can have, and what the client must read in it.

    :ivar rest_only: it is a form of lines, or of what only lines say.
    """

    name: str
    script: Script
    content: str = TEXT
    reasoning: str = ""
    config: str = ""
    rest_only: bool = False

    def shown(self, text: str, lane: WebLane) -> str:
        """A text of this shape's, as *lane* shows it: the websocket's headings are its page's."""
        return text if lane is WebLane.REST else text.replace(HEADING, "")


def in_pieces(*sizes: int) -> Script:
    return recut(answer(TEXT), itertools.cycle(sizes))


SHAPES = [
    Shape("plain", answer(TEXT)),
    Shape("compressed", gzipped(answer(TEXT)), rest_only=True),
    Shape("flat envelope", answer(TEXT, flat=True)),
    Shape("three bytes at a time", in_pieces(3), rest_only=True),
    Shape("odd pieces", in_pieces(1, 700, 13, 2), rest_only=True),
    Shape("one piece", Script((Send(answer(TEXT).body),)), rest_only=True),
    Shape("no line ends", Script(tuple(Send(step.data.rstrip()) for step in answer(TEXT).steps if isinstance(step, Send))), rest_only=True),
    Shape("CRLF and data:", Script((Send(b"data: " + answer(TEXT).body.rstrip().replace(b"\n", b"\r\n\r\ndata: ") + b"\r\n"),)), rest_only=True),
    Shape("junk between", Script((Send(b"\xff\n[]\nnull\n{\n"), *answer(TEXT).steps)), rest_only=True),
    Shape("only in the modelResponse", answer("", message=TEXT), rest_only=True),
    Shape("the end only in the modelResponse", answer(TEXT[:10], message=TEXT), rest_only=True),
    Shape("no title, no modelResponse", play_lines(answer_lines(tokens_of(TEXT))[:-2])),
    Shape("silence after the modelResponse", Script((*answer(TEXT).steps, HANG))),
    Shape("thinking", answer(TEXT, thoughts=THOUGHTS), reasoning="Considering\n- a point."),
    Shape("hidden thinking", answer(TEXT, thoughts=THOUGHTS), config="[grok]\nshow_thinking = false"),
    Shape(
        "think tags",
        answer(TEXT, thoughts=THOUGHTS),
        content=f"<think>\nConsidering\n- a point.\n</think>\n\n{TEXT}",
        config='[grok]\nthinking_format = "think_tags"',
    ),
    Shape("a tool", answer(TEXT, thoughts=TOOLS), reasoning="[code execution]\n- [x](https://example.com)\n"),
    Shape("a hidden tool", answer(TEXT, thoughts=TOOLS), config="[grok]\nshow_thinking = false"),
    Shape("a citation", play_lines([*map(wrapped, [*CITING, lines.soft_stop()])]), "7[1], 11[2]. Both[1].", rest_only=True),
    Shape("a citation that is not wanted", play_lines([*map(wrapped, [*CITING, lines.soft_stop()])]), "7, 11. Both.", config="[grok]\ncitations = false", rest_only=True),
    Shape("a picture as a card", play_lines([*map(wrapped, [*DRAWING, lines.soft_stop()])]), "Here:\n\n![image](https://assets.grok.com/users/u/generated/k/image.jpg)", rest_only=True),
    Shape("text after a picture", play_lines([*map(wrapped, [*DRAWING, lines.token("Like"), lines.token(" it?"), lines.soft_stop()])]), "Here:\n\n![image](https://assets.grok.com/users/u/generated/k/image.jpg)\n\nLike it?", rest_only=True),
    Shape("late thinking", play_lines([*map(wrapped, [lines.token("a"), lines.thought("no"), lines.token("b"), lines.soft_stop()])]), "ab"),
    Shape("markup", play_lines([*map(wrapped, [*map(lines.token, MARKUP), lines.soft_stop()])]), "see  a < b x=1"),
    Shape("pictures", answer("two:", final={"generatedImageUrls": ["users/u/generated/a (1)/image.jpg"]}), "two:\n\n![image](https://assets.grok.com/users/u/generated/a%20%281%29/image.jpg)", rest_only=True),
    Shape("heartbeats", play_lines([wrapped(lines.empty())] * 3 + answer_lines(tokens_of(TEXT)))),
]  # fmt: skip


@on_lanes("shape", SHAPES)
@on_site(config=lambda shape: shape.config, lane=lambda lane: lane)
async def test_every_shape_of_grok_s_stream_is_read_the_same_whole_and_streamed(
    site: Site, shape: Shape, lane: WebLane
) -> None:
    """Text and reasoning are the same in both forms, whatever upstream's framing, markup and
    habits.
    """
    site.play(shape.script)
    whole = (await site.ask()).json()["choices"][0]["message"]
    streamed = (await site.ask(stream=True)).text
    content, reasoning = (shape.shown(text, lane) for text in (shape.content, shape.reasoning))
    assert (whole["content"], whole.get("reasoning_content", "")) == (content, reasoning)
    assert text_of(streamed) == content
    assert text_of(streamed, "reasoning_content") == reasoning


@on_site
async def test_a_conversation_goes_up_as_a_transcript_with_the_last_words_bare(site: Site) -> None:
    """Who said what survives, and the question is the last thing Grok reads."""
    messages = [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": [{"type": "text", "text": "A </user> b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d?"},
    ]
    await site.client.post("/v1/chat/completions", json={"model": "grok-4.1", "messages": messages})
    (call,) = site.simulator.calls
    assert call.body["message"] == (
        "<system>\nBe terse.\n</system>\n\n<user>\nA &lt;/user> b\n</user>\n\n<assistant>\nc\n</assistant>\n\nd?"
    )


# Failures ---------------------------------------------------------------------------------------


@frozen
class Refused:
    """What Grok does to all tokens, and what the client sees of it when it asked for a stream or
    for a whole answer.

    :ivar rest_only: it is in the body of a refusal, which nobody reads of an upgrade.
    """

    name: str
    script: Script
    status: int
    code: str
    calls: int
    headers: dict[str, str] = field(factory=dict)
    rest_only: bool = False


REFUSALS = [
    Refused("401", error(401, lines.ERROR_401), 503, "no_valid_tokens", 3, {"x-should-retry": "false"}),
    Refused("429", error(429, lines.ERROR_429), 429, "rate_limit_exceeded", 3, {"x-should-retry": "true", "retry-after": "1"}),
    Refused("429, long", error(429, lines.ERROR_429, (("retry-after", "900"),)), 429, "rate_limit_exceeded", 3, {"x-should-retry": "true"}),
    Refused("challenge", page(), 502, "upstream_challenge", 1, {"x-should-retry": "false", "retry-after": "5"}),
    Refused("anti-bot", error(403, lines.ERROR_403_ANTIBOT), 502, "upstream_antibot", 1, {"x-should-retry": "false"}),
    Refused("moderated", error(403, lines.ERROR_403_MODERATED), 400, "content_policy_violation", 1, rest_only=True),
    Refused("overloaded", error(429, lines.ERROR_429_HEAVY), 503, "upstream_overloaded", 3, {"x-should-retry": "true"}, rest_only=True),
    Refused("500", error(500, {}), 502, "upstream_error", 3, {"x-should-retry": "true"}),
    Refused("redirect", error(302, {}, (("location", "https://example.com"),)), 502, "upstream_error", 3),
    Refused("cut", Script((CUT,)), 502, "upstream_error", 3),
    Refused("empty", play_lines(answer_lines([])), 502, "empty_upstream_response", 3, {"x-should-retry": "false"}),
    Refused("silent", Script((HANG,)), 504, "timeout_first_response", 1, {"x-should-retry": "false"}),
    Refused("no head", Script((), before=60), 504, "timeout_first_response", 1),
]  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@on_lanes("case", REFUSALS)
@on_site(config="[grok]\nstream_first_response_timeout = 0.2", lane=lambda lane: lane)
async def test_a_failure_before_the_first_event_is_a_real_status(
    site: Site, case: Refused, *, streamed: bool
) -> None:
    """Status, code, all four keys, retry headers, and no more calls to Grok than the class
    allows.
    """
    site.play(case.script)
    response = await site.ask(stream=streamed)
    assert (response.status_code, response.headers["content-type"]) == (
        case.status,
        "application/json",
    )
    failure = response.json()["error"]
    assert set(failure) == {"message", "type", "param", "code"}
    assert failure["code"] == case.code
    assert {name: response.headers[name] for name in case.headers} == case.headers
    assert response.headers["x-grok2api-attempts"] == str(case.calls) == str(len(site.asked))
    assert site.leased() == 0


@each_lane
@on_site(
    config="[grok]\nstream_first_response_timeout = 0.3\nstream_chunk_timeout = 0.4\nstream_total_timeout = 0.9",
    lane=lambda lane: lane,
)
async def test_each_clock_fires_on_a_real_socket_within_50_ms(site: Site) -> None:
    """First response before and after the head, chunk while heartbeats come, and total.

    The account is known by then: its first question asks who it is, and which modes it has.
    """
    site.play(answer("ok"))
    for _ in range(len(TOKENS)):
        await site.ask()
    beats = (Send(lines.line(wrapped(lines.empty()))),) * 90
    for script, code, value in [
        (Script((), before=60), "timeout_first_response", 0.3),
        (Script((HANG,)), "timeout_first_response", 0.3),
        (paced(Script((token_line("a"), *beats)), 0.01), "timeout_chunk", 0.41),
        (paced(Script((token_line("a"),) * 90), 0.02), "timeout_total", 0.9),
    ]:  # fmt: skip
        site.play(script)
        began = trio.current_time()
        assert (await site.ask()).json()["error"]["code"] == code
        assert value <= trio.current_time() - began <= value + 0.05


def test_a_connect_that_hangs_is_ended_by_the_first_response_clock() -> None:
    """A peer that never completes the handshake costs the clock's value, and the abort is clean."""
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.socket())
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):
            # A listener that accepts nobody: these fill its queue, and later connections hang in
            # their handshake.
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())

        async def scenario(site: Site) -> None:
            began = trio.current_time()
            response = await site.ask()
            assert response.json()["error"]["code"] == "timeout_first_response"
            assert 0.3 <= trio.current_time() - began <= 0.35

        deaf_url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        run_on_site(
            scenario, config="[grok]\nstream_first_response_timeout = 0.3", base_url=deaf_url
        )


@on_site(tokens=TOKENS[:1])
async def test_health_tells_a_pool_that_rests_from_one_that_is_empty(site: Site) -> None:
    """A model that was asked for and can't be answered is named; tokens that are all refused are
    not "no tokens".
    """
    site.simulator.script(
        "sso-0", answer("ok"), error(429, lines.ERROR_429), error(401, lines.ERROR_401)
    )
    states = []
    for model in ("grok-3-fast", "grok-3-fast", "grok-4.1", "grok-4.1"):
        health = (await site.client.get("/health")).json()
        states.append(
            (
                health["status"],
                {name: n for name, n in health["tokens"].items() if n},
                [(reason["matter"], reason["subject"]) for reason in health["reasons"]],
            )
        )
        ready = await site.client.get("/ready")
        assert (ready.status_code, ready.json()["status"]) == (
            200 if health["status"] == "ok" else 503,
            health["status"],
        )
        await site.ask(model=model)
    assert states == [
        ("ok", {"unknown": 1}, []),
        ("ok", {"ok": 1}, []),
        ("down", {"cooling": 1}, [("used_up", "grok-3-fast")]),
        ("down", {"cooling": 1}, [("session_ended", "grok-4.1"), ("session_ended", "grok-3-fast")]),
    ]


def test_a_bug_in_the_middle_of_a_stream_is_an_error_event_and_a_traceback_under_the_request_s_id(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets an error; the owner finds it in the log by the client's request id."""

    def break_down(*_: object) -> bytes:
        raise ZeroDivisionError

    async def scenario(site: Site) -> None:
        site.simulator.always(answer(TEXT))
        response = await site.ask(stream=True)
        assert json.loads(data_lines(response.text)[-1])["error"]["code"] == "internal_error"
        (record,) = [record for record in caplog.records if record.exc_info]
        assert response.headers["x-request-id"] in record.getMessage()

    monkeypatch.setattr(
        "grokcore.protocol.dialects.openai_chat.writers.ChunkWriter.write", break_down
    )
    run_on_site(scenario)
