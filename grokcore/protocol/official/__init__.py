"""xAI's own API, streamed: the wire of the official lanes."""
