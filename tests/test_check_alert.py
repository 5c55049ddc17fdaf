"""``check --alert``: a test alert to each target."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from grokcore.cli import main
from tests.alert_receivers import MailReceiver, Play, WebReceiver, answering, mail_server
from tests.cli_place import place  # noqa: F401  (a fixture)


def check(
    text: Callable[[WebReceiver, MailReceiver], str],
    *words: str,
    web: WebReceiver | None = None,
    mail: Play | None = None,
) -> tuple[int, WebReceiver, MailReceiver]:
    """Run the command beside a web server and a mail server; its exit code, and both."""
    receiver, codes = web or WebReceiver(), list[int]()

    async def scenario() -> None:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                await nursery.start(receiver.serve)
                config = f"[alerts]\n{text(receiver, mails)}"
                await trio.Path("config.toml").write_text(config)
                command = ["check", "--alert", *words]
                codes.append(await trio.to_thread.run_sync(main, command))
                nursery.cancel_scope.cancel()

    with mail_server(mail or Play()) as mails:
        trio.run(scenario)
    return codes[0], receiver, mails


def all_three(web: WebReceiver, mail: MailReceiver) -> str:
    return (
        f'webhook = "{web.url}"\nntfy = "{web.url}"\nemail_to = ["me@example.com"]\n'
        f'email_from = "it@example.com"\nsmtp = "smtp://127.0.0.1:{mail.port}"\n'
    )


def test_each_target_gets_a_test_alert(capsys: pytest.CaptureFixture[str]) -> None:
    """And the command has a line for each; nothing of the URLs is in it."""
    code, web, mail = check(all_three)
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()[:-1]) == [
        "ok    e-mail          127.0.0.1 took the test alert",
        "ok    ntfy            127.0.0.1 took the test alert",
        "ok    webhook         127.0.0.1 took the test alert",
    ]
    assert "canary" not in out
    (hook,) = [posted for posted in web.posted if posted.body.startswith(b"{")]
    assert hook.json["kind"] == "test"
    assert mail.mails.get(timeout=5)["subject"].endswith("A test alert: this target works.")


def test_each_failure_is_reported_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, not the first alone; the exit code is 1."""
    web = WebReceiver([answering(404)])
    code, _, _ = check(all_three, "--json", web=web, mail=Play(replies={"RCPT": "550 unknown"}))
    report = json.loads(capsys.readouterr().out)
    assert code == 1
    assert {one["name"]: one["message"] for one in report["checks"]} == {
        "webhook": "127.0.0.1 answered 404",
        "ntfy": "127.0.0.1 answered 404",
        "e-mail": "127.0.0.1 refused 1 of 1 recipients: 550 unknown",
    }
    assert all("docs/operations.md" in one["advice"] for one in report["checks"])


def test_a_mail_that_reaches_a_part_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """An owner with a mistyped second address still hears of faults."""
    replies = {"rcpt to:<x@example.com>": "550 unknown"}
    code, _, _ = check(
        lambda web, mail: all_three(web, mail).replace('m"]', 'm", "x@example.com"]'),
        mail=Play(replies=replies),
    )
    assert code == 0
    assert "warn  e-mail          127.0.0.1 refused 1 of 2 recipients" in capsys.readouterr().out


def test_without_a_target_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    """And fails: the owner thinks that there is one."""
    assert check(lambda _, __: "")[0] == 1
    assert "no target is configured. Set webhook, ntfy or email_to" in capsys.readouterr().out


@pytest.mark.parametrize("other", ["--ask", "--tools"])
def test_it_is_not_combined_with_questions(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A test alert costs nothing, and asks for no consent."""
    assert main(["check", "--alert", other, "--yes"]) == 78
    assert "--alert: can't be combined with --ask and --tools" in capsys.readouterr().err


def test_a_configuration_at_fault_is_the_usual_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """With file, key and line."""
    Path("config.toml").write_text('[alerts]\nwebhook = "canary"\n')
    assert main(["check", "--alert"]) == 78
    assert capsys.readouterr().err == (
        "grok2api: config.toml: [alerts] webhook: must be a URL that starts with https:// or "
        "http:// (line 2, column 1)\n"
    )
