"""Tests of ``grokcore/protocol/languages``."""
