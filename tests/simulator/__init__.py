"""Tests of ``grokcore/simulator``."""
