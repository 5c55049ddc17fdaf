"""Tests of ``grokcore/web/answers``."""
