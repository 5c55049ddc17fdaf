"""Edits of a configuration's text: the value changes, and nothing else does."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from attrs import frozen
from hypothesis import assume, given
from hypothesis import strategies as st

from grokcore.config import load_config
from grokcore.config.editing import Path as KeyPath
from grokcore.config.editing import with_settings
from grokcore.errors import ConfigError

EXAMPLE = (Path(__file__).parents[1] / "config.example.toml").read_text("utf-8")
KEY = ("grok", "cf_clearance")
PATH_KEY = ("grok", "x_statsig_id", "/rest/a")


@frozen
class Edit:
    """A text, a setting, and the text afterwards."""

    name: str
    before: str
    after: str
    path: KeyPath = KEY
    value: str | dict[str, str] = "new"


EDITS = (
    Edit("no file", "", '[grok]\ncf_clearance = "new"\n'),
    Edit("no section", "[server]\nport = 1 # x", '[server]\nport = 1 # x\n\n[grok]\ncf_clearance = "new"\n'),
    Edit("no section, Windows", "[server]\r\nport = 1\r\n", '[server]\r\nport = 1\r\n\r\n[grok]\r\ncf_clearance = "new"\r\n'),
    Edit("an empty section", "[grok] # mine\n\n[pool]\n", '[grok] # mine\ncf_clearance = "new"\n\n[pool]\n'),
    Edit("a section at the end", "[grok]", '[grok]\ncf_clearance = "new"'),
    Edit("behind the last key", "[grok]\nmemory = true # why\n\n# of the pool\n[pool]\n", '[grok]\nmemory = true # why\ncf_clearance = "new"\n\n# of the pool\n[pool]\n'),
    Edit("Windows", "[grok]\r\nmemory = true\r\n# end\r\n", '[grok]\r\nmemory = true\r\ncf_clearance = "new"\r\n# end\r\n'),
    Edit("indented", "[grok]\n  memory = true\n", '[grok]\n  memory = true\n  cf_clearance = "new"\n'),
    Edit("a comment of this name", '[grok]\n# cf_clearance = "x"\nmemory = true\n', '[grok]\n# cf_clearance = "x"\nmemory = true\ncf_clearance = "new"\n'),
    Edit("a text of this name", '[grok]\napi_key = """\ncf_clearance = "x"\n[grok]\n"""\n', '[grok]\napi_key = """\ncf_clearance = "x"\n[grok]\n"""\ncf_clearance = "new"\n'),
    Edit("the same key elsewhere", '[other]\ncf_clearance = "x"\n[grok]\ncf_clearance = "y"\n', '[other]\ncf_clearance = "x"\n[grok]\ncf_clearance = "new"\n'),
    Edit("a value", '[grok]\ncf_clearance="old"# from\n', '[grok]\ncf_clearance="new"# from\n'),
    Edit("in single quotes", "[grok]\ncf_clearance = 'a\"b#'  # x\nmemory = true", '[grok]\ncf_clearance = "new"  # x\nmemory = true'),
    Edit("of several lines", '[grok]\ncf_clearance = """\\\n  a\\" b""c"""""\nmemory = true\n', '[grok]\ncf_clearance = "new"\nmemory = true\n'),
    Edit("of several lines, literal", "[grok]\r\ncf_clearance = '''\r\na'' # '''\r\n", '[grok]\r\ncf_clearance = "new"\r\n'),
    Edit("a quoted key", "[ 'grok' ]\n\"cf_clear\\u0061nce\" = ''\n", '[ \'grok\' ]\n"cf_clear\\u0061nce" = "new"\n'),
    Edit("another type", "[grok]\ncf_clearance = [1, # ]\n {a = 'x, }'}, ]\nmemory = true\n", '[grok]\ncf_clearance = "new"\nmemory = true\n'),
    Edit("dotted", "grok.cf_clearance = 'x'\n[server]\n", 'grok.cf_clearance = "new"\n[server]\n'),
    Edit("dotted, missing", "# a\n grok.memory = true # b\n[server]\nport = 1\n", '# a\n grok.memory = true # b\n grok.cf_clearance = "new"\n[server]\nport = 1\n'),
    Edit("inline", "grok = { cf_clearance = '', memory = true } # x\n", 'grok = { cf_clearance = "new", memory = true } # x\n'),
    Edit("inline, missing", "grok = {memory = true}\n", 'grok = {memory = true, cf_clearance = "new"}\n'),
    Edit("inline, empty", "grok = {}\n", 'grok = { cf_clearance = "new" }\n'),
    Edit("only a table below", "[grok.x_statsig_id]\n'*' = 'y'\n", '[grok.x_statsig_id]\n\'*\' = \'y\'\n\n[grok]\ncf_clearance = "new"\n'),
    Edit("dotted keys in a table below", "[grok.x_statsig_id]\na.b = 1\n", '[grok.x_statsig_id]\na.b = 1\n\n[grok]\ncf_clearance = "new"\n'),
    Edit("quotes and backslashes", "", '[grok]\ncf_clearance = "a\\"\\\\b"\n', value='a"\\b'),
    Edit("a table", "[grok]\n", '[grok]\nx_statsig_id = { "/rest/a" = "v", "*" = "w" }\n', ("grok", "x_statsig_id"), {"/rest/a": "v", "*": "w"}),
    Edit("a text becomes a table", "[grok]\nx_statsig_id = 'w' # x\n", '[grok]\nx_statsig_id = { "/rest/a" = "v" } # x\n', ("grok", "x_statsig_id"), {"/rest/a": "v"}),
    Edit("a path in a table", "[grok]\nx_statsig_id = { '/rest/a' = 'x', '*' = 'y' }\n", "[grok]\nx_statsig_id = { '/rest/a' = \"new\", '*' = 'y' }\n", PATH_KEY),
    Edit("another path in a table", "[grok]\nx_statsig_id = { '*' = 'y' }\n", "[grok]\nx_statsig_id = { '*' = 'y', \"/rest/a\" = \"new\" }\n", PATH_KEY),
    Edit("a path in a table with a header", "[grok.x_statsig_id]\n'*' = 'y'\n[server]\n", '[grok.x_statsig_id]\n\'*\' = \'y\'\n"/rest/a" = "new"\n[server]\n', PATH_KEY),
    Edit("a dotted path", "[grok]\nx_statsig_id.'*' = 'y'\nmemory = true", '[grok]\nx_statsig_id.\'*\' = \'y\'\nx_statsig_id."/rest/a" = "new"\nmemory = true', PATH_KEY),
    Edit("a path without a table", "[grok]\n", '[grok]\nx_statsig_id = { "/rest/a" = "new" }\n', PATH_KEY),
    Edit("bytes that are not UTF-8", "# \udcff\n[grok]\n", '# \udcff\n[grok]\ncf_clearance = "new"\n'),
    Edit("behind tables in an array", "[[keys]]\nname = 'a'\nkey='b'\n", '[[keys]]\nname = \'a\'\nkey=\'b\'\n\n[grok]\ncf_clearance = "new"\n'),
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_a_value_is_put_in_its_place(edit: Edit) -> None:
    """In the form that the file has, and every other character stays."""
    assert with_settings(edit.before, {edit.path: edit.value}) == edit.after


def test_the_example_keeps_every_line_but_those_of_the_values() -> None:
    """Owners begin with the example."""
    path = "/rest/app-chat/conversations/new"
    settings: dict[KeyPath, str | dict[str, str]] = {
        KEY: "c",
        ("grok", "user_agent"): "u",
        ("grok", "x_statsig_id"): {path: "s"},
    }
    after = with_settings(EXAMPLE, settings)
    changed = [
        (old, new)
        for old, new in zip(EXAMPLE.split("\n"), after.split("\n"), strict=True)
        if old != new
    ]
    assert [new.partition(" ")[0] for _, new in changed] == [
        "user_agent",
        "cf_clearance",
        "x_statsig_id",
    ]
    assert all(old.partition("#")[1:] == new.partition("#")[1:] for old, new in changed)
    grok = load_config(after)[0].grok
    assert (grok.cf_clearance, grok.user_agent, grok.x_statsig_id) == ("c", "u", {path: "s"})


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[grok]\nx_statsig_id = 1\n", PATH_KEY),
        ("[[grok]]\n", KEY),
        ("[grok.cf_clearance]\nx = 1\n", KEY),
    ],
)
def test_a_place_that_can_not_be_is_refused(text: str, path: KeyPath) -> None:
    """A table stands where a text belongs, or a text where a table does."""
    with pytest.raises(ConfigError, match=r"by hand|is no table"):
        with_settings(text, {path: "new"})


LINES = st.sampled_from(
    [
        *("[grok]", "[server]", "[grok.x_statsig_id]", "[[keys]]", "[ 'grok' ] # x", "[grok.a.b]"),
        *("cf_clearance = 'x'", 'cf_clearance = """', '"""', "'''", "a = '''", "# cf_clearance = 1"),
        *("grok.memory = true", "grok = { memory = 1 }", "grok.cf_clearance = 'y' # z", "a = [", "]"),
        *("b = [{x = '}'}, 1]", "  c = 1979-05-27 07:32:00", "d = nan", "", "\t", "x_statsig_id.'*' = 'q'"),
        *("x_statsig_id = {'*' = 'q'}", "e = \"\\\"#\" # '", "# \u4f60", "f = -0x1, ", "g.h.i = {}"),
    ]
)  # fmt: skip


@given(
    st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from([KEY, PATH_KEY])
)
def test_any_valid_text_keeps_all_that_it_says(lines: list[str], end: str, path: KeyPath) -> None:
    """Or it is refused. A value that was there is replaced; else something is put in only."""
    text = end.join(lines)
    try:
        tomllib.loads(text)
    except ValueError:
        assume(False)
    try:
        after = with_settings(text, {path: "new"})
    except ConfigError:
        return
    assert value_at(after, path) == "new"
    start = common(text, after)
    most = min(len(text), len(after)) - start
    end_length = min(most, common(text[::-1], after[::-1]))
    taken_out = text[start : len(text) - end_length]
    assert not taken_out or value_at(text, path) is not None


def common(one: str, other: str) -> int:
    """The length of the beginning that two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def value_at(text: str, path: KeyPath) -> object:
    value: object = tomllib.loads(text)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
