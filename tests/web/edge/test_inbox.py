"""A request's messages, waited for or listened to."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from grokcore.web.edge.inbox import MOST_WAITING, Inbox, Message
from tests.scenarios import on_fake_clock

LEFT = {"type": "http.disconnect"}


def piece(number: int) -> Message:
    return {"type": "http.request", "body": b"%d" % number, "more_body": True}


@on_fake_clock
async def test_a_listener_has_all_messages_in_order() -> None:
    """Those that came before it, too; and no task runs for those that come later."""
    inbox, heard = Inbox(), list[Message]()
    await inbox.put(piece(1))
    await inbox.put(piece(2))
    inbox.listen(heard.append)
    await inbox.put(LEFT)
    assert heard == [piece(1), piece(2), LEFT]


@on_fake_clock
async def test_a_connection_that_brings_too_much_has_to_wait() -> None:
    """Until the app takes something; but never with the news that the client has left."""
    inbox = Inbox()
    for number in range(MOST_WAITING):
        await inbox.put(piece(number))
    with pytest.raises(trio.TooSlowError), trio.fail_after(60):
        await inbox.put(piece(MOST_WAITING))
    await inbox.put(LEFT)
    got = [await inbox.receive() for _ in range(MOST_WAITING + 2)]
    assert got == [*map(piece, range(MOST_WAITING + 1)), LEFT]


@on_fake_clock
async def test_nobody_waits_for_an_app_that_is_over() -> None:
    """The connection could not be closed otherwise."""
    inbox = Inbox()
    async with trio.open_nursery() as nursery:
        for number in range(MOST_WAITING + 3):
            nursery.start_soon(inbox.put, piece(number))
        await trio.testing.wait_all_tasks_blocked()
        await inbox.put(LEFT)


@on_fake_clock
async def test_a_connection_goes_on_as_soon_as_there_is_room() -> None:
    """By a message that is taken, or a listener that takes them all."""
    for take_all in (False, True):
        inbox, came = Inbox(), list[int]()

        async def bring(inbox: Inbox = inbox, came: list[int] = came) -> None:
            for number in range(MOST_WAITING + 2):
                await inbox.put(piece(number))
                came.append(number)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(bring)
            await trio.testing.wait_all_tasks_blocked()
            assert len(came) == MOST_WAITING
            if take_all:
                inbox.listen(lambda _: None)
            else:
                await inbox.receive()
            await trio.testing.wait_all_tasks_blocked()
            assert len(came) == MOST_WAITING + (2 if take_all else 1)
            nursery.cancel_scope.cancel()
