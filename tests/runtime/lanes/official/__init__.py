"""Tests of ``grokcore/runtime/lanes/official``."""
