"""The messages of one request, from its connection to the app.

Theory
------
ASGI lets an app wait for messages. So a task has to wait all the time for the last one, which says
that the client has left. Here a listener is called with each message as it comes, by the task that
reads from the connection. Until there is a listener, messages are waited for as usual.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

import trio

__all__ = ["INBOX_KEY", "Inbox", "Message"]

Message: TypeAlias = Any  # an ASGI message: a dict with values of many types

INBOX_KEY = "grok2api.inbox"
"""Key of the inbox in the ASGI scope."""

MOST_WAITING = 10
"""Messages that wait for the app before their connection is not read further: they hold at most 64
kB each.
"""

LAST = "http.disconnect"


class Inbox:
    """The messages that have come and are not taken yet."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._listener: Callable[[Message], None] | None = None
        self._over = False
        self._changed = trio.lowlevel.ParkingLot()

    async def put(self, message: Message) -> None:
        """Pass *message* on. Waits for the app while it has many; never with the last one."""
        if self._listener is not None:
            self._listener(message)
            return
        self._messages.append(message)
        self._changed.unpark_all()
        if message["type"] == LAST:
            self._over = True
            return
        while len(self._messages) > MOST_WAITING and not self._over:
            await self._changed.park()

    async def receive(self) -> Message:
        """The next message, as ASGI has it."""
        while not self._messages:
            await self._changed.park()
        message = self._messages.popleft()
        self._changed.unpark_all()
        return message

    def listen(self, listener: Callable[[Message], None]) -> None:
        """Call *listener* with all messages from now on, those that wait first. It must not
        wait.
        """
        while self._messages:
            listener(self._messages.popleft())
        self._changed.unpark_all()
        self._listener = listener
