"""The simulated Grok as an ASGI app: checks requests, plays scripts, and records requests for
tests.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field

from . import lines
from .accounts import MODES_PATH, SESSION_PATH, all_modes, session_of
from .agent.model import Agent
from .agent.playing import over_rest
from .asgi import ScriptedService
from .assets import ASSETS_PREFIX, asset
from .files import POST_PATH, UPLOAD_PATH, Files
from .limits import UNLIMITED, Limit
from .peer import Peer
from .scripts import (
    Script,
    answer_lines,
    drawing,
    error,
    paced,
    play_lines,
    tokens_of,
    trace,
    video,
    wrapped,
)
from .sockets import PageSockets

__all__ = ["Call", "Simulator", "unscripted"]

CHAT_PATHS = re.compile(r"/rest/app-chat/conversations/(new|[^/]+/responses)")
RATE_LIMITS_PATH = "/rest/rate-limits"
TRACE_PATH = "/cdn-cgi/trace"
HIGH_EFFORT = ("MODEL_MODE_EXPERT", "MODEL_MODE_HEAVY")
COST_OF_EFFORT = 4
NATURAL_PACE_S = 0.02
"""Seconds between the tokens of an answer without a script: some fifty a second, like a
fast model.
"""

_DRAWING = re.compile(r"(?i)(drawing:|draw |edit the attached image)")

_ABSOLUTE = re.compile(r"^https?://[^/]*")
_SSO = re.compile(r"(?:^|;)\s*sso=([^;]+)")


@define(eq=False)
class Call:
    """A recorded request.

    :ivar outcome: ``"open"``, then ``"complete"``, ``"aborted"`` (the client left) or ``"cut"`` (by
        script).
    :ivar client: the peer's port: requests over one connection share it.
    :ivar proxied: it came as to a proxy, with the whole URL. (The simulator is its own proxy, as a
        second egress.)
    """

    path: str
    sso: str
    headers: dict[str, str]
    body: dict[str, Any]
    client: int
    proxied: bool = False
    outcome: str = "open"
    ended_at: float = 0.0
    method: str = "POST"


@define(eq=False)
class Simulator(ScriptedService[Call]):
    """A simulated Grok.

    :ivar calls: all chats so far; *asks*: all requests for rate limits.
    :ivar uploads: all uploads and posts so far; *upload_scripts*: the answers to them, by session
        token.
    :ivar files: files that accounts have uploaded.
    :ivar fetches: all requests for pictures and videos so far; *asset_scripts*: the answers to
        them, by path.
    :ivar traces: all requests for the caller's address so far; *trace_script*: the answers to them.
    :ivar scripts: the answers to chats, by session token: each of the list once, the last one for
        ever.
    :ivar ask_scripts: the same for requests for rate limits.
    :ivar default: the answer to chats of tokens without a script.
    :ivar paint: returns the picture at a path, for those who are signed in; None if it has none.
    :ivar limits: the allowances of accounts, by session token and model name (or mode id); others
        have no limit.
    :ivar dead: session tokens that are refused everywhere.
    :ivar strict: refuse chats and uploads without the headers that a page sends.
    :ivar signature: the one ``x-statsig-id`` that is taken where it is wanted; empty takes any.
    :ivar strict_limits: refuse rate limits without them too; whether Grok does is not known
        (sources disagree, 2026-09).
    :ivar sockets: the page's websockets.
    :ivar sessions: all questions for the user id so far; *modes*: for the modes. *session_scripts*
        and *mode_scripts* are the answers to them, by session token.
    :ivar agent: answers questions with functions in them, on both lanes, unless a script does.
    """

    asks: list[Call] = field(factory=list)
    uploads: list[Call] = field(factory=list)
    upload_scripts: dict[str, deque[Script]] = field(factory=dict)
    files: Files = field(factory=Files)
    fetches: list[Call] = field(factory=list)
    asset_scripts: dict[str, Script] = field(factory=dict)
    traces: list[Call] = field(factory=list)
    trace_script: Script | None = None
    scripts: dict[str, deque[Script]] = field(factory=dict)
    ask_scripts: dict[str, deque[Script]] = field(factory=dict)
    limits: dict[tuple[str, str], Limit] = field(factory=dict)
    dead: set[str] = field(factory=set)
    default: Callable[[Call], Script] | None = None
    paint: Callable[[str], Script | None] | None = None
    strict: bool = True
    signature: str = ""
    strict_limits: bool = False
    agent: Agent = field(factory=Agent)
    sockets: PageSockets = field(factory=PageSockets)
    sessions: list[Call] = field(factory=list)
    session_scripts: dict[str, Script] = field(factory=dict)
    modes: list[Call] = field(factory=list)
    mode_scripts: dict[str, Script] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.sockets.changed = self._changed.unpark_all
        self.sockets.agent = self.agent

    def script(self, sso: str, *scripts: Script) -> None:
        """Set the answers to this token's next chats; the last one stays."""
        self.scripts[sso] = deque(scripts)

    def script_asks(self, sso: str, *scripts: Script) -> None:
        """Set the answers to this token's next requests for rate limits; the last one stays."""
        self.ask_scripts[sso] = deque(scripts)

    def always(self, script: Script) -> None:
        """Set the answer to chats of all tokens without a script."""
        self.default = lambda _: script

    def recorded(self, scope: Any, body: bytes) -> Call:
        """Record a request, with the others of its kind."""
        call = _seen(scope, body)
        self._list_for(call.path).append(call)
        return call

    async def serve_socket(self, peer: Peer) -> None:
        """Serve a connection whose first request asks for a websocket."""
        await self.sockets.serve(peer, lambda sso: bool(sso) and sso not in self.dead, self._spend)

    def _spend(self, sso: str, model: str, cost: int = 1) -> bool:
        limit = self.limits.get((sso, model))
        return limit is None or limit.take(cost)

    def _list_for(self, path: str) -> list[Call]:
        if path == RATE_LIMITS_PATH:
            return self.asks
        if path.startswith(ASSETS_PREFIX):
            return self.fetches
        others = {TRACE_PATH: self.traces, SESSION_PATH: self.sessions, MODES_PATH: self.modes}
        if path in others:
            return others[path]
        return self.uploads if path in (UPLOAD_PATH, POST_PATH) else self.calls

    def script_for(self, call: Call) -> Script:
        """The answer to a request."""
        method = call.method
        if method == "POST" and call.path == RATE_LIMITS_PATH:
            return self._told_limits(call)
        if method == "POST" and call.path in (UPLOAD_PATH, POST_PATH):
            return self._filed(call)
        if method == "GET" and call.path.startswith(ASSETS_PREFIX):
            return self._asset(call)
        if method == "GET" and call.path == TRACE_PATH:
            return self.trace_script or trace(call.headers.get("user-agent", ""))
        if (method, call.path) in {("GET", SESSION_PATH), ("POST", MODES_PATH)}:
            return self._about_account(call)
        if method != "POST" or not CHAT_PATHS.fullmatch(call.path):
            return error(404, {"code": 5, "message": "Not Found", "details": []})
        refusal = self._refusal(call)
        if refusal is not None:
            return refusal
        cost = COST_OF_EFFORT if call.body.get("modelMode") in HIGH_EFFORT else 1
        if not self._spend(call.sso, _model_of(call), cost):
            return error(429, lines.ERROR_429)
        scripted = _next(self.scripts.get(call.sso))
        if scripted is not None:
            return scripted
        return self.default(call) if self.default else unscripted(call, self.agent)

    def _asset(self, call: Call) -> Script:
        scripted = self.asset_scripts.get(call.path)
        knows = self._knows(call)
        if scripted is None and knows and self.paint is not None:
            scripted = self.paint(call.path)
        return scripted or asset(call.path, allowed=knows)

    def _knows(self, call: Call) -> bool:
        return bool(call.sso) and call.sso not in self.dead

    def _about_account(self, call: Call) -> Script:
        session = call.path == SESSION_PATH
        scripted = (self.session_scripts if session else self.mode_scripts).get(call.sso)
        if scripted is not None:
            return scripted
        if not self._knows(call):
            return error(401, lines.ERROR_401)
        return session_of() if session else all_modes()

    def _turned_away(self, call: Call, *, strict: bool) -> Script | None:
        if not call.sso or call.sso in self.dead:
            return error(401, lines.ERROR_401)
        if strict and not self._is_signed(call):
            return error(403, lines.ERROR_403_ANTIBOT)
        return None

    def _is_signed(self, call: Call) -> bool:
        value = call.headers.get("x-statsig-id", "")
        return value == self.signature if self.signature else bool(value)

    def _filed(self, call: Call) -> Script:
        scripted = _next(self.upload_scripts.get(call.sso))
        if scripted is not None:
            return scripted
        turned_away = self._turned_away(call, strict=self.strict)
        if turned_away is not None:
            return turned_away
        return (self.files.upload if call.path == UPLOAD_PATH else self.files.post)(
            call.sso, call.body
        )

    def _told_limits(self, call: Call) -> Script:
        scripted = _next(self.ask_scripts.get(call.sso))
        if scripted is not None:
            return scripted
        turned_away = self._turned_away(call, strict=self.strict_limits)
        if turned_away is not None:
            return turned_away
        limit = self.limits.get((call.sso, _model_of(call)))
        return error(200, UNLIMITED if limit is None else limit.answer())

    def _refusal(self, call: Call) -> Script | None:
        if not call.sso or call.sso in self.dead:
            return error(401, lines.ERROR_401)
        if not isinstance(call.body.get("message"), str):
            return error(400, {"code": 3, "message": "message is required", "details": []})
        if self.strict and not (self._is_signed(call) and call.headers.get("x-xai-request-id")):
            return error(403, lines.ERROR_403_ANTIBOT)
        if not self.files.has_all(call.sso, call.body.get("fileAttachments", [])):
            failure = lines.nested_error(
                "attachmentLoadFailed", "An attachment could not be loaded"
            )
            return play_lines([wrapped(failure)])
        return None


def _next(queue: deque[Script] | None) -> Script | None:
    """The next script: each once, the last one for ever."""
    if not queue:
        return None
    return queue.popleft() if len(queue) > 1 else queue[0]


def _model_of(call: Call) -> str:
    return str(call.body.get("modeId") or call.body.get("modelName") or "")


def _seen(scope: Any, body: bytes) -> Call:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
    sso = _SSO.search(headers.get("cookie", ""))
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    fields = value if isinstance(value, dict) else {}
    path = _ABSOLUTE.sub("", scope["path"])
    return Call(
        path,
        sso.group(1) if sso else "",
        headers,
        fields,
        scope["client"][1],
        path != scope["path"],
        method=scope["method"],
    )


def unscripted(call: Call, agent: Agent) -> Script:
    """The answer to a chat without a script."""
    question = str(call.body["message"])
    overrides = call.body.get("toolOverrides")
    if isinstance(overrides, dict) and overrides.get("videoGen"):
        return video(
            f"users/{lines.USER_ID}/generated/{lines.RESPONSE_ID}/generated_video.mp4",
            seconds=NATURAL_PACE_S,
        )
    if _DRAWING.match(question):
        ids = [
            lines.RESPONSE_ID[:-1] + str(index)
            for index in range(int(call.body.get("imageGenerationCount", 2)))
        ]
        return drawing(
            [f"users/{lines.USER_ID}/generated/{one}/image.jpg" for one in ids],
            seconds=NATURAL_PACE_S,
        )
    step = agent.answer(question)
    if step is not None:
        model = _model_of(call) or "grok-3"
        return over_rest(step, question=question, model=model, pace_s=agent.pace_s)
    return _echo(call)


def _echo(call: Call) -> Script:
    """The answer to a chat without a script: its question, after some thinking if the model is one
    that thinks.
    """
    question = str(call.body["message"])
    last = question.rsplit("\n\n", 1)[-1]
    model = _model_of(call) or "grok-3"
    thoughts = []
    if ("thinking" in model and "non-thinking" not in model) or call.body.get(
        "modelMode"
    ) in HIGH_EFFORT:
        thoughts = [
            lines.thought("Thinking about your request", tag="header"),
            lines.thought("- The question is short. "),
            lines.thought("- So is the answer."),
        ]
    said = f"This is a simulated Grok. You said: {last}"
    return paced(
        play_lines(
            answer_lines(tokens_of(said), question=question, model=model, thoughts=thoughts)
        ),
        NATURAL_PACE_S,
    )
