"""Tests of ``grokcore/runtime/disk``."""
