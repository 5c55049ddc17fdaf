"""The findings of ``check`` on official lanes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.cli.check.findings import Finding, Status
from grokcore.cli.check.official import LaneLook, judge_lane
from grokcore.cli.check.official_looks import examine_lanes
from grokcore.config import load_config
from grokcore.errors import (
    AccessDenied,
    CliOutdated,
    CreditsExhausted,
    GrokApiError,
    OfficialCredentialRejected,
    QuotaExhausted,
    TransportFailure,
)
from grokcore.protocol.models import LaneName, LaneUse
from grokcore.protocol.tokens import token_id
from grokcore.simulator.official.app import KEY, TOKEN, OfficialSimulator
from grokcore.simulator.official.serve import serve_official

# Judgements -------------------------------------------------------------------------------------


def look(lane: LaneName = LaneName.API, error: GrokApiError | None = None) -> LaneLook:
    """A lane of which xAI has listed two models, or which it has refused."""
    version = "1.0.13" if lane is LaneName.CLI else ""
    return LaneLook(
        lane, LaneUse.OVERFLOW, "[api] key", "ab12cd34", "", error, 2, 3, version=version
    )


CASES = [
    (look(error=OfficialCredentialRejected("No.")), Status.FAIL, "console.x.ai"),
    (look(LaneName.CLI, OfficialCredentialRejected("No.")), Status.FAIL, "Run grok once"),
    (look(error=CreditsExhausted("No.")), Status.FAIL, "Buy credits"),
    (look(error=AccessDenied("No.")), Status.FAIL, "another model"),
    (look(LaneName.CLI, CliOutdated("No.")), Status.FAIL, "client_version"),
    (look(error=QuotaExhausted("No.")), Status.WARN, "Wait until"),
    (look(error=TransportFailure("No.")), Status.FAIL, "proxy_url"),
    (LaneLook(LaneName.API, LaneUse.OVERFLOW, "x", fault="No."), Status.FAIL, "key_file"),
    (LaneLook(LaneName.CLI, LaneUse.OVERFLOW, "x", fault="No."), Status.FAIL, "grok login"),
    (LaneLook(LaneName.API, LaneUse.OFF, "x", "id", listed=3), Status.WARN, "models in [api]"),
    (
        LaneLook(LaneName.CLI, LaneUse.OFF, "x", "id", models=1, listed=3),
        Status.WARN,
        "client_version",
    ),
]


@pytest.mark.parametrize(("seen", "status", "advice"), CASES)
def test_each_fault_has_its_way_out(seen: LaneLook, status: Status, advice: str) -> None:
    """A message without a full stop, and advice in whole sentences."""
    finding = judge_lane(seen)
    assert (finding.status, finding.name) == (status, f"lane {seen.lane.value}")
    assert advice in finding.advice
    assert finding.advice.endswith((".", "?"))
    assert not finding.message.endswith(".")


def test_what_is_well_is_told_in_one_line() -> None:
    """The source, models, version, end, credits, cap and use, as far as there are any."""
    cli = LaneLook(
        LaneName.CLI,
        LaneUse.FIRST,
        "/srv/owner/.grok/auth.json",
        "5e55a0c1",
        models=9,
        listed=9,
        expires_in=7200.0,
        version="1.0.13",
        used_percent=37.4,
        period="weekly",
    )
    assert judge_lane(cli).message == (
        "session 5e55a0c1 of /srv/owner/.grok/auth.json; 9 of 9 models; CLI 1.0.13; "
        'expires in 2 h 0 min; 37 % of the weekly credits used; use = "first"'
    )
    api = LaneLook(LaneName.API, LaneUse.OFF, "[api] key", "id", "", None, 2, 3, daily_usd=1.0)
    assert judge_lane(api) == Finding(
        "lane api",
        Status.OK,
        "key id of [api] key; 2 of 3 models; 1 USD a day at most; switched off",
    )


# With the simulated services --------------------------------------------------------------------


@frozen
class Examined:
    """The findings, and the services that were asked."""

    findings: list[Finding]
    official: OfficialSimulator

    def of(self, lane: str) -> Finding:
        (found,) = (finding for finding in self.findings if finding.name == f"lane {lane}")
        return found


def examine(config: str, official: OfficialSimulator | None = None) -> Examined:
    """Look at the lanes of this configuration; no finding holds a secret."""
    simulator, findings = official or OfficialSimulator(), list[Finding]()

    async def main() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                urls = await nursery.start(serve_official, simulator)
                text = config.replace("{api_url}", urls.api).replace("{cli_url}", urls.cli)
                await examine_lanes(load_config(text, environ={})[0], findings.append)
                nursery.cancel_scope.cancel()

    trio.run(main)
    told = repr(findings)
    assert not [secret for secret in (KEY, TOKEN, "owner@", "u-1") if secret in told]
    return Examined(findings, simulator)


PAID = f'[api]\nkey = "{KEY}"\nbase_url = "{{api_url}}"\n'


def with_session(folder: Path, *, version: str = "1.0.13", token: str = TOKEN) -> str:
    """The configuration of a session that lasts two hours."""
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 7230))
    entry = {"key": token, "user_id": "u-1", "email": "owner@example.com", "expires_at": ends}
    (folder / "auth.json").write_text(json.dumps({"https://auth.x.ai::client": entry}))
    return (
        f'[cli]\nauth_file = "{folder / "auth.json"}"\nclient_version = "{version}"\n'
        'base_url = "{cli_url}"\n'
    )


def test_lists_are_asked_for_and_nothing_else(tmp_path: Path) -> None:
    """A look costs nothing, and shows what each lane has."""
    found = examine(PAID + with_session(tmp_path))
    assert [finding.status for finding in found.findings] == [Status.OK, Status.OK]
    assert found.of("api").message.startswith(f"key {token_id(KEY)} of [api] key; ")
    assert "1 USD a day at most" in found.of("api").message
    cli = found.of("cli").message
    assert f"session {token_id(TOKEN)} of {tmp_path}" in cli
    for piece in ("CLI 1.0.13", "expires in 2 h", "12 % of the weekly credits used"):
        assert piece in cli
    assert {call.method for call in found.official.calls} == {"GET"}


def test_a_key_and_a_session_that_xai_refuses(tmp_path: Path) -> None:
    """Each with advice of its own."""
    official = OfficialSimulator(keys=set(), tokens=set())
    found = examine(PAID + with_session(tmp_path), official)
    assert [finding.status for finding in found.findings] == [Status.FAIL, Status.FAIL]
    assert "console.x.ai" in found.of("api").advice
    assert "Run grok once" in found.of("cli").advice


def test_a_version_that_is_too_old(tmp_path: Path) -> None:
    """The proxy's 426 becomes words, with a way out."""
    finding = examine(with_session(tmp_path, version="0.1.1")).of("cli")
    assert finding.status is Status.FAIL
    assert "client_version" in finding.advice


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is asked without a credential."""
    config = f'[api]\nkey_file = "{tmp_path}/none"\n[cli]\nauth_file = "{tmp_path}/none.json"\n'
    found = examine(config)
    assert [finding.status for finding in found.findings] == [Status.FAIL, Status.FAIL]
    assert "grok login" in found.of("cli").message
    assert found.official.calls == []


def test_without_an_official_lane_nothing_is_said() -> None:
    """Session tokens alone are no fault."""
    assert examine("").findings == []
