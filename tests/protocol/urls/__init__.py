"""Tests of ``grokcore/protocol/urls``."""
