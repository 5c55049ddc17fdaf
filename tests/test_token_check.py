"""``tokens check`` against a simulated Grok, and what ``tokens list`` knows of a server's state."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import field, frozen

from grokcore.cli import main
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.runtime.disk.state_file import StateFile
from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import CUT, Script, answer, error, page
from grokcore.simulator.serve import serve_simulator
from tests.servers import TOKENS, Site, run_on_site

SECRET = "eyJ-very-secret-token"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_grok(simulator: Simulator, do: Callable[[str], int]) -> int:
    """Run *do*, which blocks, beside a simulated Grok at the URL it is given."""

    async def scenario() -> int:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(serve_simulator, simulator)
                code = await trio.to_thread.run_sync(do, url)
                nursery.cancel_scope.cancel()
        return code

    return trio.run(scenario)


def check(place: Path, simulator: Simulator, tokens: Any, *words: str) -> int:
    """The exit code of ``tokens check``."""
    (place / "tokens.json").write_text(json.dumps(tokens))

    def run(url: str) -> int:
        (place / "config.toml").write_text(f'[grok]\nbase_url = "{url}"\nweb_lane = "rest"\n')
        return main(["tokens", "check", *words])

    return with_grok(simulator, run)


@frozen
class Verdict:
    """How Grok treats a token, and what its line says."""

    says: str
    code: int = 0
    limit: Limit | None = None
    script: Script | None = None


VERDICTS = {
    "fine": Verdict("ok: 40 of 40"),
    "flat": Verdict("ok: 7 of 25", limit=Limit(25, 7)),
    "budget": Verdict("ok: 9 of 140", limit=Limit(140, 9, flat=False)),
    "used-up": Verdict("used up: 0 of 25, back in 40 min", limit=Limit(25, 0, wait_s=2429)),
    "refused": Verdict("refused (no_valid_tokens): Grok does not accept this session.", 1, script=error(401, lines.ERROR_401)),
    "blocked": Verdict("refused (no_valid_tokens): ", 1, script=error(403, lines.ERROR_403_BLOCKED)),
    "antibot": Verdict("no answer (upstream_antibot): ", 1, script=error(403, lines.ERROR_403_ANTIBOT)),
    "challenge": Verdict("no answer (upstream_challenge): ", 1, script=page()),
    "lost": Verdict("no answer (upstream_error): ", 1, script=Script((CUT,))),
    "nonsense": Verdict("no answer (upstream_error): Grok's answer does not hold", 1, script=error(200, {"a": 1})),
    "echo": Verdict("no answer (upstream_refused): ", 1, script=error(400, {"code": 3, "message": f"no {SECRET}"})),
}  # fmt: skip


@pytest.mark.parametrize("name", VERDICTS)
def test_each_token_is_told_by_its_id_and_what_grok_says_of_it(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No generation is spent, no token is shown, and the exit code is for scripts."""
    verdict = VERDICTS[name]
    simulator = Simulator()
    if verdict.limit:
        simulator.limits[SECRET, "grok-3"] = verdict.limit
    if verdict.script:
        simulator.script_asks(SECRET, verdict.script)

    assert check(place, simulator, [SECRET]) == verdict.code

    out, err = capsys.readouterr()
    assert re.fullmatch(rf"{token_id(SECRET)}  {re.escape(verdict.says)}.*\n", out)
    assert (SECRET in out + err, simulator.calls, len(simulator.asks)) == (False, [], 1)


def test_some_tokens_may_be_named_and_the_model_whose_allowance_is_asked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them in the file's order without a name; one by the first digits of its id."""
    simulator = Simulator()
    tokens: dict[str, Any] = {"sso": {f"token-{number}": {} for number in range(30)}}
    assert check(place, simulator, tokens) == 0
    assert [line[:8] for line in capsys.readouterr().out.splitlines()] == [
        token_id(token) for token in tokens["sso"]
    ]
    assert check(place, simulator, tokens, token_id("token-7")[:6], "--model", "grok-4-heavy") == 0
    assert capsys.readouterr().out.startswith(token_id("token-7"))
    assert [ask.body["modelName"] for ask in simulator.asks] == ["grok-3"] * 30 + ["grok-4-heavy"]


def test_a_note_says_whose_token_it_is(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Behind what Grok says, if there is one."""
    assert check(place, Simulator(), [{"token": "one", "note": "mine"}, "two"]) == 0
    assert (
        capsys.readouterr().out
        == f"{token_id('one')}  ok: 40 of 40  mine\n{token_id('two')}  ok: 40 of 40\n"
    )


@pytest.mark.parametrize("words", [["ffffff"], ["--model", "no-such-model"]], ids=["id", "model"])
def test_what_is_not_there_is_a_fault(
    words: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line and exit code 78."""
    assert check(place, Simulator(), ["token"], *words) == 78
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("script", "code"),
    [(page(), "upstream_challenge"), (error(403, lines.ERROR_403_ANTIBOT), "upstream_antibot")],
    ids=["challenge", "antibot"],
)
def test_through_an_egress_that_is_not_trusted_nobody_else_is_asked(
    script: Script, code: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hundred challenges in a row would only harden it."""
    simulator = Simulator()
    tokens = [f"token-{number}" for number in range(100)]
    for token in tokens:
        simulator.script_asks(token, script)
    assert check(place, simulator, tokens) == 1
    assert capsys.readouterr().out.count(code) == 100
    assert len(simulator.asks) <= 8  # those that were under way together


def test_without_tokens_there_is_nothing_to_check(capsys: pytest.CaptureFixture[str]) -> None:
    """And that is no failure."""
    assert main(["tokens", "check"]) == 0
    assert "no tokens yet" in capsys.readouterr().err


# What a server has learned ----------------------------------------------------------------------


@frozen
class Learned:
    """What a server met, and what the list says of the token then."""

    says: str
    scripts: tuple[Script, ...] = (answer("ok"),)
    limits: Mapping[str, Limit] = field(factory=dict)


@pytest.mark.parametrize(
    "case",
    [
        Learned("ok; grok-3: 6 of 25", limits={"grok-3": Limit(25, 7)}),
        Learned(
            r"cooling; grok-3: used up, back in (60|59) s", scripts=(error(429, lines.ERROR_429),)
        ),
        Learned(r"cooling for (60|59) s; grok-3: 40 of 40", scripts=(error(401, lines.ERROR_401),)),
    ],
    ids=lambda case: case.says[:20],
)
def test_the_list_shows_what_a_running_server_has_learned(
    case: Learned, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Read from its state file, without disturbing it."""
    entry = TOKENS[0]
    state_file = place / "data" / "state.jsonl"
    state_file.parent.mkdir()
    (place / "tokens.json").write_text(json.dumps([entry.sso]))

    async def scenario(site: Site) -> None:
        site.simulator.script(entry.sso, *case.scripts)
        for group, limit in case.limits.items():
            site.simulator.limits[entry.sso, group] = limit
        await site.ask()
        await site.settled()

    run_on_site(scenario, tokens=(entry,), state_file=state_file)
    assert main(["tokens", "list"]) == 0
    _, row = capsys.readouterr().out.splitlines()
    assert re.search(rf"\s{case.says}\s*$", row)


def test_an_invalid_token_is_shown_with_grok_s_own_words(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a state file that can't be read costs the column only."""
    (place / "tokens.json").write_text(json.dumps(["a-token"]))
    (place / "data").mkdir()
    file = StateFile(place / "data" / "state.jsonl")
    now = time.time()
    record = {
        "key": TokenEntry("a-token").key,
        "refusals": 2,
        "refusal": "Grok: no",
        "first_refusal_at": now - 100,
    }
    file.save({"x": json.dumps({**record, "cooling_until": now + 900}).encode()})
    assert main(["tokens", "list"]) == 0
    assert "invalid: Grok: no" in capsys.readouterr().out
    file.path.write_bytes(b"rubbish")
    assert main(["tokens", "list"]) == 0
    assert "invalid" not in capsys.readouterr().out
    assert file.path.read_bytes() == b"rubbish"
