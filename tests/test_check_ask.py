"""``check --ask``: real questions, to the simulated Grok."""

from __future__ import annotations

import functools
import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.check import asking
from grokcore.cli.check.answers import EXCERPT_CHARS
from grokcore.protocol.tokens import token_id
from grokcore.simulator import frames, lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.page_socket import Close, Raw, Say, SocketCall, SocketScript, Step
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    answer_lines,
    error,
    play_lines,
    tokens_of,
    wrapped,
)
from grokcore.simulator.serve import serve_simulator
from tests.check_interrupted import interrupted
from tests.check_site import CANARY, SECRETS, Capture, Line, Site, lines_of, place
from tests.terminals import Terminal

__all__ = ["place"]  # a fixture

SOCKET = 'web_lane = "socket"\n'
REST = 'web_lane = "rest"\n'
BOTH = SOCKET + '[models."grok-3-fast"]\nweb_lane = "rest"\n'
QUICK = 'web_lane = "socket"\nstream_first_response_timeout = 0.3\nstream_chunk_timeout = 0.3\n'
TOKEN = f"token {token_id(CANARY)}"
HTML = (("content-type", "text/html; charset=UTF-8"),)


def socket_says(*steps: Step) -> Simulator:
    """A Grok whose websocket begins an answer and then plays *steps*."""
    simulator = Simulator()
    simulator.sockets.always(SocketScript((Say(frames.response_created("fast")), *steps)))
    return simulator


def rest_says(script: Script) -> Simulator:
    simulator = Simulator()
    simulator.always(script)
    return simulator


def told(words: str) -> Step:
    return Say(frames.text(words))


DONE = Say(frames.done())
NEW_KEY = Say(frames.chunk({"render_hologram": {"a": 1}}))
NEW_CHANNEL = Say(frames.text("hm", "CHANNEL_WHISPER"))
NEW_FRAME = Say({"type": "response.hologram", "response_id": lines.RESPONSE_ID})
STEERED = Say(frames.chunk({"ui_layout": {"steer_model_id": "grok-5-mini"}}))
NEW_LINE = [wrapped({"token": "", "shinyPanel": {"a": 1}}), *answer_lines(tokens_of("Hi"))]
ENDED = Say(frames.session_ended())


@frozen
class Case:
    """A Grok, and pieces of the one line on the question.

    :ivar lane: as in the line.
    """

    name: str
    simulator: Callable[[], Simulator]
    word: str
    pieces: Sequence[str]
    code: int = 0
    grok: str = SOCKET
    lane: str = "websocket, grok-3-fast (mode fast): "


CASES = [
    Case("an answer", lambda: socket_says(told("Hello."), DONE), "ok", ["answered in 0.", ", first word after 0.", "Grok names the model fast", '"Hello."', "everything was understood"]),
    Case("another model", lambda: socket_says(STEERED, told("Hi"), DONE), "ok", ["Grok names the model grok-5-mini"]),
    Case("a long answer", lambda: socket_says(told("word " * 100), DONE), "ok", [f'"{("word " * 100)[:EXCERPT_CHARS]}…"']),
    Case("a new key", lambda: socket_says(NEW_KEY, NEW_KEY, told("Hi"), DONE), "warn", ["answered in", "not understood: render_hologram (2)", "docs/drift.md"]),
    Case("a new channel", lambda: socket_says(NEW_CHANNEL, told("Hi"), DONE), "warn", ["not understood: CHANNEL_WHISPER (1)"]),
    Case("a new frame", lambda: socket_says(NEW_FRAME, told("Hi"), DONE), "warn", ["not understood: response.hologram (1)"]),
    Case("odd values and junk", lambda: socket_says(Raw("junk"), Say(frames.chunk({"render_citation": 5})), Say(frames.chunk({"render_citation": 5})), told("Hi"), DONE), "warn", ["1 unreadable line, 2 odd values"]),
    Case("anti-bot within", lambda: socket_says(Say(frames.error("anti_bot", "This page is out of date"))), "FAIL", ["refused after 0.", "(upstream_antibot): Grok said", "import-curl"], 1),
    Case("a failed answer", lambda: socket_says(Say(frames.done("failed", "oops"))), "FAIL", ["refused after", "(upstream_error): Grok's answer failed (oops)"], 1),
    Case("a broken answer", lambda: socket_says(NEW_KEY, told("Hel"), CUT), "FAIL", ["broke off after 0.", "first word after 0.", "not understood: render_hologram (1)"], 1),
    Case("a session that ends", lambda: socket_says(told("Hel"), ENDED), "FAIL", ["(upstream_incomplete)"], 1),
    Case("a close with a reason", lambda: socket_says(Close(1008, "too many requests")), "warn", ["(rate_limit_exceeded)"]),
    Case("silence", lambda: socket_says(HANG), "FAIL", ["(timeout_first_response)"], 1, QUICK),
    Case("a standstill", lambda: socket_says(told("Hel"), HANG), "FAIL", ["(timeout_chunk)", "first word after"], 1, QUICK),
    Case("a used-up mode", lambda: Simulator(limits={(CANARY, "fast"): Limit(25, 0, wait_s=60)}), "warn", ["(rate_limit_exceeded)", "Wait until"]),
    Case("an echo of secrets", lambda: socket_says(told(f"{CANARY} {lines.USER_ID}"), DONE), "ok", ['"… …"']),
    Case("an error that echoes secrets", lambda: socket_says(Say(frames.error("x", f"user {lines.USER_ID}"))), "FAIL", ["user …"], 1),
    Case("over REST", lambda: rest_says(play_lines(answer_lines(tokens_of("Hi"), model="grok-4-auto"))), "ok", ["answered in", "Grok names the model grok-4-auto", '"Hi"', "everything was understood"], 0, REST, "REST, grok-3-fast: "),
    Case("a new key over REST", lambda: rest_says(play_lines(NEW_LINE)), "warn", ["not understood: shinyPanel (1)"], 0, REST, "REST, grok-3-fast: "),
    Case("anti-bot over REST", lambda: rest_says(error(403, lines.ERROR_403_ANTIBOT)), "FAIL", ["(upstream_antibot)", "x_statsig_id"], 1, REST, "REST, grok-3-fast: "),
]  # fmt: skip


def run(site: Site, place: Path, capsys: Capture, *words: str) -> tuple[int, list[Line], str]:
    """The exit code, the lines on stdout, and stderr. In no case a secret."""
    code = site.run(place, "--ask", *words)
    out, err = capsys.readouterr()
    assert [secret for secret in (*SECRETS, lines.USER_ID) if secret in out + err] == []
    return code, lines_of(out), err


def questions(site: Site) -> int:
    asked = [call for call in site.simulator.sockets.calls if call.frames]
    assert [call.faults for call in asked if call.faults] == []
    return len(asked) + len(site.simulator.calls)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_course_of_a_question_is_one_line(case: Case, place: Path, capsys: Capture) -> None:
    """The one thing that shows whether Grok has moved: refused or answered, how soon, by which
    model, and by name what was not understood. It is put once, whatever becomes of it.
    """
    site = Site(case.simulator(), case.grok)
    code, found, err = run(site, place, capsys, "--yes")
    (line,) = [rest for word, name, rest in found if case.lane in rest and name == TOKEN]
    assert (case.word, TOKEN) in [one[:2] for one in found if one[2] == line]
    assert [piece for piece in case.pieces if piece not in line] == [], line
    assert code == case.code
    assert questions(site) == 1
    assert "This asks Grok 1 question, which count" in err
    assert [*site.simulator.sockets.open, *site.simulator.open_calls] == []


def test_each_lane_in_use_is_asked_with_each_token(place: Path, capsys: Capture) -> None:
    """A lane may have moved and the other not. What it costs, and whom, is said before."""
    tokens = [{"token": CANARY, "note": "mine"}, "two"]
    site = Site(grok=BOTH, tokens=tokens)
    code, found, err = run(site, place, capsys, "--yes")
    assert code == 0
    assert questions(site) == 4
    assert sum(": answered in" in rest for _, _, rest in found) == 4
    mine, two = token_id(CANARY), token_id("two")
    assert err.splitlines() == [
        "This asks Grok 4 questions, which count against your own allowance:",
        f"  websocket, grok-4.1 (mode auto): {mine} (mine), {two}",
        f"  REST, grok-3-fast: {mine} (mine), {two}",
    ]


def test_no_more_is_asked_than_the_owner_wants(place: Path, capsys: Capture) -> None:
    """The cost for hundreds of tokens is bounded, and tokens of different egresses take turns."""
    tokens = ["a", "b", "c", {"token": "d", "proxy_url": "PROXY"}]
    site = Site(grok=SOCKET, tokens=tokens)

    async def scenario() -> int:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                site._lay_out(place, url, int(url.rpartition(":")[2]))
                words = ["check", "--ask", "--yes", "--most", "2"]
                code = await trio.to_thread.run_sync(main, words)
                nursery.cancel_scope.cancel()
        return code

    assert trio.run(scenario) == 0
    assert questions(site) == 2
    assert {call.sso for call in site.simulator.sockets.calls if call.frames} == {"a", "d"}
    assert "(2 more are not asked; --most N asks up to N)" in capsys.readouterr().err


@frozen
class Consent:
    """The owner's answer at a terminal, and whether Grok is then asked."""

    typed: str
    asked: bool


@pytest.mark.parametrize(
    "consent",
    [Consent("y\n", True), Consent("Yes\n", True), Consent("\n", False), Consent("", False), Consent("n\n", False)],
    ids=lambda consent: repr(consent.typed),
)  # fmt: skip
def test_nothing_is_asked_before_the_owner_agrees(
    consent: Consent, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question costs a part of the allowance; Return alone is no consent."""
    monkeypatch.setattr(sys, "stdin", Terminal(consent.typed))
    site = Site(grok=SOCKET)
    code, found, err = run(site, place, capsys)
    assert code == 0
    assert questions(site) == consent.asked
    assert err.endswith("Ask? [y/N] ")
    assert (("skip", "questions", "not asked: you did not agree") in found) is not consent.asked


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ask"], "there is no terminal to ask you at; add --yes"),
        (["--yes"], "--yes: belongs to --ask and --tools"),
        (["--ask", "--yes", "--most", "0"], "--most: must be 1 or more"),
        (["--most", "3"], "--most: belongs to --ask"),
        (["--tools", "--yes", "--most", "3"], "--most: belongs to --ask"),
    ],
)
def test_questions_without_consent_are_refused_before_anything_is_looked_at(
    words: list[str], says: str, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that forgot the flag must not spend questions, nor wait for a person."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["check", *words]) == EXIT_CONFIG
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


@frozen
class Vain:
    """A Grok at which no question can be put over the websocket, and the reason."""

    name: str
    simulator: Callable[[], Simulator]
    reason: str
    tokens: Sequence[object] = (CANARY,)
    files: tuple[tuple[str, str], ...] = ()
    code: int = 1


def without_upgrade() -> Simulator:
    simulator = Simulator()
    simulator.sockets.always(SocketScript((), 403, HTML))
    return simulator


VAIN = [
    Vain("a dead session", lambda: Simulator(dead={CANARY}), "websocket: not asked, since its session is refused"),
    Vain("no websocket", without_upgrade, "websocket: not asked, since its websocket does not open"),
    Vain("no token", Simulator, "no token can be asked", (), code=0),
    Vain("a configuration at fault", Simulator, "no token can be asked", files=(("config.toml", "["),), code=EXIT_CONFIG),
]  # fmt: skip


@pytest.mark.parametrize("vain", VAIN, ids=lambda vain: vain.name)
def test_no_question_is_put_that_must_fail(vain: Vain, place: Path, capsys: Capture) -> None:
    """The looks have named the fault already, and each request more hardens a refusal."""
    site = Site(vain.simulator(), SOCKET, list(vain.tokens), dict(vain.files))
    code, found, err = run(site, place, capsys, "--yes")
    assert code == vain.code
    assert questions(site) == 0
    assert vain.reason in [rest for word, _, rest in found if word == "skip"]
    assert "This asks" not in err


def test_a_lane_that_is_refused_on_an_egress_is_asked_no_more(place: Path, capsys: Capture) -> None:
    """More questions would only harden the refusal; the others are named as not asked."""
    tokens = [f"token-{number}" for number in range(9)]
    site = Site(socket_says(Say(frames.error("anti_bot", "no"))), SOCKET, tokens)
    code, found, _ = run(site, place, capsys, "--yes")
    assert code == 1
    assert questions(site) <= asking.AT_ONCE
    left = [rest for word, _, rest in found if word == "skip"]
    assert len(left) == 9 - questions(site)
    assert {"not asked, since Grok's anti-bot rules refused" in rest for rest in left} == {True}


def test_for_programs_the_questions_are_in_the_json(place: Path, capsys: Capture) -> None:
    """And the price is not: stdout is one object."""
    site = Site(grok=SOCKET)
    assert site.run(place, "--ask", "--yes", "--json") == 0
    out, err = capsys.readouterr()
    last = json.loads(out)["checks"][-1]
    assert (last["name"], last["status"]) == (TOKEN, "ok")
    assert "answered in" in last["message"]
    assert "This asks Grok 1 question" in err


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["lines", "json"])
def test_ctrl_c_closes_the_websockets_and_shows_what_is_known(
    words: list[str], place: Path
) -> None:
    """A question that hangs has shown something too: how long Grok was silent."""
    asked = trio.Event()

    def hang(_: SocketCall) -> tuple[Step, ...]:
        asked.set()
        return (HANG,)

    site = Site(grok=SOCKET)
    site.simulator.sockets.always(SocketScript((), answer=hang))
    end = interrupted(
        site,
        place,
        *("--ask", "--yes", *words),
        when=asked.wait,
        afterwards=lambda: site.simulator.until(lambda: not site.simulator.sockets.open),
    )
    assert end.code == 130
    assert end.err.endswith("interrupted\n")
    assert "interrupted after 0." in end.out
    assert "Traceback" not in end.err
