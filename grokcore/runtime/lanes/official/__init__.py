"""The official lanes: xAI's Responses API, with a key or with the session of xAI's own CLI."""
