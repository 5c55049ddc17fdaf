"""Tests of ``grokcore/protocol/official``."""
