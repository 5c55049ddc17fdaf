"""Tests of ``grokcore/protocol/grok_web``."""
