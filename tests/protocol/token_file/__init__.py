"""Tests of ``grokcore/protocol/token_file``."""
