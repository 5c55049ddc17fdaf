"""What is written for users is held against the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import attrs
import pytest

from grokcore import errors
from grokcore.config import SECTIONS, load_config
from grokcore.config.sections import KeyConfig, ModelRow
from grokcore.errors import GrokApiError
from grokcore.protocol.token_file.reading import read_tokens
from tests.servers import Site, run_on_site

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.zh-CN.md"]
REFERENCES = ["docs/reference.md", "docs/zh-CN/reference.md"]


def example(*, uncommented: bool) -> str:
    """The example configuration; on request with the settings in its comments switched on."""
    text = (ROOT / "config.example.toml").read_text("utf-8")
    if not uncommented:
        return text
    before, _, _ = text.partition("# Grok's page has named models")
    return re.sub(r"^# (?=\[|[a-z_0-9]+ = )", "", before, flags=re.MULTILINE)


def test_the_example_configuration_is_the_default_one() -> None:
    """Every value that stands there is the default, and nothing in it is unknown."""
    config, warnings = load_config(example(uncommented=False))

    assert warnings == []
    assert config == load_config("")[0]


def test_the_example_configuration_names_every_setting() -> None:
    """No setting without its line, switched on or commented out."""
    document = tomllib.loads(example(uncommented=True))
    for section, cls in SECTIONS.items():
        assert set(document[section]) == set(attrs.fields_dict(cls)), section
    rows = document["models"]["grok-4.1"]
    assert {*rows, "mode_id"} == set(attrs.fields_dict(ModelRow))
    assert set(document["keys"][0]) <= set(attrs.fields_dict(KeyConfig))
    load_config(example(uncommented=True))


def test_the_block_of_mode_ids_covers_the_table() -> None:
    """Uncommented as it stands, it gives each shipped model a mode id."""
    _, _, block = example(uncommented=False).partition(
        "This block moves the whole table over REST too:\n"
    )
    rows = re.sub("^# ", "", block, flags=re.MULTILINE)
    config, warnings = load_config(f'[grok]\nweb_lane = "rest"\n{rows}')

    assert warnings == []
    assert all(model.mode_id for model in config.models.values())


@pytest.mark.parametrize("readme", READMES)
def test_the_demo_answers_the_readme_s_question_with_a_call(readme: str) -> None:
    """A person's first try of tools needs no account."""
    text = (ROOT / readme).read_text("utf-8")
    (body,) = re.findall(r"/v1/responses \\\n  -d '([^']+)'", text)

    async def scenario(site: Site) -> None:
        reply = await site.client.post("/v1/responses", json=json.loads(body))
        call = reply.json()["output"][-1]
        assert (call["type"], call["name"]) == ("function_call", "write_file")
        assert json.loads(call["arguments"])["path"] == "hello.py"

    run_on_site(scenario)


def test_the_example_tokens_are_placeholders() -> None:
    """The file that people copy is of the form that is documented, and what stands there goes to
    nobody.
    """
    readings = read_tokens((ROOT / "tokens.example.json").read_bytes())

    assert [(one.where, one.passed) for one in readings] == [
        ("sso, entry 1", "a placeholder, where your own token belongs"),
        ("ssoSuper, entry 1", "a placeholder, where your own token belongs"),
    ]


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_error_table_is_that_of_the_code(reference: str) -> None:
    """Each code once, with its status; none that does not exist."""
    documented = set(
        re.findall(
            r"^\| `([a-z_]+)` \| (\d{3}) \|", (ROOT / reference).read_text("utf-8"), re.MULTILINE
        )
    )
    leaves = [
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, GrokApiError)
    ]

    assert documented == {
        (leaf.code, str(leaf.status)) for leaf in leaves if getattr(leaf, "code", None)
    }


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_models_table_is_that_of_the_code(reference: str) -> None:
    """Name, mode, and what it is over REST: Grok's name, allowance and cost; tier and clocks."""
    text = (ROOT / reference).read_text("utf-8")
    by_mode = load_config("")[0].models
    for model in load_config('[grok]\nweb_lane = "rest"')[0].models.values():
        assert model.limits is not None
        mode = "–" if model.video else by_mode[model.name].mode_id
        clocks = (
            f"{model.limits.first_response:g} / {model.limits.chunk:g} / {model.limits.total:g}"
        )
        named = f"modeId {model.mode_id}" if model.mode_id else f"{model.grok_model}, {model.mode}"
        at_grok = f"{named} | {model.rate_limit_name}"
        assert (
            f"| `{model.name}` | {mode} | {at_grok} | {model.cost} | {model.tier.value} | {clocks} |"
            in text
        )


@pytest.mark.parametrize("reference", REFERENCES)
def test_the_settings_that_are_named_exist(reference: str) -> None:
    """A name in the settings table is a key of its section."""
    text = (ROOT / reference).read_text("utf-8")
    rows = re.findall(r"^\| `\[(\w+)\] (.+?) \|", text, re.MULTILINE)
    assert len(rows) > 10
    for section, names in rows:
        for name in re.findall(r"\w+", names):
            assert name in attrs.fields_dict(SECTIONS[section]), f"{reference}: [{section}] {name}"


@pytest.mark.parametrize("text", READMES + REFERENCES)
def test_links_to_files_lead_somewhere(text: str) -> None:
    """No dead relative link."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / text).read_text("utf-8")):
        assert ((ROOT / text).parent / target).exists(), target


def test_nothing_in_the_project_names_the_place_it_was_made_at() -> None:
    """No path of somebody's machine, in any file."""
    suspicious = re.compile("/wo" + "rk/|/ro" + "ot/|/ho" + "me/[a-z]")
    for path in ROOT.rglob("*"):
        relative = path.relative_to(ROOT)
        hidden = any(part.startswith(".") and part != ".ci" for part in relative.parts)
        if (
            hidden
            or "__pycache__" in relative.parts
            or path.suffix in (".png", ".pyz")
            or not path.is_file()
        ):
            continue
        assert not suspicious.search(path.read_text("utf-8")), relative
