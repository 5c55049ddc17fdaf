"""Coding agents as their users run them: packages of npm, in an empty home."""
