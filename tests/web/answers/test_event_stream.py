"""Heartbeats, held headers and errors in a stream, on a clock that jumps."""

from __future__ import annotations

import math

import trio

from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.openai_chat.writers import DONE, KEEP_ALIVE, ChatHead, ChunkWriter
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle
from grokcore.protocol.models import Limits
from grokcore.runtime.completion.gateway import Completion
from grokcore.simulator import lines
from grokcore.simulator.scripts import CUT, HANG, Script, Send, Wait, answer, error, wrapped
from grokcore.web.answers.event_stream import EventStream
from tests.runtime.worlds import make_world
from tests.scenarios import run_on_fake_clock

HEAD = ChatHead("chatcmpl-1", 1, "grok-3-fast", 1, Style(ThinkingStyle.HIDDEN))
LIMITS = Limits(first_response=300, chunk=300, total=900)


def thought_line(text: str) -> Send:
    return Send(lines.line(wrapped(lines.thought(text))))


async def stream_of(
    completion: Completion, nursery: trio.Nursery, *, hold_s: float = 45, client_takes_s: float = 0
) -> list[tuple[float, bytes]]:
    """What goes out, and when; the first entry is the head, or the status of an error."""
    stream = EventStream(
        completion, ChunkWriter(HEAD, include_usage=False), nursery, heartbeat_s=10
    )
    try:
        await stream.begin(trio.current_time() + hold_s)
    except GrokApiError as refusal:
        return [(trio.current_time(), str(refusal.status).encode())]
    sent = [(trio.current_time(), b"200")]
    async for data in stream:
        sent.append((trio.current_time(), data))
        await trio.sleep(client_takes_s)
    return sent


def streamed(
    script: Script, *, limits: Limits = LIMITS, **options: float
) -> list[tuple[float, bytes]]:
    """One answer, streamed; checks that nothing is left of it."""
    found: list[tuple[float, bytes]] = []

    async def scenario() -> None:
        world = make_world(script)
        completion = world.ask(limits=limits)
        async with trio.open_nursery() as nursery:
            found.extend(await stream_of(completion, nursery, **options))
            nursery.cancel_scope.cancel()
        await completion.aclose()
        assert world.idle

    run_on_fake_clock(scenario)
    return found


def test_the_head_waits_for_the_first_meaningful_event_so_that_a_failure_can_be_a_status() -> None:
    """Thinking releases the 200 also when it is hidden; a refusal before is a real status."""
    assert streamed(Script((Wait(20), thought_line("hm"), Wait(5), *answer("ok").steps)))[0] == (
        20,
        b"200",
    )
    assert streamed(error(403, lines.ERROR_403_MODERATED)) == [(0, b"400")]


def test_in_a_silence_comments_go_out_every_ten_seconds_and_an_empty_chunk_every_sixty() -> None:
    """Silence is what the client sees: hidden thinking does not end it."""
    steps = [step for _ in range(26) for step in (Wait(5), thought_line("hm"))]
    sent = streamed(Script((*steps, *answer("ok").steps)))

    assert sent[0] == (5, b"200")
    beats = [(at, data) for at, data in sent[1:] if at < 130]
    assert [at for at, _ in beats] == [15 + 10 * n for n in range(12)]
    assert [n for n, (_, data) in enumerate(beats) if data != KEEP_ALIVE] == [5, 11]
    assert (
        b'"delta":{"role":"assistant","content":""}' in beats[5][1]
    )  # the first chunk has the role, even an empty one
    assert b'"delta":{}' in beats[11][1]
    assert sent[-1][1].endswith(DONE)


def test_after_the_hold_the_head_goes_out_and_a_later_failure_is_an_error_event() -> None:
    """45 s without an event: 200 and heartbeats; then no other attempt, no finish_reason and no
    [DONE].
    """
    sent = streamed(Script((CUT,), before=58))

    assert [at for at, _ in sent] == [45, 55, 58]
    assert sent[1][1] == KEEP_ALIVE
    assert sent[2][1].startswith(b'data: {"error":{')
    assert b'"code":"upstream_error"' in sent[2][1]


def test_the_hold_is_no_time_of_a_slow_client() -> None:
    """After a head that was held back, the chunk clock is due at its time, and not by as much
    later.
    """
    script = Script((Wait(40), thought_line("hm"), HANG))
    sent = streamed(script, limits=Limits(first_response=60, chunk=33, total=900))

    assert [at for at, _ in sent] == [40, 50, 60, 70, 73]
    assert b'"code":"timeout_chunk"' in sent[-1][1]


def test_an_answer_that_breaks_off_ends_with_the_error_and_nothing_else() -> None:
    """The chunks so far, one error event, the end."""
    sent = streamed(Script((Send(lines.line(wrapped(lines.token("a")))), Wait(3), CUT)))

    assert [at for at, _ in sent] == [0, 0, 3]
    everything = b"".join(data for _, data in sent)
    assert everything.count(b'"error"') == 1
    assert b"[DONE]" not in everything
    assert b'"finish_reason":"stop"' not in everything


def test_no_clock_runs_while_the_client_is_slow() -> None:
    """A client that takes 50 s for each of many pieces still gets the whole answer, though total is
    60 s.
    """
    token = Send(lines.line(wrapped(lines.token("a"))))
    script = Script((*(step for _ in range(20) for step in (Wait(2), token)), *answer("b").steps))
    sent = streamed(script, limits=Limits(first_response=60, chunk=60, total=60), client_takes_s=50)

    assert sent[-1][1].endswith(DONE)


def test_the_clocks_do_run_while_grok_is_silent_and_heartbeats_go_out() -> None:
    """Heartbeats to the client don't put off the chunk clock."""
    script = Script((Send(lines.line(wrapped(lines.token("a")))), HANG))
    sent = streamed(script, limits=Limits(first_response=30, chunk=33, total=math.inf))

    assert [at for at, _ in sent] == [0, 0, 10, 20, 30, 33]
    assert b'"code":"timeout_chunk"' in sent[-1][1]
