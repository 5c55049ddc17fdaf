"""Counts of skipped input: bounded, whatever an upstream sends."""

from __future__ import annotations

from grokcore.protocol.counters import MAX_KEY_CHARS, MAX_UNKNOWN_KEYS, Counters


def test_counts_of_answers_add_up() -> None:
    """Each count, and each unknown key with its own."""
    one = Counters(1, {"a": 1}, 2, 3, 4)
    one.add(Counters(10, {"a": 10, "b": 5}, 20, 30, 40))
    assert one == Counters(11, {"a": 11, "b": 5}, 22, 33, 44)


def test_an_upstream_that_invents_keys_fills_no_memory() -> None:
    """Only the first keys are kept, each up to a length; those go on being counted."""
    counters = Counters()
    for number in range(2 * MAX_UNKNOWN_KEYS):
        counters.note_key(f"key{number}" + "x" * 1000)
    counters.note_key("key0" + "x" * 1000)
    assert len(counters.unknown_keys) == MAX_UNKNOWN_KEYS
    assert {len(name) for name in counters.unknown_keys} == {MAX_KEY_CHARS}
    assert counters.unknown_keys["key0".ljust(MAX_KEY_CHARS, "x")] == 2
