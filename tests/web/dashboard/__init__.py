"""Tests of ``grokcore/web/dashboard``."""
