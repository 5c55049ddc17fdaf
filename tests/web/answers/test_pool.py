"""The pool of tokens end to end: real sockets, and a simulated Grok that treats each token in its
own way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pytest
import trio
from attrs import evolve, field, frozen

from grokcore.protocol.models import Tier, WebLane
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.simulator import lines
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    Wait,
    answer,
    answer_lines,
    error,
    page,
    play_lines,
    wrapped,
)
from tests.lanes import on_lanes
from tests.servers import Site, chat, http_request, on_site, read_all, run_on_site

OK = answer("fine")
UNAUTHORIZED = error(401, lines.ERROR_401)
BLOCKED = error(403, lines.ERROR_403_BLOCKED)
USED_UP = error(429, lines.ERROR_429)
USED_UP_IN_STREAM = play_lines([lines.ERROR_429])
USAGE_LIMIT = play_lines(
    [wrapped(lines.nested_error("usageLimitReached", "You have reached your limit"))]
)
HEAVY = error(429, lines.ERROR_429_HEAVY)
ANTIBOT = error(403, lines.ERROR_403_ANTIBOT)
MODERATED = error(403, lines.ERROR_403_MODERATED)
BROKEN = Script((CUT,))
DOWN = error(503, {"code": 14, "message": "unavailable"})
EMPTY = play_lines(answer_lines([]))
CUT_SHORT = play_lines(answer_lines(["half", " an", " answer"])[:-4])
TOO_LONG = play_lines([wrapped(lines.nested_error("beyondContextLength", "too long"))])
SLOW = Script((Wait(0.2), *OK.steps))
SILENT = Script((HANG,))

Grok: TypeAlias = "Sequence[Script] | Script | Limit"
"""How Grok treats a token: what each of its questions gets, the last for ever; or what it has
left.
"""


@frozen
class Asked:
    """One question and its outcome.

    :ivar status: the answer's status; *code* is the error's code.
    :ivar token: the token that answered, or was asked last; None allows any.
    :ivar headers: expected headers; None for those that must be missing.
    """

    status: int = 200
    code: str | None = None
    token: str | None = None
    attempts: int = 1
    model: str = "grok-3-fast"
    headers: Mapping[str, str | None] = field(factory=dict)


@frozen
class Scenario:
    """Questions one after the other.

    :ivar grok: how Grok treats the tokens; those that begin with ``super`` are Super tokens.
    :ivar calls: how often Grok sees each token's questions, in all.
    :ivar tokens: the tokens by state afterwards.
    :ivar rest_only: the body of a refusal tells what it is, which nobody reads of an upgrade; or
        models share an allowance, which modes do not.
    """

    name: str
    grok: Mapping[str, Grok]
    asked: Sequence[Asked]
    calls: Mapping[str, int]
    tokens: Mapping[str, int]
    proxied: frozenset[str] = frozenset()
    config: str = ""
    rest_only: bool = False


def left(
    remaining: int | None, limit: int | None, reset: str | None = None
) -> dict[str, str | None]:
    """The headers with the remaining allowance."""
    told: dict[str, str | None] = {
        "x-ratelimit-remaining-requests": None if remaining is None else str(remaining),
        "x-ratelimit-limit-requests": None if limit is None else str(limit),
    }
    return told if reset is None else {**told, "x-ratelimit-reset-requests": reset}


NOT_TO_BE_REPEATED = {"x-should-retry": "false"}
MINUTE = {"retry-after": "60", "x-should-retry": "true", "x-ratelimit-remaining-requests": "0"}
GONE = Asked(503, "no_valid_tokens", "a", 1)

SCENARIOS = [
    # The token's own fault: another one answers, and the guilty one is left alone.
    Scenario("401, then another", {"a": UNAUTHORIZED, "b": OK}, [Asked(attempts=2, token="b"), Asked(token="b")], {"a": 1, "b": 2}, {"cooling": 1, "ok": 1}),
    Scenario("blocked, then another", {"a": BLOCKED, "b": OK}, [Asked(attempts=2, token="b"), Asked(token="b")], {"a": 1, "b": 2}, {"cooling": 1, "ok": 1}, rest_only=True),
    Scenario("429, then another", {"a": USED_UP, "b": OK}, [Asked(attempts=2, token="b"), Asked(token="b")], {"a": 1, "b": 2}, {"cooling": 1, "ok": 1}),
    Scenario("429 in the stream", {"a": USED_UP_IN_STREAM, "b": OK}, [Asked(attempts=2, token="b")], {"a": 1, "b": 1}, {"cooling": 1, "ok": 1}),
    Scenario("usage limit in the stream", {"a": USAGE_LIMIT, "b": OK}, [Asked(attempts=2, token="b")], {"a": 1, "b": 1}, {"cooling": 1, "ok": 1}),
    Scenario("two bad ones before a good one", {"a": UNAUTHORIZED, "b": USED_UP, "c": OK}, [Asked(attempts=3, token="c")], {"a": 1, "b": 1, "c": 1}, {"cooling": 2, "ok": 1}),
    Scenario("one token, 401", {"a": UNAUTHORIZED}, [GONE, Asked(503, "no_valid_tokens", attempts=0)], {"a": 1}, {"cooling": 1}),
    Scenario("one token, 429", {"a": USED_UP}, [Asked(429, "rate_limit_exceeded", "a", headers=MINUTE), Asked(429, "rate_limit_exceeded", attempts=0)], {"a": 1}, {"cooling": 1}),
    Scenario("429 for one model only", {"a": [USED_UP, OK]}, [Asked(429, "rate_limit_exceeded", "a"), Asked(model="grok-4.1", token="a"), Asked(429, "rate_limit_exceeded", attempts=0)], {"a": 2}, {"cooling": 1}),
    Scenario("Retry-After is honest", {"a": error(429, lines.ERROR_429, (("retry-after", "900"),))}, [Asked(429, "rate_limit_exceeded", headers={"retry-after": "900", "x-should-retry": "false", "x-ratelimit-reset-requests": "15m"})], {"a": 1}, {"cooling": 1}),
    Scenario("all five dead: three calls", dict.fromkeys("abcde", UNAUTHORIZED), [Asked(503, "no_valid_tokens", attempts=3)], {"a": 1, "b": 1, "c": 1}, {"cooling": 3, "unknown": 2}),
    Scenario("all used up: three calls, then none", dict.fromkeys("abc", USED_UP), [Asked(429, "rate_limit_exceeded", attempts=3, headers=MINUTE), Asked(429, "rate_limit_exceeded", attempts=0)], {"a": 1, "b": 1, "c": 1}, {"cooling": 3}),
    # Nobody's fault: tried again, and nothing cools.
    Scenario("lost once, one token", {"a": [BROKEN, OK]}, [Asked(attempts=2, token="a")], {"a": 2}, {"ok": 1}),
    Scenario("lost twice, one token", {"a": BROKEN}, [Asked(502, "upstream_error", "a", 2, headers={"x-should-retry": "true"})], {"a": 2}, {"unknown": 1}),
    Scenario("lost on all of four: three calls", dict.fromkeys("abcd", BROKEN), [Asked(502, "upstream_error", attempts=3)], {"a": 1, "b": 1, "c": 1}, {"unknown": 4}),
    Scenario("down, then another", {"a": DOWN, "b": OK}, [Asked(attempts=2, token="b"), Asked(token="b"), Asked(token="b")], {"a": 1, "b": 3}, {"unknown": 1, "ok": 1}),
    Scenario("heavy usage", {"a": HEAVY}, [Asked(503, "upstream_overloaded", "a", 2)], {"a": 2}, {"unknown": 1}, rest_only=True),
    Scenario("empty, then another", {"a": EMPTY, "b": OK}, [Asked(attempts=2, token="b")], {"a": 1, "b": 1}, {"unknown": 1, "ok": 1}),
    Scenario("a page where JSON belongs", {"a": page(200), "b": OK}, [Asked(attempts=2, token="b")], {"a": 1, "b": 1}, {"unknown": 1, "ok": 1}, rest_only=True),
    Scenario("cut short: no second answer", {"a": CUT_SHORT, "b": OK}, [Asked(502, "upstream_incomplete", "a")], {"a": 1}, {"unknown": 2}),
    # The request's or the address' fault: not tried again, and nothing cools.
    Scenario("moderated", {"a": MODERATED, "b": OK}, [Asked(400, "content_policy_violation", "a", headers=NOT_TO_BE_REPEATED)], {"a": 1}, {"unknown": 2}, rest_only=True),
    Scenario("too long", {"a": TOO_LONG, "b": OK}, [Asked(400, "context_length_exceeded", "a")], {"a": 1}, {"unknown": 2}),
    Scenario("anti-bot", {"a": ANTIBOT, "b": OK}, [Asked(502, "upstream_antibot", "a", headers=NOT_TO_BE_REPEATED)], {"a": 1}, {"unknown": 2}),
    Scenario("challenge: heard by the others at once", {"a": page(), "b": OK}, [Asked(502, "upstream_challenge", "a", headers={"retry-after": "5"}), Asked(502, "upstream_challenge", attempts=0)], {"a": 1}, {"unknown": 2}),
    Scenario("challenge: another egress goes on", {"a": page(), "b": OK}, [Asked(502, "upstream_challenge", "a"), Asked(token="b"), Asked(token="b")], {"a": 1, "b": 2}, {"unknown": 1, "ok": 1}, proxied=frozenset("b")),
    Scenario("silent", {"a": SILENT, "b": OK}, [Asked(504, "timeout_first_response", "a"), Asked(token="b"), Asked(token="b")], {"a": 1, "b": 2}, {"unknown": 1, "ok": 1}, config="[grok]\nstream_first_response_timeout = 0.1"),
    # Quotas.
    Scenario("quota, flat: told, counted down, used up", {"a": Limit(3, 3)}, [Asked(headers=left(None, None)), Asked(headers=left(1, 3, "2h")), Asked(headers=left(0, 3)), Asked(429, "rate_limit_exceeded", headers=MINUTE), Asked(429, "rate_limit_exceeded", attempts=0)], {"a": 4}, {"cooling": 1}),
    Scenario("quota, budget: a dear question costs four", {"a": Limit(140, 10, flat=False)}, [Asked(model="grok-4-fast-expert"), Asked(model="grok-4-fast-expert", headers=left(0, 35)), Asked(model="grok-4-fast", headers=left(1, 140)), Asked(429, "rate_limit_exceeded", model="grok-4-fast-expert")], {"a": 4}, {"cooling": 1}, rest_only=True),
    Scenario("quota over two tokens", {"a": Limit(20, 7), "super": Limit(50, 50)}, [Asked(model="grok-4-heavy"), Asked(token="a"), Asked(token="a", headers=left(5, 20))], {"a": 2, "super": 1}, {"ok": 2}),
    Scenario("quota: exhausted, and Grok says until when", {"a": Limit(25, 0, wait_s=2429)}, [Asked(429, "rate_limit_exceeded", "a"), Asked(429, "rate_limit_exceeded", attempts=0, headers={"retry-after": "2429", "x-should-retry": "false", "x-ratelimit-reset-requests": "40m29s"})], {"a": 1}, {"cooling": 1}),
    Scenario("quota: exhausted, and another is not", {"a": Limit(25, 0, wait_s=2429), "b": OK}, [Asked(attempts=2, token="b"), Asked(token="b")], {"a": 1, "b": 2}, {"cooling": 1, "ok": 1}),
    Scenario("basic before super", {"super": OK, "a": OK}, [Asked(token="a")] * 3, {"a": 3}, {"ok": 1, "unknown": 1}),
    Scenario("super after basic", {"super": OK, "a": USED_UP}, [Asked(token="super", attempts=2), Asked(token="super")], {"a": 1, "super": 2}, {"cooling": 1, "ok": 1}),
    Scenario("heavy only on super", {"super": OK, "a": OK}, [Asked(token="super", model="grok-4-heavy")] * 2, {"super": 2}, {"ok": 1, "unknown": 1}),
    Scenario("heavy without super", {"a": OK}, [Asked(503, "no_tokens", attempts=0, model="grok-4-heavy")], {}, {"unknown": 1}),
]  # fmt: skip


def treat(site: Site, treated: Mapping[str, Grok]) -> None:
    """Have Grok treat tokens so."""
    site.play(OK)
    for sso, how in treated.items():
        if isinstance(how, Limit):
            limit = evolve(how)  # it counts
            for group in ("grok-3", "grok-4-mini-thinking-tahoe", "fast", "expert", "heavy"):
                site.simulator.limits[sso, group] = limit
        elif isinstance(how, Script):
            site.play_for(sso, how)
        else:
            site.play_for(sso, *how)


def entries_of(case: Scenario, proxy_url: str = "") -> list[TokenEntry]:
    return [
        TokenEntry(sso, Tier.SUPER if sso.startswith("super") else Tier.BASIC, proxy_url=proxy_url if sso in case.proxied else None)
        for sso in case.grok
    ]  # fmt: skip


@on_lanes("case", SCENARIOS)
@on_site(config=lambda case: case.config, tokens=(), lane=lambda lane: lane)
async def test_what_grok_sees_and_what_the_client_sees(site: Site, case: Scenario) -> None:
    """Each failure ends where it belongs: as another token's answer if there is one, else as its
    own words.
    """
    treat(site, case.grok)
    site.server.adopt_tokens(entries_of(case, site.grok_url))
    for asked in case.asked:
        reply = await site.ask(model=asked.model)
        outcome = (
            reply.status_code,
            reply.json().get("error", {}).get("code"),
            int(reply.headers["x-grok2api-attempts"]),
        )
        assert outcome == (asked.status, asked.code, asked.attempts)
        if asked.token is not None:
            assert reply.headers["x-grok2api-token"] == token_id(asked.token)
        assert {name: reply.headers.get(name) for name in asked.headers} == dict(asked.headers)
        if "quota" in case.name:
            await site.settled()
    assert Counter(call.sso for call in site.asked) == case.calls
    assert {call.sso for call in site.asked if call.proxied} == set(case.proxied)
    health = (await site.client.get("/health")).json()
    assert {state: count for state, count in health["tokens"].items() if count} == case.tokens
    assert site.leased() == 0


# Many at once -----------------------------------------------------------------------------------

FAILING: dict[str, Grok] = {
    "401": UNAUTHORIZED,
    "blocked": BLOCKED,
    "429": USED_UP,
    "429 in the stream": USED_UP_IN_STREAM,
    "exhausted, flat": Limit(25, 0, wait_s=2429),
    "exhausted, budget": Limit(80, 0, flat=False),
    "down": DOWN,
    "lost": BROKEN,
    "empty": EMPTY,
    "heavy usage": HEAVY,
}

REST_ONLY = {"blocked", "heavy usage", "exhausted, budget"}
"""As of scenarios."""

ASK_ONCE = http_request(json.dumps(chat()).encode()).replace(
    b"host:", b"connection: close\r\nhost:"
)


CROWDS = [
    (["401"], WebLane.REST),
    (["lost"], WebLane.SOCKET),
    (["exhausted, flat"], WebLane.REST),
    (list(FAILING), WebLane.REST),
    (list(FAILING), WebLane.SOCKET),
]
"""Each kind alone on one of the lanes, and all together on both."""


@pytest.mark.large
@pytest.mark.parametrize(
    ("kinds", "lane"),
    CROWDS,
    ids=lambda value: ", ".join(value)[:20] if isinstance(value, list) else value.value,
)
def test_of_200_requests_over_20_tokens_of_which_a_third_fail_every_one_is_answered(
    kinds: list[str], lane: WebLane
) -> None:
    """Never a failure while another token could have answered; and no call to Grok more than that
    takes.

    The failing tokens are the first in the file, and free all the time, as they fail at once.
    """
    if lane is WebLane.SOCKET:
        kinds = [kind for kind in kinds if kind not in REST_ONLY]
    bad = [f"bad-{number}" for number in range(7)]
    good = [f"good-{number}" for number in range(13)]
    treated: dict[str, Grok] = {
        sso: FAILING[kinds[number % len(kinds)]] for number, sso in enumerate(bad)
    }
    treated.update(dict.fromkeys(good, Script((Wait(0.02), *OK.steps))))

    async def scenario(site: Site) -> None:
        treat(site, treated)
        replies: list[bytes] = []

        async def ask() -> None:
            async with await site.connect() as stream:
                await stream.send_all(ASK_ONCE)
                replies.append(await read_all(stream))

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(ask)
        assert Counter(reply[:12] for reply in replies) == {b"HTTP/1.1 200": 200}
        attempts = [int(reply.partition(b"x-grok2api-attempts: ")[2][:1]) for reply in replies]
        assert set(attempts) <= {1, 2, 3}
        calls = Counter(call.sso for call in site.asked)
        assert sum(calls.values()) == sum(attempts)
        assert max(calls[sso] for sso in bad) <= 6  # twice at once, and rarely anew
        assert min(calls[sso] for sso in good) >= 10
        assert site.leased() == 0

    run_on_site(scenario, tokens=tuple(TokenEntry(sso) for sso in (*bad, *good)), lane=lane)
