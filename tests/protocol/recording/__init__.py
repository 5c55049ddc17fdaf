"""Tests of ``grokcore/protocol/recording``."""
