"""Tests of ``grokcore/runtime/transport``."""
