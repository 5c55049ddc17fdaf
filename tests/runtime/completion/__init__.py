"""Tests of ``grokcore/runtime/completion``."""
