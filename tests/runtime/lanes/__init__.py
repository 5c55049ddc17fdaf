"""Tests of ``grokcore/runtime/lanes``."""
