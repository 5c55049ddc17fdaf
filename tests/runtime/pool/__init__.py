"""Tests of ``grokcore/runtime/pool``."""
