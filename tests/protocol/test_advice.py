"""Advice to the owner, by the code of a failure."""

from __future__ import annotations

from grokcore.protocol.advice import ADVICE, advice


def test_a_failure_without_advice_gets_none() -> None:
    """A code of which nothing helps has an empty text, and every other one a sentence."""
    assert advice("of a later version") == ""
    assert all(advice(code).endswith(".") for code in ADVICE)
