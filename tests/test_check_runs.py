"""Whole runs of ``check``: what they say, on a terminal and for programs."""

from __future__ import annotations

import functools
import re
import socket
import tempfile
from pathlib import Path

import pytest
import trio
from attrs import evolve

from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.check import files, looks, token_rounds
from grokcore.protocol.tokens import token_id
from grokcore.runtime.attachments.lookups import Lookups
from grokcore.runtime.disk.data_dir import DataDirectory
from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import HANG, Script
from grokcore.simulator.serve import serve_simulator
from tests.check_cases import CLEARANCE, WINDOWS
from tests.check_site import (
    CANARY,
    RUNS,
    Capture,
    Run,
    Site,
    certificate,
    check,
    lines_of,
    place,
    refusing,
    scripted,
)

__all__ = ["certificate", "place"]  # fixtures


# Whole runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_a_run_tells_what_is_and_what_to_do(run: Run, place: Path, capsys: Capture) -> None:
    """One line each, in a pipe; nothing costs a generation, nothing is written, no
    secret is shown.
    """
    site = run.site()
    code, told = check(site, place, capsys)
    assert code == run.code, told
    for word, name, piece in run.expects:
        assert [line for line in told if line[:2] == (word, name) and piece in line[2]], (
            word,
            name,
            piece,
            told,
        )
    assert all(
        name == "configuration" or word in ("ok", "skip") or len(rest.split(". ")) > 1
        for word, name, rest in told
    )
    assert (site.simulator.calls, len(site.simulator.asks)) == ([], run.asks)
    assert {path.name for path in place.iterdir()} <= {"config.toml", "tokens.json"}


def test_when_all_is_well_everything_is_green(place: Path, capsys: Capture) -> None:
    """Each look is there, once, in the order of the way."""
    code, told = check(Site(), place, capsys)
    assert code == 0
    assert [(word, name) for word, name, _ in told] == [
        ("ok", name)
        for name in (
            *(
                "installation",
                "configuration",
                "access",
                "token file",
                "permissions",
                "permissions",
                "data directory",
                "free space",
                "port",
            ),
            *(
                "browser",
                "statsig",
                "clearance",
                "names",
                "egress",
                "tls",
                "clock",
                f"token {token_id(CANARY)}",
                "assets",
            ),
        )
    ]


def test_who_asks_is_the_browser_and_nobody_s_session(place: Path, capsys: Capture) -> None:
    """Only the request for rate limits has the token; the others have User-Agent and
    cf_clearance.
    """
    agent = f"{WINDOWS} Chrome/150.0.0.0 Safari/537.36"
    site = Site(grok=f'user_agent = "{agent}"\ncf_clearance = "{CLEARANCE}"\n')
    check(site, place, capsys)
    (trace,), (fetch,), (ask,) = site.simulator.traces, site.simulator.fetches, site.simulator.asks
    assert {call.headers["user-agent"] for call in (trace, fetch, ask)} == {agent}
    assert trace.headers["cookie"] == fetch.headers["cookie"] == f"cf_clearance={CLEARANCE}"
    assert ask.sso == CANARY


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_is_judged_and_the_setting_named(
    trusted: bool, certificate: tuple[str, str, str], place: Path, capsys: Capture
) -> None:
    """An authority that nobody knows is what a proxy that breaks TLS open looks like."""
    grok = f'ca_file = "{certificate[2]}"\n' if trusted else ""
    code, told = check(Site(grok=grok, certificate=certificate[:2]), place, capsys)
    (tls_line,) = [line for line in told if line[1] == "tls"]
    assert (code, tls_line[0]) == ((0, "ok") if trusted else (1, "FAIL"))
    assert ("[grok] ca_file" in tls_line[2]) is not trusted
    assert [line[0] for line in told if line[1] == "egress"] == ["ok" if trusted else "skip"]


def test_a_name_that_is_not_found_ends_the_way(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nobody is asked; a token with a proxy goes on."""

    async def look_up(_: Lookups, host: str, port: int) -> list[str]:
        if host == "slow.example.com":
            await trio.sleep_forever()
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(Lookups, "__call__", look_up)
    monkeypatch.setattr(looks, "LOOK_S", 0.1)
    for host, why in (
        ("grok.example.com", "Name or service not known"),
        ("slow.example.com", "no answer within 0.1 s"),
    ):
        site = Site(
            url=f"http://{host}",
            tokens=["one", {"token": CANARY, "proxy_url": "PROXY"}],
            proxy=refusing,
        )
        code, told = check(site, place, capsys)
        assert code == 1
        assert [
            (word, name)
            for word, name, _ in told
            if name in ("names", "egress", "tokens", "assets")
        ] == [
            *(("ok", "names"), ("FAIL", "names")),
            *(("skip", "egress"), ("FAIL", "egress"), ("skip", "tokens"), ("skip", "assets")),
        ]
        assert any(host in rest and why in rest for _, name, rest in told if name == "names")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_refuses_is_told_from_one_that_is_not_there(
    scheme: str, certificate: tuple[str, str, str], place: Path, capsys: Capture
) -> None:
    """With TLS it refuses to connect, without it answers itself."""
    of_grok = certificate[:2] if scheme == "https" else None
    site = Site(grok='proxy_url = "PROXY"\n', certificate=of_grok, proxy=refusing)
    code, told = check(site, place, capsys)
    (line,) = [line for line in told if line[1] == "egress"]
    assert (code, line[0]) == (1, "FAIL")
    assert re.search(r"the proxy refused with HTTP 407.*user, password", line[2])
    (gone,) = [
        line for line in check(evolve(site, proxy=None), place, capsys)[1] if line[1] == "egress"
    ]
    assert "Is the proxy running" in gone[2]


@pytest.mark.parametrize(
    "error_", [OSError(30, "Read-only file system"), PermissionError(13, "Permission denied")]
)
@pytest.mark.parametrize("there", [True, False])
def test_a_data_directory_that_can_t_be_written_is_red(
    error_: OSError, there: bool, place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it is not there yet and could not be made."""

    def refuse(**_: object) -> None:
        raise error_

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    if there:
        (place / "data").mkdir()
    code, told = check(Site(), place, capsys)
    (line,) = [line for line in told if line[1] == "data directory"]
    assert (code, line[0]) == (1, "FAIL")
    assert str(error_.strerror) in line[2]


def test_what_is_no_folder_is_no_data_directory(place: Path) -> None:
    """A file in its place, or above it, or a link that leads nowhere."""
    (place / "file").write_text("")
    (place / "link").symlink_to("nowhere")
    for path in ("file", "file/data", "link"):
        assert files.look_at_folder(place / path).fault.endswith("is not a folder"), path


def test_a_running_server_is_not_disturbed(place: Path, capsys: Capture) -> None:
    """It keeps its data directory, and everything in it is as it was."""
    (place / "data" / "media").mkdir(parents=True)
    (place / "data" / "state.jsonl").write_text("not to be touched")
    (place / "data" / "media" / "a.png").write_bytes(b"12345")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    with DataDirectory.hold(place / "data"):
        code, told = check(Site(), place, capsys)
    assert code == 0
    assert ("ok", "data directory", "data, in use by a running server") in told
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert files.look_at_folder(place / "data").cached == 5
    DataDirectory.hold(place / "data").release()


def test_a_folder_in_the_place_of_the_token_file_is_explained(place: Path, capsys: Capture) -> None:
    """That is what a container makes of a file that is not there."""
    (place / "tokens.json").mkdir()
    code, told = check(Site(tokens=None), place, capsys)
    assert code == EXIT_CONFIG
    assert any(
        line[:2] == ("FAIL", "token file") and "Container engines create a folder" in line[2]
        for line in told
    )


def test_files_that_others_may_read_are_told_with_the_command(place: Path, capsys: Capture) -> None:
    """A warning each; the configuration only if there is a secret in it."""
    for text, number in (
        ("", 1),
        ('[grok]\nbase_url = "http://127.0.0.1:9"\napi_key = "canary-key"', 2),
    ):
        site = Site(
            files={"config.toml": text or '[grok]\nbase_url = "http://127.0.0.1:9"'}, mode=0o644
        )
        _, told = check(site, place, capsys)
        warned = [rest for word, name, rest in told if (word, name) == ("warn", "permissions")]
        assert len(warned) == number
        assert warned[-1].endswith(
            "tokens.json: other users may read it (644). Run: chmod o-rwx tokens.json"
        )


def test_nothing_is_waited_for_longer_than_its_clock(
    place: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for the way, nor for a token, nor for the assets host."""
    for module in (looks, token_rounds):
        monkeypatch.setattr(module, "LOOK_S", 0.2)
    silent = Script((HANG,), before=60)
    code, told = check(Site(Simulator(trace_script=silent)), place, capsys)
    assert code == 1
    assert any(
        "there was no answer within 0.2 s" in rest for _, name, rest in told if name == "egress"
    )
    site = Site(scripted(silent))
    site.simulator.asset_scripts["/users/"] = silent
    code, told = check(site, place, capsys)
    assert code == 1
    assert any(
        "Grok did not answer within 0.2 s" in rest for _, name, rest in told if name == "tokens"
    )
    assert any(
        "there was no answer within 0.2 s" in rest for _, name, rest in told if name == "assets"
    )


def test_many_ways_that_work_are_one_line(place: Path, capsys: Capture) -> None:
    """With a proxy each; those that don't work are named."""
    site = Site()

    async def serve_with_itself_as_proxy() -> int:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(functools.partial(serve_simulator, site.simulator))
                tokens = [
                    {"token": f"t{n}", "proxy_url": url.replace("//", f"//u{n}:canary-password@")}
                    for n in range(9)
                ]
                evolve(
                    site, tokens=[*tokens, {"token": "dead", "proxy_url": "http://127.0.0.1:9"}]
                )._lay_out(place, url, 9)
                code = await trio.to_thread.run_sync(main, ["check"])
                nursery.cancel_scope.cancel()
        return code

    assert trio.run(serve_with_itself_as_proxy) == 1
    out = capsys.readouterr().out
    told = lines_of(out)
    assert next(line for line in told if line[1] == "egress") == (
        "ok",
        "egress",
        "9 egresses reach Grok",
    )
    assert [line[2][:21] for line in told if line[:2] == ("FAIL", "egress")] == [
        "through 127.0.0.1:9: "
    ]
    assert (
        len(
            [
                line
                for line in told
                if line[1].startswith("token ") and line[0] == "ok" and line[1] != "token file"
            ]
        )
        == 9
    )
    assert all(
        call.proxied
        for call in site.simulator.traces + site.simulator.asks + site.simulator.fetches
    )
    assert "canary-password" not in out
