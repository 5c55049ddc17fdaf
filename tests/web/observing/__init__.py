"""Tests of ``grokcore/web/observing``."""
