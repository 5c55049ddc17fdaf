"""Tests of :mod:`grokcore.protocol.dialects.anthropic_messages`."""
