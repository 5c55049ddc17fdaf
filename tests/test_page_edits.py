"""Edits from the status page: over sockets, in files, and with everything that may fail."""

from __future__ import annotations

import argparse
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen

from grokcore.cli.page_edits import DemoFiles, OwnersFiles, PageEdits
from grokcore.cli.reload import Reloader
from grokcore.cli.setup import InputFiles
from grokcore.cli.tokens.file import edit
from grokcore.errors import ConfigError
from grokcore.protocol.models import Tier
from grokcore.protocol.token_file.editing import replaced
from grokcore.protocol.token_file.reading import parse_token_file
from grokcore.protocol.tokens import token_id, token_key
from grokcore.runtime.disk.files import locked
from grokcore.simulator.demo_tokens import DEMO_TOKENS
from tests.disks import disks
from tests.servers import Site, http_request, on_site, read_all, run_on_site

SECRET = "eyJ-canary"
OLD, NEW = f"{SECRET}-old", f"{SECRET}-new"
KEYED = '[server]\npage_edits = true\n[grok]\napi_key = "owner-key"\n'
GUEST = '[[keys]]\nname = "guest"\nkey = "guest-key"\nrpm = 5\n'
KEYLESS = "[server]\npage_edits = true\n"
OWNER = {"authorization": "Bearer owner-key"}
CURL = (
    f"curl 'https://grok.com/rest/app-chat/conversations/new' -H 'user-agent: Canary/1.0' "
    f"-b 'sso={NEW}; cf_clearance=canary-clearance'"
)


@frozen
class Place:
    """A server with files in a folder, and what it may have shown of them."""

    site: Site
    folder: Path
    seen: list[str]

    async def post(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """A request with the owner's key; headers replace those of a program."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = await self.site.client.post(path, json=body or {}, headers={**OWNER, **named})
        self.seen.append(reply.text + str(reply.headers))
        return reply.status_code, reply.json()

    @property
    def tokens(self) -> list[tuple[str, str, str]]:
        """The tokens in the file."""
        entries = parse_token_file((self.folder / "tokens.json").read_bytes())
        return [(entry.sso, entry.tier.value, entry.note) for entry in entries]

    @property
    def in_use(self) -> set[str]:
        return {account.entry.sso for account in self.site.server.pool.book.accounts}


FILES = {"tokens.json": json.dumps({"sso": {OLD: {"note": "mine"}}}), "config.toml": KEYED + GUEST}


def run_at_place(
    scenario: Callable[[Place], Awaitable[None]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    files: dict[str, str] | None = None,
) -> None:
    """Run *scenario* beside a server with these files; afterwards no secret has been shown."""
    monkeypatch.chdir(folder)
    caplog.set_level(logging.DEBUG, logger="grokcore")
    for name, content in (FILES if files is None else files).items():
        (folder / name).write_text(content)
    seen: list[str] = []
    names = ("demo", "config", "tokens", "host", "port", "data_dir")
    inputs = InputFiles(argparse.Namespace(**dict.fromkeys(names)), {})
    settings = inputs.read_config()
    tokens, notes = inputs.read_tokens_with_notes()

    async def main(site: Site) -> None:
        config = evolve(settings.config, grok=evolve(settings.config.grok, base_url=site.grok_url))
        site.server.adopt_config(config)
        reloader = Reloader(inputs, site.server, settings, tokens, notes)
        site.server.edits = PageEdits(OwnersFiles(inputs, site.server, reloader))
        await scenario(Place(site, folder, seen))

    run_on_site(main, tokens=tokens, config=(folder / "config.toml").read_text())
    shown = caplog.text + "".join(seen)
    assert SECRET not in shown
    assert "canary" not in shown


@pytest.fixture
def at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Callable[..., None]:
    def run(
        scenario: Callable[[Place], Awaitable[None]], files: dict[str, str] | None = None
    ) -> None:
        run_at_place(scenario, tmp_path, monkeypatch, caplog, files)

    return run


At = Callable[..., None]


def test_a_token_is_added_replaced_and_removed(at: At) -> None:
    """In the file, with the former content beside it, and in use when the answer comes."""

    async def scenario(place: Place) -> None:
        fields = {"token": f"sso={NEW}", "tier": "super", "note": "second"}
        status, said = await place.post("/status/tokens", fields)
        assert (status, said["token"], said["in_use"]) == (200, token_id(NEW), True)
        assert said["said"] == f"The token {token_id(NEW)} was added to tokens.json."
        assert place.tokens == [(OLD, "basic", "mine"), (NEW, "super", "second")]
        assert place.in_use == {OLD, NEW}
        status, said = await place.post("/status/tokens", fields)
        assert (status, "already in" in said["said"]) == (200, True)
        other = f"{SECRET}-other"
        path = f"/status/tokens/{token_key(NEW)}/replace"
        assert (await place.post(path, {"token": OLD}))[1]["said"].endswith("nothing was changed.")
        status, said = await place.post(path, {"token": other})
        assert (status, said["token"], said["in_use"]) == (200, token_id(other), True)
        assert place.tokens == [(OLD, "basic", "mine"), (other, "super", "second")]
        status, said = await place.post(f"/status/tokens/{token_id(OLD)}/remove")
        assert (status, place.tokens) == (200, [(other, "super", "second")])
        assert place.in_use == {other}
        assert OLD in (place.folder / "tokens.json.bak").read_text()
        assert (await place.post(f"/status/tokens/{token_id(OLD)}/remove"))[0] == 404

    at(scenario)


def test_browser_values_and_a_session_come_out_of_a_copied_request(at: At) -> None:
    """As import-curl takes them; a second time nothing is changed. Single values can be set too."""

    async def scenario(place: Place) -> None:
        status, said = await place.post("/status/browser-values", {"curl": CURL, "tier": "super"})
        assert (status, said["in_use"]) == (200, True)
        assert said["said"] == "Taken from the copied request: sso, cf_clearance, User-Agent."
        grok = place.site.server.state.config.grok
        assert (grok.cf_clearance, grok.user_agent) == ("canary-clearance", "Canary/1.0")
        assert (NEW, "super", "") in place.tokens
        said = (await place.post("/status/browser-values", {"curl": CURL}))[1]
        assert said["said"].endswith("nothing was changed.")
        for name, text, value in (
            ("cf_clearance", "cf_clearance=canary-2; x=y", "canary-2"),
            ("user_agent", "User-Agent: Canary/3.0", "Canary/3.0"),
            ("x_statsig_id", "canary-4", "canary-4"),
        ):
            status, said = await place.post("/status/browser-values", {name: text})
            assert (status, said["in_use"], "written" in said["said"]) == (200, True, True)
            assert getattr(place.site.server.state.config.grok, name) == value
            assert (
                "already" in (await place.post("/status/browser-values", {name: text}))[1]["said"]
            )
        assert (place.folder / "config.toml").read_text().startswith(KEYED)

    at(scenario)


BAD: list[tuple[str, object]] = [
    ("/status/tokens", {"token": ""}),
    ("/status/tokens", {"tier": "basic"}),
    ("/status/tokens", {"token": f"{SECRET} {SECRET}"}),
    ("/status/tokens", {"token": f"{SECRET}@example.com----canary"}),
    ("/status/tokens", {"token": NEW, "tier": "gold"}),
    ("/status/tokens", {"token": NEW, "note": "two\nlines"}),
    ("/status/tokens", {"token": NEW, "canary": "x"}),
    ("/status/tokens", {"token": 5}),
    ("/status/tokens", [SECRET]),
    ("/status/browser-values", {}),
    ("/status/browser-values", {"curl": CURL, "user_agent": "x"}),
    ("/status/browser-values", {"curl": "canary: no command"}),
    ("/status/browser-values", {"cf_clearance": f"sso={SECRET}"}),
    ("/status/browser-values", {"cf_clearance": '""'}),
    ("/status/browser-values", {"user_agent": "canary \u00e9"}),
]


def test_what_is_no_token_or_value_is_refused_without_quoting_it(at: At) -> None:
    """Nothing is written."""

    async def scenario(place: Place) -> None:
        before = {path: path.read_bytes() for path in place.folder.iterdir()}
        for path, body in BAD:
            assert (await place.post(path, body))[0] == 400, body
        reply = await place.site.client.post("/status/tokens", content=b"canary{", headers=OWNER)
        place.seen.append(reply.text)
        assert reply.status_code == 400
        assert {path: path.read_bytes() for path in place.folder.iterdir()} == before

    at(scenario)


def test_a_file_that_can_not_be_edited_is_refused_in_the_words_of_the_command(at: At) -> None:
    """With what to do; a removed file and one in another editor's hands likewise."""

    async def scenario(place: Place) -> None:
        said = (await place.post("/status/tokens", {"token": NEW}))[1]["error"]["message"]
        assert "can't be edited as it is" in said
        assert "`tokens convert` makes one of it" in said
        path = place.folder / "tokens.json"
        path.write_text(FILES["tokens.json"])
        with locked(path):
            said = (await place.post("/status/tokens", {"token": NEW}))[1]["error"]["message"]
        assert said == "Nothing was changed: tokens.json: another program is editing it; try again."
        path.unlink()
        status, said = await place.post(f"/status/tokens/{token_id(OLD)}/remove")
        assert (status, "there is no such file" in str(said)) == (400, True)

    at(scenario, {**FILES, "tokens.json": json.dumps([OLD])})


def test_an_edit_that_is_not_taken_over_says_why(at: At) -> None:
    """The file is written, and the server goes on with what it has."""

    async def scenario(place: Place) -> None:
        edits = place.site.server.edits
        assert isinstance(edits, PageEdits)
        (place.folder / "config.toml").write_text("[server]\nport = 'x'\n")
        status, said = await place.post("/status/tokens", {"token": NEW})
        assert (status, said["in_use"], place.in_use) == (200, True, {OLD, NEW})
        status, said = await place.post("/status/browser-values", {"user_agent": "x"})
        assert (status, "config.toml" in said["error"]["message"]) == (400, True)
        faults = {"tokens": "tokens.json: a fault"}

        async def take_over() -> dict[str, str]:
            return faults

        edits._files.take_over = take_over  # type: ignore[method-assign]
        status, said = await place.post(f"/status/tokens/{token_id(NEW)}/remove")
        assert (status, said["in_use"]) == (200, False)
        assert said["said"].endswith("The server does not use it yet: tokens.json: a fault.")

    at(scenario)


@frozen
class Access:
    """Headers of a request, and the code of its refusal; none if it is admitted."""

    name: str
    config: str
    headers: dict[str, str]
    refused: str | None


SITE = "http://127.0.0.1:{port}"
ACCESS = [
    Access("a program with the owner's key", KEYED, OWNER, None),
    Access("the page with the owner's key", KEYED, {**OWNER, "origin": SITE}, None),
    Access("no key", KEYED, {"origin": SITE}, "invalid_api_key"),
    Access("a guest", KEYED + GUEST, {"x-api-key": "guest-key"}, "permission_denied"),
    Access("another page", KEYED, {**OWNER, "origin": "https://e.com"}, "origin_not_allowed"),
    Access("cross-site", KEYED, {**OWNER, "sec-fetch-site": "cross-site"}, "origin_not_allowed"),
    Access(
        "a page of cors_origins",
        KEYED.replace("[grok]", 'cors_origins = ["https://e.com"]\n[grok]'),
        {**OWNER, "origin": "https://e.com", "sec-fetch-site": "cross-site"},
        "origin_not_allowed",
    ),
    Access("the page without keys", KEYLESS, {"origin": SITE}, None),
    Access("a program without keys", KEYLESS, {}, "origin_not_allowed"),
    Access("another page without keys", KEYLESS, {"origin": "https://e.com"}, "origin_not_allowed"),
    Access("off", KEYED.replace("true", "false"), OWNER, "permission_denied"),
]


@pytest.mark.parametrize("access", ACCESS, ids=lambda access: access.name)
def test_only_the_owner_edits_and_only_from_the_own_page(access: Access, at: At) -> None:
    """Over bare sockets, so that no client's library adds a header. All four routes alike."""

    async def scenario(place: Place) -> None:
        before = (place.folder / "tokens.json").read_bytes()
        codes = set()
        for path in (
            "/status/tokens",
            f"/status/tokens/{token_id(OLD)}/replace",
            f"/status/tokens/{token_id(OLD)}/remove",
            "/status/browser-values",
        )[: 4 if access.refused else 1]:
            codes.add(await raw_code(place.site, path, access.headers))
        assert codes == {access.refused}
        assert ((place.folder / "tokens.json").read_bytes() == before) == bool(access.refused)
        report = (await place.site.client.get("/status", headers=OWNER)).json()
        assert report["page_edits"] == (access.name != "off")

    at(scenario, {**FILES, "config.toml": access.config})


async def raw_code(site: Site, path: str, headers: dict[str, str]) -> str | None:
    """The code of the error that answers a POST on a bare connection; None for a 200."""
    body = json.dumps({"token": NEW}).encode()
    head = "".join(f"{name}: {value.format(port=site.port)}\r\n" for name, value in headers.items())
    request = http_request(body, path=path).replace(
        b"host: localhost\r\n",
        f"host: 127.0.0.1:{site.port}\r\nconnection: close\r\n{head}".encode(),
    )
    async with await site.connect() as stream:
        await stream.send_all(request)
        answer = await read_all(stream)
    if answer.startswith(b"HTTP/1.1 200"):
        return None
    code: str = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"]
    return code


@on_site(config=KEYLESS)
async def test_a_server_without_files_has_nothing_to_edit(site: Site) -> None:
    """Nor does its page offer it."""
    reply = await site.client.post("/status/tokens", json={"token": NEW})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "permission_denied")
    assert (await site.client.get("/status")).json()["page_edits"] is False


def test_a_demo_edits_only_files_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner's files may lie in the folder from which the demo was started."""
    (tmp_path / "here").mkdir()
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name, content in FILES.items():
        (tmp_path / "here" / name).write_text(content)

    async def scenario(site: Site) -> None:
        edits = PageEdits(DemoFiles(tmp_path / "demo", site.server))
        assert (await edits.add_token(NEW, Tier.BASIC, "")).in_use
        assert (await edits.take_value("user_agent", "Demo/1.0")).in_use
        assert site.server.state.config.grok.user_agent == "Demo/1.0"
        assert len(site.server.pool.book.accounts) == len(parse_token_file(DEMO_TOKENS)) + 1

    run_on_site(scenario)
    assert {path.name: path.read_text() for path in (tmp_path / "here").iterdir()} == FILES


def test_a_disk_that_hangs_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request ends, and the owner knows that the file may have changed."""
    monkeypatch.setattr("grokcore.cli.page_edits.PATIENCE_S", 0.05)
    monkeypatch.setattr("grokcore.runtime.disk.disk_thread.PATIENCE_S", 0.05)
    mended = threading.Event()

    def hang(*_: object) -> None:
        mended.wait(10)

    monkeypatch.setattr("grokcore.cli.page_edits._edit", hang)

    async def scenario(site: Site) -> None:
        edits = PageEdits(DemoFiles(tmp_path, site.server))
        with pytest.raises(ConfigError, match="look at the file"):
            await edits.add_token(NEW, Tier.BASIC, "")
        mended.set()

    run_on_site(scenario)


# Writes ------------------------------------------------------------------------------------------


def test_every_failure_of_a_write_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Whichever call fails, and no temporary file stays. A failure is reported."""
    path = tmp_path / "tokens.json"
    old = FILES["tokens.json"].encode()
    for disk in disks():
        path.write_bytes(old)
        reported = False
        with disk.in_use():
            try:
                edit(path, lambda data: (data and replaced(data, token_key(OLD), NEW)[0], None))
            except ConfigError:
                reported = True
        found = [entry.sso for entry in parse_token_file(path.read_bytes())]
        assert found in ([OLD], [NEW])
        assert reported or found == [NEW]
        left = {each.name for each in tmp_path.iterdir()} - {".tokens.json.lock"}
        assert left <= {"tokens.json", "tokens.json.bak"}


@pytest.mark.parametrize("content", [None, FILES["tokens.json"].encode()])
def test_a_change_by_an_editor_meanwhile_is_not_overwritten(
    tmp_path: Path, content: bytes | None
) -> None:
    """The owner's editor has no lock of ours; what it saves while we edit stays."""
    path = tmp_path / "tokens.json"
    if content is not None:
        path.write_bytes(content)

    def change(_: bytes | None) -> tuple[bytes, None]:
        path.write_bytes(b"saved by a person")
        return b"ours", None

    with pytest.raises(ConfigError, match="another program has changed it meanwhile"):
        edit(path, change)
    assert path.read_bytes() == b"saved by a person"
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith((".tmp", ".lock"))] == []
