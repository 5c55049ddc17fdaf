"""All websockets of the simulated Grok: their scripts, and the answer to those without one."""

from __future__ import annotations

import functools
import json
from collections import deque
from collections.abc import Callable

import trio
from attrs import define, evolve, field

from . import frames, lines
from .agent.model import Agent
from .agent.playing import over_socket
from .page_socket import SOCKET_PATH, Say, SocketCall, SocketScript, Step, converse, spoken
from .peer import Peer
from .scripts import Wait

__all__ = ["PageSockets", "unscripted_steps"]

NATURAL_PACE_S = 0.02
"""Seconds between the tokens of an answer that has no script: some fifty a second, like a fast
model.
"""

_THINKING_MODES = ("expert", "heavy")


@define(eq=False)
class PageSockets:
    """See the module.

    :ivar calls: all websockets so far.
    :ivar scripts: for each session token, the scripts of its websockets: each once, the last one
        for ever.
    :ivar default: the script for tokens without their own.
    :ivar agent: answers questions with functions in them, unless a script does.
    :ivar changed: called whenever a websocket begins or ends.
    """

    calls: list[SocketCall] = field(factory=list)
    scripts: dict[str, deque[SocketScript]] = field(factory=dict)
    default: Callable[[SocketCall], SocketScript] | None = None
    agent: Agent = field(factory=Agent)
    changed: Callable[[], object] = bool

    def script(self, sso: str, *scripts: SocketScript) -> None:
        """Give the next websockets of a token these scripts; the last one stays."""
        self.scripts[sso] = deque(scripts)

    def always(self, script: SocketScript) -> None:
        """Give every websocket this script whose token has none."""
        self.default = lambda _: script

    @property
    def open(self) -> list[SocketCall]:
        """Websockets whose client has not left."""
        return [call for call in self.calls if call.ended_at == 0.0]

    async def serve(
        self, peer: Peer, knows: Callable[[str], bool], spend: Callable[[str, str], bool]
    ) -> None:
        """Serve a connection whose first request asks for a websocket.

        :param knows: whether a session token is valid.
        :param spend: count a question of a session token in a mode; whether it was left.
        """
        request = await peer.request()
        headers = {name.decode(): value.decode("latin-1") for name, value in request.extra_headers}
        call = SocketCall(request.target, headers, peer.client, peer.tunnelled)
        call.check_upgrade()
        self.calls.append(call)
        self.changed()
        try:
            await converse(peer, call, _limited(self._script_for(call, knows), spend))
        finally:
            call.ended_at = trio.current_time()
            call.outcome = "aborted" if call.outcome == "open" else call.outcome
            self.changed()

    def _script_for(self, call: SocketCall, knows: Callable[[str], bool]) -> SocketScript:
        if not call.target.startswith(SOCKET_PATH):
            return SocketScript((), status=404)
        if not knows(call.sso):
            return SocketScript((), status=401, body=json.dumps(lines.ERROR_401).encode())
        queue = self.scripts.get(call.sso)
        if queue:
            return queue.popleft() if len(queue) > 1 else queue[0]
        if self.default is not None:
            return self.default(call)
        return SocketScript((), answer=functools.partial(unscripted_steps, self.agent))


def _limited(script: SocketScript, spend: Callable[[str, str], bool]) -> SocketScript:
    """*script* for as long as something of the mode's allowance is left."""

    def steps(call: SocketCall) -> tuple[Step, ...]:
        if spend(call.sso, call.model):
            return script.answer(call) if script.answer else script.steps
        return (
            Say(frames.response_created(call.model)),
            Say(frames.stream_error("usageLimitReached", "You have reached your limit")),
            Say(frames.done("failed", "stream_error")),
        )

    return evolve(script, answer=steps)


def unscripted_steps(agent: Agent, call: SocketCall) -> tuple[Step, ...]:
    """The answer to a question without a script."""
    step = agent.answer(call.question)
    if step is None:
        return _echo(call)
    return over_socket(step, model=call.model, pace_s=agent.pace_s)


def _echo(call: SocketCall) -> tuple[Step, ...]:
    """The question back, or two pictures if it asks for some; with thinking in modes that think."""
    if call.question.lower().startswith(("drawing:", "draw ", "edit the attached image")):
        return _drawing(call)
    last = call.question.rsplit("\n\n", 1)[-1]
    thinks = call.model in _THINKING_MODES
    thoughts = ("- The question is short. ", "- So is the answer.") if thinks else ()
    said = f"This is a simulated Grok. You said: {last}"
    return spoken(said, model=call.model, thoughts=thoughts, pace_s=NATURAL_PACE_S).steps


def _drawing(call: SocketCall) -> tuple[Step, ...]:
    whole = spoken("Here they are.", model=call.model, pace_s=NATURAL_PACE_S)
    pictures: list[Step] = []
    for index in range(2):
        url = f"users/{lines.USER_ID}/generated/{lines.RESPONSE_ID[:-1]}{index}/image.jpg"
        for progress in (50, 100):
            pictures += [Say(frames.picture(url, progress)), Wait(NATURAL_PACE_S)]
    return evolve(whole, steps=(whole.steps[0], *pictures, *whole.steps[1:])).steps
