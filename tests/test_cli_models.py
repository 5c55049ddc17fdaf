"""The command ``models``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grokcore.cli import main
from grokcore.protocol.model_order import BEST_FIRST
from grokcore.protocol.models import SHIPPED, Tier
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator.accounts import all_modes
from tests.cli_place import lay_out, place
from tests.servers import Site, run_on_site

__all__ = ["place"]

FREE = '{"sso": {"sso-0": {}}}'
FOR_ALL = [name for name in BEST_FIRST if SHIPPED[name].tier is Tier.BASIC]


def listed(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[list[str], str]:
    """The names in the table that the command prints, and what it says beside."""
    assert main(["models", *flags]) == 0
    printed = capsys.readouterr()
    return [row.split()[0] for row in printed.out.splitlines()[1:]], printed.err


def test_models_has_what_the_tokens_may_use(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Best first, and it names the rest; with ``--all`` that is in the table too."""
    lay_out(place, {"tokens.json": FREE})
    names, beside = listed(capsys)
    assert names == FOR_ALL
    assert beside == "no token may use grok-heavy, grok-4-heavy (--all lists all)\n"
    assert listed(capsys, "--all") == (list(BEST_FIRST), "")


def test_without_a_token_that_can_be_used_models_has_everything(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the server's list, and it says so."""
    lay_out(place, {"tokens.json": '{"sso": {"sso-0": {"disabled": true}}}'})
    assert listed(capsys) == (
        list(BEST_FIRST),
        "no token can be used yet, so all models are listed\n",
    )


def test_all_models_are_listed_without_reading_the_tokens(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another user's token file, or one with a fault, keeps nobody from seeing the table."""
    lay_out(place, {"tokens.json": "{"})
    assert main(["models"]) == 78
    assert "tokens.json" in capsys.readouterr().err
    assert listed(capsys, "--all") == (list(BEST_FIRST), "")


def test_models_agrees_with_the_server(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It reads what the server has learned: modes that Grok refuses, tokens that are switched off."""
    config = '[grok]\nweb_lane = "socket"\n'
    tokens = (TokenEntry("sso-0"), TokenEntry("sso-1"), TokenEntry("sso-super", Tier.SUPER))
    lay_out(
        place,
        {
            "config.toml": config,
            "tokens.json": json.dumps(
                {"sso": {"sso-0": {}, "sso-1": {}}, "ssoSuper": {"sso-super": {}}}
            ),
        },
    )
    served: list[str] = []

    async def scenario(site: Site) -> None:
        site.simulator.mode_scripts["sso-0"] = all_modes(expert="requiresUpgrade")
        site.server.pool.disable(tokens[2].key)
        site.server.pool.disable(tokens[1].key)
        await site.ask(model="grok-fast")
        models = (await site.client.get("/v1/models")).json()["data"]
        served.extend(model["id"] for model in models)

    (place / "data").mkdir()
    run_on_site(scenario, config=config, tokens=tokens, state_file=place / "data" / "state.jsonl")
    names, beside = listed(capsys)
    assert names == served
    assert "grok-expert" not in names
    assert "grok-heavy" not in names
    assert "grok-expert" in beside
