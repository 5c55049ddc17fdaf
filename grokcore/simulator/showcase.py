"""The simulated Grok of the demo: some questions show what a server does with searches, pictures
and failures.
"""

from __future__ import annotations

import re

from attrs import define, field

from .agent.pieces import Answer
from .agent.playing import over_rest, over_socket
from .app import Call, Simulator, unscripted
from .limits import Limit
from .page_socket import Say, SocketCall, SocketScript, Step
from .paintings import painting
from .scenes import PICTURES, REFUSALS, Scene, drawn, moon_is_asked, scene_of, searched, torn
from .scripts import Script, Send, error
from .sockets import unscripted_steps

__all__ = ["Showcase", "showcase"]

PACE_S = 0.02
"""Seconds between the tokens of an answer."""

BACK_IN_S = 1200
"""Seconds after which a used up allowance is said to be whole again."""

_PAINTED = re.compile(r"/users/[^/]+/generated/(?:moon|sun)-([0-9a-f]{8})-([0-9a-f])/image\.png")


def showcase() -> Simulator:
    """A simulated Grok for the demo."""
    simulator = Simulator()
    Showcase(simulator).begin()
    return simulator


@define(eq=False)
class Showcase:
    """Answers to questions without a script.

    :ivar simulator: the Grok that answers.
    """

    simulator: Simulator
    _refused: set[Scene] = field(factory=set)

    def begin(self) -> None:
        """Answer for the simulator from now on."""
        self.simulator.default = self._over_rest
        self.simulator.paint = painted
        self.simulator.sockets.default = lambda _: SocketScript((), answer=self._over_socket)

    def _over_rest(self, call: Call) -> Script:
        question = str(call.body.get("message", ""))
        overrides = call.body.get("toolOverrides")
        films = isinstance(overrides, dict) and bool(overrides.get("videoGen"))
        scene = None if films or self._works(question) else self._scene(question)
        model = str(call.body.get("modeId") or call.body.get("modelName") or "")
        if scene in REFUSALS:
            refusal = REFUSALS[scene]
            self._hold_against(call.sso, model, scene)
            return error(refusal.status, refusal.body)
        count = int(call.body.get("imageGenerationCount") or PICTURES)
        answer = _answer(scene, _last(question), count)
        if answer is None:
            return unscripted(call, self.simulator.agent)
        return over_rest(answer, question=question, model=model or "grok-3", pace_s=PACE_S)

    def _over_socket(self, call: SocketCall) -> tuple[Step, ...]:
        question = call.question
        scene = None if self._works(question) else self._scene(question)
        if scene in REFUSALS:
            self._hold_against(call.sso, call.model, scene)
            return tuple(map(Say, REFUSALS[scene].events))
        answer = _answer(scene, _last(question), PICTURES)
        if answer is None:
            return unscripted_steps(self.simulator.agent, call)
        return over_socket(answer, model=call.model, pace_s=PACE_S)

    def _works(self, question: str) -> bool:
        """Whether a question has functions, or asks for a form: the simulated agent's."""
        return self.simulator.agent.answer(question) is not None

    def _scene(self, question: str) -> Scene | None:
        """The scene of a question; None for the second attempt at one that fails once."""
        scene = scene_of(_last(question))
        if scene is None or not scene.once:
            return scene
        if scene in self._refused:
            self._refused.discard(scene)
            return None
        self._refused.add(scene)
        return scene

    def _hold_against(self, sso: str, model: str, scene: Scene) -> None:
        """Let later questions of an account meet the same."""
        if scene is Scene.USED_UP:
            self.simulator.limits[sso, model] = Limit(40, 0, wait_s=BACK_IN_S)
        elif scene is Scene.ENDED:
            self.simulator.dead.add(sso)


def _answer(scene: Scene | None, words: str, count: int) -> Answer | None:
    match scene:
        case Scene.DRAW:
            return drawn(words, count)
        case Scene.SEARCH:
            return searched(words)
        case Scene.BREAK_OFF:
            return torn()
        case _:
            return None


def _last(question: str) -> str:
    """The last paragraph of a question, behind the history and the system's words."""
    return question.rstrip().rsplit("\n\n", 1)[-1]


def painted(path: str) -> Script | None:
    """The picture at a path of the demo's; None for any other path."""
    match = _PAINTED.fullmatch(path)
    if match is None:
        return None
    data = painting(int(match[1], 16) + int(match[2], 16), night=moon_is_asked(path))
    return Script((Send(data),), headers=(("content-type", "image/png"),))
