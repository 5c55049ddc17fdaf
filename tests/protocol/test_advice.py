"""Advice for failures, by their code."""

from __future__ import annotations

import pytest

from grokcore.protocol.advice import ADVICE, advice


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_advice_is_whole_sentences(code: str) -> None:
    """It stands behind a message, on the status page and in the log."""
    assert advice(code) == ADVICE[code]
    assert advice(code)[0].isupper()
    assert advice(code).endswith((".", "?"))


def test_there_is_no_advice_for_an_unknown_code() -> None:
    """A message stands alone then."""
    assert advice("no_such_code") == ""
