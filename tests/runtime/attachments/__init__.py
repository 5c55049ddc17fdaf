"""Tests of ``grokcore/runtime/attachments``."""
