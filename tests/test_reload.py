"""Taking over changed files while the server runs: what is right in them, and nothing else."""

from __future__ import annotations

import codecs
import json
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import frozen

import grokcore.cli.reload
import grokcore.cli.setup
from grokcore.cli.reload import NEEDS_RESTART
from grokcore.errors import Challenge, ConfigError, QuotaExhausted
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.pool.book import Need
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.scripts import Script, Wait, answer
from grokcore.web.app import create_app
from grokcore.web.metrics import Metrics
from tests.desk import BOTH, MODEL, SECRET, A, B, C, D, Desk, Running, at_desk, run_watched, token_file, watched
from tests.runtime.fakes import FakeTransport
from tests.server_process import started
from tests.servers import Site, run_on_site

# Tokens ------------------------------------------------------------------------------------------------------------


@frozen
class Tokens:
    """A new token file, and what comes of it in a server with A and B."""

    name: str
    content: str
    tokens: list[str]
    says: str
    disabled: int = 0


TOKENS = [
    Tokens("added", token_file(A, B, C), [A, B, C], "1 added (3 in use)"),
    Tokens("removed", token_file(B), [B], "1 removed (1 in use)"),
    Tokens("added and removed", token_file(B, C, D), [B, C, D], "2 added, 1 removed (3 in use)"),
    Tokens("all others", token_file(C), [C], "1 added, 2 removed (1 in use)"),
    Tokens("one disabled", token_file(A, B, disabled=True), [A], "1 removed (1 in use)", disabled=1),
    Tokens("one described otherwise", token_file(A, B, note="mine"), [A, B], "1 changed (2 in use)"),
    Tokens("one with a proxy", token_file(A, B, proxy_url=f"http://u:{SECRET}@proxy.example.com:1"), [A, B], "1 changed (2 in use)"),
    Tokens("one becomes super", json.dumps({"sso": {A: {}}, "ssoSuper": {B: {}}}), [A, B], "1 changed (2 in use)"),
    Tokens("none, explicitly", "{}", [], "2 removed (0 in use)"),
    Tokens("a list", json.dumps([B, C]), [B, C], "1 added, 1 removed (2 in use)"),
    Tokens("text", f"# mine\n{B}\n{C}\n", [B, C], "1 added, 1 removed (2 in use)"),
]  # fmt: skip


@pytest.mark.parametrize("case", TOKENS, ids=lambda case: case.name)
@at_desk(files=BOTH)
async def test_a_changed_token_file_is_taken_over_and_one_line_says_how_many_came_and_went(
    running: Running, case: Tokens
) -> None:
    """Without a token in it; what was read once is not told again."""
    running.write("tokens.json", case.content)
    assert await running.reload() == [f"INFO tokens.json taken over: {case.says}"]
    assert sorted(running.tokens) == sorted(case.tokens)
    assert running.server.pool.book.disabled == case.disabled
    assert await running.reload() == []
    assert running.notices == {}


@pytest.mark.parametrize(
    "content",
    [token_file(A, B), f" {token_file(A, B)}\n", token_file(A, B, remainingQueries=3, status="active"), f"{A}\n{B}"],
    ids=["the same", "spaces", "the original's counters", "another form"],
)
@at_desk(files=BOTH)
async def test_the_same_tokens_written_otherwise_are_nothing_new(running: Running, content: str) -> None:
    """Whatever the file's form: what is in it counts."""
    running.write("tokens.json", content)
    assert await running.reload() == []
    assert running.tokens == [A, B]


@at_desk(files={**BOTH, "tokens.json": f"your-token-here\n{A}\n"})
async def test_what_is_passed_over_in_a_changed_file_is_logged_once(running: Running) -> None:
    """Also if no token came or went with it; what the start has logged is not logged again."""
    assert await running.reload() == []
    running.write("tokens.json", f"your-token-here\n{A}\nyour-token-here\n")
    assert await running.reload() == [
        "WARNING tokens.json: 2 passed over: a placeholder, where your own token belongs (line 1; line 3)"
    ]
    assert await running.reload() == []
    assert running.tokens == [A]


@at_desk(files=BOTH)
async def test_what_was_learned_of_tokens_that_stay_stays(running: Running) -> None:
    """A token that is used up is not tried again because others came, nor because the configuration is another."""
    pool = running.server.pool
    lease = await pool.lease(Need(MODEL))
    lease.settle(QuotaExhausted("no", retry_after=900))
    used_up, other = lease.sso, B if lease.sso == A else A
    running.write("tokens.json", token_file(A, B, C))
    running.write("config.toml", "[pool]\nmax_in_flight_per_token = 1")
    await running.reload()
    assert pool.book.counts(trio.current_time())["cooling"] == 1
    leases = [await pool.lease(Need(MODEL)) for _ in range(2)]
    assert {lease.sso for lease in leases} == {other, C}
    running.write("tokens.json", token_file(other))
    await running.reload()
    running.write("tokens.json", token_file(A, B))
    await running.reload()
    assert [account.entry.sso for account in pool.book.accounts if account.allowances] == [A, B]
    (shut,) = (one for one in pool.book.accounts if one.state(trio.current_time()) == "cooling")
    assert shut.entry.sso == used_up


@frozen
class TokenFault:
    """A token file that can't be taken over, and what is said of it."""

    name: str
    says: str
    happens: Callable[[Path], object]


def rubbish(content: str | bytes) -> Callable[[Path], object]:
    """The file with another content."""
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


TOKEN_FAULTS = [
    TokenFault("no JSON", "tokens.json: is not valid JSON", rubbish("{" + C)),
    TokenFault("half of it", "tokens.json: is not valid JSON", rubbish(token_file(A, B, C)[:-9])),
    TokenFault("empty", "tokens.json: is empty; {} would say that there are no tokens", rubbish("")),
    TokenFault("blank", "tokens.json: is empty; {} would say that there are no tokens", rubbish("\n \n")),
    TokenFault("no token", "tokens.json: entry 2 is not a token", rubbish(json.dumps([C, "two words"]))),
    TokenFault("a number", "tokens.json: must be a JSON object with sso and ssoSuper", rubbish("7")),
    TokenFault("noise", "tokens.json: line 1 is not a token", rubbish(b"\x00\xff\xfe\x80")),
    TokenFault("a nest", "tokens.json: is not valid JSON", rubbish("[" * 100_000)),
    TokenFault("a folder", "tokens.json: can't be read: Is a directory", to_folder),
    TokenFault("gone", "tokens.json: is gone", Path.unlink),
]


@pytest.mark.parametrize("case", TOKEN_FAULTS, ids=lambda case: case.name)
@at_desk(files=BOTH)
async def test_a_token_file_that_is_not_right_changes_nothing_and_is_told_of_until_it_is_mended(
    running: Running, case: TokenFault
) -> None:
    """The old tokens stay in use; one line, once; ``/health`` has it; and a good configuration is taken over meanwhile."""
    path = running.place / "tokens.json"
    case.happens(path)
    (line,) = await running.reload()
    assert line.startswith(f"ERROR not taken over, the old one stays in use: {case.says}")
    assert "\n" not in line
    assert running.notices.keys() == {"tokens"}
    assert running.notices["tokens"].startswith(case.says)
    running.write("config.toml", "[pool]\nqueue_seconds = 5")
    assert await running.reload() == ["INFO config.toml taken over: [pool] queue_seconds 10 -> 5"]
    assert running.tokens == [A, B]
    assert running.server.pool.queue_s == 5

    if path.is_dir():
        path.rmdir()
    running.write("tokens.json", token_file(A, B, C))
    assert await running.reload() == ["INFO tokens.json taken over: 1 added (3 in use)"]
    assert running.notices == {}
    assert running.tokens == [A, B, C]


@at_desk(files=BOTH)
async def test_a_fault_that_becomes_another_is_told_anew_and_one_that_was_taken_back_is_not(running: Running) -> None:
    """What stands in the file now is what counts."""
    for content, told in (("{", 1), ("{", 0), ("", 1), (token_file(A, B), 0), ("", 1), (token_file(B, A), None)):
        running.write("tokens.json", content)
        said = await running.reload()
        assert told is None or len(said) == told
        assert ("tokens" in running.notices) == (content in ("{", ""))
        assert sorted(running.tokens) == [A, B]


FORMS = {
    "object": token_file(C, D, note="mine", proxy_url="http://proxy.example.com:1").encode(),
    "indented": json.dumps({"ssoSuper": {C: {}}, "sso": [D, A]}, indent=1).encode(),
    "list": json.dumps([{"token": C, "tier": "super"}, D]).encode(),
    "a browser's export": json.dumps([{"domain": ".example.com", "name": "sso", "value": A}, {"domain": ".grok.com", "name": "sso", "value": C}]).encode(),
    "with a mark": codecs.BOM_UTF8 + token_file(C, D).encode(),
    "UTF-16": token_file(C, D, note="münzen").encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("whole", FORMS.values(), ids=FORMS)
@at_desk(files=BOTH)
async def test_a_file_of_json_that_is_half_written_is_never_read_as_fewer_tokens(
    running: Running, whole: bytes
) -> None:
    """Cut anywhere: it is a fault, or all of it."""
    running.write("tokens.json", whole)
    tokens = running.sources.read_tokens()
    assert C in {entry.sso for entry in tokens}
    faults = []
    for length in range(len(whole)):
        running.write("tokens.json", whole[:length])
        try:
            found = running.sources.read_tokens()
        except ConfigError as error:
            faults.append(str(error))
        else:
            assert found == tokens
    assert len(faults) >= len(whole) - 1
    assert SECRET not in "".join(faults)
    running.write("tokens.json", whole[: len(whole) // 2])
    await running.reload()
    assert running.tokens == [A, B]


# Which files count -------------------------------------------------------------------------------------------------


@at_desk(files={})
async def test_a_token_file_that_appears_later_is_taken_over(running: Running) -> None:
    """A server may be started before there are tokens; whatever comes first, rubbish included."""
    assert await running.reload() == []
    running.write("tokens.json", "")
    assert len(await running.reload()) == 1
    (running.place / "tokens.json").unlink()
    assert await running.reload() == []
    assert running.notices == {}
    running.write("data/token.json", token_file(A))
    assert await running.reload() == [f"INFO {Path('data/token.json')} taken over: 1 added (1 in use)"]
    running.write("tokens.json", token_file(B))
    assert await running.reload() == ["INFO tokens.json taken over: 1 added, 1 removed (1 in use)"]
    assert running.tokens == [B]
    (running.place / "tokens.json").unlink()
    (running.place / "data/token.json").unlink()
    assert await running.reload() == ["ERROR not taken over, the old one stays in use: tokens.json: is gone"]
    assert running.tokens == [B]


@at_desk(files={})
async def test_a_configuration_that_appears_later_is_taken_over(running: Running) -> None:
    """In either of its places; and it stays in use when it vanishes then."""
    running.write("data/setting.toml", "[pool]\nqueue_seconds = 5")
    (line,) = await running.reload()
    assert line == f"INFO {Path('data/setting.toml')} taken over: [pool] queue_seconds 10 -> 5"
    running.write("config.toml", "[pool]\nqueue_seconds = 6")
    assert await running.reload() == ["INFO config.toml taken over: [pool] queue_seconds 5 -> 6"]
    (running.place / "config.toml").unlink()
    (running.place / "data/setting.toml").unlink()
    assert len(await running.reload()) == 1
    assert running.server.pool.queue_s == 6


@pytest.mark.parametrize("flags", [{}, {"config": "config.toml"}], ids=["found", "named"])
@at_desk(
    files={**BOTH, "config.toml": f'[grok]\napi_key = "{SECRET}"\nproxy_url = "http://proxy.example.com:1"'},
    flags=lambda flags: flags,
)
async def test_a_configuration_that_vanishes_stays_in_use(running: Running, flags: dict[str, object]) -> None:
    """Without its key the server would be open, without its proxy Grok would see another address."""
    (running.place / "config.toml").rename(running.place / "config.toml~")
    assert [line.partition(":")[0] for line in await running.reload()] == [
        "ERROR not taken over, the old one stays in use"
    ]
    assert running.notices.keys() == {"config"}
    assert await running.reload() == []
    assert (running.may(SECRET), running.may("")) == (True, False)
    assert running.server.pool.book.accounts[0].egress.proxy_url == "http://proxy.example.com:1"
    (running.place / "config.toml~").rename(running.place / "config.toml")
    assert await running.reload() == []
    assert running.notices == {}


@at_desk(
    files={"mine.toml": "", "mine.json": token_file(A)},
    flags={"config": "mine.toml", "tokens": "mine.json", "port": 9},
    environ={"GROK2API_GROK_USER_AGENT": "from outside"},
)
async def test_files_that_were_named_count_wherever_they_lie(running: Running) -> None:
    """And none of the usual ones; a flag and a variable win over a changed file as they did at the start."""
    running.write("config.toml", "[pool]\nqueue_seconds = 3")
    running.write("tokens.json", token_file(D))
    assert await running.reload() == []
    running.write("mine.toml", '[server]\nport = 3\n[pool]\nqueue_seconds = 4\n[grok]\nuser_agent = "from the file"')
    running.write("mine.json", token_file(B))
    assert await running.reload() == [
        "INFO mine.toml taken over: [pool] queue_seconds 10 -> 4",
        "INFO mine.json taken over: 1 added, 1 removed (1 in use)",
    ]
    assert running.config.grok.user_agent == "from outside"
    (running.place / "mine.json").unlink()
    (line,) = await running.reload()
    assert line.endswith("mine.json: can't be read: No such file or directory")


# Configuration -----------------------------------------------------------------------------------------------------


@frozen
class Live:
    """A change of the configuration, how it is told, and whether it is in force."""

    name: str
    after: str
    says: str
    holds: Callable[[Running], object]
    before: str = ""


def identity(running: Running) -> tuple[object, ...]:
    """The browser values that questions go out with, and asks for what is left."""
    questions, asks = running.server.lane.settings.identity, running.server._quotas._asker().identity
    assert questions == asks
    return questions.statsig_id, questions.cf_clearance, questions.user_agent


def room(running: Running) -> int:
    """How many questions can be under way at once."""
    book, now = running.server.pool.book, trio.current_time()
    loans = [loan for _ in range(20) if (loan := book.choose(Need(MODEL), now))]
    for loan in loans:
        book.abandon(loan, now)
    return len(loans)


LIVE = [
    Live("a longer queue", "[pool]\nqueue_seconds = 25", "[pool] queue_seconds 10 -> 25", lambda r: r.server.pool.queue_s == 25),
    Live("a shorter queue", "[pool]\nqueue_seconds = 5", "[pool] queue_seconds 10 -> 5", lambda r: r.server.pool.queue_s == 5, "[pool]\nqueue_seconds = 10.0"),
    Live("more at once", "[pool]\nmax_in_flight_per_token = 7", "[pool] max_in_flight_per_token 2 -> 7", lambda r: room(r) == 14),
    Live("statsig", f'[grok]\nx_statsig_id = "{SECRET}"', "[grok] x_statsig_id changed", lambda r: identity(r)[0] == SECRET),
    Live("statsig by path", f'[grok.x_statsig_id]\n"*" = "{SECRET}"', "[grok] x_statsig_id changed", lambda r: identity(r)[0] == {"*": SECRET}),
    Live("clearance", f'[grok]\ncf_clearance = "{SECRET}"', "[grok] cf_clearance changed", lambda r: identity(r)[1] == SECRET),
    Live("User-Agent", '[grok]\nuser_agent = "Browser/1"', "[grok] user_agent  -> Browser/1", lambda r: identity(r)[2] == "Browser/1"),
    Live("a key", f'[grok]\napi_key = "{SECRET}"', "[grok] api_key changed", lambda r: r.may(SECRET) and not r.may("x")),
    Live("another key", f'[grok]\napi_key = "{SECRET}-2"', "[grok] api_key changed", lambda r: r.may(f"{SECRET}-2") and not r.may(f"{SECRET}-1"), f'[grok]\napi_key = "{SECRET}-1"'),
    Live("a key less", f'[grok]\napi_key = "{SECRET}"', "[[keys]] changed", lambda r: r.may(SECRET) and not r.may(f"{SECRET}-2"), f'[grok]\napi_key = "{SECRET}"\n[[keys]]\nname = "me"\nkey = "{SECRET}-2"'),
    Live("more keys", f'[[keys]]\nname = "me"\nkey = "{SECRET}"', "[[keys]] changed", lambda r: r.may(SECRET) and not r.may("x")),
    Live("a proxy", f'[grok]\nproxy_url = "http://u:{SECRET}@proxy.example.com:1"', "[grok] proxy_url changed", lambda r: all(SECRET in one.egress.proxy_url for one in r.server.pool.book.accounts)),
    Live("another Grok", '[grok]\nbase_url = "https://mirror.example.com/"', "[grok] base_url https://grok.com -> https://mirror.example.com", lambda r: {r.server.lane.settings.base_url, r.server._quotas._asker().base_url} == {"https://mirror.example.com"}),
    Live("kept conversations", "[grok]\ntemporary = false\nmemory = true", "[grok] temporary True -> False, [grok] memory False -> True", lambda r: (r.server.lane.settings.temporary, r.server.lane.settings.memory) == (False, True)),
    Live("tags", '[grok]\nfiltered_tags = ["b", "a"]', "[grok] filtered_tags ['grok:render', 'xai:tool_usage_card', 'xaiartifact'] -> ['a', 'b']", lambda r: r.server.lane.settings.filtered_tags == {"a", "b"}),
    Live("thinking", '[grok]\nthinking_format = "think_tags"', "[grok] thinking_format reasoning_content -> think_tags", lambda r: r.config.grok.thinking_format == "think_tags"),
    Live("a browser", '[grok]\nimpersonate = "firefox"', "[grok] impersonate chrome -> firefox", lambda r: r.server._transport._settings.impersonate == "firefox"),
    Live("authorities", '[grok]\nca_file = "tokens.json"', "[grok] ca_file  -> tokens.json", lambda r: r.server._transport._settings.ca_file == "tokens.json"),
    Live("a new model", '[models.mine]\nmode_id = "fast"', '[models."mine"] added', lambda r: "mine" in r.config.models),
    Live("a changed model", '[models."grok-4.1"]\ncost = 3', '[models."grok-4.1"] changed', lambda r: r.config.models["grok-4.1"].cost == 3),
    Live("a model less", "[pool]", '[models."mine"] removed', lambda r: "mine" not in r.config.models, '[models.mine]\nmode_id = "fast"'),
    Live("the log", '[global]\nlog_level = "debug"\nlog_format = "json"', "[global] log_level INFO -> DEBUG, [global] log_format text -> json", lambda r: [one.log_level for one in r.levels] == ["DEBUG"]),
    Live("more streams", "[server]\nmax_streams = 5", "[server] max_streams 256 -> 5", lambda r: r.config.server.max_streams == 5),
    Live("pictures", '[grok]\nimage_mode = "base64"', "[grok] image_mode cache -> base64", lambda r: r.config.grok.image_mode.value == "base64"),
    Live("hosts", f'[fetch]\nallow_hosts = ["{"x" * 99}"]', f"[fetch] allow_hosts () -> ('{'x' * 58}…", lambda r: r.config.fetch.allow_hosts == ("x" * 99,)),
    Live("long conversations", '[grok]\nlong_context = "error"', "[grok] long_context file -> error", lambda r: r.config.grok.long_context.value == "error"),
    Live("several", '[pool]\nqueue_seconds = 5\n[grok]\nuser_agent = "B"', "[grok] user_agent A -> B, [pool] queue_seconds 10 -> 5", lambda r: r.server.pool.queue_s == 5, '[grok]\nuser_agent = "A"'),
]  # fmt: skip


@pytest.mark.parametrize("case", LIVE, ids=lambda case: case.name)
@at_desk(files=lambda case: {**BOTH, "config.toml": case.before})
async def test_a_changed_setting_is_in_force_at_once_and_one_line_says_from_what_to_what(
    running: Running, case: Live
) -> None:
    """Of secrets only that they changed; what was told once is not told again."""
    assert not case.holds(running)
    running.write("config.toml", case.after)
    assert await running.reload() == [f"INFO config.toml taken over: {case.says}"]
    assert case.holds(running)
    assert await running.reload() == []
    assert len(running.levels) == ("[global]" in case.says)
    assert running.tokens == [A, B]


@at_desk(files=BOTH)
async def test_a_clock_s_change_is_told_and_holds_for_every_model(running: Running) -> None:
    """The table's clocks are resolved anew."""
    running.write("config.toml", "[grok]\nstream_chunk_timeout = 77")
    (line,) = await running.reload()
    assert line.startswith("INFO config.toml taken over: [grok] stream_chunk_timeout None -> 77")
    assert {model.limits and model.limits.chunk for model in running.config.models.values()} == {77}


@at_desk(files=BOTH)
async def test_what_was_known_of_the_way_to_grok_was_known_of_another_identity(running: Running) -> None:
    """A pause after a challenge ends when its remedy is put into the file; by no other change."""
    pool = running.server.pool
    lease = await pool.lease(Need(MODEL))
    lease.settle(Challenge("a page"))
    for text, open_again in (
        ("[pool]\nqueue_seconds = 5", False),
        ("[pool]\nqueue_seconds = 5\nmax_in_flight_per_token = 9", False),
        (f'[grok]\ncf_clearance = "{SECRET}"', True),
    ):
        running.write("config.toml", text)
        await running.reload()
        loan = pool.book.choose(Need(MODEL), trio.current_time())
        assert (loan is not None) == open_again


@at_desk(files=BOTH)
async def test_the_app_follows(running: Running) -> None:
    """The limit for bodies is kept by Quart."""
    app = create_app(running.server.services, Metrics(running.server.services))
    running.write("config.toml", "[server]\nmax_body_mb = 1")
    await running.reload()
    assert app.config["MAX_CONTENT_LENGTH"] == 1024 * 1024


@at_desk(files=BOTH)
async def test_a_completion_that_has_begun_keeps_its_settings(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its retries, too, go out as its first attempt did; the next one has the new settings."""
    gateway = running.server.gateway
    assert MODEL.limits is None
    limits = running.config.models[MODEL.name].limits
    assert limits is not None
    question = Question(MODEL, limits, "hello")
    before, old = gateway.completion(question, trio.current_time()), running.server.lane
    running.write("config.toml", '[grok]\nuser_agent = "new"\nbase_url = "https://new.example.com"')
    await running.reload()
    after = gateway.completion(question, trio.current_time())
    assert before._lane is old
    assert after._lane is gateway.lane is running.server.lane is not old
    assert running.server.lane.uploads is old.uploads

    transport = FakeTransport([answer("unread")])
    monkeypatch.setattr(running.server._transport, "open", transport.open)
    lease = await running.server.pool.lease(Need(MODEL))
    for completion in (before, after):
        (await completion._lane.prepare(question, lease, repeated=False)).open(fresh=False)
    sent = [exchange.request for exchange in transport.exchanges]
    assert [dict(request.headers).get("User-Agent") for request in sent] == [None, "new"]
    assert [request.url.partition("/rest")[0] for request in sent] == [
        "https://grok.com",
        "https://new.example.com",
    ]
    for completion in (before, after):
        await completion.aclose()


RESTART = {
    "host": '"0.0.0.0"',
    "port": "9",
    "data_dir": '"elsewhere"',
    "grace_seconds": "1.5",
    "write_timeout_seconds": "2.5",
}


def test_the_settings_that_need_a_restart_are_all_tried_here() -> None:
    """The table below is complete."""
    assert {("server", name) for name in RESTART} == NEEDS_RESTART


@pytest.mark.parametrize("names", [*([name] for name in RESTART), list(RESTART)], ids=" ".join)
def test_what_needs_a_restart_keeps_its_value_and_one_warning_names_it(names: list[str], desk: Desk) -> None:
    """Once; other changes of the same file are in force. Taken back, there is nothing to say."""
    key = f'[grok]\napi_key = "{SECRET}"\n'
    text = key + "[server]\n" + "\n".join(f"{name} = {RESTART[name]}" for name in names)

    async def scenario(running: Running) -> None:
        before = running.config.server
        running.write("config.toml", f"{text}\nmax_streams = 5")
        warning, line = await running.reload()
        assert warning.startswith("WARNING config.toml: takes effect after a restart: ")
        assert warning.rpartition(": ")[2] == ", ".join(sorted(f"[server] {name}" for name in names))
        assert line == "INFO config.toml taken over: [server] max_streams 256 -> 5"
        after = running.config.server
        assert [getattr(after, name) for name in RESTART] == [getattr(before, name) for name in RESTART]
        assert await running.reload() == []
        running.write("config.toml", f"{key}[server]\nmax_streams = 5")
        assert await running.reload() == []
        assert running.notices == {}

    desk.run(scenario, files={**BOTH, "config.toml": key})


@frozen
class ConfigFault:
    """A configuration that can't be taken over, and what is said of it."""

    name: str
    says: str
    happens: Callable[[Path], object]
    before: str = ""


OPEN = f'[server]\nhost = "0.0.0.0"\n[grok]\napi_key = "{SECRET}"\n'
DOOR = "config.toml: [server] host: 0.0.0.0 is reachable from other machines, so [grok] api_key must be set"

NO_KEY = "config.toml: has no API key any more, so everybody could use the server"

CONFIG_FAULTS = [
    ConfigFault("no TOML", "config.toml: is not valid TOML", rubbish("[pool")),
    ConfigFault("noise", "config.toml: is not valid TOML", rubbish(b"\x00\xff")),
    ConfigFault("a nest without end", "config.toml: is not valid TOML", rubbish("a = " + "[" * 20_000)),
    ConfigFault("a number without end", "config.toml: ", rubbish("[server]\nport = " + "9" * 5000)),
    ConfigFault("a wrong type", "config.toml: [pool] queue_seconds: must be a number, not a string", rubbish('[pool]\nqueue_seconds = "5"')),
    ConfigFault("a value out of range", "config.toml: [pool] queue_seconds: must be between 0 and 3600, not -5", rubbish("[pool]\nqueue_seconds = -5")),
    ConfigFault("a wrong key", "config.toml: [grok] api_key: must be a string, not a number", rubbish("[grok]\napi_key = 5")),
    ConfigFault("half a key", "config.toml: is not valid TOML", rubbish(f'[grok]\napi_key = "{SECRET}')),
    ConfigFault("no proxy", "config.toml: [grok] proxy_url: ", rubbish(f'[grok]\nproxy_url = "gopher://u:{SECRET}@x"')),
    ConfigFault("a header that is none", "config.toml: [grok] cf_clearance: must be printable ASCII", rubbish(f'[grok]\ncf_clearance = "{SECRET}ü"')),
    ConfigFault("an unknown browser", "config.toml: [grok] impersonate: curl_cffi", rubbish('[grok]\nimpersonate = "netscape"')),
    ConfigFault("no authorities", "config.toml: [grok] ca_file: there is no file none.pem", rubbish('[grok]\nca_file = "none.pem"')),
    ConfigFault("a model of nothing", 'config.toml: [models."m"]: a new model needs', rubbish("[models.m]\ncost = 1")),
    ConfigFault("a folder", "config.toml: can't be read: Is a directory", to_folder),
    ConfigFault("an open door", DOOR, rubbish('[server]\nhost = "0.0.0.0"'), OPEN),
    ConfigFault("an open door, the host being changed too", NO_KEY, rubbish('[server]\nhost = "127.0.0.1"'), OPEN),
    ConfigFault("an open door, nothing being said of the host", NO_KEY, rubbish(""), OPEN),
    ConfigFault("no key any more", NO_KEY, rubbish('[grok]\nuser_agent = "B"'), f'[grok]\napi_key = "{SECRET}"\n'),
    ConfigFault("no keys any more", NO_KEY, rubbish(""), f'[[keys]]\nname = "me"\nkey = "{SECRET}"\n'),
    ConfigFault("gone", "config.toml: is gone", Path.unlink),
    ConfigFault("a door to be opened at the next start", DOOR, rubbish('[server]\nhost = "0.0.0.0"')),
]  # fmt: skip


@pytest.mark.parametrize("case", CONFIG_FAULTS, ids=lambda case: case.name)
@at_desk(files=lambda case: {**BOTH, "config.toml": case.before})
async def test_a_configuration_that_is_not_right_changes_nothing_and_is_told_of_until_it_is_mended(
    running: Running, case: ConfigFault
) -> None:
    """The old one stays in use as a whole; one line, once; ``/health`` has it; and good tokens are taken over meanwhile."""
    path, before, settings = running.place / "config.toml", running.config, running.server.lane.settings
    case.happens(path)
    (line,) = await running.reload()
    assert line.startswith(f"ERROR not taken over, the old one stays in use: {case.says}")
    assert "\n" not in line
    assert running.notices.keys() == {"config"}
    assert running.notices["config"].startswith(case.says)
    running.write("tokens.json", token_file(B, C))
    assert await running.reload() == ["INFO tokens.json taken over: 1 added, 1 removed (2 in use)"]
    assert running.tokens == [B, C]
    assert running.config is before
    assert running.server.lane.settings is settings
    assert running.may("x") == (not case.before)

    if path.is_dir():
        path.rmdir()
    running.write("config.toml", case.before + "[pool]\nqueue_seconds = 5")
    assert await running.reload() == ["INFO config.toml taken over: [pool] queue_seconds 10 -> 5"]
    assert running.notices == {}


@at_desk(files=BOTH)
async def test_a_bug_in_reading_a_file_ends_nothing(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged with its traceback; the old stays in use, and the other file is taken over."""

    def stumble() -> object:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(running.sources, "read_tokens_with_notes", stumble)
        running.write("config.toml", "[pool]\nqueue_seconds = 5")
        taken, bug, error = await running.reload()
        assert taken == "INFO config.toml taken over: [pool] queue_seconds 10 -> 5"
        assert (bug.partition(" ")[0], error.partition(" ")[0]) == ("ERROR", "ERROR")
        assert running.notices.keys() == {"tokens"}
        assert running.tokens == [A, B]
    assert await running.reload() == []
    assert running.notices == {}


@at_desk(files=BOTH)
async def test_both_files_may_be_wrong_at_once(running: Running) -> None:
    """Each is told of by itself."""
    running.write("config.toml", "[")
    running.write("tokens.json", "[")
    assert len(await running.reload()) == 2
    assert running.notices.keys() == {"config", "tokens"}
    running.write("tokens.json", token_file(A, B))
    assert await running.reload() == []
    assert running.notices.keys() == {"config"}


def test_what_has_no_effect_is_told_of_when_it_is_new(desk: Desk) -> None:
    """Warnings of the start are not repeated, neither are those of a change."""
    typing_error = "[pool]\nqueue_second = 5\n"

    async def scenario(running: Running) -> None:
        assert await running.reload() == []
        running.write("config.toml", f"{typing_error}max_flights = 3\nqueue_seconds = 6")
        warning, line = await running.reload()
        assert warning.startswith("WARNING config.toml: unknown [pool] max_flights has no effect")
        assert line == "INFO config.toml taken over: [pool] queue_seconds 10 -> 6"
        running.write("tokens.json", token_file(A))
        assert len(await running.reload()) == 1

    desk.run(scenario, files={**BOTH, "config.toml": typing_error})


@pytest.mark.parametrize(
    "text",
    ["[pool]\nqueue_seconds = 5.0\n", "# mine\r\n[pool]\r\nqueue_seconds=5", "[grok]\n[pool]\nqueue_seconds = 5e0"],
)
@at_desk(files={**BOTH, "config.toml": "[pool]\nqueue_seconds = 5"})
async def test_the_same_settings_written_otherwise_are_nothing_new(running: Running, text: str) -> None:
    """Nothing changed, nothing logged."""
    before = running.config
    running.write("config.toml", text)
    assert await running.reload() == []
    assert running.config is before


# When --------------------------------------------------------------------------------------------------------------


@watched
async def test_a_change_is_taken_over_within_a_second_and_by_a_signal_at_once(running: Running) -> None:
    """It is seen by looking; SIGHUP is for those who can't wait."""
    await trio.sleep(3.2)
    running.write("tokens.json", token_file(C))
    await trio.sleep(1)
    assert running.tokens == [C]
    running.write("tokens.json", token_file(D))
    running.reloader.hurry()
    await trio.testing.wait_all_tasks_blocked()
    assert running.tokens == [D]
    assert len(running.said()) == 2
    await trio.sleep(100)
    assert running.said() == []


@watched
async def test_who_asks_for_it_is_told_that_nothing_has_changed(running: Running) -> None:
    """A signal without an answer would leave its sender in doubt; nobody else is told."""
    await trio.sleep(100)
    assert running.said() == []
    running.reloader.hurry()
    await trio.sleep(100)
    assert running.said() == ["INFO nothing has changed in configuration and tokens"]
    running.write("tokens.json", f" {token_file(A, B)}")
    await trio.sleep(100)
    assert running.said() == []
    for name, content in (
        ("config.toml", "[pool]\nqueue_seconds = 5"),
        ("config.toml", "[server]\nport = 9\n[pool]\nqueue_seconds = 5"),
        ("tokens.json", token_file(C)),
        ("tokens.json", ""),
    ):
        running.write(name, content)
        running.reloader.hurry()
        await trio.sleep(100)
        assert len(running.said()) == 1


@watched
async def test_while_there_is_a_fault_files_are_read_now_and_then(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be read for a moment looks as before; within ten seconds it is used, or no fault any more."""
    await trio.sleep(1)

    def fail(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(grokcore.cli.setup, "read_regular", fail)
        running.write("tokens.json", token_file(C))
        await trio.sleep(30)
        assert running.notices.keys() == {"config", "tokens"}
        assert len(running.said()) == 2
    await trio.sleep(10)
    assert running.notices == {}
    assert running.tokens == [C]
    assert len(running.said()) == 1


@watched
async def test_a_file_that_is_being_written_is_waited_for(running: Running) -> None:
    """No half of it is complained about, and it is taken over once."""
    whole = token_file(A, B, C)
    await trio.sleep(1)
    for part in range(10):
        running.write("tokens.json", whole[: part * len(whole) // 10])
        await trio.sleep(0.3)
    running.write("tokens.json", whole)
    await trio.sleep(2)
    assert running.said() == ["INFO tokens.json taken over: 1 added (3 in use)"]


@watched
async def test_a_file_that_is_replaced_and_one_behind_a_link_are_seen(running: Running) -> None:
    """By rename, as editors do, and by leading a link elsewhere, as orchestrators do."""
    place = running.place
    running.write("new", token_file(C))
    (place / "new").replace(place / "tokens.json")
    await trio.sleep(2)
    assert running.tokens == [C]
    running.write("mounted.json", token_file(D))
    (place / "link").symlink_to("mounted.json")
    (place / "link").replace(place / "tokens.json")
    await trio.sleep(2)
    assert running.tokens == [D]


def test_a_change_between_the_start_s_reading_and_the_first_look_is_not_missed(desk: Desk) -> None:
    """Whoever starts the server may be writing its files at that very moment."""

    async def story(running: Running) -> None:
        await trio.sleep(5)
        assert running.tokens == [C]
        assert running.server.pool.queue_s == 5

    def meanwhile() -> None:
        (desk.place / "tokens.json").write_text(token_file(C))
        (desk.place / "config.toml").write_text("[pool]\nqueue_seconds = 5")

    run_watched(story, desk, meanwhile=meanwhile)


# Real sockets and processes ----------------------------------------------------------------------------------------


def test_a_stream_finishes_with_its_token_after_that_was_taken_out() -> None:
    """Nothing of an answer under way is touched; the next question goes out with what there is now."""
    old, new = TokenEntry("sso-old"), TokenEntry("sso-new")
    account: Any = None

    async def scenario(site: Site) -> None:
        nonlocal account
        (account,) = site.server.pool.book.accounts
        text = "one two three four"
        steps = answer(text).steps
        site.simulator.script(old.sso, Script((*steps[:6], Wait(0.2), *steps[6:])))
        body = {"model": "grok-3-fast", "messages": [{"role": "user", "content": "hello"}], "stream": True}
        found = ""
        async with site.client.stream("POST", "/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if not found and '"content":"one' in line:
                    assert str(site.server.adopt_tokens([new])) == "1 added, 1 removed"
                    assert (len(site.simulator.open_calls), account.in_flight) == (1, 1)
                if line.startswith("data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        found += choice["delta"].get("content") or ""
        assert found == text
        await site.simulator.until(lambda: not site.simulator.open_calls)
        assert [call.outcome for call in site.simulator.calls] == ["complete"]
        assert (await site.ask()).status_code == 200
        assert [call.sso for call in site.simulator.calls] == ["sso-old", "sso-new"]

    run_on_site(scenario, tokens=(old,))
    assert account.in_flight == 0


def health(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answered:
        return dict(json.loads(answered.read()))


def until(process: subprocess.Popen[bytes], mark: str) -> str:
    """What the server says up to the line with *mark*; the watchdog bounds it."""
    assert process.stderr is not None
    said = ""
    while mark not in said:
        line = process.stderr.readline().decode()
        assert line, said
        said += line
    return said


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no SIGHUP here")
def test_a_real_server_takes_over_what_a_signal_tells_it_to_read(tmp_path: Path) -> None:
    """Good tokens at once; of rubbish ``/health`` tells, and the server goes on with what it has."""
    (tmp_path / "config.toml").write_text("[server]\nport = 0\n")
    (tmp_path / "tokens.json").write_text(token_file(A))
    process, ready, watchdog = started(tmp_path)
    try:
        port = int(ready.rpartition("127.0.0.1:")[2].split()[0])
        assert health(port)["tokens"]["unknown"] == 1
        for content, mark in ((token_file(A, B, C), "2 added (3 in use)"), (f"{{{SECRET}", "is not valid JSON")):
            (tmp_path / "new").write_text(content)
            (tmp_path / "new").replace(tmp_path / "tokens.json")
            process.send_signal(signal.SIGHUP)
            assert SECRET not in until(process, mark)
            report = health(port)
            assert report["tokens"]["unknown"] == 3
            assert report["status"] == "ok"
        assert report["faults"]["tokens"].startswith("tokens.json: is not valid JSON: line 1, column 2: ")
        process.terminate()
        assert process.wait() == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
