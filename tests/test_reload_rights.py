"""Files that end too early, taken over or not: at no cut does anybody gain anything."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.config import Config, load_config
from grokcore.config.rights import SAFEGUARDS, Guard, limits_of, settings_in
from grokcore.errors import ConfigError, InvalidApiKey
from grokcore.web.edge.auth import Caller
from tests.desk import BOTH, SECRET, Running, at_desk, desk

__all__ = ["desk"]

ROOT = Path(__file__).parents[1]

OWNER, BOB, ANN, CAT = (f"{SECRET}-{name}" for name in ("owner", "bob", "ann", "cat"))

OWNERS = f'[grok]\napi_key = "{OWNER}"\nproxy_url = "http://u:{SECRET}@proxy.example.com:1"\n'
SERVERS = '[server]\nallowed_hosts = ["grok.example.com"]\nmax_streams = 9\n'
BOBS = (
    f'[[keys]]\nname = "bob"\nkey = "{BOB}"\nmodels = ["grok-4.1"]\nrpm = 0x10\nconcurrent = 1_0\n'
)
CATS = f'[[keys]]\nname = "cat"\nkey = "{CAT}"\nper_day = 7_0\ntokens_per_day = 9000\nexpires = 2999-12-31\n'
ANNS = f'[[keys]]\nname = "ann"\nsha256 = "{hashlib.sha256(ANN.encode()).hexdigest()}"\nrpm = 10\n'

WHOLE = {
    "owner first": f"# mine\n{OWNERS}{SERVERS}\n{BOBS}\n{ANNS}[pool]\nqueue_seconds = 5\n",
    "guests first": f"{BOBS}{ANNS}{SERVERS}{OWNERS}",
    "owner among guests": f"{BOBS}\n{OWNERS}{ANNS}",
    "an owner of the list": f'{ANNS}[[keys]]\nname = "me"\nkey = "{OWNER}"\n{BOBS}',
    "a guest of days": f"{OWNERS}{CATS}",
    "inline": f'keys = [{{name = "bob", key = "{BOB}", rpm = 7}}, {{name = "me", key = "{OWNER}"}}]\n{SERVERS}',
}


def caller(running: Running, key: str) -> Caller | None:
    try:
        return running.server.state.keys.identify({"authorization": f"Bearer {key}"})
    except InvalidApiKey:
        return None


def gains(running: Running, whole: Config) -> list[str]:
    """What anybody may do now, and may not by the *whole* file."""
    found = [name for name in ("", "a stranger") if caller(running, name) is not None]
    for key in whole.keys:
        secret = {"bob": BOB, "ann": ANN, "cat": CAT, "me": OWNER}[key.name]
        now = caller(running, secret)
        if now is None or not limits_of(key):
            continue
        if now.allowance is None:
            found.append(f"{key.name} is an owner")
        elif any(
            limit and not 0 < getattr(now.allowance, name) <= limit
            for name in ("rpm", "concurrent", "per_day", "tokens_per_day")
            if (limit := getattr(key, name))
        ):
            found.append(f"{key.name} has more of a limit")
        if now.expires != key.expires:
            found.append(f"{key.name} has another end")
        if key.models and (now is None or not now.models):
            found.append(f"{key.name} has more models")
    if running.config.grok.proxy_url != whole.grok.proxy_url:
        found.append("no proxy")
    if running.config.server.allowed_hosts != whole.server.allowed_hosts:
        found.append("any host")
    return found  # fmt: skip


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("mended", [True, False], ids=["each by itself", "one after the other"])
@at_desk(files=lambda whole: {**BOTH, "config.toml": whole})
async def test_a_file_cut_anywhere_gives_nobody_anything(
    running: Running, whole: str, mended: bool
) -> None:
    """After the whole file, and piece by piece as a slow editor writes it: first the guest
    vanishes, then the limits.
    """
    config, _ = load_config(whole)
    first = running.config
    for length in range(len(whole)):
        running.write("config.toml", whole[:length])
        await running.reload()
        assert gains(running, config) == [], whole[:length]
        if mended and running.config is not first:
            running.write("config.toml", whole)
            await running.reload()
            assert running.notices == {}
            first = running.config
    running.write("config.toml", whole)
    await running.reload()
    assert running.config.keys == config.keys
    assert running.config.grok == config.grok
    assert running.notices == {}


@frozen
class Change:
    """A change of a configuration, and why it waits for a start; nothing if it does not."""

    name: str
    after: str
    objection: str = ""
    before: str = f"{OWNERS}{SERVERS}{BOBS}{ANNS}"


START_ONLY = [
    Change("a limit less", f"{OWNERS}{SERVERS}{BOBS}{ANNS}".replace("rpm = 0x10\n", ""), "[[keys]] bob: has no rpm any more, so the key could do more"),
    Change("a limit of nothing", f"{OWNERS}{SERVERS}{BOBS}{ANNS}".replace("rpm = 10", "rpm = 0"), "[[keys]] ann: has no rpm any more"),
    Change("all limits", f'{OWNERS}{SERVERS}[[keys]]\nname = "bob"\nkey = "{BOB}"\n', "[[keys]] bob: has no concurrent and no models and no rpm any more"),
    Change("another key of the name", f'{OWNERS}{SERVERS}[[keys]]\nname = "bob"\nkey = "{SECRET}-new"\n', "[[keys]] bob: has no"),
    Change("another name of the key", f'{OWNERS}{SERVERS}[[keys]]\nname = "robert"\nkey = "{BOB}"\n', "[[keys]] robert: has no"),
    Change("a guest's key as the owner's", f"{OWNERS}{SERVERS}".replace(OWNER, BOB), "[grok] api_key: is a guest's key, and would lose its limits"),
    Change("no owner", f"{SERVERS}{BOBS}{ANNS}", "has no owner's key any more"),
    Change("no key", SERVERS, "has no API key any more, so everybody could use the server"),
    Change("no proxy", f'[grok]\napi_key = "{OWNER}"\n{SERVERS}{BOBS}', "[grok] proxy_url: is gone, so Grok would see this machine's own address"),
    Change("no hosts", f"{OWNERS}{BOBS}", "[server] allowed_hosts: is gone, so every Host header would be let in"),
    Change("another zone", f'[grok]\napi_key = "{OWNER}"\n{BOBS}', "[server] timezone: is gone, so the day of each key would end at another hour", f'[server]\ntimezone = "Asia/Shanghai"\n[grok]\napi_key = "{OWNER}"\n{BOBS}'),
    Change("no day", f"{OWNERS}{SERVERS}{BOBS}", "[[keys]] bob: has no expires and no per_day and no tokens_per_day any more, so the key could do more", f"{OWNERS}{SERVERS}{BOBS}per_day = 5\ntokens_per_day = 9\nexpires = 2999-12-31\n"),
    Change("no end alone", f'{OWNERS}{SERVERS}[[keys]]\nname = "ann"\nkey = "{SECRET}-2"\n', "[[keys]] ann: has no expires any more, so the key could do more", f'{OWNERS}{SERVERS}[[keys]]\nname = "ann"\nkey = "{SECRET}-2"\nexpires = "2999-12-31"\n'),
    Change("another upstream", "[pool]", "[grok] base_url: is gone, so the tokens would go to another address", '[grok]\nbase_url = "https://mirror.example.com"'),
    Change("another host of the key", "[api]\nkey = 'xai-1'", "[api] base_url: is gone, so the key would go to another address", '[api]\nkey = "xai-1"\nbase_url = "http://127.0.0.1:1"'),
    Change("another cap", "[api]\nkey = 'xai-1'", "[api] daily_usd: is gone, so a day could cost another amount", '[api]\nkey = "xai-1"\ndaily_usd = 0.1'),
    Change("a paid lane", "[api]\nkey = 'xai-1'", "[api] use: is gone, so questions could cost money", '[api]\nuse = "off"\nkey = "xai-1"'),
    Change("another host of the session", "[pool]", "[cli] base_url: is gone, so the session would go to another address", '[cli]\nbase_url = "http://127.0.0.1:1"'),
    Change("a key's lanes", f'{OWNERS}{SERVERS}[[keys]]\nname = "bob"\nkey = "{BOB}"\n', "[[keys]] bob: has no lanes any more", f'{OWNERS}{SERVERS}[[keys]]\nname = "bob"\nlanes = ["web"]\nkey = "{BOB}"\n'),
    Change("nothing", "", "has no setting in it any more", "[pool]\nqueue_seconds = 3"),
    Change("nothing but a comment", "# mine\n", "has no setting in it any more", "[pool]\nqueue_seconds = 3"),
]  # fmt: skip

AT_ONCE = [
    Change("a guest less", f"{OWNERS}{SERVERS}{ANNS}"),
    Change("no guest", f"{OWNERS}{SERVERS}"),
    Change("lower limits", f"{OWNERS}{SERVERS}{BOBS}{ANNS}".replace("rpm = 10", "rpm = 1")),
    Change("higher limits", f"{OWNERS}{SERVERS}{BOBS}{ANNS}".replace("rpm = 10", "rpm = 1000000")),
    Change("a later end and more a day", f'{OWNERS}{SERVERS}{BOBS}per_day = 500\nexpires = "2999-12-31T18:00:00+08:00"\n', before=f'{OWNERS}{SERVERS}{BOBS}per_day = 5\nexpires = "2998-12-31"\n'),
    Change("more limits", f"{OWNERS}{SERVERS}{BOBS}{ANNS}concurrent = 1\n"),
    Change("other models", f"{OWNERS}{SERVERS}{BOBS}".replace("grok-4.1", "grok-3-fast")),
    Change("a new owner", f'{OWNERS}{SERVERS}{BOBS}[[keys]]\nname = "me"\nkey = "{SECRET}-me"\n'),
    Change("another owner", f'{SERVERS}{BOBS}[[keys]]\nname = "me"\nkey = "{SECRET}-me"\n[grok]\nproxy_url = ""\n'),
    Change("no proxy, in words", f'[grok]\napi_key = "{OWNER}"\nproxy_url = ""\n{SERVERS}'),
    Change("another proxy", f"{OWNERS}{SERVERS}".replace("proxy.", "other.")),
    Change("no hosts, in words", f"{OWNERS}[server]\nallowed_hosts = []\n"),
    Change("a setting less", f"{OWNERS}{SERVERS}{BOBS}".replace("max_streams = 9\n", "")),
    Change("all lanes", f'{OWNERS}{SERVERS}[[keys]]\nname = "ann"\nkey = "{SECRET}-2"\n', before=f'{OWNERS}{SERVERS}[[keys]]\nname = "ann"\nlanes = ["api", "web", "cli"]\nkey = "{SECRET}-2"\n'),
    Change("keys where there were none", f"{BOBS}", before=""),
    Change("two keys of one name", f'{OWNERS}[[keys]]\nname = "bob"\nkey = "{SECRET}-2"\n{BOBS}[pool]\nqueue_seconds = 3', before=f'{OWNERS}[[keys]]\nname = "bob"\nkey = "{SECRET}-2"\n{BOBS}'),
]  # fmt: skip


@pytest.mark.parametrize("case", [*START_ONLY, *AT_ONCE], ids=lambda case: case.name)
@at_desk(files=lambda case: {**BOTH, "config.toml": case.before})
async def test_what_waits_for_a_start_and_what_does_not(running: Running, case: Change) -> None:
    """Losses that let more in wait, with one line that says what to do; what the owner takes away
    is gone at once.
    """
    before = running.config
    running.write("config.toml", case.after)
    (line,) = await running.reload()
    assert line.startswith("ERROR" if case.objection else "INFO config.toml taken over: ")
    assert (running.config is before) == bool(case.objection)
    if case.objection:
        notice = running.notices["config"]
        assert notice.startswith(f"config.toml: {case.objection}")
        assert notice.endswith("; if that is intended, restart the server")
        assert running.inputs.read_config().said == settings_in(case.after)  # and a start takes it


def test_every_safeguard_is_tried_above() -> None:
    """The list is complete."""
    assert {f"[{section}] {name}" for section, name in SAFEGUARDS} == {
        case.objection.partition(":")[0] for case in START_ONLY if ": is gone" in case.objection
    }


@at_desk(files={**BOTH, "config.toml": OWNERS + SERVERS + BOBS})
async def test_a_key_that_was_away_comes_back_with_its_limits_only(running: Running) -> None:
    """A file that is written piece by piece has no guest at first, and then one whose limits are
    still to come.
    """
    running.write("config.toml", OWNERS + SERVERS)
    await running.reload()
    assert caller(running, BOB) is None
    running.write("config.toml", f'{OWNERS}{SERVERS}[[keys]]\nname = "bob"\nkey = "{BOB}"\n')
    await running.reload()
    assert caller(running, BOB) is None
    assert running.notices.keys() == {"config"}
    running.write("config.toml", OWNERS + SERVERS + BOBS)
    await running.reload()
    back = caller(running, BOB)
    assert back is not None
    assert back.allowance is not None
    assert running.notices == {}


def test_a_variable_is_a_safeguard_that_no_file_takes_away() -> None:
    """The settings in force count, wherever they come from."""
    environ = {
        "GROK2API_GROK_API_KEY": OWNER,
        "GROK2API_GROK_PROXY_URL": "http://proxy.example.com:1",
    }
    before, _ = load_config("[pool]\nqueue_seconds = 3", environ=environ)
    after, _ = load_config("[pool]", environ=environ)
    guard = Guard(before, settings_in("[pool]\nqueue_seconds = 3"))
    assert guard.objection(after, settings_in("[pool]")) == ""
    with pytest.raises(ConfigError):
        load_config("[pool", environ=environ)


@pytest.mark.parametrize("name", ["config.example.toml", "docs/operations.md"])
def test_examples_have_a_key_behind_its_limits(name: str) -> None:
    """A file that is cut within such a table has no key yet, and is a fault: a new guest is no
    owner for a moment.
    """
    text = (ROOT / name).read_text(encoding="utf-8").replace("# ", "").replace("\n```", "\n\n")
    tables = [table.partition("\n\n")[0].splitlines() for table in text.split("[[keys]]")[1:]]
    limited = [
        [line.partition(" =")[0] for line in table]
        for table in tables
        if any("rpm =" in line for line in table)
    ]
    assert limited
    assert {names[-1] for names in limited} <= {"key", "sha256"}
    with pytest.raises(ConfigError, match="needs key"):
        load_config('[[keys]]\nname = "bob"\nrpm = 1\n')
