"""Advice for failures, by their code and their lane."""

from __future__ import annotations

import pytest

from grokcore.errors import (
    AccessDenied,
    CliOutdated,
    CreditsExhausted,
    GrokApiError,
    ModelGone,
    NoValidTokens,
    OfficialCredentialRejected,
    QuotaExhausted,
    SpendingCapReached,
)
from grokcore.protocol.advice import ADVICE, OFFICIAL_ADVICE, advice, advice_on, rest_warning
from grokcore.protocol.models import LaneName


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_advice_is_whole_sentences(code: str) -> None:
    """It stands behind a message, on the status page and in the log."""
    assert advice(code) == ADVICE[code]
    assert advice(code)[0].isupper()
    assert advice(code).endswith((".", "?"))


def test_there_is_no_advice_for_an_unknown_code() -> None:
    """A message stands alone then."""
    assert advice("no_such_code") == ""


@pytest.mark.parametrize(
    ("code", "way"),
    [
        ("upstream_challenge", "python3 grok2api.py import-curl"),
        ("upstream_antibot", "python3 grok2api.py import-curl"),
        ("no_valid_tokens", "python3 grok2api.py import-curl"),
        ("upstream_antibot", 'web_lane = "socket"'),
    ],
)
def test_the_advice_names_the_command_that_helps(code: str, way: str) -> None:
    """A person who is refused is shown one command, and no list of values to copy by hand."""
    assert way in advice(code)


@pytest.mark.parametrize(
    ("models", "begin"), [(1, "1 model goes over REST "), (12, "12 models go over REST ")]
)
def test_the_warning_of_the_shipped_value_names_both_ways_out(models: int, begin: str) -> None:
    """It stands in the ready line, where no document is at hand."""
    warning = rest_warning(models)
    assert warning.startswith(begin)
    assert 'web_lane = "socket"' in warning
    assert "python3 grok2api.py import-curl" in warning


def test_there_is_no_warning_without_a_model_on_rest() -> None:
    """A server that needs nothing says nothing."""
    assert rest_warning(0) == ""


OFFICIAL = [
    (OfficialCredentialRejected("x"), LaneName.API, "[api] key"),
    (OfficialCredentialRejected("x"), LaneName.CLI, "Run grok once"),
    (CreditsExhausted("x"), LaneName.API, "console.x.ai"),
    (CreditsExhausted("x"), LaneName.CLI, "next period"),
    (SpendingCapReached("x"), LaneName.API, "[api] daily_usd"),
    (AccessDenied("x"), LaneName.CLI, "plan"),
    (CliOutdated("x"), LaneName.CLI, "client_version"),
    (ModelGone("x"), LaneName.API, "/v1/models"),
    (QuotaExhausted("x"), LaneName.API, "Wait until the allowance is back"),
    (NoValidTokens("x"), LaneName.WEB, "import-curl"),
]


@pytest.mark.parametrize(("error", "lane", "piece"), OFFICIAL)
def test_a_failure_of_an_official_lane_has_its_own_way_out(
    error: GrokApiError, lane: LaneName, piece: str
) -> None:
    """It shares its code with session tokens, but no cookie helps there."""
    assert piece in advice_on(error, lane)
    assert piece in advice_on(error)
    assert ("import-curl" in advice_on(error, lane)) is (lane is LaneName.WEB)


@pytest.mark.parametrize("words", [words for _, _, words in OFFICIAL_ADVICE])
def test_advice_by_class_is_whole_sentences(words: str) -> None:
    """It stands behind a message, too."""
    assert words[0].isupper()
    assert words.endswith(".")
