"""Questions about an account: which lists are asked, and with which credential."""

from __future__ import annotations

import pytest

from grokcore.errors import (
    CliOutdated,
    GrokApiError,
    OfficialCredentialRejected,
    UpstreamFailure,
)
from grokcore.protocol.models import LaneName
from grokcore.protocol.official.billing import Credits
from grokcore.protocol.official.model_list import OfficialModel
from grokcore.runtime.lanes.official.credentials import Credential
from grokcore.simulator.scripts import CUT, Script, Send, error
from tests.scenarios import on_fake_clock

from .xai import Source, asker, listing, xai

PLAIN, OTHER = listing("grok-9", context_length=9), error(200, {})
DETAILED = listing("grok-9", prompt_text_token_price=5)


@on_fake_clock
async def test_the_api_s_two_lists_complete_each_other() -> None:
    """One has the prices, the other the windows."""
    grok = xai(language_models=DETAILED, models=PLAIN)
    assert await asker(grok).models() == (OfficialModel("grok-9", context_window=9, input_ticks=5),)
    assert grok.asked == ["/language-models", "/models"]
    assert grok.all_closed


@pytest.mark.parametrize(
    "refused", [error(404, {}), error(500, {}), OTHER, Script((CUT,)), Script((Send(b"<html>"),))]
)
@on_fake_clock
async def test_one_of_the_api_s_lists_is_enough(refused: Script) -> None:
    """A key may be barred from one of them."""
    assert (await asker(xai(language_models=refused, models=PLAIN)).models())[0].context_window == 9
    assert (await asker(xai(language_models=DETAILED, models=refused)).models())[0].input_ticks == 5
    with pytest.raises(GrokApiError):
        await asker(xai(language_models=refused, models=refused)).models()


@on_fake_clock
async def test_the_cli_s_proxy_has_one_list() -> None:
    """It has no other route for it."""
    grok = xai(models=PLAIN)
    assert len(await asker(grok, lane=LaneName.CLI).models()) == 1
    assert grok.asked == ["/models"]


@on_fake_clock
async def test_an_empty_list_is_a_failure() -> None:
    """The list before stays then."""
    with pytest.raises(UpstreamFailure, match=r"\(/models\) has no models"):
        await asker(xai(models=OTHER), lane=LaneName.CLI).models()


@on_fake_clock
async def test_a_refused_credential_is_read_anew_once() -> None:
    """The CLI has renewed its session meanwhile."""
    old, new = Credential("key-1"), Credential("key-2")
    source = Source([old, new])
    grok = xai(models=[error(401, {}), PLAIN])
    assert len(await asker(grok, lane=LaneName.CLI, source=source).models()) == 1
    sent = [dict(one.request.headers)["Authorization"] for one in grok.exchanges]
    assert sent == ["Bearer key-1", "Bearer key-2"]
    assert source.staled == [old.key]


@on_fake_clock
async def test_the_same_credential_is_not_tried_again() -> None:
    """xAI would refuse it again; the other list would refuse it too."""
    grok = xai(language_models=error(401, {}), models=error(401, {}))
    with pytest.raises(OfficialCredentialRejected):
        await asker(grok).models()
    assert grok.asked == ["/language-models"]


@on_fake_clock
async def test_a_second_refusal_is_the_last() -> None:
    """No loop of refusals."""
    grok = xai(models=error(401, {}))
    source = Source([Credential("key-1"), Credential("key-2"), Credential("key-3")])
    with pytest.raises(OfficialCredentialRejected):
        await asker(grok, lane=LaneName.CLI, source=source).models()
    assert len(grok.asked) == 2


@on_fake_clock
async def test_an_outdated_version_is_looked_up_anew_once() -> None:
    """The owner has updated the CLI."""
    source = Source([Credential("t", version="1.0.0"), Credential("t", version="1.0.1")])
    grok = xai(models=[error(426, {}), PLAIN])
    assert len(await asker(grok, lane=LaneName.CLI, source=source).models()) == 1
    assert source.forgotten == 1
    source = Source([Credential("t", version="1.0.0")])
    with pytest.raises(CliOutdated):
        await asker(xai(models=error(426, {})), lane=LaneName.CLI, source=source).models()


@on_fake_clock
async def test_without_a_credential_nothing_is_asked() -> None:
    """The owner learns why there is none."""
    grok = xai(models=PLAIN)
    with pytest.raises(OfficialCredentialRejected, match="Run `grok login`"):
        await asker(grok, None).models()
    assert grok.asked == []


@on_fake_clock
async def test_a_session_that_is_gone_after_a_refusal_is_explained() -> None:
    """By the source's own fault."""
    grok = xai(models=error(401, {}))
    with pytest.raises(OfficialCredentialRejected, match="Run `grok login`"):
        await asker(grok, Credential("key-1"), None, lane=LaneName.CLI).models()


@on_fake_clock
async def test_a_refusal_that_echoes_the_credential_is_masked() -> None:
    """It is shown on the status page."""
    echoed = Script((Send(b"token key-1 of user-1 is bad"),), status=500)
    with pytest.raises(GrokApiError) as caught:
        await asker(xai(models=echoed), Credential("key-1", "user-1"), lane=LaneName.CLI).models()
    assert caught.value.message == "xAI refused: token … of … is bad"


@on_fake_clock
async def test_credits_are_asked_for() -> None:
    """An answer in a form that is not known is a failure."""
    billing = error(200, {"config": {"creditUsagePercent": 5}})
    grok = xai()
    grok.by_path["/billing?format=credits"] = [billing, OTHER]
    assert await asker(grok, lane=LaneName.CLI).credits() == Credits(5)
    with pytest.raises(UpstreamFailure, match="does not hold the credits"):
        await asker(grok, lane=LaneName.CLI).credits()
