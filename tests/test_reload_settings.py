"""A configuration that changes while the server runs: its valid settings are taken over, and
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.cli.reload import NEEDS_RESTART
from grokcore.errors import Challenge
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.pool.book import Need
from grokcore.simulator.scripts import answer
from grokcore.web.app import create_app
from grokcore.web.observing.metrics import Metrics
from tests.desk import BOTH, MODEL, SECRET, A, B, C, Desk, Running, at_desk, desk, token_file
from tests.reload_cases import rubbish, to_folder
from tests.runtime.fakes import FakeTransport

__all__ = ["desk"]  # a fixture


@frozen
class Live:
    """A change of the configuration, its line in the log, and whether it is in force."""

    name: str
    after: str
    says: str
    holds: Callable[[Running], object]
    before: str = ""


def identity(running: Running) -> tuple[object, ...]:
    """The browser values of questions and of requests for rate limits."""
    questions, asks = (
        running.server.lane.rest.settings.identity,
        running.server._quotas._asker().identity,
    )
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
    Live("User-Agent", '[grok]\nuser_agent = "Browser/1"', '[grok] user_agent "" -> "Browser/1"', lambda r: identity(r)[2] == "Browser/1"),
    Live("a key", f'[grok]\napi_key = "{SECRET}"', "[grok] api_key changed", lambda r: r.may(SECRET) and not r.may("x")),
    Live("another key", f'[grok]\napi_key = "{SECRET}-2"', "[grok] api_key changed", lambda r: r.may(f"{SECRET}-2") and not r.may(f"{SECRET}-1"), f'[grok]\napi_key = "{SECRET}-1"'),
    Live("a key less", f'[grok]\napi_key = "{SECRET}"', "[[keys]] changed", lambda r: r.may(SECRET) and not r.may(f"{SECRET}-2"), f'[grok]\napi_key = "{SECRET}"\n[[keys]]\nname = "me"\nkey = "{SECRET}-2"'),
    Live("more keys", f'[[keys]]\nname = "me"\nkey = "{SECRET}"', "[[keys]] changed", lambda r: r.may(SECRET) and not r.may("x")),
    Live("a proxy", f'[grok]\nproxy_url = "http://u:{SECRET}@proxy.example.com:1"', "[grok] proxy_url changed", lambda r: all(SECRET in one.egress.proxy_url for one in r.server.pool.book.accounts)),
    Live("another Grok", '[grok]\nbase_url = "https://mirror.example.com/"', '[grok] base_url "https://grok.com" -> "https://mirror.example.com"', lambda r: {r.server.lane.rest.settings.base_url, r.server._quotas._asker().base_url} == {"https://mirror.example.com"}),
    Live("kept conversations", "[grok]\ntemporary = false\nmemory = true", "[grok] temporary true -> false, [grok] memory false -> true", lambda r: (r.server.lane.rest.settings.temporary, r.server.lane.rest.settings.memory) == (False, True)),
    Live("tags", '[grok]\nfiltered_tags = ["b", "a"]', '[grok] filtered_tags ["grok:render", "xai:tool_usage_card", "xaiartifact"] -> ["a", "b"]', lambda r: r.server.lane.rest.settings.filtered_tags == {"a", "b"}),
    Live("thinking", '[grok]\nthinking_format = "think_tags"', '[grok] thinking_format "reasoning_content" -> "think_tags"', lambda r: r.config.grok.thinking_format == "think_tags"),
    Live("a browser", '[grok]\nimpersonate = "firefox"', '[grok] impersonate "chrome" -> "firefox"', lambda r: r.server._transport._settings.impersonate == "firefox"),
    Live("authorities", '[grok]\nca_file = "tokens.json"', '[grok] ca_file "" -> "tokens.json"', lambda r: r.server._transport._settings.ca_file == "tokens.json"),
    Live("a new model", '[models.mine]\nmode_id = "fast"', '[models."mine"] added', lambda r: "mine" in r.config.models),
    Live("a changed model", '[models."grok-4.1"]\ncost = 3', '[models."grok-4.1"] changed', lambda r: r.config.models["grok-4.1"].cost == 3),
    Live("a model less", "[pool]", '[models."mine"] removed', lambda r: "mine" not in r.config.models, '[models.mine]\nmode_id = "fast"'),
    Live("the log", '[global]\nlog_level = "debug"\nlog_format = "json"', '[global] log_level "INFO" -> "DEBUG", [global] log_format "text" -> "json"', lambda r: [one.log_level for one in r.levels] == ["DEBUG"]),
    Live("more streams", "[server]\nmax_streams = 5", "[server] max_streams 256 -> 5", lambda r: r.config.server.max_streams == 5),
    Live("pictures", '[grok]\nimage_mode = "base64"', '[grok] image_mode "cache" -> "base64"', lambda r: r.config.grok.image_mode.value == "base64"),
    Live("alerts", '[alerts]\nwebhook = "https://example.com/eyJ-very-secret"', "[alerts] webhook changed", lambda r: r.config.alerts.wanted),
    Live("hosts", f'[fetch]\nallow_hosts = ["{"x" * 99}"]', f'[fetch] allow_hosts [] -> ["{"x" * 58}…', lambda r: r.config.fetch.allow_hosts == ("x" * 99,)),
    Live("long conversations", '[grok]\nlong_context = "error"', '[grok] long_context "file" -> "error"', lambda r: r.server.lane.rest.settings.long_texts.refused),
    Live("tools", '[grok]\ntool_text_chars = 9000\ntool_form = "function_call"', '[grok] tool_text_chars 24000 -> 9000, [grok] tool_form "call" -> "function_call"', lambda r: (r.server.lane.rest.settings.tool_texts.most_chars, r.server.lane.rest.settings.tool_texts.words.arg) == (9000, "parameter")),
    Live("several", '[pool]\nqueue_seconds = 5\n[grok]\nuser_agent = "B"', '[grok] user_agent "A" -> "B", [pool] queue_seconds 10 -> 5', lambda r: r.server.pool.queue_s == 5, '[grok]\nuser_agent = "A"'),
]  # fmt: skip


@pytest.mark.parametrize("case", LIVE, ids=lambda case: case.name)
@at_desk(files=lambda case: {**BOTH, "config.toml": case.before})
async def test_a_changed_setting_is_in_force_at_once_and_one_line_says_from_what_to_what(
    running: Running, case: Live
) -> None:
    """Of secrets only that they changed; nothing is logged twice."""
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
    assert line.startswith("INFO config.toml taken over: [grok] stream_chunk_timeout unset -> 77")
    assert {model.limits and model.limits.chunk for model in running.config.models.values()} == {77}


@at_desk(files=BOTH)
async def test_what_was_known_of_the_way_to_grok_was_known_of_another_identity(
    running: Running,
) -> None:
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
    services = running.server.services
    app = create_app(services, Metrics(services.measured))
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
    question = Question(MODEL, limits, (Message("user", "hello"),))
    before = gateway.completion(gateway.lane.render(question), trio.current_time())
    old = running.server.lane
    running.write("config.toml", '[grok]\nuser_agent = "new"\nbase_url = "https://new.example.com"')
    await running.reload()
    after = gateway.completion(gateway.lane.render(question), trio.current_time())
    assert before._lane is old.rest
    assert gateway.lane is running.server.lane is not old
    assert after._lane is running.server.lane.rest
    assert running.server.lane.rest.uploads is old.rest.uploads

    transport = FakeTransport([answer("unread")])
    monkeypatch.setattr(running.server._transport, "open", transport.open)
    lease = await running.server.pool.lease(Need(MODEL))
    for completion in (before, after):
        (await completion._to_ask.prepare(lease, repeated=False)).open(fresh=False)
    sent = [exchange.request for exchange in transport.exchanges]
    assert [dict(request.headers).get("User-Agent") for request in sent] == [None, "new"]
    assert [request.url.partition("/rest")[0] for request in sent] == [
        "https://grok.com",
        "https://new.example.com",
    ]
    for completion in (before, after):
        await completion.aclose()


RESTART = {
    ("server", "host"): '"0.0.0.0"',
    ("server", "port"): "9",
    ("server", "data_dir"): '"elsewhere"',
    ("server", "grace_seconds"): "1.5",
    ("server", "write_timeout_seconds"): "2.5",
    ("server", "workers"): "2",
    ("pool", "share"): '"unix:///nowhere/redis.sock"',
    ("pool", "share_name"): '"other"',
    ("pool", "share_seconds"): "30",
}


def test_the_settings_that_need_a_restart_are_all_tried_here() -> None:
    """The table below is complete."""
    assert RESTART.keys() == NEEDS_RESTART


@pytest.mark.parametrize(
    "settings", [*([one] for one in RESTART), list(RESTART)], ids=lambda settings: settings[-1][1]
)
def test_what_needs_a_restart_keeps_its_value_and_one_warning_names_it(
    settings: list[tuple[str, str]], desk: Desk
) -> None:
    """Once; other changes of the same file are in force. Taken back, there is nothing to say."""
    key = f'[grok]\napi_key = "{SECRET}"\n'
    lines = {
        place: "".join(f"{name} = {RESTART[place, name]}\n" for at, name in settings if at == place)
        for place in ("pool", "server")
    }
    text = f"{key}[pool]\n{lines['pool']}[server]\n{lines['server']}"

    async def scenario(running: Running) -> None:
        before = running.config
        running.write("config.toml", f"{text}max_streams = 5")
        warning, line = await running.reload()
        assert warning.startswith("WARNING config.toml: takes effect after a restart: ")
        assert warning.rpartition(": ")[2] == ", ".join(
            sorted(f"[{section}] {name}" for section, name in settings)
        )
        assert line == "INFO config.toml taken over: [server] max_streams 256 -> 5"
        after = running.config
        for section, name in RESTART:
            assert getattr(getattr(after, section), name) == getattr(getattr(before, section), name)
        assert await running.reload() == []
        running.write("config.toml", f"{key}[server]\nmax_streams = 5")
        assert await running.reload() == []
        assert running.notices == {}

    desk.run(scenario, files={**BOTH, "config.toml": key})


@frozen
class ConfigFault:
    """A configuration that can't be taken over, and the message."""

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
    """The old one stays in use as a whole; one line, once; ``/health`` has it; and good tokens are
    taken over meanwhile.
    """
    path, before, settings = (
        running.place / "config.toml",
        running.config,
        running.server.lane.rest.settings,
    )
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
    assert running.server.lane.rest.settings is settings
    assert running.may("x") == (not case.before)

    if path.is_dir():
        path.rmdir()
    running.write("config.toml", case.before + "[pool]\nqueue_seconds = 5")
    assert await running.reload() == ["INFO config.toml taken over: [pool] queue_seconds 10 -> 5"]
    assert running.notices == {}


@at_desk(files=BOTH)
async def test_a_bug_in_reading_a_file_ends_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged with its traceback; the old stays in use, and the other file is taken over."""

    def stumble() -> object:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(running.inputs, "read_tokens_with_notes", stumble)
        running.write("config.toml", "[pool]\nqueue_seconds = 5")
        taken, bug, error = await running.reload()
        assert taken == "INFO config.toml taken over: [pool] queue_seconds 10 -> 5"
        assert (bug.partition(" ")[0], error.partition(" ")[0]) == ("ERROR", "ERROR")
        assert running.notices.keys() == {"tokens"}
        assert running.tokens == [A, B]
    (mended,) = await running.reload()
    assert mended.startswith("INFO mended: tokens: a bug kept it from being taken over")
    assert running.notices == {}


@at_desk(files=BOTH)
async def test_both_files_may_be_wrong_at_once(running: Running) -> None:
    """Each is logged by itself."""
    running.write("config.toml", "[")
    running.write("tokens.json", "[")
    assert len(await running.reload()) == 2
    assert running.notices.keys() == {"config", "tokens"}
    running.write("tokens.json", token_file(A, B))
    (mended,) = await running.reload()
    assert mended.startswith("INFO mended: tokens.json: ")
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
    [
        "[pool]\nqueue_seconds = 5.0\n",
        "# mine\r\n[pool]\r\nqueue_seconds=5",
        "[grok]\n[pool]\nqueue_seconds = 5e0",
    ],
)
@at_desk(files={**BOTH, "config.toml": "[pool]\nqueue_seconds = 5"})
async def test_the_same_settings_written_otherwise_are_nothing_new(
    running: Running, text: str
) -> None:
    """Nothing changed, nothing logged."""
    before = running.config
    running.write("config.toml", text)
    assert await running.reload() == []
    assert running.config is before
