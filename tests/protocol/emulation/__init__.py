"""Tests of ``grokcore/protocol/emulation``."""
