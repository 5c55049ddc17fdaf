"""The token pool: the queue around the token book."""
