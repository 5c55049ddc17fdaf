"""Failures of the official services: the client's error, the rests, and the other lanes."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen

from grokcore.protocol.models import LaneName
from tests.servers import TOKENS, Site, run_on_site
from tests.web.lanes.paid_site import (
    API,
    answered_by,
    ask,
    auth_file,
    error_of,
    nothing_left,
    questions,
    with_cli,
)

TEXT = "hello simulate:"
STAND_IN = {LaneName.API: "[api.stand_ins]", LaneName.CLI: "[cli.stand_ins]"}


@frozen
class Failure:
    """A failure, by its name in the simulator.

    :ivar says: a part of the client's message.
    :ivar rests: whether the next question is refused without a request.
    :ivar elsewhere: whether a session token answers in the same request.
    :ivar wait: the least value of ``Retry-After``; 0 if there need be none.
    :ivar asked: requests for one question without another lane.
    """

    name: str
    status: int
    code: str
    says: str
    rests: bool = False
    elsewhere: bool = True
    wait: int = 0
    asked: int = 1


FAILURES = [
    Failure("wrong_key", 503, "no_valid_tokens", "xAI said", rests=True),
    Failure("expired_session", 503, "no_valid_tokens", "xAI said", rests=True),
    Failure("out_of_credits", 429, "rate_limit_exceeded", "credits", rests=True, wait=1),
    Failure("spending_limit", 429, "rate_limit_exceeded", "spending", rests=True, wait=1),
    Failure("spending_limit_403", 429, "rate_limit_exceeded", "spending", rests=True, wait=1),
    Failure("access_denied", 502, "upstream_refused", "plan", rests=True),
    Failure("no_subscription", 502, "upstream_refused", "subscription", rests=True),
    Failure("no_model", 404, "model_not_found", "grok-gone"),
    Failure("outdated", 502, "upstream_refused", "0.1.202", rests=True),
    Failure("free_quota", 429, "rate_limit_exceeded", "free usage", rests=True, wait=80_000),
    Failure("rate_limited", 429, "rate_limit_exceeded", "480", rests=True, wait=1),
    Failure("rate_limited_bare", 429, "rate_limit_exceeded", "Too many", rests=True, wait=20),
    Failure("too_long", 400, "context_length_exceeded", "500000", elsewhere=False),
    Failure("object_error", 502, "upstream_refused", "object", elsewhere=False),
]


@pytest.mark.parametrize("lane", [LaneName.API, LaneName.CLI], ids=lambda lane: lane.value)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_a_failure_alone_is_told_in_its_own_words(
    failure: Failure, lane: LaneName, tmp_path: Path
) -> None:
    """With one credential, the first client learns the reason, as later ones do."""

    async def scenario(site: Site) -> None:
        refused = await ask(site, text=TEXT + failure.name)
        error = error_of(refused)
        assert (refused.status_code, error["code"]) == (failure.status, failure.code), error
        assert failure.says in error["message"]
        assert len(questions(site)) == failure.asked
        if failure.wait:
            assert int(refused.headers["retry-after"]) >= failure.wait
        again = await ask(site)
        if failure.rests:
            assert (again.status_code, error_of(again)["code"]) == (failure.status, failure.code)
            assert len(questions(site)) == failure.asked
        elif failure.name != "no_model":
            assert again.status_code == 200
        assert nothing_left(site)

    config = API if lane is LaneName.API else with_cli(auth_file(tmp_path))
    run_on_site(scenario, official=True, config=config, tokens=())


@pytest.mark.parametrize("lane", [LaneName.API, LaneName.CLI], ids=lambda lane: lane.value)
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_session_tokens_answer_in_the_same_request(
    failure: Failure, lane: LaneName, tmp_path: Path
) -> None:
    """If the failure is the credential's or the lane's, and not the question's."""

    async def scenario(site: Site) -> None:
        reply = await ask(site, "grok-3-fast", text=TEXT + failure.name)
        if failure.elsewhere:
            assert answered_by(reply) == ("web", "estimated", "2")
        else:
            assert error_of(reply)["code"] == failure.code
            assert site.asked == []
        assert nothing_left(site)

    config = API if lane is LaneName.API else with_cli(auth_file(tmp_path))
    config += f'use = "first"\n{STAND_IN[lane]}\n"grok-3-fast" = "grok-4.6"\n'
    run_on_site(scenario, official=True, config=config, tokens=TOKENS[:2])


@pytest.mark.parametrize(("name", "asked"), [("no_retry", 1), ("please_retry", 2)])
def test_xai_s_word_on_another_attempt_holds(name: str, asked: int) -> None:
    """``x-should-retry`` counts more than the status."""

    async def scenario(site: Site) -> None:
        assert (await ask(site, text=TEXT + name)).status_code >= 500
        assert len(questions(site)) == asked

    run_on_site(scenario, official=True, config=API, tokens=())
