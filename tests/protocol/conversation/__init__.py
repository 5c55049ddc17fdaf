"""Tests of ``grokcore/protocol/conversation``."""
