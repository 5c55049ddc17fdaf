"""The looks of ``check`` at accounts that chat over the websocket, against the simulated Grok."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.cli.check import account_looks, token_rounds
from grokcore.cli.check.lanes_in_use import cheapest_model, lanes_in_use
from grokcore.config import load_config
from grokcore.protocol.models import Tier, WebLane
from grokcore.protocol.tokens import token_id
from grokcore.simulator import lines
from grokcore.simulator.accounts import all_modes
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.page_socket import SocketScript
from grokcore.simulator.scripts import HANG, Script, error, page
from tests.check_site import CANARY, Capture, Line, Site, check, place, refusing

__all__ = ["place"]  # a fixture

SOCKET = 'web_lane = "socket"\n'
BOTH = SOCKET + '[models."grok-3-fast"]\nweb_lane = "rest"\n'
TOKEN = f"token {token_id(CANARY)}"
HTML = (("content-type", "text/html; charset=UTF-8"), ("server", "cloudflare"))
SIGN_IN = (("location", "https://accounts.x.ai/sign-in"),)
SILENT = Script((HANG,), before=60)


def refused_upgrade(status: int, headers: Sequence[tuple[str, str]] = ()) -> Simulator:
    simulator = Simulator()
    simulator.sockets.always(SocketScript((), status, tuple(headers)))
    return simulator


def about(**scripts: Script) -> Simulator:
    """A Grok that answers the session's and the modes' questions of the one token so."""
    return Simulator(
        session_scripts={CANARY: scripts["session"]} if "session" in scripts else {},
        mode_scripts={CANARY: scripts["modes"]} if "modes" in scripts else {},
    )


def limits_say(script: Script) -> Simulator:
    simulator = Simulator()
    simulator.script_asks(CANARY, script)
    return simulator


@frozen
class Case:
    """A Grok, and pieces of the lines that it leads to.

    :ivar requests: how many requests it gets: for sessions, websockets, modes, allowances.
    """

    name: str
    simulator: Callable[[], Simulator]
    expects: Sequence[Line]
    code: int = 0
    requests: tuple[int, int, int, int] = (1, 1, 1, 1)
    tokens: Sequence[object] = (CANARY,)
    grok: str = SOCKET


THREE = ("one", "two", CANARY)

CASES = [
    Case("all is well", Simulator, [("ok", TOKEN, "signed in as user 11111111…; the websocket opens; modes: auto, fast, expert, heavy, build; allowance: 40 of 40"), ("ok", "statsig", "chats over the websocket need none")]),
    Case("a dead session", lambda: Simulator(dead={CANARY}), [("FAIL", TOKEN, "session: refused. Grok said (HTTP 401)"), ("FAIL", TOKEN, "import-curl")], 1, (1, 0, 0, 0)),
    Case("a blocked account", lambda: about(session=error(200, {"session": {"userId": "u-1", "status": "blocked"}})), [("FAIL", TOKEN, "Grok has blocked its account")], 1, (1, 0, 0, 0)),
    Case("a challenge before the session", lambda: about(session=page()), [("FAIL", "session", "a challenge page came instead of an answer, HTTP 403 (1 token, directly: "), ("FAIL", "session", "import-curl"), ("ok", TOKEN, "modes: auto")], 1, (1, 0, 1, 1)),
    Case("a session without a user", lambda: about(session=error(200, {})), [("FAIL", "session", "whose session this is")], 1, (1, 0, 1, 1)),
    Case("an upgrade of a dead session", lambda: refused_upgrade(401), [("FAIL", TOKEN, "websocket: refused. Grok said nothing more (HTTP 401)")], 1, (1, 1, 0, 0)),
    Case("an upgrade sent to the sign-in", lambda: refused_upgrade(307, SIGN_IN), [("FAIL", TOKEN, "to the page of the sign-in")], 1, (1, 1, 0, 0)),
    Case("a challenge at the upgrade", lambda: refused_upgrade(403, HTML), [("FAIL", "websocket", "a challenge page came instead of an answer, HTTP 403 (1 token"), ("FAIL", "websocket", "cf_clearance"), ("ok", TOKEN, "signed in as user")], 1),
    Case("anti-bot at the upgrade", lambda: refused_upgrade(403, [("content-type", "application/json")]), [("FAIL", "websocket", "anti-bot rules refused the request, HTTP 403"), ("FAIL", "websocket", "import-curl")], 1),
    Case("too many connections", lambda: refused_upgrade(429), [("warn", TOKEN, "websocket: refused for now. Grok said nothing more (HTTP 429); signed in as")]),
    Case("a page of too many requests", lambda: refused_upgrade(429, HTML), [("warn", "websocket", "HTTP 429 with a page")]),
    Case("no such path", lambda: refused_upgrade(404), [("FAIL", "websocket", "(HTTP 404) (1 token"), ("FAIL", "websocket", "[grok] socket_path")], 1),
    Case("no websockets on the way", lambda: refused_upgrade(502, HTML), [("FAIL", "websocket", "may not let websockets through")], 1),
    Case("modes behind a challenge", lambda: about(modes=page()), [("warn", "modes", "a challenge page came"), ("warn", "modes", "no fault of the tokens'"), ("ok", TOKEN, "the websocket opens; allowance: ")]),
    Case("no modes", lambda: about(modes=error(200, {})), [("warn", "modes", "lists no modes")]),
    Case("modes of a free account", lambda: about(modes=all_modes(heavy="requiresUpgrade", build="comingSoon")), [("ok", TOKEN, "modes: auto, fast, expert (not heavy: TIER_SUPERGROK, build)")]),
    Case("an allowance that is not for cookies", lambda: Simulator(strict_limits=True), [("ok", TOKEN, "Grok does not report its allowance, which is counted here")]),
    Case("a used-up mode", lambda: Simulator(limits={(CANARY, "fast"): Limit(25, 0, wait_s=60)}), [("ok", TOKEN, "allowance: used up: 0 of 25, back in 60 s")]),
    Case("an allowance that fails", lambda: limits_say(error(500, {})), [("warn", "allowance", "HTTP 500"), ("warn", "allowance", "counted here")]),
    Case("several tokens of one account", Simulator, [("warn", "accounts", "belong to one account"), ("ok", TOKEN, "signed in")], 0, (3, 3, 3, 3), THREE),
    Case("another user's id in the file", Simulator, [("warn", TOKEN, "its user_id in the token file is not that of its session; signed in")], tokens=[{"token": CANARY, "user_id": "u-7"}]),
    Case("the right user's id, and a note", Simulator, [("ok", TOKEN, "(mine)")], tokens=[{"token": CANARY, "user_id": lines.USER_ID, "note": "mine"}]),
    Case("an id in the file helps where the session is not shown", lambda: about(session=page()), [("FAIL", "session", ""), ("ok", TOKEN, "the websocket opens")], 1, tokens=[{"token": CANARY, "user_id": "u-7"}]),
    Case("a model over REST", lambda: Simulator(strict_limits=True), [("ok", TOKEN, "REST: ok: 40 of 40"), ("ok", TOKEN, "the websocket opens"), ("warn", "statsig", "the shipped default")], requests=(1, 1, 1, 2), grok=BOTH),
    Case("a dead session is not asked over REST", lambda: Simulator(dead={CANARY}), [("FAIL", TOKEN, "session: refused")], 1, (1, 0, 0, 0), grok=BOTH),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_outcome_of_a_look_is_named_with_what_to_do(
    case: Case, place: Path, capsys: Capture
) -> None:
    """An owner reads where the way to Grok ends: session, websocket, modes. Nothing is asked over
    the websocket, no chat is begun, and no token, cookie or user id is shown.
    """
    simulator = case.simulator()
    code, told = check(Site(simulator, case.grok, list(case.tokens)), place, capsys)
    assert code == case.code, told
    for word, name, piece in case.expects:
        assert [line for line in told if line[:2] == (word, name) and piece in line[2]], told
    sessions, sockets = len(simulator.sessions), len(simulator.sockets.calls)
    assert (sessions, sockets, len(simulator.modes), len(simulator.asks)) == case.requests
    assert simulator.calls == []
    assert [call.frames + call.faults for call in simulator.sockets.calls if call.frames] == []
    assert lines.USER_ID not in str(told)
    assert all(len(rest.split(". ")) > 1 for word, _, rest in told if word in ("warn", "FAIL"))


def test_an_egress_that_is_refused_is_not_tried_with_every_token(
    place: Path, capsys: Capture
) -> None:
    """Thousands of tokens would only harden the refusal; one line names some of them."""
    tokens = [f"token-{number}" for number in range(40)]
    simulator = Simulator(session_scripts=dict.fromkeys(tokens, page()))
    code, told = check(Site(simulator, SOCKET, tokens), place, capsys)
    (line,) = [line for line in told if line[1] == "session"]
    assert code == 1
    assert "(40 tokens, directly: " in line[2]
    assert len(simulator.sessions) <= account_looks.AT_ONCE
    assert len(simulator.modes) == 40


def test_tokens_of_an_egress_that_does_not_lead_to_grok_are_left_out(
    place: Path, capsys: Capture
) -> None:
    """Their sessions are not judged by the failure of a proxy."""
    tokens = [{"token": CANARY, "proxy_url": "PROXY"}, "two"]
    site = Site(grok=SOCKET, tokens=tokens, proxy=refusing)
    _, told = check(site, place, capsys)
    assert [line[1] for line in told if "the websocket opens" in line[2]] == [
        f"token {token_id('two')}"
    ]
    assert ("skip", "tokens") in [line[:2] for line in told]


@pytest.mark.parametrize("what", ["session", "websocket", "modes"])
def test_no_look_at_an_account_waits_longer_than_its_clock(
    what: str, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent Grok, or a proxy that swallows websockets, does not hang the doctor."""
    for module in (account_looks, token_rounds):
        monkeypatch.setattr(module, "LOOK_S", 0.2)
    simulator = about(**{what: SILENT} if what != "websocket" else {})
    if what == "websocket":
        simulator.sockets.always(SocketScript((), before=60))
    _, told = check(Site(simulator, SOCKET), place, capsys)
    (line,) = [line for line in told if line[1] == what]
    assert "within 0.2 s" in line[2]
    assert simulator.sockets.open == []


def test_the_upgrade_is_tried_as_the_browser_of_the_questions(place: Path, capsys: Capture) -> None:
    """Another handshake or other cookies would be judged otherwise by Grok's edge."""
    site = Site(grok=f'{SOCKET}cf_clearance = "clear"\nuser_agent = "Agent"\n')
    check(site, place, capsys)
    (call,) = site.simulator.sockets.calls
    assert call.faults == []
    assert call.headers["user-agent"] == "Agent"
    assert call.headers["cookie"] == (
        f"sso={CANARY}; sso-rw={CANARY}; cf_clearance=clear; x-userid={lines.USER_ID}"
    )


# Lanes ------------------------------------------------------------------------------------------


@frozen
class Table:
    """A configuration, its lanes, and the cheapest model of the first one for each tier."""

    name: str
    text: str
    lanes: tuple[WebLane, ...]
    models: tuple[str | None, str | None]


ONLY_HEAVY = "".join(
    f'[models."{name}"]\nweb_lane = "rest"\n'
    for name in load_config("")[0].models
    if name not in ("grok-heavy", "grok-imagine-0.9")
)

TABLES = [
    Table("websocket", "[grok]\n" + SOCKET, (WebLane.SOCKET,), ("grok-3-fast", "grok-3-fast")),
    Table("REST", '[grok]\nweb_lane = "rest"\n', (WebLane.REST,), ("grok-3-fast", "grok-3-fast")),
    Table("both", "[grok]\n" + BOTH, (WebLane.SOCKET, WebLane.REST), ("grok-4.1", "grok-4.1")),
    Table("one for Super accounts", "[grok]\n" + SOCKET + ONLY_HEAVY, (WebLane.SOCKET, WebLane.REST), (None, "grok-heavy")),
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_lanes_in_use_and_their_cheapest_models(table: Table) -> None:
    """Videos, which go over REST whatever is set, put no lane in use, and a question does not cost
    four.
    """
    config, _ = load_config(table.text)
    assert lanes_in_use(config) == table.lanes
    models = [cheapest_model(config, table.lanes[0], tier) for tier in (Tier.BASIC, Tier.SUPER)]
    assert tuple(model.name if model else None for model in models) == table.models


def test_a_case_has_its_own_name() -> None:
    """Two of one name would be one in the report."""
    names = [*(case.name for case in CASES), *(table.name for table in TABLES)]
    assert len(names) == len({*names})
