"""Tests of ``grokcore/protocol/dialects``."""
