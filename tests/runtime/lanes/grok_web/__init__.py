"""Tests of ``grokcore/runtime/lanes/grok_web``."""
