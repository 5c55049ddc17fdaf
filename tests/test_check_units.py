"""Services of systemd, as the doctor reads them: the shipped unit, the manual's drop-ins, others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.cli.check.surroundings import Surroundings
from grokcore.cli.check.units import check_command_of, find_unit, read_unit

ROOT = Path(__file__).parents[1]
SHIPPED = (ROOT / "deploy" / "grok2api.service").read_text("utf-8")
PROGRAM = "/opt/grok2api/grok2api.pyz"


def drop_in(words: str) -> str:
    """The piece of docs/systemd.md that has *words*."""
    manual = (ROOT / "docs" / "systemd.md").read_text("utf-8")
    (found,) = [
        text for text in re.findall(r"```ini\n(.*?)```", manual, re.DOTALL) if words in text
    ]
    return f"# /etc/systemd/system/grok2api.service.d/override.conf\n{found}"


@frozen
class Case:
    """A unit's text, and the command that examines its installation."""

    name: str
    text: str
    command: str
    user_s: bool = False


CASES = [
    Case("shipped", SHIPPED, f"sudo {PROGRAM} check --config /dev/null --tokens /etc/grok2api/tokens.json --data-dir /var/lib/grok2api"),
    Case("shipped, with the manual's port", SHIPPED + drop_in("GROK2API_SERVER_PORT"), f"sudo env GROK2API_SERVER_PORT=8080 {PROGRAM} check --config /dev/null --tokens /etc/grok2api/tokens.json --data-dir /var/lib/grok2api"),
    Case("shipped, with the manual's files of its own", SHIPPED + drop_in("WorkingDirectory"), f"sudo env -C /etc/grok2api {PROGRAM} check --data-dir /var/lib/grok2api"),
    Case("a user's checkout", "[Service]\nUser=grok\nWorkingDirectory=/srv/g\nExecStart=/usr/bin/python3 grok2api.py --port 8001\n", "sudo -u grok env -C /srv/g /usr/bin/python3 grok2api.py check --port 8001"),
    Case("root's", "[Service]\nUser=root\nExecStart=-/usr/bin/grok2api serve \\\n  --host=::1\n", "sudo /usr/bin/grok2api check --host=::1"),
    Case("a module", "[Service]\nExecStart=/v/bin/python -m grokcore serve\n", "sudo /v/bin/python -m grokcore check"),
    Case("the user's own manager", "[Service]\nStateDirectory=g\nWorkingDirectory=-/srv/me/g\nExecStart=/srv/me/.local/bin/grok2api\n", "env -C /srv/me/g /srv/me/.local/bin/grok2api check", user_s=True),
    Case("a secret in the unit", "[Service]\nExecStart=/usr/bin/grok2api\nEnvironment=GROK2API_GROK_API_KEY=hush OTHER=1 'GROK2API_SERVER_HOST=::'\n", "sudo env GROK2API_SERVER_HOST=:: /usr/bin/grok2api check (with GROK2API_GROK_API_KEY of the unit set)"),
    Case("variables in a file", "[Service]\nUser=g\nWorkingDirectory=/g\nEnvironment=GROK2API_SERVER_PORT=1\nEnvironmentFile=/etc/g/env\nExecStart=/usr/bin/grok2api\n", "sudo systemd-run --pipe --wait --quiet --collect --property=User=g --property=WorkingDirectory=/g --property=EnvironmentFile=/etc/g/env --setenv=GROK2API_SERVER_PORT=1 /usr/bin/grok2api check"),
    Case("a credential elsewhere", "[Service]\nLoadCredential=c.toml:/etc/my c.toml\nLoadCredential=t:/etc/t\nExecStart=/usr/bin/grok2api --config=${CREDENTIALS_DIRECTORY}/c.toml --tokens /run/credentials/g.service/t --record %d/x\n", "sudo /usr/bin/grok2api check --config=/dev/null --tokens /etc/t --record %d/x"),
    Case("a quote that is not closed", "[Service]\nExecStart=/usr/bin/grok2api --config 'a\n", "sudo /usr/bin/grok2api check --config ''\"'\"'a'"),
    Case("no command", "[Unit]\nExecStart=/bin/no\n[Service]\n# ExecStart=/bin/no\n", "sudo grok2api check"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_unit_is_examined_by_a_command_that_can_be_copied(case: Case) -> None:
    """The owner does not have to know where systemd keeps credentials and state. A value that may
    be a secret is never shown.
    """
    unit = read_unit(case.text, "grok2api.service", {}, user_s=case.user_s)
    assert check_command_of(unit) == case.command
    assert "hush" not in case.command


def test_a_configuration_that_root_alone_may_see_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in a folder that this user may not enter is taken to be there."""

    def stat(_: Path) -> None:
        raise PermissionError

    text = f"[Service]\nLoadCredential=c.toml:{tmp_path}/c.toml\nExecStart=grok2api --config %d/c.toml\n"
    unit = read_unit(text, "g.service", {})
    monkeypatch.setattr(Path, "stat", stat)
    assert check_command_of(unit) == f"sudo grok2api check --config {tmp_path}/c.toml"
    monkeypatch.undo()
    (tmp_path / "c.toml").touch()
    assert check_command_of(unit) == f"sudo grok2api check --config {tmp_path}/c.toml"


@pytest.mark.parametrize("of_user", [False, True])
def test_the_service_is_found_with_its_state(of_user: bool) -> None:
    """The system's service comes first; with neither there is none."""
    asked: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> str:
        asked.append(command)
        if of_user and "--user" not in command:
            return ""
        return "ActiveState=active\nMainPID=812\n" if "show" in command else SHIPPED

    unit = find_unit(Surroundings({}, run=run))
    assert unit is not None
    assert (unit.user_s, unit.state, unit.pid) == (of_user, "active", 812)
    assert {command[0] for command in asked} == {"systemctl"}
    assert ("--user" in unit.control, "--user" in unit.journal) == (of_user, of_user)
    assert find_unit(Surroundings({}, run=lambda _: "")) is None


@settings(deadline=None, max_examples=100)
@given(
    st.text(alphabet=st.sampled_from(list("[]Service=\\\n#;'\" %dabEnvironmentUser/:-"))), st.text()
)
def test_any_text_is_read_as_a_unit(text: str, state: str) -> None:
    """Whatever stands in a unit, the doctor goes on, and names a command on one line."""
    unit = read_unit(f"[Service]\n{text}", "g.service", {"ActiveState": state, "MainPID": state})
    assert "\n" not in check_command_of(unit)
