"""Edits of ``[[keys]]``: a key comes or goes, and every other character stays."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import assume, given
from hypothesis import strategies as st

from grokcore.config import KeyConfig, load_config
from grokcore.config.key_tables import with_key, without_keys
from grokcore.errors import ConfigError
from grokcore.protocol.models import LaneName

EXAMPLE = (Path(__file__).parents[1] / "config.example.toml").read_text("utf-8")
DIGEST = "0a" * 32
BOB = KeyConfig("bob", sha256=DIGEST)
TABLE = f'[[keys]]\nname = "bob"\nsha256 = "{DIGEST}"\n'
INLINE = f'{{ name = "bob", sha256 = "{DIGEST}" }}'
ANN = '[[keys]]\nname = "ann"\nkey = "a"\n'


@frozen
class Edit:
    """A text without and with the key of bob. *back* is what stays when it is removed again."""

    name: str
    without: str
    text: str
    back: str | None = None


EDITS = (
    Edit("no file", "", TABLE),
    Edit("behind all else", "[grok]\napi_key = 'x' # mine\n", f"[grok]\napi_key = 'x' # mine\n\n{TABLE}"),
    Edit("no line end", "[grok]\napi_key = 'x'", f"[grok]\napi_key = 'x'\n\n{TABLE}", "[grok]\napi_key = 'x'\n"),
    Edit("Windows", "[pool]\r\n", "[pool]\r\n\r\n" + TABLE.replace("\n", "\r\n")),
    Edit("only a comment", "# mine\n", f"# mine\n\n{TABLE}"),
    Edit("behind a blank line", "[pool]\n\n", f"[pool]\n\n\n{TABLE}"),
    Edit("behind another", ANN, f"{ANN}\n{TABLE}"),
    Edit("another before other tables", f"{ANN}\n[pool]\n", f"{ANN}\n[pool]\n\n{TABLE}"),
    Edit("bytes that are not UTF-8", "# \udcff\n", f"# \udcff\n\n{TABLE}"),
    Edit("an empty list", "keys = []\n[pool]\n", f"keys = [{INLINE}]\n[pool]\n"),
    Edit("a list", "keys = [{name = 'a', key = ']'}] # x\n", f"keys = [{{name = 'a', key = ']'}}, {INLINE}] # x\n"),
    Edit("a list of lines", "keys = [\n  {name = 'a', key = 'b'}, # a's\n]\n", f"keys = [\n  {{name = 'a', key = 'b'}}, {INLINE}, # a's\n]\n"),
)  # fmt: skip


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_a_key_is_put_at_the_end_and_taken_out_again(edit: Edit) -> None:
    """In the form that the file has, with no trace afterwards."""
    assert with_key(edit.without, BOB) == edit.text
    assert without_keys(edit.text, "bob") == (edit.back or edit.without, 1)


REMOVALS = (
    Edit("before other tables", "[a]\n\n[pool]\n", f"[a]\n\n{TABLE}\n[pool]\n"),
    Edit("the first of all", "[pool]\n", f"{TABLE}\n[pool]\n"),
    Edit("without blank lines", f"[a]\n{ANN}[b]\n", f"[a]\n{TABLE}{ANN}[b]\n"),
    Edit("with comments of its own", "# above\n# below\n[b]\n", f"# above\n{TABLE.replace('name', '# within' + chr(10) + 'name')}# below\n[b]\n"),
    Edit("with a comment behind its last value", "[b]\n", f"{TABLE.rstrip()} # bob's\n[b]\n"),
    Edit("with a table of its own", "[b]\n", f"{TABLE}[keys.more]\nx = 1\n[b]\n"),
    Edit("a table of the one before", f"{ANN}[keys.more]\nx = 1\n", f"{ANN}[keys.more]\nx = 1\n{TABLE}"),
    Edit("the first in a list", "keys = [{name = 'a', key = 'b'}]\n", f"keys = [{INLINE}, {{name = 'a', key = 'b'}}]\n"),
    Edit("in the middle of a list", "keys = [\n {name = 'a'},\n {name = 'b'},\n]\n", f"keys = [\n {{name = 'a'}},\n {INLINE},\n {{name = 'b'}},\n]\n"),
    Edit("alone, with a comma", "keys = [ ]\n", f"keys = [{INLINE} , ]\n"),
    Edit("in odd spelling", "[b]\n", "[[ 'keys' ]] # x\n  \"name\" = 'bob'\n  rpm = 1\n[b]\n"),
    Edit("at the end, without a line end", "[a]\n", f"[a]\n\n{TABLE.rstrip()}"),
)  # fmt: skip


@pytest.mark.parametrize("edit", REMOVALS, ids=lambda edit: edit.name)
def test_a_key_is_taken_out_from_anywhere(edit: Edit) -> None:
    """Comments around its table stay: they may be another's."""
    assert without_keys(edit.text, "bob") == (edit.without, 1)


def test_all_keys_of_a_name_go() -> None:
    """An owner who removes a guest wants no second door of the same name."""
    assert without_keys(f"{TABLE}\n{ANN}\n{TABLE}", "bob") == (ANN, 2)
    assert without_keys(f"keys = [{INLINE}, {INLINE}]\n", "bob") == ("keys = []\n", 2)
    assert without_keys(f"{ANN}keys2 = 1", "bob") == (f"{ANN}keys2 = 1", 0)
    assert without_keys("keys = 5", "bob") == ("keys = 5", 0)
    assert without_keys("keys = [5]", "bob") == ("keys = [5]", 0)


def test_every_field_is_written_and_read_again() -> None:
    """With the hash last: a file that is cut off has no key without its limits."""
    key = KeyConfig(
        *('o"d\\d 你', "", DIGEST, ("grok-4.1", "grok-3-fast"), 20, 2, 100, 5000, "2026-12-31"),
        (LaneName.WEB, LaneName.API),
    )
    text = with_key("", key)
    assert text == (
        '[[keys]]\nname = "o\\"d\\\\d 你"\nmodels = ["grok-4.1", "grok-3-fast"]\nrpm = 20\n'
        "per_day = 100\ntokens_per_day = 5000\nconcurrent = 2\n"
        f'expires = "2026-12-31"\nlanes = ["web", "api"]\nsha256 = "{DIGEST}"\n'
    )
    assert load_config(text)[0].keys == (key,)
    assert without_keys(text, key.name) == ("", 1)


@pytest.mark.parametrize("text", ["keys = 5\n", "[keys]\nx = 1\n", "keys = {}\n", "keys = ''\n"])
def test_keys_of_another_form_are_refused(text: str) -> None:
    """With the lines to write by hand."""
    with pytest.raises(ConfigError, match=r'by hand, as \[\[keys\]\] ; name = "bob" ; sha256 = '):
        with_key(text, BOB)


def test_the_example_keeps_every_character() -> None:
    """Owners begin with the example."""
    text = with_key(EXAMPLE, BOB)
    assert text == f"{EXAMPLE}\n{TABLE}"
    assert without_keys(text, "bob") == (EXAMPLE, 1)


LINES = st.sampled_from(
    [
        *("[grok]", "[[keys]]", "[[keys]] # x", "[keys.sub]", "[pool]", "keys = [", "]", "keys = []"),
        *("name = 'bob'", 'name = "b\\u006fb"', "name = 'ann'", "key = 'k'", "sub.name = 'bob'"),
        *("{name = 'bob'}", "{name = 'bob'},", ", {name = 'ann'}", "# [[keys]]", "", "\t", 'a = """'),
        *('"""', "name = 'bob' # x", "[[keys.inner]]", "[[other]]", "x = [{name = 'bob'}, ]", "# 你"),
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_any_valid_text_keeps_all_that_it_says(lines: list[str], end: str) -> None:
    """Or it is refused. A removal leaves no key of the name and takes nothing else."""
    text = "".join(line + end for line in lines)
    document = parsed(text)
    assume(document is not None)
    assert document is not None
    listed = document.get("keys", [])
    keys = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    bobs = [one for one in keys if one.get("name") == "bob"]
    try:
        after, count = without_keys(text, "bob")
    except ConfigError:
        pass
    else:
        assert count == len(bobs)
        left = tomllib.loads(after.replace("\r\n", "\n"))
        others = [one for one in listed if one not in bobs] if bobs else listed
        assert left.get("keys", []) == others
        assert {**left, "keys": 0} == {**document, "keys": 0}
    try:
        longer = with_key(text, BOB)
    except ConfigError:
        return
    added = tomllib.loads(longer.replace("\r\n", "\n"))
    assert added["keys"] == [*listed, {"name": "bob", "sha256": DIGEST}]
    assert len(longer) - len(text) < 130
    start = next(
        (at for at, (a, b) in enumerate(zip(text, longer, strict=False)) if a != b), len(text)
    )
    assert longer.endswith(text[start:])
    if not bobs:
        assert without_keys(longer, "bob") == (text, 1)


def parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except ValueError:
        return None
