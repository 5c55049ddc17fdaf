"""Settings as people paste them, faults with their places, and configurations of the newer
original.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.cli import EXIT_CONFIG, main
from grokcore.cli.setup import InputFiles
from grokcore.config import ImageMode, load_config
from grokcore.config.pasted import taken_out
from grokcore.config.places import place_of
from grokcore.errors import ConfigError
from tests.protocol.token_file.pasted import JWT, OTHER, pieces

CLEARANCE = "AbC.dEf_123-1893456000-1.2.1.1-xYz"
UA = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36"
HEADERS = f"GET / HTTP/2\r\nHost: grok.com\r\nUser-Agent: {UA}\r\nCookie: sso={JWT}; cf_clearance={CLEARANCE}\r\nx-statsig-id: abc\r\n"


@frozen
class Pasted:
    """A setting's text, the value in it, and whether that is remarked on."""

    key: str
    text: str
    value: str
    told: bool = True


PASTED = [
    Pasted("cf_clearance", CLEARANCE, CLEARANCE, told=False),
    Pasted("cf_clearance", f" cf_clearance={CLEARANCE}; ", CLEARANCE, told=False),
    Pasted("cf_clearance", f"{CLEARANCE}\n", CLEARANCE, told=False),
    Pasted("cf_clearance", f"\u200b{CLEARANCE}\ufeff", CLEARANCE, told=False),
    Pasted("cf_clearance", f'"{CLEARANCE}"', CLEARANCE),
    Pasted("cf_clearance", f"sso={JWT}; cf_clearance={CLEARANCE}; __cf_bm=x", CLEARANCE),
    Pasted("cf_clearance", f"Cookie: cf_clearance={CLEARANCE}; sso={JWT}", CLEARANCE),
    Pasted(
        "cf_clearance", f"cf_clearance={CLEARANCE}; Path=/; Domain=.grok.com; HttpOnly", CLEARANCE
    ),
    Pasted("cf_clearance", HEADERS, CLEARANCE),
    Pasted("cf_clearance", "", "", told=False),
    Pasted("user_agent", UA, UA, told=False),
    Pasted("user_agent", f"User-Agent: {UA}", UA),
    Pasted("user_agent", f"user-agent\n{UA}", UA),
    Pasted("user_agent", f'-H "User-Agent: {UA}"', UA),
    Pasted("user_agent", f"'{UA}'\r\n", UA),
    Pasted("user_agent", HEADERS, UA),
    Pasted("x_statsig_id", "x-statsig-id: abc+/=", "abc+/="),
    Pasted("x_statsig_id", "abc+/=", "abc+/=", told=False),
    Pasted("api_key", " sk-1\n", "sk-1", told=False),
    Pasted("api_key", '"sk-1"', '"sk-1"'),
    Pasted("api_key", "Authorization: Bearer sk-1", "sk-1"),
    Pasted("api_key", "Bearer", "Bearer", told=False),
    Pasted("proxy_url", "'http://a:1'", "http://a:1"),
    Pasted("data_dir", r"C:\Users\me", r"C:\Users\me", told=False),
]


@pytest.mark.parametrize("case", PASTED, ids=lambda case: f"{case.key}={case.text[:40]}")
def test_the_value_is_taken_out_of_what_was_pasted(case: Pasted) -> None:
    """With one remark, and without anything that stood around it."""
    value, words = taken_out(case.key, case.text)
    assert value == case.value
    assert bool(words) is case.told


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("cf_clearance", f"sso={JWT}; theme=dark"),
        ("cf_clearance", JWT),
        ("cf_clearance", f"cf_clearance={JWT}"),
        ("cf_clearance", "cf_clearance=; sso=x"),
        ("cf_clearance", "two words"),
        ("user_agent", f"Mozilla/5.0 (X11) sso={JWT}"),
    ],
)
def test_what_holds_no_such_value_is_refused(key: str, text: str) -> None:
    """The session of an account must not ride along with another's."""
    with pytest.raises(ValueError, match=r"^(is|holds|must be) ") as caught:
        taken_out(key, text)
    assert not pieces(JWT) & pieces(str(caught.value))


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["cf_clearance", "user_agent", "x_statsig_id", "api_key", "proxy_url", "host"]),
    st.text(max_size=30)
    | st.lists(
        st.sampled_from(
            [JWT, "sso=", "cf_clearance=", ";", " ", "\n", '"', "Cookie:", "User-Agent:", "a"]
        ),
        max_size=8,
    ).map("".join),
)
def test_any_text_is_a_value_or_a_fault(key: str, text: str) -> None:
    """Never another exception; no session rides along in a clearance or a User-Agent; nothing is
    quoted.
    """
    try:
        value, words = taken_out(key, text)
    except ValueError as error:
        value, words = "", str(error)
    assert not pieces(JWT) & pieces(words)
    if key == "cf_clearance":
        assert JWT not in value
        assert ";" not in value


def test_a_remark_names_what_it_is_about() -> None:
    """File and key, or the variable."""
    cookie = f"sso={JWT}; cf_clearance={CLEARANCE}"
    _, in_file = load_config(f'[grok]\ncf_clearance = "{cookie}"', name="config.toml")
    _, in_variable = load_config(
        "", name="config.toml", environ={"GROK2API_GROK_CF_CLEARANCE": cookie}
    )
    assert [line.partition(": was")[0] for line in in_file + in_variable] == [
        "config.toml: [grok] cf_clearance",
        "GROK2API_GROK_CF_CLEARANCE",
    ]


@pytest.mark.parametrize(
    ("written", "value"), [('"8080"', 8080), ("8080 ", 8080), ("'8080'", 8080)]
)
def test_a_number_in_a_variable_may_stand_in_quotes(written: str, value: int) -> None:
    """Files of variables keep them."""
    assert load_config("", environ={"GROK2API_SERVER_PORT": written})[0].server.port == value


@pytest.mark.parametrize("written", ["True", "TRUE", "true", '"true"'])
def test_so_may_a_switch_and_in_any_case(written: str) -> None:
    """As people of Python write it."""
    assert load_config("", environ={"GROK2API_GROK_MEMORY": written})[0].grok.memory is True


# Places -----------------------------------------------------------------------------------------

TOML = """# one
server.port = 1

[grok]
  api_key = "x"
x_statsig_id = { a = "b" }
filtered_tags = [
  "a",
  "b",
]
# between
user_agent = '''
a
'''
[[keys]]
name = "a"
[[keys]]
name = "b"
rpm = 5
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("server", "port"), (2, 1)),
        (("server",), (2, 1)),
        (("grok",), (4, 1)),
        (("grok", "api_key"), (5, 3)),
        (("grok", "x_statsig_id", "a"), (6, 1)),
        (("grok", "filtered_tags"), (7, 1)),
        (("grok", "user_agent"), (12, 1)),
        (("keys", 0, "name"), (16, 1)),
        (("keys", 1), (17, 1)),
        (("keys", 1, "rpm"), (19, 1)),
        (("grok", "nothing"), None),
    ],
)
def test_a_key_is_found_by_line_and_column(
    path: tuple[Any, ...], place: tuple[int, int] | None
) -> None:
    """However it is written."""
    assert place_of(TOML, path) == place


@frozen
class Fault:
    """Files, flags and variables at fault, and pieces of the one line that says so."""

    name: str
    says: list[str]
    config: str = ""
    flags: dict[tuple[str, str], Any] = field(factory=dict)
    environ: dict[str, str] = field(factory=dict)


FAULTS = [
    Fault("a key's limit", ["[[keys]] laptop rpm: must be between", "(line 4, column 1)"], '[[keys]]\nname = "laptop"\nkey = "k"\nrpm = -1'),
    Fault("a key without a name", ["[[keys]] number 2 name: is missing", "(line 4, "], '[[keys]]\nname = "a"\nkey = "k"\n[[keys]]\nkey = "j"'),
    Fault("a Windows path", ["line 2, column", "single quotes"], '[server]\ndata_dir = "C:\\Users\\me"'),
    Fault("a Windows path with a letter that means something", ["[server] data_dir: holds a tab", "single quotes", "line 2"], '[server]\ndata_dir = "C:\\temp"'),
    Fault("a host with a port", ["c.toml: [server] host: must be without the port", "line 2"], '[server]\nhost = "127.0.0.1:8000"'),
    Fault("an address with a port", ["[server] host: must be without the port"], '[server]\nhost = "[::1]:8000"'),
    Fault("a host with a scheme", ["--host: must be an address or a name alone"], flags={("server", "host"): "http://localhost"}),
    Fault("a variable", ["GROK2API_SERVER_PUBLIC_URL: must be a URL"], '[global]\nbase_url = "https://a.example"', environ={"GROK2API_SERVER_PUBLIC_URL": "x"}),
    Fault("a secret as a table", ["is not valid TOML: ", "a key twice"], "[Xq91hhTTg20aPPq]\n[Xq91hhTTg20aPPq]"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_names_flag_or_file_key_line_and_column(fault: Fault) -> None:
    """And what to do."""
    with pytest.raises(ConfigError) as caught:
        load_config(fault.config, name="c.toml", flags=fault.flags, environ=fault.environ)
    for piece in fault.says:
        assert piece in str(caught.value)
    assert "Xq91" not in str(caught.value)


def remarked(*arguments: str) -> list[str]:
    """Warnings of the configuration that a server would start with in this folder."""
    parsed = argparse.Namespace(
        **dict.fromkeys(("config", "tokens", "record", "demo", "data_dir", "host", "port"))
    )
    for flag, value in zip(arguments[::2], arguments[1::2], strict=True):
        setattr(parsed, flag, value)
    return [*InputFiles(parsed, {"GROK2API_GROK_API_KEY": "k"}).read_config().warnings]


def test_ipv6_alone_is_remarked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner who writes :: mostly means all addresses."""
    monkeypatch.chdir(tmp_path)
    (warning,) = remarked("host", "::")
    assert warning.startswith("--host: [server] host: :: is reached over IPv6 only; ")


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [
                "[grok]",
                "[server]",
                "[[keys]]",
                "[app]",
                "[proxy.egress]",
                "api_key",
                "host",
                "proxy_url",
                "name",
                "=",
                '"',
                "'",
                "\n",
                "Xq91hhTTg20aPPq7zLm",
                "1",
                "true",
                "{",
                "}",
                ".",
                " ",
                "#",
                "\\",
            ]
        ),
        max_size=16,
    ).map("".join)
)
def test_any_text_is_a_configuration_or_a_fault_that_quotes_nothing(text: str) -> None:
    """One line, without a piece of a secret; so are the warnings."""
    try:
        said = load_config(text, name="c.toml")[1]
    except ConfigError as error:
        said = [str(error)]
    for line in said:
        assert "\n" not in line
        assert not pieces(line) & pieces("Xq91hhTTg20aPPq7zLm")


# The newer original -----------------------------------------------------------------------------

FIRST = f"""
[app]
app_url = "http://me.example:8000"
app_key = "s3cret-admin"
api_key = "sk-mine"
image_format = "url"
[network]
timeout = 120
base_proxy_url = "socks5://u:p@10.0.0.1:1080"
[security]
cf_clearance = "{CLEARANCE}"
browser = "chrome136"
user_agent = "{UA}"
[chat]
temporary = false
disable_memory = true
thinking = true
filter_tags = ["xaiartifact"]
[token]
fail_threshold = 5
"""

SECOND = f"""
[app]
app_key = "s3cret-admin"
api_key = "sk-mine"
app_url = "http://me.example:8000"
temporary = false
filter_tags = ["xaiartifact"]
image_format = "url"
[proxy]
base_proxy_url = "socks5://u:p@10.0.0.1:1080"
cf_clearance = "{CLEARANCE}"
user_agent = "{UA}"
browser = "chrome136"
"""

THIRD = f"""
[app]
app_key = "s3cret-admin"
app_url = "http://me.example:8000"
api_key = "sk-mine"
[features]
temporary = false
memory = false
image_format = "local_url"
[proxy.egress]
mode = "single_proxy"
proxy_url = "socks5://u:p@10.0.0.1:1080"
[proxy.clearance]
mode = "manual"
cf_cookies = "cf_clearance={CLEARANCE}; __cf_bm=abc; sso={OTHER}"
user_agent = "{UA}"
browser = "chrome136"
"""


@pytest.mark.parametrize("text", [FIRST, SECOND, THIRD], ids=["first", "second", "third"])
def test_a_configuration_of_the_newer_original_is_recognised(text: str) -> None:
    """Its key, proxy, clearance and User-Agent are taken over, its admin password never is."""
    config, warnings = load_config(text, name="data/config.toml")
    grok = config.grok
    assert (grok.api_key, grok.proxy_url) == ("sk-mine", "socks5h://u:p@10.0.0.1:1080")
    assert (grok.cf_clearance, grok.user_agent, grok.impersonate) == (CLEARANCE, UA, "chrome136")
    assert (grok.temporary, grok.image_mode, config.server.public_url) == (
        False,
        ImageMode.CACHE,
        "http://me.example:8000",
    )
    assert warnings[0].startswith(
        "data/config.toml: is the original project's configuration of 2026; taken over: [grok] api_key, "
    )
    assert "s3cret" not in repr(config) + str(warnings)


def test_several_keys_of_it_all_count() -> None:
    """It takes them with commas between."""
    config, _ = load_config('[app]\napi_key = "sk-1, sk-2"\napp_key = "x"')
    assert (config.grok.api_key, [key.key for key in config.keys]) == ("sk-1", ["sk-2"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[app]\napp_key = ""\n[proxy.egress]\nmode = "proxy_pool"\nproxy_pool = ["http://a:1"]',
            "[proxy.egress] proxy_pool: a pool",
        ),
        (
            '[app]\napp_key = ""\n[proxy.egress]\nmode = "single_proxy"\nproxy_url = ""',
            "[proxy.egress] mode: asks for a proxy",
        ),
        (
            '[app]\napp_key = ""\n[proxy]\nbase_proxy_url = "http://a:1,http://b:2"',
            "[proxy] base_proxy_url: a pool of proxies",
        ),
        (
            '[app]\napp_key = ""\n[proxy]\nbase_proxy_url = "a:1"',
            "[proxy] base_proxy_url: must be a proxy URL",
        ),
        (
            '[grok]\nproxy_pool_url = "http://a.example/list"',
            "[grok] proxy_pool_url: a pool of proxies",
        ),
    ],
)
def test_a_proxy_that_cannot_be_used_is_a_fault(text: str, says: str) -> None:
    """Tokens from behind a proxy must not be seen from another address."""
    with pytest.raises(ConfigError) as caught:
        load_config(text)
    assert str(caught.value).startswith(says)


PROXIED = '[grok]\nproxy_url = "http://u:s3cret@10.0.0.1:1"\n'


@pytest.mark.parametrize("name", ["data/setting.toml", "data/config.toml"])
@pytest.mark.parametrize("own", ["", "[server]\nport = 0\n"])
def test_tokens_are_not_used_without_the_proxy_beside_them(
    name: str,
    own: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """An owner who keeps the original's folder and writes a new configuration has to decide on the
    proxy.
    """
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path(name).write_text(PROXIED)
    Path("data/token.json").write_text("{}")
    Path("mine.toml").write_text(own)
    assert main(["--config", "mine.toml"]) == EXIT_CONFIG
    said = capfd.readouterr().err
    assert f"{Path(name)} beside it names a proxy" in said
    assert "s3cret" not in said


def test_a_first_word_that_comes_late_is_remarked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original waits 30 s for every model; those that think are silent for longer."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    file = Path("data/setting.toml")
    file.write_text("[grok]\nstream_first_response_timeout = 30")
    (warning,) = remarked()
    assert warning.startswith(
        f"{file}: [grok] stream_first_response_timeout: 30 s is too short for grok-4-fast, "
    )
    file.write_text("[grok]\nstream_first_response_timeout = 120")
    assert remarked() == []
