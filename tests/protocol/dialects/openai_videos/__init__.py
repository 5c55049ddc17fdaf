"""Tests of ``grokcore/protocol/dialects/openai_images``."""
