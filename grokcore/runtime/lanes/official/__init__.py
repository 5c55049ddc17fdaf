"""The official lanes: xAI's own API, asked with a key of it or with the session of xAI's CLI."""
