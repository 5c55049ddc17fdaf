"""Tests of ``grokcore/protocol/pool``."""
