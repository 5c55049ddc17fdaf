"""Tests of ``grokcore/simulator/official``."""
