"""Tests of ``grokcore/web/edge``."""
