"""The simulated API and the simulated proxy of the CLI as one ASGI app that records requests."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import define, evolve, field

from ..asgi import ScriptedService
from ..peer import Peer
from ..scripts import Script, Send, error
from .account import Account
from .answers import Answer
from .calls import OfficialCall, seen
from .catalogue import MODELS, ModelRow
from .checks import MOST_TOOLS, MOST_TOOLS_OF_CLI, refused_body, refused_by_cli, refused_effort
from .events import Ticket, events_of
from .failures import REFUSALS, no_model, not_found
from .gates import not_json, refused_key, refused_route, refused_session
from .manners import MANNERS
from .media import Media, stored_asset
from .plain import plain_answer, said_last
from .streams import streamed, whole

__all__ = ["KEY", "TOKEN", "OfficialSimulator", "Scripted"]

KEY = "xai-test"
"""The key that a new simulator knows."""

TOKEN = "cli-test"  # noqa: S105
"""The token of the session of the CLI that a new simulator knows."""

Scripted: TypeAlias = Answer | Script | Callable[[OfficialCall], "Answer | Script"]

_NAMED = re.compile(r"\bsimulate[:-]([a-z_0-9]+)")
_FILE = re.compile(r"/files/([^/]+)")
_VIDEO = re.compile(r"/videos/([^/]+)")
_LISTS = {
    "/language-models": "language",
    "/image-generation-models": "image",
    "/video-generation-models": "video",
}


@define
class _Failing:
    script: Script
    times: int
    path: str


@define(eq=False)
class OfficialSimulator(ScriptedService[OfficialCall]):
    """The two services.

    :ivar calls: all requests so far, refused ones too.
    :ivar keys: keys of the API that are known; *tokens*: valid tokens of sessions of the CLI.
    :ivar models: what the services list.
    :ivar scripts: the answers to questions, by model, or under the empty name for all others: each
        of a list once, the last one for ever.
    :ivar costs: by model, what each answer costs, in ticks; others cost what their tokens do.
    :ivar spent_ticks: what all answers, pictures and videos have cost so far, in ticks.
    :ivar media: files, pictures and videos.
    :ivar account: the owner of the session, and the credits that are left.
    :ivar wrong_key_status: the status for a key that is not known.
    :ivar pace_s: seconds before each event of an answer without a script.
    """

    keys: set[str] = field(factory=lambda: {KEY})
    tokens: set[str] = field(factory=lambda: {TOKEN})
    models: list[ModelRow] = field(factory=lambda: list(MODELS))
    scripts: dict[str, deque[Scripted]] = field(factory=dict)
    costs: dict[str, int] = field(factory=dict)
    spent_ticks: int = 0
    media: Media = field(factory=Media)
    account: Account = field(factory=Account)
    wrong_key_status: int = 400
    pace_s: float = 0.0
    _failing: deque[_Failing] = field(factory=deque)
    _count: int = 0

    def script(self, model: str, *scripts: Scripted) -> None:
        """Set the answers to the next questions to a model; the last one stays."""
        self.scripts[model] = deque(scripts)

    def always(self, scripted: Scripted) -> None:
        """Set the answer to questions to all models without a script."""
        self.script("", scripted)

    def fail_next(
        self,
        status: int,
        body: object,
        headers: tuple[tuple[str, str], ...] = (),
        times: int = 1,
        *,
        path: str = "/responses",
    ) -> None:
        """Refuse the next *times* requests to a path of either service, with any key.

        :param body: JSON; bytes are sent as they are.
        :param path: below the base URL; empty for all.
        """
        if isinstance(body, bytes):
            script = Script((Send(body),), status, headers)
        else:
            script = error(status, body, headers)
        self._failing.append(_Failing(script, times, path))

    def asked(self, path: str = "/responses") -> list[OfficialCall]:
        """The requests to a path of either service."""
        return [call for call in self.calls if call.path == path]

    def recorded(self, scope: Any, body: bytes) -> OfficialCall:
        """Record a request."""
        call = seen(scope, body)
        self.calls.append(call)
        return call

    async def serve_socket(self, peer: Peer) -> None:
        """Refuse a websocket, as both services do."""
        await peer.request()
        await peer.refuse(405)

    def script_for(self, call: OfficialCall) -> Script:
        """The answer to a request."""
        failing = self._next_failure(call.path)
        if failing is not None:
            return failing
        if call.service == "api":
            return refused_key(
                call.headers, self.keys, status=self.wrong_key_status
            ) or self._of_api(call)
        if call.service == "cli":
            return refused_session(call.headers, self.tokens) or self._of_cli(call)
        return stored_asset(call.path) if call.service == "assets" else not_found()

    def _next_failure(self, path: str) -> Script | None:
        for failing in self._failing:
            if failing.path in ("", path) and failing.times > 0:
                failing.times -= 1
                return failing.script
        return None

    def _of_api(self, call: OfficialCall) -> Script:
        asked = (call.method, call.path)
        if asked == ("GET", "/models"):
            return error(200, {"object": "list", "data": [row.brief() for row in self.models]})
        if call.method == "GET" and call.path in _LISTS:
            return error(200, {"models": self._rows(_LISTS[call.path])})
        if asked == ("GET", "/api-key"):
            return error(200, self.account.key())
        if asked == ("POST", "/files"):
            return self.media.upload(call.headers.get("content-type", ""), call.raw)
        if found := _FILE.fullmatch(call.path):
            return self.media.about_file(found[1], delete=call.method == "DELETE")
        if call.method == "GET" and (found := _VIDEO.fullmatch(call.path)):
            return self._charged(*self.media.about_video(found[1], call.base))
        if call.method != "POST":
            return not_found()
        return self._posted(call)

    def _posted(self, call: OfficialCall) -> Script:
        """The answer to a question, or to a request for media."""
        if not isinstance(call.body, dict):
            return not_json(call.headers)
        if call.path == "/responses":
            return self._answered(call, most_tools=MOST_TOOLS)
        named = self._named(call, str(call.body.get("prompt", "")))
        if named in REFUSALS:
            return REFUSALS[named]()
        if call.path in {"/images/generations", "/images/edits"}:
            edit = call.path.endswith("edits")
            return self._charged(*self.media.pictures(call.body, call.base, edit=edit))
        if call.path in {"/videos/generations", "/videos/edits", "/videos/extensions"}:
            end = named.removeprefix("video_") if named.startswith("video_") else ""
            return self.media.begin_video(call.body, end)
        return not_found()

    def _of_cli(self, call: OfficialCall) -> Script:
        asked = (call.method, call.path)
        if asked == ("GET", "/models"):
            listed = [row.for_cli() for row in self.models if row.on_cli]
            return error(200, {"object": "list", "data": listed})
        if asked == ("GET", "/billing"):
            return error(200, self.account.billing(call.query))
        if asked == ("GET", "/user"):
            return error(200, self.account.user())
        if asked != ("POST", "/responses"):
            return not_found()
        if not isinstance(call.body, dict):
            return not_json(call.headers)
        refused = refused_route(call.headers, call.body.get("model")) or refused_by_cli(call.body)
        return refused or self._answered(call, most_tools=MOST_TOOLS_OF_CLI)

    def _answered(self, call: OfficialCall, *, most_tools: int) -> Script:
        refused = refused_body(call.body, most_tools=most_tools)
        if refused is not None:
            return refused
        row = self._row(call.model)
        if row is None:
            return no_model(call.model)
        refused = refused_effort(call.body, row)
        if refused is not None:
            return refused
        named = self._named(call, said_last(call.body))
        if named in REFUSALS:
            return REFUSALS[named]()
        scripted = self._next_script(call)
        if isinstance(scripted, Script):
            return scripted
        given = scripted or self._plain(call, row)
        given = MANNERS[named](given) if named in MANNERS else given
        return self._written(call, row, given)

    def _written(self, call: OfficialCall, row: ModelRow, given: Answer) -> Script:
        self._count += 1
        response_id = f"{self._count:08x}-0000-4000-8000-000000000000"
        ticket = Ticket(response_id, row, call.body, self.costs.get(row.name))
        events = events_of(given, ticket)
        usage = (events[-1].get("response") or {}).get("usage") or {}
        self.spent_ticks += usage.get("cost_in_usd_ticks") or 0
        manner = given.manner
        if "gzip" not in call.headers.get("accept-encoding", ""):
            manner = evolve(manner, gzip=False)
        if not call.body.get("stream"):
            return whole(events, before_s=manner.before_s)
        return streamed(events, manner, _head(response_id, row))

    def _plain(self, call: OfficialCall, row: ModelRow) -> Answer:
        found = plain_answer(call.body, thinks=bool(row.efforts))
        return evolve(found, manner=evolve(found.manner, pace_s=self.pace_s))

    def _next_script(self, call: OfficialCall) -> Answer | Script | None:
        queue = self.scripts.get(call.model) or self.scripts.get("")
        if not queue:
            return None
        scripted = queue.popleft() if len(queue) > 1 else queue[0]
        return scripted if isinstance(scripted, Answer | Script) else scripted(call)

    def _named(self, call: OfficialCall, text: str) -> str:
        """The failure that a request asks for by its text or its model; empty for none."""
        found = _NAMED.search(text) or _NAMED.match(call.model)
        return found[1] if found else ""

    def _row(self, name: str) -> ModelRow | None:
        if name.startswith("simulate-"):
            return ModelRow(name)
        rows = (row for row in self.models if row.kind == "language")
        return next((row for row in rows if name == row.name or name in row.aliases), None)

    def _rows(self, kind: str) -> list[dict[str, Any]]:
        rows = [row for row in self.models if row.kind == kind]
        return [row.priced() if kind == "language" else row.media() for row in rows]

    def _charged(self, script: Script, ticks: int) -> Script:
        self.spent_ticks += ticks
        return script


def _head(response_id: str, row: ModelRow) -> tuple[tuple[str, str], ...]:
    return (
        ("x-request-id", response_id),
        ("x-grok-context-window", str(row.context)),
        ("x-grok-max-completion-tokens", "131072"),
        ("x-models-etag", "simulated"),
    )
