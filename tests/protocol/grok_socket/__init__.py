"""Grok's websocket: its frames, however they are cut, and what they mean."""
