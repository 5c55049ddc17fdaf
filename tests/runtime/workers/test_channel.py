"""Questions and notices between two processes."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from grokcore.runtime.workers import channel as channels
from grokcore.runtime.workers.channel import ANSWER_S, MOST_ANSWERS, Channel, ChannelGone
from tests.runtime.workers.pairs import channel_pair, hangs, running
from tests.scenarios import decorator, run_on_fake_clock

on_fake_clock = decorator(run_on_fake_clock)


@on_fake_clock
async def test_both_ends_ask_and_answer() -> None:
    """Several questions at once, whose answers come in another order."""
    one, other = channel_pair()

    async def slow(value: float) -> float:
        await trio.sleep(value)
        return value

    one.answer("sleep", slow)
    other.answer("sleep", slow)
    answers = []

    async def ask(asker: Channel, value: float) -> None:
        answers.append(await asker.ask("sleep", value))

    async with running(one, other), trio.open_nursery() as nursery:
        for asker, value in ((one, 3), (other, 2), (one, 1)):
            nursery.start_soon(ask, asker, value)
    assert answers == [1, 2, 3]


@on_fake_clock
async def test_a_question_that_finds_no_answer_is_given_up_in_time() -> None:
    """The other process may hang: whoever asks it waits no longer than it said."""
    one, other = channel_pair()
    other.answer("hang", hangs)
    async with running(one, other):
        began = trio.current_time()
        with pytest.raises(ChannelGone, match="no answer within 1 s"):
            await one.ask("hang", seconds=1)
        assert trio.current_time() == began + 1
        with pytest.raises(ChannelGone, match="within"):
            await one.ask("hang", seconds=ANSWER_S + 1)
        assert trio.current_time() == began + 1 + ANSWER_S


@on_fake_clock
async def test_an_asker_that_leaves_spoils_no_later_question() -> None:
    """Its line goes out whole, and its answer goes to nobody."""
    one, other = channel_pair()

    async def echo(value: object) -> object:
        await trio.sleep(1)
        return value

    other.answer("echo", echo)
    async with running(one, other):
        with trio.move_on_after(0.5):
            await one.ask("echo", "x" * 100_000)
        assert await one.ask("echo", 2) == 2


@on_fake_clock
async def test_a_bug_in_an_answer_is_the_askers_fault_to_hear() -> None:
    """And ends no channel: the next question is answered."""
    one, other = channel_pair()

    async def buggy(value: object) -> object:
        return 1 // int(str(value))

    other.answer("divide", buggy)
    async with running(one, other):
        with pytest.raises(ChannelGone, match="bug"):
            await one.ask("divide", 0)
        assert await one.ask("divide", 1) == 1
        with pytest.raises(ChannelGone, match="nobody answers on other"):
            await one.ask("other")


@on_fake_clock
async def test_the_end_of_the_other_process_ends_all_questions_at_once() -> None:
    """Nobody waits for a process that is gone; and later questions are refused."""
    one, other = channel_pair()
    other.answer("hang", hangs)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run)

        async def die() -> None:
            with trio.move_on_after(1):
                await other.run()

        nursery.start_soon(die)
        with pytest.raises(ChannelGone, match="has ended"):
            await one.ask("hang", seconds=100)
    assert trio.current_time() == began + 1
    with pytest.raises(ChannelGone, match="has ended"):
        await one.ask("hang")
    assert not one.tell("notice")


@on_fake_clock
async def test_notices_arrive_in_their_order() -> None:
    """Whoever reads no notice on a topic is not disturbed by it."""
    one, other = channel_pair()
    heard: list[object] = []
    other.hear("say", heard.append)
    async with running(one, other):
        for number in range(5):
            assert one.tell("say", number)
            assert one.tell("unknown", number)
        await trio.testing.wait_all_tasks_blocked()
    assert heard == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("junk", [b"junk\n", b"[1]\n", b"3\n", b"\n", b'{"id": 1'])
@on_fake_clock
async def test_what_is_no_message_ends_the_channel(junk: bytes) -> None:
    """The two processes are of one program: junk means that nothing can be relied on."""
    stream, other = trio.testing.memory_stream_pair()
    channel = Channel(stream)
    await other.send_all(junk)
    await other.send_eof()
    await channel.run()
    assert not channel.tell("notice")


@on_fake_clock
async def test_a_process_that_does_not_read_takes_no_memory_without_end() -> None:
    """Beyond so many lines, questions are refused at once."""
    stream, _ = trio.testing.memory_stream_pair()
    channel = Channel(stream)  # not run: it reads nothing and writes nothing
    told = [channel.tell("notice") for _ in range(channels.MOST_UNSENT + 10)]
    assert told.count(True) == channels.MOST_UNSENT
    with pytest.raises(ChannelGone, match="does not read"):
        await channel.ask("question")


@on_fake_clock
async def test_a_line_that_is_too_long_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that comes all the same ends the channel: memory is bounded at both ends."""
    monkeypatch.setattr(channels, "MOST_BYTES", 1000)
    one, other = channel_pair()
    with pytest.raises(ChannelGone, match="too long"):
        await one.ask("question", "x" * 2000)
    stream, far = trio.testing.memory_stream_pair()
    reading = Channel(stream)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reading.run)
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await far.send_all(b"x" * 1000)
                await trio.testing.wait_all_tasks_blocked()
    del other


@on_fake_clock
async def test_too_many_questions_at_once_are_refused() -> None:
    """Each takes a task of this process."""
    one, other = channel_pair()
    other.answer("hang", hangs)

    faults: list[str] = []

    async def ask() -> None:
        try:
            await one.ask("hang", seconds=1)
        except ChannelGone as error:
            faults.append(str(error))

    async with running(one, other), trio.open_nursery() as nursery:
        for _ in range(MOST_ANSWERS + 1):
            nursery.start_soon(ask)
    assert faults.count("too many questions at once") == 1
