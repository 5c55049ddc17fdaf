"""A token file that changes while the server runs: its tokens are taken over, and nothing else."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.errors import ConfigError, QuotaExhausted
from grokcore.protocol.pool.book import Need
from tests.desk import BOTH, MODEL, SECRET, A, B, C, D, Running, at_desk, desk, token_file
from tests.reload_cases import rubbish, to_folder

__all__ = ["desk"]  # a fixture


@frozen
class Tokens:
    """A new token file, and its effect in a server with A and B."""

    name: str
    content: str
    tokens: list[str]
    says: str
    disabled: int = 0


TOKENS = [
    Tokens("added", token_file(A, B, C), [A, B, C], "1 added (3 in use)"),
    Tokens("removed", token_file(B), [B], "1 removed (1 in use)"),
    Tokens("added and removed", token_file(B, C, D), [B, C, D], "2 added, 1 removed (3 in use)"),
    Tokens("all others", token_file(C), [C], "1 added, 2 removed (1 in use)"),
    Tokens("one disabled", token_file(A, B, disabled=True), [A], "1 removed (1 in use)", disabled=1),
    Tokens("one described otherwise", token_file(A, B, note="mine"), [A, B], "1 changed (2 in use)"),
    Tokens("one with a proxy", token_file(A, B, proxy_url=f"http://u:{SECRET}@proxy.example.com:1"), [A, B], "1 changed (2 in use)"),
    Tokens("one becomes super", json.dumps({"sso": {A: {}}, "ssoSuper": {B: {}}}), [A, B], "1 changed (2 in use)"),
    Tokens("none, explicitly", "{}", [], "2 removed (0 in use)"),
    Tokens("a list", json.dumps([B, C]), [B, C], "1 added, 1 removed (2 in use)"),
    Tokens("text", f"# mine\n{B}\n{C}\n", [B, C], "1 added, 1 removed (2 in use)"),
]  # fmt: skip


@pytest.mark.parametrize("case", TOKENS, ids=lambda case: case.name)
@at_desk(files=BOTH)
async def test_a_changed_token_file_is_taken_over_and_one_line_says_how_many_came_and_went(
    running: Running, case: Tokens
) -> None:
    """Without a token in it; nothing is logged twice."""
    running.write("tokens.json", case.content)
    assert await running.reload() == [f"INFO tokens.json taken over: {case.says}"]
    assert sorted(running.tokens) == sorted(case.tokens)
    assert running.server.pool.book.disabled == case.disabled
    assert await running.reload() == []
    assert running.notices == {}


@pytest.mark.parametrize(
    "content",
    [
        token_file(A, B),
        f" {token_file(A, B)}\n",
        token_file(A, B, remainingQueries=3, status="active"),
        f"{A}\n{B}",
    ],
    ids=["the same", "spaces", "the original's counters", "another form"],
)
@at_desk(files=BOTH)
async def test_the_same_tokens_written_otherwise_are_nothing_new(
    running: Running, content: str
) -> None:
    """Whatever the file's form: its tokens count."""
    running.write("tokens.json", content)
    assert await running.reload() == []
    assert running.tokens == [A, B]


@at_desk(files={**BOTH, "tokens.json": f"your-token-here\n{A}\n"})
async def test_what_is_passed_over_in_a_changed_file_is_logged_once(running: Running) -> None:
    """Also if no token came or went with it; what the start has logged is not logged again."""
    assert await running.reload() == []
    running.write("tokens.json", f"your-token-here\n{A}\nyour-token-here\n")
    assert await running.reload() == [
        "WARNING tokens.json: 2 passed over: a placeholder, where your own token belongs (line 1; line 3)"
    ]
    assert await running.reload() == []
    assert running.tokens == [A]


@at_desk(files=BOTH)
async def test_what_was_learned_of_tokens_that_stay_stays(running: Running) -> None:
    """A token that is used up is not tried again because others came, nor because the configuration
    is another.
    """
    pool = running.server.pool
    lease = await pool.lease(Need(MODEL))
    lease.settle(QuotaExhausted("no", retry_after=900))
    used_up, other = lease.sso, B if lease.sso == A else A
    running.write("tokens.json", token_file(A, B, C))
    running.write("config.toml", "[pool]\nmax_in_flight_per_token = 1")
    await running.reload()
    assert pool.book.counts(trio.current_time())["cooling"] == 1
    leases = [await pool.lease(Need(MODEL)) for _ in range(2)]
    assert {lease.sso for lease in leases} == {other, C}
    running.write("tokens.json", token_file(other))
    await running.reload()
    running.write("tokens.json", token_file(A, B))
    await running.reload()
    assert [account.entry.sso for account in pool.book.accounts if account.allowances] == [A, B]
    (shut,) = (one for one in pool.book.accounts if one.state(trio.current_time()) == "cooling")
    assert shut.entry.sso == used_up


@frozen
class TokenFault:
    """A token file that can't be taken over, and the message."""

    name: str
    says: str
    happens: Callable[[Path], object]


TOKEN_FAULTS = [
    TokenFault("no JSON", "tokens.json: is not valid JSON", rubbish("{" + C)),
    TokenFault("half of it", "tokens.json: is not valid JSON", rubbish(token_file(A, B, C)[:-9])),
    TokenFault(
        "empty", "tokens.json: is empty; {} would say that there are no tokens", rubbish("")
    ),
    TokenFault(
        "blank", "tokens.json: is empty; {} would say that there are no tokens", rubbish("\n \n")
    ),
    TokenFault(
        "no token", "tokens.json: entry 2 is not a token", rubbish(json.dumps([C, "two words"]))
    ),
    TokenFault(
        "a number", "tokens.json: must be a JSON object with sso and ssoSuper", rubbish("7")
    ),
    TokenFault("noise", "tokens.json: line 1 is not a token", rubbish(b"\x00\xff\xfe\x80")),
    TokenFault("a nest", "tokens.json: is not valid JSON", rubbish("[" * 100_000)),
    TokenFault("a folder", "tokens.json: can't be read: Is a directory", to_folder),
    TokenFault("gone", "tokens.json: is gone", Path.unlink),
]


@pytest.mark.parametrize("case", TOKEN_FAULTS, ids=lambda case: case.name)
@at_desk(files=BOTH)
async def test_a_token_file_that_is_not_right_changes_nothing_and_is_told_of_until_it_is_mended(
    running: Running, case: TokenFault
) -> None:
    """The old tokens stay in use; one line, once; ``/health`` has it; and a good configuration is
    taken over meanwhile.
    """
    path = running.place / "tokens.json"
    case.happens(path)
    (line,) = await running.reload()
    assert line.startswith(f"ERROR not taken over, the old one stays in use: {case.says}")
    assert "\n" not in line
    assert running.notices.keys() == {"tokens"}
    assert running.notices["tokens"].startswith(case.says)
    running.write("config.toml", "[pool]\nqueue_seconds = 5")
    assert await running.reload() == ["INFO config.toml taken over: [pool] queue_seconds 10 -> 5"]
    assert running.tokens == [A, B]
    assert running.server.pool.queue_s == 5

    if path.is_dir():
        path.rmdir()
    running.write("tokens.json", token_file(A, B, C))
    assert await running.reload() == ["INFO tokens.json taken over: 1 added (3 in use)"]
    assert running.notices == {}
    assert running.tokens == [A, B, C]


@at_desk(files=BOTH)
async def test_a_fault_that_becomes_another_is_told_anew_and_one_that_was_taken_back_is_not(
    running: Running,
) -> None:
    """What stands in the file now is what counts."""
    for content, told in (
        ("{", 1),
        ("{", 0),
        ("", 1),
        (token_file(A, B), 1),
        ("", 1),
        (token_file(B, A), None),
    ):
        running.write("tokens.json", content)
        said = await running.reload()
        assert told is None or len(said) == told
        assert ("tokens" in running.notices) == (content in ("{", ""))
        assert sorted(running.tokens) == [A, B]


FORMS = {
    "object": token_file(C, D, note="mine", proxy_url="http://proxy.example.com:1").encode(),
    "indented": json.dumps({"ssoSuper": {C: {}}, "sso": [D, A]}, indent=1).encode(),
    "list": json.dumps([{"token": C, "tier": "super"}, D]).encode(),
    "a browser's export": json.dumps([{"domain": ".example.com", "name": "sso", "value": A}, {"domain": ".grok.com", "name": "sso", "value": C}]).encode(),
    "with a mark": codecs.BOM_UTF8 + token_file(C, D).encode(),
    "UTF-16": token_file(C, D, note="münzen").encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("whole", FORMS.values(), ids=FORMS)
@at_desk(files=BOTH)
async def test_a_file_of_json_that_is_half_written_is_never_read_as_fewer_tokens(
    running: Running, whole: bytes
) -> None:
    """Cut anywhere: it is a fault, or all of it."""
    running.write("tokens.json", whole)
    tokens = running.inputs.read_tokens()
    assert C in {entry.sso for entry in tokens}
    faults = []
    for length in range(len(whole)):
        running.write("tokens.json", whole[:length])
        try:
            found = running.inputs.read_tokens()
        except ConfigError as error:
            faults.append(str(error))
        else:
            assert found == tokens
    assert len(faults) >= len(whole) - 1
    assert SECRET not in "".join(faults)
    running.write("tokens.json", whole[: len(whole) // 2])
    await running.reload()
    assert running.tokens == [A, B]
