"""Tests of :mod:`grokcore.protocol`: nothing here waits, and nothing is mocked."""
